import { fc, test as property } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import { RECORDS_OFFSET } from '../../protocol/record-batch.ts';
import { buildBatch } from '../../protocol/record-batch-builder.ts';
import { bytesDeserializer } from '../producer/serializers.ts';
import type { BatchView } from './batch-view.ts';
import { type ConsumerRecord, FetchedPartition } from './fetched-partition.ts';
import { PartitionState } from './subscription.ts';

const bytes = { key: bytesDeserializer, value: bytesDeserializer };
const state = new PartitionState('t', 0);

function shown(views: readonly BatchView[]): ConsumerRecord[] {
  const records: ConsumerRecord[] = [];
  for (const view of views) {
    while (view.next()) {
      const { topic, partition, offset, timestamp, timestampType, key, value, leaderEpoch } = view;
      expect([view.keyBytes, view.valueBytes]).toEqual([key?.length ?? -1, value?.length ?? -1]);
      records.push({
        topic,
        partition,
        offset,
        timestamp,
        timestampType,
        key,
        value,
        leaderEpoch,
        headers: view.headers(),
      });
    }
  }
  return records;
}

const recordArb = fc.record({
  timestamp: fc.nat(),
  key: fc.option(fc.uint8Array({ maxLength: 5 }).map((each) => Buffer.from(each))),
  value: fc.option(fc.uint8Array({ maxLength: 9 }).map((each) => Buffer.from(each))),
  headers: fc.array(fc.record({ key: fc.string(), value: fc.constant(null) }), { maxLength: 2 }),
});
const batchesArb = fc.array(fc.array(recordArb, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 5 });

property.prop([batchesArb, fc.nat(8), fc.nat(8), fc.integer({ min: 1, max: 12 })])(
  'views show what poll hands out, from any offset, also behind records that were polled one by one',
  (batches, from, polledFirst, recordsMax) => {
    let baseOffset = 0;
    const stored = batches.map((records) => {
      const batch = buildBatch({ baseOffset, partitionLeaderEpoch: 3, records });
      baseOffset += records.length;
      return batch;
    });
    const log = Buffer.concat(stored);
    const expected: ConsumerRecord[] = [];
    while (new FetchedPartition(state, from, log, null, true).take(expected, Number.POSITIVE_INFINITY, bytes));

    const fetched = new FetchedPartition(state, from, log, null, true);
    const records: ConsumerRecord[] = [];
    if (polledFirst > 0) fetched.take(records, polledFirst, bytes);
    for (;;) {
      const views: BatchView[] = [];
      const hasMore = fetched.takeBatches(views, recordsMax);
      expect(views.length).toBeLessThanOrEqual(recordsMax);
      records.push(...shown(views));
      if (!hasMore) break;
    }
    expect(records).toEqual(expected);
    expect(fetched.nextOffset).toBe(Math.max(from, baseOffset));
  },
);

test('a damaged record fails the reading of its batch; the position is behind it', () => {
  const batch = buildBatch({ baseOffset: 0, records: [{ timestamp: 1, key: null, value: Buffer.from('a') }] });
  batch[RECORDS_OFFSET] = 0x7e;
  const fetched = new FetchedPartition(state, 0, batch, null, false);
  const views: BatchView[] = [];
  fetched.takeBatches(views, 10);
  expect(() => views[0]!.next()).toThrow('cannot be decoded');
  expect(fetched.nextOffset).toBe(1);
});
