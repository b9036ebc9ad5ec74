import { expect, test } from 'vitest';
import { importsOf, isTest, type SourceFile, sourceFiles, targetOf } from './source-files.ts';

/**
 * The floors of the house: who may know whom. Dependencies run down only, so a room can be read, tested and changed with nothing
 * but the rooms below it.
 */
const ROOMS: Readonly<Record<string, readonly string[]>> = {
  ports: [],
  protocol: [],
  rpc: ['ports', 'protocol'],
  log: ['ports', 'protocol'],
  quorum: ['ports', 'protocol', 'log', 'rpc'],
  controller: ['ports', 'protocol', 'log', 'quorum'],
  replica: ['ports', 'protocol', 'log', 'rpc'],
  groups: ['ports', 'protocol', 'log'],
  transactions: ['ports', 'protocol', 'log', 'groups'],
  shares: ['ports', 'protocol', 'log', 'groups'],
  broker: ['ports', 'protocol', 'rpc', 'log', 'quorum', 'controller', 'replica', 'groups', 'transactions', 'shares'],
  client: ['ports', 'protocol', 'rpc'],
};

/** Packages: labs → bench → core; labs, bench → reports. `core/cli` stands on top of all. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  core: ['core'],
  reports: ['reports'],
  bench: ['bench', 'core', 'reports'],
  labs: ['labs', 'bench', 'core', 'reports'],
};

function breaches(file: SourceFile): string[] {
  const [pack, room] = file.path.split('/') as [string, string];
  const found: string[] = [];
  for (const specifier of importsOf(file)) {
    const target = targetOf(file, specifier);
    if (target === null) continue;
    const [targetPack, targetRoom] = target.split('/') as [string, string];
    const isTop = pack === 'core' && (room === 'cli' || room === 'test');
    if (!isTop && !isTest(file.path) && !PACKAGES[pack]!.includes(targetPack)) {
      found.push(`${file.path} imports ${target}: ${pack}/ may know ${PACKAGES[pack]!.join(', ')}`);
    }
    if (pack !== 'core' || targetPack !== 'core' || room === targetRoom || isTest(file.path)) continue;
    const allowed = ROOMS[room];
    if (allowed !== undefined && !allowed.includes(targetRoom)) {
      found.push(`${file.path} imports ${target}: core/${room} may know ${allowed.join(', ') || 'nothing'}`);
    }
  }
  return found;
}

test('dependencies run down only', () => {
  expect(sourceFiles().flatMap(breaches)).toEqual([]);
});

test('the check itself sees a breach', () => {
  const bad = {
    path: 'core/protocol/x.ts',
    text: "import { Log } from '../log/log.ts';\nimport type { A } from '../ports/clock.ts';",
  };
  expect(breaches(bad)).toHaveLength(2);
  expect(breaches({ path: 'reports/x.ts', text: "export { a } from '@mqlab/core/ports/clock.ts';" })).toHaveLength(1);
  expect(
    breaches({ path: 'core/client/x.ts', text: "const { b } = await import('../broker/broker.ts');" }),
  ).toHaveLength(1);
});

test('every room of core is on the map', () => {
  const rooms = new Set(sourceFiles().flatMap(({ path }) => /^core\/([^/]+)\//.exec(path)?.[1] ?? []));
  for (const room of rooms) expect([...Object.keys(ROOMS), 'cli', 'test']).toContain(room);
});
