import { expect, test } from 'vitest';
import { sleep } from '../clock.ts';
import type { Ports } from '../ports.ts';
import type { SimProcess } from './process.ts';
import { SimWorld } from './world.ts';

const PAGE_BYTES = 4096;
const SEEDS = Array.from({ length: 60 }, (_, index) => index + 1);

/** Runs `body` in a fresh process, cuts the power, and returns the process over what is left. */
async function afterPowerCut(seed: number, body: (ports: Ports, process: SimProcess) => Promise<void>): Promise<Ports> {
  const world = new SimWorld({ seed });
  const process = world.process('node');
  await world.settle(body(process.ports, process));
  world.powerCut(['node']);
  return process.restart();
}

function contentOf(ports: Ports, path: string): Buffer {
  const file = ports.files.open(path, 'read');
  const content = Buffer.alloc(file.size);
  file.readInto(content, 0);
  return content;
}

test('a power cut keeps what was flushed and loses, in every way it can, what was not', async () => {
  const flushed = Buffer.alloc(10_000, 1);
  const unflushed = Buffer.alloc(20_000, 2);
  const seen = new Set<string>();
  for (const seed of SEEDS) {
    const ports = await afterPowerCut(seed, async ({ files }) => {
      files.makeDirectory('/data');
      await files.flushDirectory('/');
      const file = files.open('/data/log', 'create');
      await files.flushDirectory('/data');
      file.append([flushed]);
      await file.flush();
      file.append([unflushed.subarray(0, 7_000), unflushed.subarray(7_000)]);
    });
    const content = contentOf(ports, '/data/log');
    expect(content.subarray(0, flushed.byteLength).equals(flushed)).toBe(true);
    const tail = content.subarray(flushed.byteLength);
    expect(tail.every((byte) => byte === 0 || byte === 2)).toBe(true);
    if (tail.byteLength === 0) seen.add('lost');
    else if (tail.equals(unflushed)) seen.add('kept');
    else if (tail.includes(0)) seen.add('hole');
    else seen.add('prefix');
    if ((flushed.byteLength + tail.byteLength) % PAGE_BYTES !== 0) seen.add('cut within a page');
  }
  expect([...seen].sort()).toEqual(['cut within a page', 'hole', 'kept', 'lost', 'prefix']);
});

test('an unflushed overwrite leaves old and new bytes, page by page or torn', async () => {
  const seen = new Set<string>();
  for (const seed of SEEDS) {
    const ports = await afterPowerCut(seed, async ({ files }) => {
      const file = files.open('/f', 'create');
      await files.flushDirectory('/');
      file.append([Buffer.alloc(3 * PAGE_BYTES, 1)]);
      await file.flush();
      file.writeAt(Buffer.alloc(PAGE_BYTES + 100, 2), 2000);
    });
    const content = contentOf(ports, '/f');
    expect(content).toHaveLength(3 * PAGE_BYTES);
    expect(content.every((byte) => byte === 1 || byte === 2)).toBe(true);
    expect(content.subarray(0, 2000).includes(2)).toBe(false);
    seen.add(
      content.subarray(2000, 2000 + PAGE_BYTES + 100).includes(1) ? (content.includes(2) ? 'mixed' : 'old') : 'new',
    );
  }
  expect([...seen].sort()).toEqual(['mixed', 'new', 'old']);
});

test('a flush covers what was written before its call, and only once it resolved', async () => {
  let duringLost = false;
  let unresolvedLost = false;
  for (const seed of SEEDS) {
    const ports = await afterPowerCut(seed, async ({ files }) => {
      const file = files.open('/f', 'create');
      const other = files.open('/g', 'create');
      await files.flushDirectory('/');
      file.append([Buffer.from('before')]);
      const flush = file.flush();
      file.append([Buffer.from('during')]);
      await flush;
      other.append([Buffer.from('unresolved')]);
      void other.flush();
    });
    const content = contentOf(ports, '/f');
    expect(content.subarray(0, 6).toString()).toBe('before');
    if (content.byteLength === 6) duringLost = true;
    if (contentOf(ports, '/g').byteLength === 0) unresolvedLost = true;
  }
  expect([duringLost, unresolvedLost]).toEqual([true, true]);
});

