import { fc, test as property } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import { recordsOf } from '../../protocol/record.ts';
import { RecordBatch } from '../../protocol/record-batch.ts';
import { ClientError } from '../client-error.ts';
import { Accumulator, PartitionQueue } from './accumulator.ts';
import { ProducerBatch } from './producer-batch.ts';

const recordArb = fc.record({
  timestamp: fc.integer({ min: 0, max: 2 ** 45 }),
  key: fc.option(fc.uint8Array({ maxLength: 20 })),
  value: fc.option(fc.uint8Array({ maxLength: 200 })),
  headers: fc.array(fc.record({ key: fc.string(), value: fc.option(fc.uint8Array({ maxLength: 9 })) }), {
    maxLength: 3,
  }),
});
const codecArb = fc.constantFrom('none' as const, 'gzip' as const, 'snappy' as const, 'lz4' as const, 'zstd' as const);

function read(bytes: Buffer) {
  const batch = new RecordBatch(bytes);
  expect(batch.isCrcValid).toBe(true);
  return [...recordsOf(batch)].map(({ timestamp, key, value, headers }) => ({ timestamp, key, value, headers }));
}

const plain = (bytes: Uint8Array | null) => (bytes === null ? null : Buffer.from(bytes));

property.prop([fc.array(recordArb, { minLength: 1, maxLength: 20 }), codecArb])(
  'what is appended is what is read',
  (records, codec) => {
    const batch = new ProducerBatch('t', 0, 0, Buffer.alloc(100_000), 100_000, 100_000);
    for (const each of records) {
      expect(batch.tryAppend(each.timestamp, each.key, each.value, each.headers, undefined)).toBe(true);
    }
    const expected = records.map((each) => ({
      timestamp: each.timestamp,
      key: plain(each.key),
      value: plain(each.value),
      headers: each.headers.map((header) => ({ key: Buffer.from(header.key).toString(), value: plain(header.value) })),
    }));
    expect(read(batch.seal(codec))).toEqual(expected);
  },
);

test('a split batch keeps records, order, sequences and callbacks', () => {
  const batch = new ProducerBatch('t', 0, 0, Buffer.alloc(10_000), 10_000, 10_000);
  const told: number[] = [];
  for (let i = 0; i < 9; i++) {
    batch.tryAppend(1000 + i, null, Buffer.alloc(100, i), undefined, (_error, metadata) => told.push(metadata!.offset));
  }
  batch.setSequence(5, 0, 40);
  let done = false;
  batch.whenDone(() => {
    done = true;
  });
  const parts = batch.split();
  expect(parts.length).toBeGreaterThanOrEqual(2);
  expect(parts[0]!.baseSequence).toBe(40);
  expect(parts[1]!.baseSequence).toBe(40 + parts[0]!.recordCount);
  const values = parts.flatMap((part) => read(part.seal('none'))).map((each) => each.value![0]);
  expect(values).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
  let offset = 70;
  for (const part of parts) {
    expect(done).toBe(false);
    part.succeed(offset, -1);
    offset += part.recordCount;
  }
  expect(told).toEqual([70, 71, 72, 73, 74, 75, 76, 77, 78]);
  expect(done).toBe(true);
});

test('a callback is called once', () => {
  const batch = new ProducerBatch('t', 0, 0, Buffer.alloc(1000), 1000, 1000);
  let calls = 0;
  batch.tryAppend(0, null, null, undefined, () => calls++);
  batch.fail(new ClientError('TIMEOUT', 'x'));
  batch.succeed(0, -1);
  expect(calls).toBe(1);
});

const now = () => 1000;

function fill(accumulator: Accumulator, queue: PartitionQueue, bytes: number) {
  return accumulator.append(queue, now, 0, null, Buffer.alloc(bytes), undefined, undefined);
}

test('accumulator: a batch is ready when full, after linger, or when there is urgency', () => {
  const accumulator = new Accumulator({ batchBytes: 1000, lingerMs: 5, memoryBytesMax: 10_000 });
  const queue = new PartitionQueue('t', 0);
  expect(fill(accumulator, queue, 100)).toBe('opened');
  expect(fill(accumulator, queue, 100)).toBe('appended');
  expect(accumulator.readyAtMs(queue)).toBe(1005);
  accumulator.urgency++;
  expect(accumulator.readyAtMs(queue)).toBe(0);
  accumulator.urgency--;
  expect(fill(accumulator, queue, 900)).toBe('opened');
  expect(accumulator.readyAtMs(queue)).toBe(0);
  queue.isMuted = true;
  expect(accumulator.readyAtMs(queue)).toBe(Number.POSITIVE_INFINITY);
});

property.prop([fc.array(fc.tuple(fc.nat(3), fc.integer({ min: 0, max: 1500 })), { maxLength: 200 })])(
  'accumulator: memory is bounded and comes back whole',
  (sends) => {
    const accumulator = new Accumulator({ batchBytes: 1000, lingerMs: 5, memoryBytesMax: 6_000 });
    const queues = [0, 1, 2, 3].map((partition) => new PartitionQueue('t', partition));
    let accepted = 0;
    for (const [partition, bytes] of sends) {
      if (fill(accumulator, queues[partition]!, bytes) !== 'no-memory') accepted++;
      expect(accumulator.memoryBytesUsed).toBeLessThanOrEqual(6_000);
    }
    let drained = 0;
    for (const queue of queues) {
      while (queue.batches.length > 0) {
        const batch = accumulator.take(queue);
        drained += batch.recordCount;
        accumulator.release(batch, true);
      }
    }
    expect(drained).toBe(accepted);
    expect(accumulator.memoryBytesUsed).toBe(0);
    expect(accumulator.active.size).toBe(0);
  },
);
