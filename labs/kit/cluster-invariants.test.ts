import type { BatchMark, LogView, NodeView } from '@mqlab/core/broker/node-view.ts';
import { expect, test } from 'vitest';
import { ClusterInvariants } from './cluster-invariants.ts';

/** One partition on one node; batches of one record each, named by what is in them. */
interface Copy {
  readonly node: number;
  readonly life?: number;
  readonly leads?: boolean;
  readonly epoch: number;
  readonly log: string;
  readonly hw: number;
  readonly isMetadata?: boolean;
  readonly isCompacted?: boolean;
  readonly topicId?: string;
}

function viewOf(copy: Copy): NodeView {
  const batches = [...copy.log].map(
    (letter, at): BatchMark => ({ baseOffset: at, lastOffset: at, leaderEpoch: 0, crc: letter.charCodeAt(0) }),
  );
  const log: LogView = {
    topic: 't',
    topicId: copy.topicId ?? 'id',
    partition: 0,
    isLeader: copy.leads ?? false,
    leaderEpoch: copy.epoch,
    isOffline: false,
    isCompacted: copy.isCompacted ?? false,
    logStartOffset: 0,
    highWatermark: copy.hw,
    logEndOffset: batches.length,
    batches: (from, until) => batches.filter(({ baseOffset }) => baseOffset >= from && baseOffset < until),
  };
  return {
    nodeId: copy.node,
    partitions: () => (copy.isMetadata ? [] : [log]),
    metadata: copy.isMetadata ? log : null,
  };
}

function told(...steps: readonly Copy[]): string[] {
  const violations: string[] = [];
  const invariants = new ClusterInvariants(({ name, text }) => violations.push(`${name}: ${text}`));
  for (const step of steps) invariants.observe(viewOf(step), step.life ?? step.node);
  return violations;
}

const leader = { node: 1, leads: true, epoch: 3 } as const;

test('a cluster that does what it should is not spoken of', () => {
  expect(
    told(
      { ...leader, log: 'ab', hw: 0 },
      { node: 2, epoch: 3, log: 'a', hw: 0 },
      { ...leader, log: 'abc', hw: 1 },
      { node: 2, epoch: 3, log: 'ab', hw: 1 },
      // The leader dies; what was not committed is cut off at its return, and replaced.
      { node: 2, leads: true, epoch: 4, log: 'abX', hw: 1 },
      { node: 1, life: 11, epoch: 4, log: 'ab', hw: 0 },
      { node: 1, life: 11, epoch: 4, log: 'abX', hw: 1 },
      { node: 2, leads: true, epoch: 4, log: 'abX', hw: 3 },
      { node: 1, life: 11, epoch: 4, log: 'abX', hw: 3 },
    ),
  ).toEqual([]);
});

test('two leaders in one epoch', () => {
  expect(told({ ...leader, log: 'a', hw: 0 }, { node: 2, leads: true, epoch: 3, log: 'a', hw: 0 })).toEqual([
    'INVARIANT ONE-LEADER: Nodes 1 and 2 both lead t-0 in epoch 3.',
  ]);
  expect(told({ ...leader, log: 'a', hw: 0 }, { node: 2, leads: true, epoch: 4, log: 'a', hw: 0 })).toEqual([]);
});

test('another record below a high watermark, also where a copy was cut and filled again', () => {
  const committed = { ...leader, log: 'ab', hw: 2 };
  expect(told(committed, { node: 2, epoch: 3, log: 'aX', hw: 2 })).toEqual([
    expect.stringContaining('INVARIANT COMMITTED-PREFIX: Node 2 has another batch at committed offset 1 of t-0'),
  ]);
  expect(
    told(
      committed,
      { node: 2, epoch: 3, log: 'ab', hw: 2 },
      { node: 2, epoch: 4, log: 'a', hw: 1 },
      { node: 2, epoch: 4, log: 'aX', hw: 2 },
    ),
  ).toEqual([expect.stringContaining('INVARIANT COMMITTED-PREFIX')]);
  expect(told(committed, { node: 2, epoch: 3, log: 'aX', hw: 1 })).toEqual([]);
  expect(told(committed, { node: 2, epoch: 3, log: 'aX', hw: 2, topicId: 'other' })).toEqual([]);
  expect(told({ ...committed, isCompacted: true }, { node: 2, epoch: 3, log: 'aX', hw: 2, isCompacted: true })).toEqual(
    [],
  );
});

test('a leader without what was committed before it', () => {
  expect(told({ ...leader, log: 'abc', hw: 2 }, { node: 2, leads: true, epoch: 4, log: 'a', hw: 0 })).toEqual([
    'INVARIANT COMMITTED-PREFIX: Node 2 leads t-0 in epoch 4 and ends at 1, though 2 offsets were committed in epoch 3.',
  ]);
  // Whoever still believes in an older epoch is behind, and no leader.
  expect(told({ ...leader, log: 'abc', hw: 2 }, { node: 2, leads: true, epoch: 2, log: 'a', hw: 0 })).toEqual([]);
});

test('a high watermark that goes back within an epoch, or lies outside the log', () => {
  expect(told({ ...leader, log: 'ab', hw: 2 }, { ...leader, log: 'ab', hw: 1 })).toEqual([
    'INVARIANT HIGH-WATERMARK: On node 1 the high watermark of t-0 went back from 2 to 1 in epoch 3.',
  ]);
  expect(told({ ...leader, log: 'ab', hw: 2 }, { ...leader, life: 9, log: 'ab', hw: 1 })).toEqual([]);
  expect(told({ ...leader, log: 'ab', hw: 3 })).toEqual([
    'INVARIANT HIGH-WATERMARK: On node 1 the high watermark 3 of t-0 is outside its log, 0…2.',
  ]);
});

test('the same of the metadata log, by names of its own; there an epoch is no excuse', () => {
  const metadata = { isMetadata: true } as const;
  expect(
    told({ ...leader, ...metadata, log: 'a', hw: 0 }, { ...leader, ...metadata, node: 2, log: 'a', hw: 0 }),
  ).toEqual([expect.stringContaining('INVARIANT ONE-CONTROLLER')]);
  expect(
    told({ ...metadata, node: 1, epoch: 1, log: 'ab', hw: 2 }, { ...metadata, node: 1, epoch: 2, log: 'ab', hw: 1 }),
  ).toEqual([expect.stringContaining('INVARIANT METADATA-HIGH-WATERMARK')]);
  expect(
    told({ ...metadata, node: 1, epoch: 1, log: 'ab', hw: 2 }, { ...metadata, node: 2, epoch: 1, log: 'aX', hw: 2 }),
  ).toEqual([expect.stringContaining('INVARIANT METADATA-PREFIX')]);
});

test('a name is told once: what follows is its wake', () => {
  const steps = Array.from({ length: 4 }, (_, at) => ({ ...leader, node: at, log: 'a', hw: 0 }));
  expect(told(...steps)).toHaveLength(1);
});