test('an unflushed truncate may come back', async () => {
  const sizes = new Set<number>();
  for (const seed of SEEDS) {
    const ports = await afterPowerCut(seed, async ({ files }) => {
      const file = files.open('/f', 'create');
      await files.flushDirectory('/');
      file.append([Buffer.alloc(9000, 1)]);
      await file.flush();
      file.truncate(100);
    });
    const content = contentOf(ports, '/f');
    sizes.add(content.byteLength);
    expect(content.every((byte) => byte === 1)).toBe(true);
  }
  expect([...sizes].sort()).toEqual([100, 9000]);
});

test('entries last once their folder was flushed; a rename is old or new, never neither', async () => {
  const seen = new Set<string>();
  for (const seed of SEEDS) {
    const ports = await afterPowerCut(seed, async ({ files }) => {
      const old = files.open('/checkpoint', 'create');
      old.append([Buffer.from('old')]);
      await old.flush();
      await files.flushDirectory('/');
      const next = files.open('/checkpoint.tmp', 'create');
      next.append([Buffer.from('new')]);
      await next.flush();
      files.rename('/checkpoint.tmp', '/checkpoint');
      files.open('/later', 'create');
    });
    const content = contentOf(ports, '/checkpoint').toString();
    expect(['old', 'new']).toContain(content);
    seen.add(`${content}${ports.files.exists('/later') ? ' later' : ''}`);
  }
  expect([...seen].sort()).toEqual(['new', 'new later', 'old']);
});

test('a full disk refuses the whole append, and removing makes room, once nobody has the file open', () => {
  const world = new SimWorld({ seed: 1 });
  const process = world.process('node');
  process.disk.capacityBytes = 100;
  const { files } = process.ports;
  const file = files.open('/a', 'create');
  file.append([Buffer.alloc(80)]);
  expect(files.freeBytes('/')).toBe(20);
  expect(() => file.append([Buffer.alloc(10), Buffer.alloc(11)])).toThrow('ENOSPC');
  expect(file.size).toBe(80);
  files.remove('/a');
  expect(files.freeBytes('/')).toBe(20);
  file.close();
  expect(files.freeBytes('/')).toBe(100);
});

test('reserved space is taken from the disk, appends within it take no more, and trimming gives the rest back', () => {
  const world = new SimWorld({ seed: 1 });
  const process = world.process('node');
  process.disk.capacityBytes = 100;
  const { files } = process.ports;
  const file = files.open('/a', 'create');
  file.reserve(1000);
  expect(files.freeBytes('/')).toBe(100);
  file.reserve(60);
  expect(files.freeBytes('/')).toBe(40);
  file.append([Buffer.alloc(50)]);
  expect(files.freeBytes('/')).toBe(40);
  file.append([Buffer.alloc(20)]);
  expect(files.freeBytes('/')).toBe(30);
  file.reserve(90);
  file.trim();
  expect([files.freeBytes('/'), file.size]).toEqual([30, 70]);
  file.reserve(80);
  files.remove('/a');
  file.close();
  expect(files.freeBytes('/')).toBe(100);
});

test('faults can be put into operations', async () => {
  const world = new SimWorld({ seed: 1 });
  const { disk, ports } = world.process('node');
  const file = ports.files.open('/a', 'create');
  file.append([Buffer.from('abc')]);
  disk.intercept = ({ kind }) => (kind === 'flush' || kind === 'read' ? { error: 'EIO' } : undefined);
  expect(() => file.readInto(Buffer.alloc(1), 0)).toThrow('EIO');
  await expect(world.settle(file.flush())).rejects.toMatchObject({ code: 'EIO' });
  disk.intercept = ({ kind }) => (kind === 'flush' ? { delayMs: 500 } : undefined);
  const before = world.timeMs;
  await world.settle(file.flush());
  expect(world.timeMs - before).toBeGreaterThanOrEqual(500);
  disk.intercept = null;
  disk.corrupt('/a', 1, Buffer.from('X'));
  expect(disk.snapshot().get('/a')?.toString()).toBe('aXc');
  await world.settle(sleep(ports.clock, 1));
});
