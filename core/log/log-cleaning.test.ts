import { expect, test } from 'vitest';
import type { File } from '../ports/files.ts';
import { ErrorCode } from '../protocol/errors.ts';
import { recordsOf } from '../protocol/record.ts';
import { buildBatch } from '../protocol/record-batch-builder.ts';
import { scanHeaders } from './batch-scan.ts';
import { OffsetMap } from './offset-map.ts';
import { CleaningWorld } from './test/cleaning-world.ts';

const kv = (key: string, value: string | null) => ({ key, value });

test('C54: only the last value of each key stays, at its offset; segments are joined; the active one is left alone', async () => {
  const sim = await new CleaningWorld().open();
  for (let index = 0; index < 60; index++) sim.append([kv(`k${index % 7}`, `v${index}`), kv(`own${index}`, 'x')]);
  const endOffset = sim.log.logEndOffset;
  const activeBase = sim.log.segments.at(-1)!.baseOffset;
  const sizeBefore = sim.log.size;
  const before = sim.records();
  await sim.clean();
  expect(sim.log.logEndOffset).toBe(endOffset);
  expect(sim.log.segments.at(-1)!.baseOffset).toBe(activeBase);
  const last = new Map(before.filter((each) => each.offset < activeBase).map((each) => [each.key, each]));
  const wanted = before.filter((each) => each.offset >= activeBase || last.get(each.key) === each);
  expect(sim.records()).toEqual(wanted);
  expect(sim.log.size).toBeLessThan(sizeBefore);
  const checkpoint = sim.process.ports.files.open('/data/cleaner-offset-checkpoint', 'read');
  const text = Buffer.alloc(checkpoint.size);
  checkpoint.readInto(text, 0);
  expect(String(text)).toBe(`0\n1\nt 0 ${activeBase}\n`);
  // Every offset can still be read from: it gives the batch behind it.
  for (let offset = 0; offset < endOffset; offset++) {
    const result = sim.log.read(offset, { maxBytes: 1, maxOffset: endOffset, minOneBatch: true });
    expect(result.kind === 'read' && result.slice !== null && result.endOffset > offset).toBe(true);
  }
  // Nothing is due any more, until there is something new.
  const passes = sim.manager.cleaner.passCount;
  await sim.clean();
  expect(sim.manager.cleaner.passCount).toBe(passes);
  await sim.restart('kill');
  expect(sim.records()).toEqual(wanted);
  expect(sim.problems).toEqual([]);
  await sim.advance(100);
  expect(sim.fileNames().filter((name) => /deleted|cleaned|swap/.test(name))).toEqual([]);
});

test('a tombstone gets its delete horizon in the first pass and goes in a pass after it (KIP-534)', async () => {
  const sim = await new CleaningWorld().open();
  sim.append([kv('a', '1'), kv('b', '1')]);
  sim.append([kv('a', null)]);
  sim.log.roll();
  const rolledMs = sim.nowMs;
  await sim.clean();
  const [, tombstone] = sim.batches();
  expect(sim.records()).toEqual([
    { offset: 1, key: 'b', value: '1' },
    { offset: 2, key: 'a', value: null },
  ]);
  const horizonMs = tombstone!.baseTimestamp;
  expect(tombstone!.hasDeleteHorizon).toBe(true);
  expect(horizonMs).toBeGreaterThan(rolledMs + 999);
  expect(horizonMs).toBeLessThanOrEqual(sim.nowMs + 1000);
  expect([...recordsOf(tombstone!)][0]!.timestamp).toBe(tombstone!.maxTimestamp);
  await sim.advance(900);
  sim.append([kv('c', '1')]);
  sim.log.roll();
  await sim.clean();
  expect(sim.records().map((each) => each.key)).toEqual(['b', 'a', 'c']);
  expect(sim.batches()[1]!.baseTimestamp).toBe(tombstone!.baseTimestamp);
  await sim.advance(200);
  sim.append([kv('d', '1')]);
  sim.log.roll();
  await sim.clean();
  expect(sim.records().map((each) => each.key)).toEqual(['b', 'c', 'd']);
});

