import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fc, test } from '@fast-check/vitest';
import { expect } from 'vitest';
import type { Ports } from '../ports/ports.ts';
import { SimWorld } from '../ports/sim/world.ts';
import { ErrorCode } from '../protocol/errors.ts';
import { buildBatch } from '../protocol/record-batch-builder.ts';
import { DEFAULT_LOG_CONFIG } from './log-config.ts';
import { LogManager } from './log-manager.ts';
import { batch, readAll, T0, TestFolder } from './test/fixture.ts';

test('preallocate takes a segment’s disk space at once, and gives back at roll and close what was not needed', async () => {
  using folder = new TestFolder();
  const log = folder.log({ preallocate: true, segmentBytes: 1 << 20 });
  const files = () =>
    readdirSync(log.directory)
      .filter((name) => name.endsWith('.log'))
      .map((name) => statSync(join(log.directory, name)));
  log.append(batch(['a'.repeat(5000)]), 0);
  const [active] = files();
  expect(active!.size).toBeLessThan(11_000);
  // Where the system cannot reserve there is nothing to give back.
  const reserves = active!.blocks * 512 >= 1 << 20;
  log.roll();
  log.append(batch(['b']), 0);
  await log.close();
  expect(files().map(({ blocks }) => blocks * 512 < (reserves ? 16_384 : 1 << 20))).toEqual([true, true]);
  expect(readAll(folder.log()).map(({ value }) => value.length)).toEqual([5000, 1]);
});

test('what was appended is read back, across segments and after a clean restart', async () => {
  using folder = new TestFolder();
  const log = folder.log({ segmentBytes: 600, indexIntervalBytes: 100 });
  const values: string[] = [];
  for (let index = 0; index < 40; index++) {
    const pair = [`a${index}`, `b${index}`];
    values.push(...pair);
    const result = log.append(batch(pair, T0 + index * 10), 3);
    expect(result).toMatchObject({ kind: 'appended', firstOffset: index * 2, lastOffset: index * 2 + 1 });
  }
  expect(log.segments.length).toBeGreaterThan(5);
  expect(readAll(log).map((record) => record.value)).toEqual(values);
  for (let offset = 0; offset < 80; offset++) {
    expect(readAll(log, offset, 1)[0]).toMatchObject({ offset, value: values[offset] });
  }
  await log.close();
  const again = folder.log({ segmentBytes: 600 });
  expect(again.logEndOffset).toBe(80);
  expect(readAll(again).map((record) => record.value)).toEqual(values);
  expect(again.epochs.entries).toEqual([{ epoch: 3, startOffset: 0 }]);
  expect(folder.problems).toEqual([]);
  await again.close();
});

test('reads stop at the bound and refuse what is outside the log', async () => {
  using folder = new TestFolder();
  const log = folder.log();
  for (let index = 0; index < 10; index++) log.append(batch([`${index}`]), 0);
  expect(readAll(log, 0, 1e6, 4).map((record) => record.offset)).toEqual([0, 1, 2, 3]);
  expect(log.read(10, { maxBytes: 1, maxOffset: 10, minOneBatch: true })).toMatchObject({ slice: null });
  expect(log.read(11, { maxBytes: 1, maxOffset: 10, minOneBatch: true }).errorCode).toBe(ErrorCode.OFFSET_OUT_OF_RANGE);
  expect(log.read(0, { maxBytes: 1, maxOffset: 10, minOneBatch: false })).toMatchObject({ slice: null });
  await log.close();
});

test.prop(
  [fc.array(fc.integer({ min: 0, max: 60 }), { minLength: 1, maxLength: 60 }), fc.integer({ min: 1, max: 5 })],
  {
    numRuns: 40,
  },
)('a timestamp finds the first record that is not older, as a search through all does', (timestamps, perBatch) => {
  using folder = new TestFolder();
  const log = folder.log({ segmentBytes: 900, indexIntervalBytes: 150 });
  for (let index = 0; index < timestamps.length; index += perBatch) {
    const records = timestamps
      .slice(index, index + perBatch)
      .map((timestamp) => ({ timestamp: T0 + timestamp, key: null, value: Buffer.from('v') }));
    log.append(buildBatch({ records }), 5);
  }
  log.updateHighWatermark(log.logEndOffset);
  log.deleteRecordsBefore(Math.floor(timestamps.length / 4));
  const start = log.logStartOffset;
  for (let wanted = -1; wanted <= 61; wanted++) {
    const offset = timestamps.findIndex((timestamp, index) => index >= start && timestamp >= wanted);
    const found = log.offsetForTimestamp(T0 + wanted);
    if (offset < 0) expect(found).toBeNull();
    else expect(found).toEqual({ offset, timestamp: T0 + timestamps[offset]!, leaderEpoch: 5 });
  }
  log.closeFiles();
});

