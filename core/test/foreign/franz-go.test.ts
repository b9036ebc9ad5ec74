// The broker as franz-go sees it: the program in go/, built anew into a temporary folder. Skipped, with a printed reason, where Go or its modules are not here.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { disposeClean } from './data-folder.ts';
import { type ForeignBroker, skipped, startBroker } from './harness.ts';
import { runChecks } from './python.ts';

const checkCount = 12;
const source = fileURLToPath(new URL('go/', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'mqlab-go-'));
const program = join(folder, 'foreign');
const missing = build();

/** Why there is no program. Modules come from the local cache, or from the network when MQLAB_GO=1 asks for it. */
function build(): string | undefined {
  const go = process.env.MQLAB_GO_COMMAND ?? 'go';
  const env = {
    ...process.env,
    GOFLAGS: '-mod=readonly -buildvcs=false',
    ...(process.env.MQLAB_GO === '1' ? {} : { GOPROXY: 'off' }),
  };
  const { status, error, stderr } = spawnSync(go, ['build', '-o', program, '.'], {
    cwd: source,
    env,
    encoding: 'utf8',
    timeout: 300_000,
  });
  if (status !== 0) rmSync(folder, { recursive: true, force: true });
  if (error !== undefined) return `go cannot be run (${error.message})`;
  return status === 0
    ? undefined
    : `go build failed, or its modules are not here (MQLAB_GO=1 fetches them): ${stderr.slice(-1000)}`;
}

describe.skipIf(missing !== undefined && skipped('franz-go', missing))('franz-go', () => {
  let broker: ForeignBroker;

  beforeAll(async () => {
    broker = await startBroker({
      set: {
        'group.consumer.min.heartbeat.interval.ms': 100,
        'group.consumer.heartbeat.interval.ms': 200,
        'group.consumer.assignment.interval.ms': 0,
      },
    });
  });
  afterAll(async () => {
    await disposeClean(broker, 'franz-go');
    rmSync(folder, { recursive: true, force: true });
  });

  test('produce, consume, groups of both protocols, admin, transactions, errors', { timeout: 150_000 }, async () => {
    const results = await runChecks(program, [broker.bootstrap]);
    expect(results.filter(({ error }) => error !== null)).toEqual([]);
    expect(results).toHaveLength(checkCount);
  });
});