test('the last batch of a known producer stays, empty, so that a retry is still a duplicate', async () => {
  const sim = await new CleaningWorld().open();
  const retry = () =>
    buildBatch({
      producerId: 5,
      producerEpoch: 1,
      baseSequence: 7,
      records: [
        { key: 'a', value: '1' },
        { key: 'b', value: '2' },
      ],
    });
  sim.log.append(retry(), 0);
  sim.append([kv('a', 'x'), kv('b', 'x')]);
  sim.log.roll();
  await sim.clean();
  const [empty] = sim.batches();
  expect([empty!.recordCount, empty!.baseOffset, empty!.lastOffset, empty!.baseSequence, empty!.lastSequence]).toEqual([
    0, 0, 1, 7, 8,
  ]);
  for (const name of sim.fileNames())
    if (name.endsWith('.snapshot')) sim.process.ports.files.remove(`/data/t-0/${name}`);
  await sim.restart('kill');
  expect(sim.log.append(retry(), 0)).toMatchObject({ isDuplicate: true, firstOffset: 0, lastOffset: 1 });
  const gap = buildBatch({ producerId: 5, producerEpoch: 1, baseSequence: 10, records: [{ key: 'a', value: 'x' }] });
  expect(sim.log.append(gap, 0).errorCode).toBe(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER);
});

test('aborted data goes at once, a marker when its transaction is empty and the horizon is past; nothing beyond the last stable offset', async () => {
  const sim = await new CleaningWorld().open();
  const transactional = (producerId: number, baseSequence: number) =>
    ({ producerId, producerEpoch: 0, baseSequence, isTransactional: true }) as const;
  sim.append([kv('a', 'good')]);
  sim.append([kv('a', 'aborted'), kv('b', 'aborted')], transactional(1, 0));
  sim.append([kv('c', 'committed')], transactional(2, 0));
  sim.endTransaction(1, false);
  sim.endTransaction(2, true);
  // Later batches of both, so that the first ones need not remember their sequences.
  for (const producerId of [1, 2]) {
    sim.append([kv(`last${producerId}`, 'x')], transactional(producerId, 2));
    sim.endTransaction(producerId, true);
  }
  sim.log.roll();
  sim.append([kv('open', 'x')], transactional(3, 0));
  sim.append([kv('a', 'later')]);
  sim.log.roll();
  await sim.clean();
  expect(sim.records().map(({ key, value }) => `${key}=${value}`)).toEqual([
    'a=good',
    'c=committed',
    'last1=x',
    'last2=x',
    'open=x',
    'a=later',
  ]);
  const markers = () =>
    sim.batches().flatMap((each) => (each.isControl ? [`${each.producerId} ${each.hasDeleteHorizon}`] : []));
  const kept = ['2 false', '1 false', '2 false'];
  // The pass that took the data leaves the marker and its entry in the aborted index: a reader may be on the way.
  expect(markers()).toEqual(['1 false', ...kept]);
  expect(sim.log.abortedTransactions(0, sim.log.logEndOffset)).toHaveLength(1);
  // The next one finds nothing that the marker ends.
  sim.endTransaction(3, true);
  sim.log.roll();
  await sim.clean();
  expect(sim.records().map(({ key }) => key)).toEqual(['c', 'last1', 'last2', 'open', 'a']);
  expect(markers()).toEqual(['1 true', ...kept, '3 false']);
  await sim.advance(1100);
  sim.append([kv('more', 'x')]);
  sim.log.roll();
  await sim.clean();
  expect(markers()).toEqual([...kept, '3 false']);
  expect(sim.log.abortedTransactions(0, sim.log.logEndOffset)).toEqual([]);
});

test('codec, timestamp type, leader epoch, headers and gaps between offsets stay', async () => {
  for (const compression of ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const) {
    const sim = await new CleaningWorld(1, { messageTimestampType: 'LogAppendTime' }).open();
    const headers = [{ key: 'h', value: Buffer.from('v') }];
    const bytes = buildBatch({ compression, records: ['a', 'b', 'c'].map((key) => ({ key, value: 'x', headers })) });
    sim.log.append(bytes, 3);
    sim.append([kv('b', 'y')]);
    sim.log.roll();
    await sim.clean();
    const [first] = sim.batches();
    expect([first!.compression, first!.isLogAppendTime, first!.partitionLeaderEpoch]).toEqual([compression, true, 3]);
    expect([first!.recordCount, first!.lastOffsetDelta]).toEqual([2, 2]);
    const records = [...recordsOf(first!)];
    expect(records.map((each) => [each.offset, String(each.key), String(each.headers[0]!.value)])).toEqual([
      [0, 'a', 'v'],
      [2, 'c', 'v'],
    ]);
    expect(records[0]!.timestamp).toBe(first!.maxTimestamp);
  }
});

