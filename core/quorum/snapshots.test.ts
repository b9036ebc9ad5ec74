import { expect, test } from 'vitest';
import { SimWorld } from '../ports/sim/world.ts';
import { Snapshots } from './snapshots.ts';

/** The snapshots in a folder: whole or absent, whatever fails. */
const FOLDER = '/log';
const id = { offset: 1234, epoch: 5 };
const values = Array.from({ length: 30_000 }, (_, index) => Buffer.from(`value ${index}`.padEnd(80)));
const NAME = '/log/00000000000000001234-0000000005.checkpoint';

function read(snapshots: Snapshots) {
  const found: Buffer[] = [];
  let timestamp = -1;
  snapshots.read(id, { header: (time) => void (timestamp = time), values: (some) => found.push(...some) });
  return { count: found.length, first: String(found[0]).trim(), last: String(found.at(-1)).trim(), timestamp };
}

const WHOLE = { count: 30_000, first: 'value 0', last: 'value 29999', timestamp: 99 };

test('a snapshot comes back as it was written, under Kafka’s name', async () => {
  const world = new SimWorld({ seed: 1 });
  const { files } = world.process('n').ports;
  const snapshots = new Snapshots(files, FOLDER);
  await world.settle(snapshots.create(id, 99, values));
  expect(snapshots.ids).toEqual([id]);
  expect(files.exists(NAME)).toBe(true);
  const again = new Snapshots(files, FOLDER);
  expect(again.ids).toEqual([id]);
  expect(read(again)).toEqual(WHOLE);
  expect(again.timestampOf(id)).toBe(99);
});

test('an empty state has a snapshot too', async () => {
  const world = new SimWorld({ seed: 2 });
  const snapshots = new Snapshots(world.process('n').ports.files, FOLDER);
  await world.settle(snapshots.create(id, 7, []));
  expect(read(snapshots)).toMatchObject({ count: 0, timestamp: 7 });
});

test('in pieces to another node: positions, the end, one that is absent', async () => {
  const world = new SimWorld({ seed: 3 });
  const from = new Snapshots(world.process('a').ports.files, FOLDER);
  await world.settle(from.create(id, 99, values));
  const to = new Snapshots(world.process('b').ports.files, FOLDER);
  const { size } = from.piece(id, 0, 1)!;
  for (let position = 0; position < size; ) {
    const { bytes } = from.piece(id, position, 100_000)!;
    to.take(id, position, bytes);
    position += bytes.length;
  }
  expect(to.ids).toEqual([]);
  expect(await world.settle(to.finish(() => true, expect.fail))).toBe(true);
  expect(read(to)).toEqual(WHOLE);
  expect(from.piece(id, size, 10)).toEqual({ size, bytes: Buffer.alloc(0) });
  expect(from.piece({ offset: 1, epoch: 1 }, 0, 10)).toBeNull();
  expect(() => to.take(id, 10, Buffer.from('x'))).toThrow(/at 10, where 0 should be/);
});

test('what came is not taken when it is cut short, damaged, or no longer wanted', async () => {
  const world = new SimWorld({ seed: 4 });
  const from = new Snapshots(world.process('a').ports.files, FOLDER);
  await world.settle(from.create(id, 99, values.slice(0, 100)));
  const { bytes } = from.piece(id, 0, 1_000_000)!;
  const { files } = world.process('b').ports;
  const to = new Snapshots(files, FOLDER);
  const damaged = Buffer.from(bytes);
  damaged[500]! ^= 1;
  const problems: string[] = [];
  for (const [what, isWanted] of [
    [bytes.subarray(0, 300), true],
    [bytes.subarray(0, bytes.length - 1), true],
    [damaged, true],
    [Buffer.concat([bytes, bytes]), true],
    [bytes, false],
  ] as const) {
    to.take(id, 0, what);
    expect(
      await world.settle(
        to.finish(
          () => isWanted,
          (message) => problems.push(message),
        ),
      ),
    ).toBe(false);
    expect(to.ids).toEqual([]);
    expect(files.list(FOLDER)).toEqual([]);
  }
  expect(problems).toHaveLength(4);
  expect(problems[0]).toMatch(/1234-0000000005\.checkpoint\.part is no sound snapshot/);
});

test('a snapshot that was damaged later names itself', async () => {
  const world = new SimWorld({ seed: 5 });
  const process = world.process('n');
  const snapshots = new Snapshots(process.ports.files, FOLDER);
  await world.settle(snapshots.create(id, 99, values.slice(0, 100)));
  process.disk.corrupt(NAME, 400, Buffer.from([0xff, 0xff]));
  expect(() => read(snapshots)).toThrow(/00000000000000001234-0000000005\.checkpoint is no sound snapshot: .*CRC/);
});

test('a power cut leaves a whole snapshot or none', async () => {
  for (let seed = 10; seed < 30; seed++) {
    const world = new SimWorld({ seed, flushLatencyMs: [1, 10] });
    const process = world.process('n');
    const made = new Snapshots(process.ports.files, '/').create(id, 99, values.slice(0, 200));
    made.catch(() => {});
    await world.run({ untilTimeMs: (seed - 10) * 0.8 });
    world.powerCut(['n']);
    const { files } = process.restart();
    const snapshots = new Snapshots(files, '/');
    if (snapshots.ids.length > 0) expect(read(snapshots)).toMatchObject({ count: 200 });
    expect(files.list('/').filter(({ name }) => name.endsWith('.part'))).toEqual([]);
  }
});

test('the newest one stays', async () => {
  const world = new SimWorld({ seed: 6 });
  const { files } = world.process('n').ports;
  const snapshots = new Snapshots(files, FOLDER);
  for (const offset of [10, 30, 20]) await world.settle(snapshots.create({ offset, epoch: 1 }, 1, []));
  expect(snapshots.ids.map(({ offset }) => offset)).toEqual([10, 20, 30]);
  snapshots.removeOldest();
  snapshots.removeOldest();
  expect(snapshots.latest).toEqual({ offset: 30, epoch: 1 });
  expect(() => snapshots.removeOldest()).toThrow('the newest snapshot is not removed');
  expect(files.list(FOLDER)).toHaveLength(1);
});
