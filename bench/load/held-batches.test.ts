import { RecordBatch } from '@mqlab/core/protocol/record-batch.ts';
import { buildBatch } from '@mqlab/core/protocol/record-batch-builder.ts';
import { expect, test } from 'vitest';
import { HeldBatches } from './held-batches.ts';

function batch(records: number): Buffer {
  const value = Buffer.alloc(100, 'x');
  return buildBatch({ records: Array.from({ length: records }, () => ({ timestamp: 1, key: null, value })) });
}

test('batches get offsets without a gap, and an answer is whole batches within its bytes', () => {
  const held = new HeldBatches(100_000);
  expect(held.from(0, 1)).toBeNull();
  expect(held.append(Buffer.concat([batch(2), batch(3)]))).toBe(0);
  expect(held.append(batch(1))).toBe(5);
  expect(held.nextOffset).toBe(6);
  // One at least, however few bytes are asked for.
  expect(held.from(3, 1)).toHaveLength(batch(3).length);
  const all = held.from(0, 100_000)!;
  expect(all).toHaveLength(batch(2).length + batch(3).length + batch(1).length);
  const second = new RecordBatch(all, batch(2).length);
  expect([second.baseOffset, second.computeCrc() === second.crc]).toEqual([2, true]);
  expect(held.from(6, 100_000)).toBeNull();
});

test('two regions are held: the older goes when the newer is full, and what has gone is answered by the oldest', () => {
  const one = batch(1);
  const held = new HeldBatches(one.length * 2 + 1);
  for (let i = 0; i < 5; i++) held.append(one);
  expect(new RecordBatch(held.from(0, 1)!, 0).baseOffset).toBe(2);
  expect(held.from(3, 100_000)).toHaveLength(one.length);
  expect(() => held.append(batch(10))).toThrow(/a batch of \d+ bytes; at most/);
});