test('keys that do not fit into memory are cleaned in several passes', async () => {
  const sim = await new CleaningWorld(1, {}, { dedupeBufferBytes: 24 * 6 }).open();
  for (let index = 0; index < 80; index++) sim.append([kv(`k${index % 20}`, `${index}`)]);
  sim.log.roll();
  await sim.clean();
  expect(sim.manager.cleaner.passCount).toBeGreaterThan(5);
  expect(sim.records().map((each) => each.offset)).toEqual(Array.from({ length: 20 }, (_, index) => 60 + index));
});

test('a tombstone whose key found no place in memory stays, however old, until its older values are gone', async () => {
  const sim = await new CleaningWorld(1, { deleteRetentionMs: 0 }, { dedupeBufferBytes: 24 * 4 }).open();
  sim.append([kv('a', 'old')]);
  sim.log.roll();
  await sim.clean();
  for (let index = 0; index < 8; index++) sim.append([kv(`x${index}`, '1')]);
  sim.append([kv('a', null)]);
  sim.log.roll();
  await sim.clean();
  expect(sim.manager.cleaner.passCount).toBe(4);
  expect(sim.records().map((each) => each.key)).toEqual(Array.from({ length: 8 }, (_, index) => `x${index}`));
});

test('a cleaned log whose policy becomes delete is not cut at its gaps after a kill or a power cut', async () => {
  for (const how of ['kill', 'powerCut'] as const) {
    const sim = await new CleaningWorld(3).open();
    for (let index = 0; index < 30; index++) {
      sim.append([kv(`own${index}`, 'x')]);
      sim.append([kv('k', `${index}`)]);
    }
    await sim.clean();
    const records = sim.records();
    const ends = sim.log.segments.map(({ size, file }) => lastOffsetIn(file, size));
    const isGap = (end: number, index: number) => end + 1 !== (sim.log.segments[index + 1]?.baseOffset ?? end + 1);
    expect(ends.some(isGap)).toBe(true);
    sim.config = { ...sim.config, cleanupPolicy: ['delete'] };
    if (how === 'kill') await sim.restart('kill');
    else await sim.powerCut();
    expect(sim.records()).toEqual(records);
    expect(sim.problems).toEqual([]);
  }
});

test('the dirty ratio, the lags and the policy say when', async () => {
  const fill = async (config: ConstructorParameters<typeof CleaningWorld>[1]) => {
    const sim = await new CleaningWorld(1, config).open();
    for (let index = 0; index < 40; index++) sim.append([kv('k', `${index}`)]);
    sim.log.roll();
    await sim.clean();
    return sim;
  };
  const half = await fill({ minCleanableDirtyRatio: 0.5 });
  expect(half.records()).toHaveLength(1);
  expect((await fill({ minCleanableDirtyRatio: 1 })).records()).toHaveLength(40);
  expect((await fill({ cleanupPolicy: ['delete'] })).records()).toHaveLength(40);
  const lagging = await fill({ minCompactionLagMs: 500 });
  expect(lagging.records()).toHaveLength(40);
  await lagging.advance(600);
  await lagging.clean();
  expect(lagging.records()).toHaveLength(1);
  const overdue = await fill({ minCleanableDirtyRatio: 1, maxCompactionLagMs: 500 });
  expect(overdue.records()).toHaveLength(40);
  await overdue.advance(600);
  await overdue.clean();
  expect(overdue.records()).toHaveLength(1);
});

test('max.compaction.lag.ms also rolls the active segment, which is never cleaned', async () => {
  for (const [cleanupPolicy, segments] of [
    [['compact'], 2],
    [['delete'], 1],
  ] as const) {
    const sim = await new CleaningWorld(1, { cleanupPolicy, maxCompactionLagMs: 500 }).open();
    sim.append([kv('k', '1')]);
    await sim.advance(600);
    sim.append([kv('k', '2')]);
    expect(sim.log.segments).toHaveLength(segments);
  }
});