test('retention by time and by size renames at once and removes later; the start offset follows', async () => {
  using folder = new TestFolder();
  const config = { segmentBytes: 400, retentionMs: 1000, fileDeleteDelayMs: 50 };
  const log = folder.log(config);
  for (let index = 0; index < 20; index++) log.append(batch([`v${index}`], T0 + index * 100), 0);
  const count = log.segments.length;
  expect(log.applyRetention()).toBe(0);
  folder.clock.advance(1500);
  expect(log.applyRetention()).toBe(0); // Nothing beyond the high watermark.
  log.updateHighWatermark(20);
  const removed = log.applyRetention();
  expect(removed).toBeGreaterThan(0);
  expect(log.segments.length).toBe(count - removed);
  expect(log.logStartOffset).toBe(log.segments[0]!.baseOffset);
  const deleted = () => folder.files.list(log.directory).filter((entry) => entry.name.endsWith('.log.deleted')).length;
  expect(deleted()).toBe(removed);
  folder.clock.advance(50);
  expect(deleted()).toBe(0);
  log.config = { ...log.config, retentionMs: -1, retentionBytes: 500 };
  log.applyRetention();
  expect(log.size - log.segments[0]!.size).toBeLessThan(500);
  folder.clock.advance(100_000);
  log.config = { ...log.config, retentionMs: 1000 };
  log.applyRetention();
  expect([log.logStartOffset, log.logEndOffset, log.size]).toEqual([20, 20, 0]);
  await log.close();
});

test('segments roll by time, and by a full index', async () => {
  using folder = new TestFolder();
  const log = folder.log({ segmentMs: 100, segmentIndexBytes: 24, indexIntervalBytes: 0 });
  log.append(batch(['a'], T0), 0);
  log.append(batch(['b'], T0 + 100), 0);
  expect(log.segments.length).toBe(1);
  log.append(batch(['c'], T0 + 101), 0);
  expect(log.segments.length).toBe(2);
  for (let index = 0; index < 6; index++) log.append(batch(['d'], T0 + 101 + index), 0);
  expect(log.segments.length).toBeGreaterThan(2);
  await log.close();
});

test('a follower keeps offsets, epochs and bytes of its leader', async () => {
  using folder = new TestFolder();
  const leader = folder.log();
  for (let index = 0; index < 10; index++) leader.append(batch([`${index}`, 'x']), Math.floor(index / 4));
  const bytes = Buffer.alloc(leader.size);
  leader.segments[0]!.file.readInto(bytes, 0);
  const follower = folder.log({}, { directory: `${folder.path}/f-0` });
  expect(follower.appendAsFollower(bytes.subarray(0, bytes.length - 5)).kind).toBe('appended');
  expect(follower.logEndOffset).toBe(18);
  expect(follower.appendAsFollower(bytes).kind).toBe('rejected');
  const { position } = leader.segments[0]!.findBatch(18)!;
  expect(follower.appendAsFollower(bytes.subarray(position))).toMatchObject({ firstOffset: 18, lastOffset: 19 });
  expect(follower.epochs.entries).toEqual(leader.epochs.entries);
  expect(follower.epochs.endOffsetFor(1, 20)).toEqual({ epoch: 1, endOffset: 16 });
  expect(follower.epochs.endOffsetFor(7, 20)).toEqual({ epoch: -1, endOffset: -1 });
  await leader.close();
  await follower.close();
});

test('a full disk takes this log offline and no other', async () => {
  const world = new SimWorld({ seed: 1 });
  const process = world.process('broker');
  const manager = await world.settle(openManager(process.ports));
  const a = manager.getOrCreate('a', 0, 'A'.repeat(22), DEFAULT_LOG_CONFIG);
  const b = manager.getOrCreate('b', 0, 'B'.repeat(22), DEFAULT_LOG_CONFIG);
  process.disk.intercept = ({ kind, path }) =>
    kind === 'append' && path.includes('/a-0/') ? { error: 'ENOSPC' } : undefined;
  expect(a.append(batch(['x']), 0).errorCode).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
  process.disk.intercept = null;
  expect(a.append(batch(['x']), 0).errorCode).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
  expect(a.read(0, { maxBytes: 1, maxOffset: 1, minOneBatch: true }).errorCode).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
  expect(b.append(batch(['x']), 0).errorCode).toBe(0);
  await world.settle(manager.close());
});

function openManager(ports: Ports): Promise<LogManager> {
  return LogManager.open({
    ...ports,
    logDirs: ['/data'],
    nodeId: 1,
    clusterId: 'c',
    configOf: () => DEFAULT_LOG_CONFIG,
    onProblem: () => {},
  });
}
