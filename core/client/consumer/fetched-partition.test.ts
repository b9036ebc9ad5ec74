import { expect, test } from 'vitest';
import { buildEndTxnBatch, ControlType } from '../../protocol/control-record.ts';
import { buildBatch } from '../../protocol/record-batch-builder.ts';
import { stringDeserializer } from '../producer/serializers.ts';
import { type AbortedTransaction, type ConsumerRecord, FetchedPartition } from './fetched-partition.ts';
import { PartitionState } from './subscription.ts';

const text = { key: stringDeserializer, value: stringDeserializer };

function transactional(baseOffset: number, producerId: number, ...values: string[]): Buffer {
  const records = values.map((value) => ({ timestamp: 1000, key: null, value: Buffer.from(value) }));
  return buildBatch({
    baseOffset,
    producerId,
    producerEpoch: 0,
    baseSequence: baseOffset,
    isTransactional: true,
    records,
  });
}

function marker(
  baseOffset: number,
  producerId: number,
  type: typeof ControlType.ABORT | typeof ControlType.COMMIT,
): Buffer {
  return buildEndTxnBatch({ type, coordinatorEpoch: 0 }, 1000, { producerId, producerEpoch: 0 }, { baseOffset });
}

const plain = (baseOffset: number, ...values: string[]) =>
  buildBatch({
    baseOffset,
    records: values.map((value) => ({ timestamp: 1000, key: null, value: Buffer.from(value) })),
  });

function taken(bytes: Buffer, from: number, aborted: AbortedTransaction[] | null, countMax = 100) {
  const fetched = new FetchedPartition(new PartitionState('t', 0), from, bytes, aborted, true);
  const records: ConsumerRecord<string, string>[] = [];
  while (fetched.take(records, countMax, text));
  return {
    values: records.map((each) => each.value),
    offsets: records.map((each) => each.offset),
    next: fetched.nextOffset,
  };
}

const log = Buffer.concat([
  plain(0, 'a', 'b'),
  transactional(2, 7, 'c1', 'c2'),
  transactional(4, 8, 'd1'),
  marker(5, 7, ControlType.ABORT),
  transactional(6, 7, 'e1'),
  marker(7, 8, ControlType.COMMIT),
  marker(8, 7, ControlType.COMMIT),
]);

test('read_uncommitted: everything but control records', () => {
  expect(taken(log, 0, null)).toEqual({
    values: ['a', 'b', 'c1', 'c2', 'd1', 'e1'],
    offsets: [0, 1, 2, 3, 4, 6],
    next: 9,
  });
});

test('read_committed: aborted transactions are skipped, up to their markers and no further', () => {
  const aborted = [{ producerId: 7, firstOffset: 2 }];
  expect(taken(log, 0, aborted)).toEqual({ values: ['a', 'b', 'd1', 'e1'], offsets: [0, 1, 4, 6], next: 9 });
});

test('records below the position are not handed out again', () => {
  expect(taken(log, 3, null)).toMatchObject({ offsets: [3, 4, 6] });
});

test('bit by bit is the same as at once; a cut-off batch at the end waits for the next fetch', () => {
  expect(taken(log, 0, null, 1)).toEqual(taken(log, 0, null));
  expect(taken(Buffer.concat([log, plain(9, 'x').subarray(0, 40)]), 0, null)).toEqual(taken(log, 0, null));
});

test('a wrong CRC, and a value that cannot be read, are errors that come again', () => {
  const broken = Buffer.from(log);
  broken[70]! ^= 1;
  const fetched = new FetchedPartition(new PartitionState('t', 0), 0, broken, null, true);
  for (let i = 0; i < 2; i++) {
    expect(() => fetched.take([], 10, text)).toThrow(expect.objectContaining({ kind: 'CORRUPT_MESSAGE' }));
  }
  const picky = { ...text, value: (_topic: string, data: Buffer) => JSON.parse(data.toString()) };
  const bad = new FetchedPartition(new PartitionState('t', 0), 0, plain(0, '1', 'x', '2'), null, true);
  const records: ConsumerRecord<string, unknown>[] = [];
  for (let i = 0; i < 2; i++) {
    expect(() => bad.take(records, 10, picky)).toThrow(expect.objectContaining({ kind: 'DESERIALIZATION' }));
  }
  expect([records.map((each) => each.value), bad.nextOffset]).toEqual([[1], 1]);
});