test('compact,delete: retention goes on over what is left', async () => {
  const sim = await new CleaningWorld(1, { cleanupPolicy: ['compact', 'delete'], retentionMs: 5000 }).open();
  for (let index = 0; index < 30; index++) sim.append([kv(`k${index}`, `${index}`)]);
  sim.log.roll();
  await sim.clean();
  await sim.advance(6000);
  sim.append([kv('new', '1')]);
  sim.manager.applyRetention();
  expect(sim.records().map((each) => each.key)).toEqual(['new']);
  sim.log.roll();
  await sim.clean();
  expect(sim.records().map((each) => each.key)).toEqual(['new']);
});

test('a reader goes on through a slice of a segment that was swapped out', async () => {
  const sim = await new CleaningWorld().open();
  for (let index = 0; index < 40; index++) sim.append([kv('k', `${index}`)]);
  const read = sim.log.read(0, { maxBytes: 600, maxOffset: 40, minOneBatch: true });
  if (read.kind === 'rejected' || read.slice === null) throw new Error('nothing read');
  const { file, position, length } = read.slice;
  const before = Buffer.alloc(length);
  file.readInto(before, position);
  await sim.clean();
  const after = Buffer.alloc(length);
  expect(file.readInto(after, position)).toBe(length);
  expect(after.equals(before)).toBe(true);
  // And from where it came to, it meets the rest in order.
  const next = sim.log.read(read.endOffset, { maxBytes: 600, maxOffset: 40, minOneBatch: true });
  expect(next.kind === 'read' && next.endOffset > read.endOffset).toBe(true);
});

test('truncation, deletion and the end of the broker in the middle of a pass give it up', async () => {
  for (const how of ['truncate', 'delete', 'close'] as const) {
    const sim = await new CleaningWorld(1, {}, { bytesPerSecondMax: 1000 }).open();
    for (let index = 0; index < 60; index++) sim.append([kv(`k${index % 3}`, `${index}`)]);
    sim.log.roll();
    const before = sim.records();
    const running = sim.manager.cleaner.cleanDue();
    await sim.advance(5000);
    expect(sim.log.isBeingCleaned).toBe(true);
    if (how === 'truncate') sim.log.truncateTo(30);
    if (how === 'delete') sim.manager.delete('t', 0);
    if (how === 'close') await sim.world.settle(sim.manager.close());
    await sim.world.settle(running);
    expect(sim.manager.cleaner.passCount).toBe(0);
    if (how === 'truncate') expect(sim.records()).toEqual(before.slice(0, 30));
    if (how === 'close') {
      sim.process.crash();
      await sim.open(sim.process.restart());
      expect(sim.records()).toEqual(before);
    }
    expect(sim.problems).toEqual([]);
  }
});

test('what cannot be read is left as it is, and said', async () => {
  const sim = await new CleaningWorld().open();
  sim.append([kv('a', '1'), kv('b', '1')]);
  sim.append([kv('a', '2')]);
  sim.log.roll();
  sim.process.disk.corrupt('/data/t-0/00000000000000000000.log', 75, Buffer.from([0xff]));
  const size = sim.log.size;
  await sim.clean();
  expect(sim.log.size).toBe(size);
  expect(sim.problems).toHaveLength(1);
  expect(sim.problems[0]).toContain('could not be compacted');
  expect(sim.fileNames().filter((name) => /cleaned|swap/.test(name))).toEqual([]);
});

test('the map of keys takes no more than it may and keeps the last offset of each', () => {
  const map = new OffsetMap(1000, 24 * 100, 0.9);
  expect(map.keysMax).toBe(90);
  let put = 0;
  while (map.put(Buffer.from(`key ${put}`), put)) put++;
  expect([put, map.size, map.latestOffset]).toEqual([90, 90, 89]);
  expect(map.put(Buffer.from('key 3'), 500)).toBe(true);
  expect([map.get(Buffer.from('key 3')), map.get(Buffer.from('key 4')), map.get(Buffer.from('?'))]).toEqual([
    500, 4, -1,
  ]);
  const one = new OffsetMap(10, 1, 0.9);
  expect([one.put(Buffer.from('a'), 0), one.put(Buffer.from('b'), 1), one.put(Buffer.from('a'), 2)]).toEqual([
    true,
    false,
    true,
  ]);
});

function lastOffsetIn(file: File, size: number): number {
  let lastOffset = -1;
  scanHeaders(file, 0, size, (batch) => {
    lastOffset = batch.lastOffset;
    return true;
  });
  return lastOffset;
}
