import { expect, test } from 'vitest';
import { nextEpoch, PartitionSequences } from './idempotence.ts';
import { ProducerBatch } from './producer-batch.ts';

const identity = { producerId: 9, epoch: 0 };

function batchOf(records: number): ProducerBatch {
  const batch = new ProducerBatch('t', 0, 0, Buffer.alloc(4000), 4000, 4000);
  for (let i = 0; i < records; i++) batch.tryAppend(0, null, Buffer.from('v'), undefined, undefined);
  return batch;
}

function drained(sequences: PartitionSequences, ...counts: number[]): ProducerBatch[] {
  return counts.map((count) => {
    const batch = batchOf(count);
    expect(sequences.mayDrain(batch, identity)).toBe(true);
    sequences.onDrain(batch, identity);
    return batch;
  });
}

/** One record was acked. */
function begun(): PartitionSequences {
  const sequences = new PartitionSequences();
  sequences.onAcked(drained(sequences, 1)[0]!);
  return sequences;
}

test('the first batch is alone until it is acked: in its place a leader that knows nothing would take the second', () => {
  const sequences = new PartitionSequences();
  const [first] = drained(sequences, 7);
  expect(sequences.mayDrain(batchOf(1), identity)).toBe(false);
  expect(sequences.mayDrain(first!, identity)).toBe(true);
  sequences.onAcked(first!);
  expect(drained(sequences, 1, 1).map((each) => each.baseSequence)).toEqual([7, 8]);
});

test('sequences follow each other, five batches at most', () => {
  const sequences = begun();
  const batches = drained(sequences, 3, 2, 1, 1, 1);
  expect(batches.map((each) => each.baseSequence)).toEqual([1, 4, 6, 7, 8]);
  expect(sequences.mayDrain(batchOf(1), identity)).toBe(false);
  sequences.onAcked(batches[0]!);
  expect(drained(sequences, 1)[0]!.baseSequence).toBe(9);
});

test('only the oldest retry may go', () => {
  const sequences = begun();
  const [first, second] = drained(sequences, 1, 1);
  expect(sequences.mayDrain(second!, identity)).toBe(false);
  expect(sequences.mayDrain(first!, identity)).toBe(true);
});

test('a certain failure closes the gap', () => {
  const sequences = begun();
  const [first, second, third] = drained(sequences, 3, 2, 2);
  sequences.onFailedCertainly(first!);
  expect([second!.baseSequence, third!.baseSequence]).toEqual([1, 3]);
  expect(second!.sequenceWasReset).toBe(true);
  sequences.onOutOfOrder(second!); // what was on the wire had the old number: just again
  expect(sequences.needsRestart).toBe(false);
  expect(drained(sequences, 1)[0]!.baseSequence).toBe(5);
});

test('out of order because one before it is being retried: just again', () => {
  const sequences = begun();
  const [, second] = drained(sequences, 1, 1);
  sequences.onOutOfOrder(second!);
  expect(sequences.needsRestart).toBe(false);
});

test('out of order although it is the next: numbers begin again under a new epoch', () => {
  const sequences = begun();
  const [first, second, third] = drained(sequences, 4, 2, 1);
  sequences.onAcked(first!);
  sequences.onOutOfOrder(second!);
  expect(sequences.needsRestart).toBe(true);
  expect(sequences.mayDrain(second!, identity)).toBe(false);
  const raised = nextEpoch(identity)!;
  sequences.restart(raised);
  expect([second!.producerEpoch, second!.baseSequence, third!.baseSequence]).toEqual([1, 0, 2]);
  expect(sequences.mayDrain(second!, raised)).toBe(true);
});

test('an unknown loss holds back new batches until it is clear', () => {
  const sequences = begun();
  const [first, second] = drained(sequences, 1, 1);
  sequences.onFailedUnknown(first!);
  expect(sequences.mayDrain(batchOf(1), identity)).toBe(false);
  sequences.onAcked(second!); // so the first one was there
  expect(sequences.needsRestart).toBe(false);
  expect(sequences.mayDrain(batchOf(1), identity)).toBe(true);
  const [third] = drained(sequences, 1);
  sequences.onFailedUnknown(third!);
  expect(sequences.needsRestart).toBe(true);
});

test('epochs end', () => {
  expect(nextEpoch({ producerId: 1, epoch: 0x7fff })).toBeNull();
});
