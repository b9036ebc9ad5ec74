import { fc, test as property } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import { SimWorld } from '../ports/sim/world.ts';
import { batchesIn } from '../protocol/record-batch.ts';
import { beginAt, takeRecords, truncateToAgree } from './follower-log.ts';
import type { Partition } from './partition.ts';
import { bytesOf, fetchAs, leadershipOf, newLog, newPartition, records, TestContext } from './test/fixture.ts';

/** Batches of a log as `epoch@offset×count`. */
function historyOf({ log }: Partition): string[] {
  const found: string[] = [];
  let offset = log.logStartOffset;
  for (;;) {
    const read = log.read(offset, { maxBytes: 1e6, maxOffset: log.logEndOffset, minOneBatch: true });
    if (read.kind === 'rejected') throw new Error(read.message);
    if (read.slice === null) return found;
    const bytes = Buffer.alloc(read.slice.length);
    read.slice.file.readInto(bytes, read.slice.position);
    for (const batch of batchesIn(bytes)) {
      found.push(`${batch.partitionLeaderEpoch}@${batch.baseOffset}×${batch.recordCount}#${batch.producerId}`);
    }
    offset = read.endOffset;
  }
}

/** One round of what a fetcher does. False when there is nothing left to do. */
function fetchRound(leader: Partition, follower: Partition): boolean {
  const { log } = follower;
  const read = fetchAs(leader, { brokerId: 2, offset: log.logEndOffset, lastFetchedEpoch: log.epochs.latestEpoch });
  if (read.errorCode !== 0) throw new Error(`error ${read.errorCode}`);
  if (read.divergingEpoch !== null) {
    truncateToAgree(follower, read.divergingEpoch);
    return true;
  }
  if (read.slice === null) return false;
  expect(takeRecords(follower, { ...read, records: bytesOf(read) }).kind).toBe('taken');
  return true;
}

interface Written {
  readonly epoch: number;
  readonly count: number;
}

const written = (epochMin: number) =>
  fc
    .array(fc.record({ step: fc.integer({ min: 0, max: 2 }), count: fc.integer({ min: 1, max: 4 }) }), { maxLength: 8 })
    .map((steps) => {
      let epoch = epochMin;
      return steps.map(({ step, count }): Written => {
        epoch += step;
        return { epoch, count };
      });
    });

/** `branch` stands in the producer id, so that batches of different histories are told apart. */
function write({ log }: Partition, batches: readonly Written[], branch: number): void {
  for (const { epoch, count } of batches)
    log.append(records(count, { producerId: branch, producerEpoch: 0, baseSequence: -1 }), epoch, 'coordinator');
}

const EPOCHS = 100;

property.prop([written(0), written(1), written(2), fc.boolean()], { numRuns: 200 })(
  'C43: whatever two histories with a common beginning became, the follower comes to agree and keeps the beginning',
  (shared, mine, theirs, isLeaderNew) => {
    const world = new SimWorld({ seed: 1 });
    const config = { segmentBytes: 700, indexIntervalBytes: 100 };
    // An epoch has one leader: after the common part the histories have none in common.
    const base = shared.at(-1)?.epoch ?? 0;
    const odd = mine.map((each) => ({ ...each, epoch: base + each.epoch * 2 - 1 }));
    const even = theirs.map((each) => ({ ...each, epoch: base + each.epoch * 2 }));
    const leaderLog = newLog(config, world, 'a');
    const followerLog = newLog(config, world, 'b');
    const asFollower = leadershipOf({ leader: 1, leaderEpoch: EPOCHS, inSyncReplicas: [1] });
    const follower = newPartition(new TestContext(2), asFollower, followerLog);
    write(follower, shared, 0);
    const common = followerLog.logEndOffset;
    followerLog.updateHighWatermark(common);
    write(follower, odd, 1);
    const leader = newPartition(new TestContext(1), { ...asFollower, leader: 3 }, leaderLog);
    write(leader, shared, 0);
    write(leader, even, 2);
    // Elected under an epoch of which it has no record yet, or with one.
    leader.changeLeadership({ ...asFollower, leaderEpoch: EPOCHS, partitionEpoch: 2, leader: 1 });
    if (leader.leader !== 1) throw new Error('not elected');
    if (isLeaderNew) write(leader, [{ epoch: EPOCHS, count: 2 }], 2);
    let rounds = 0;
    let lowest = followerLog.logEndOffset;
    while (fetchRound(leader, follower)) {
      lowest = Math.min(lowest, followerLog.logEndOffset);
      expect(++rounds).toBeLessThan(60);
    }
    expect(historyOf(follower)).toEqual(historyOf(leader));
    expect(lowest).toBeGreaterThanOrEqual(common);
    expect(followerLog.highWatermark).toBeGreaterThanOrEqual(common);
    const end = followerLog.logEndOffset;
    expect(followerLog.epochs.entries).toEqual(leaderLog.epochs.entries.filter(({ startOffset }) => startOffset < end));
    expect(followerLog.producers.endOffset).toBe(end);
  },
);

test('the watermark of a follower is the leader’s as far as its log reaches, and does not fall', () => {
  const follower = newPartition(new TestContext(2), leadershipOf({ leaderEpoch: 1 }));
  const batch = (baseOffset: number) => records(2, { baseOffset, partitionLeaderEpoch: 1 });
  let heard = 0;
  follower.subscribe(() => heard++);
  takeRecords(follower, { records: batch(0), highWatermark: 9, logStartOffset: 0 });
  expect(follower.highWatermark).toBe(2);
  expect(heard).toBe(1);
  takeRecords(follower, { records: batch(2), highWatermark: 1, logStartOffset: 0 });
  expect(follower.highWatermark).toBe(2);
  takeRecords(follower, { records: null, highWatermark: 3, logStartOffset: 1 });
  expect(follower.inspect()).toMatchObject({ highWatermark: 3, logStartOffset: 1, logEndOffset: 4 });
});

test('a batch of an epoch that the leader cannot have is left out; damaged ones are asked for again', () => {
  const follower = newPartition(new TestContext(2), leadershipOf({ leaderEpoch: 3 }));
  const sound = records(2, { baseOffset: 0, partitionLeaderEpoch: 3 });
  const tooNew = records(2, { baseOffset: 2, partitionLeaderEpoch: 4 });
  const taken = takeRecords(follower, { records: Buffer.concat([sound, tooNew]), highWatermark: 4, logStartOffset: 0 });
  expect(taken.kind).toBe('taken');
  expect(follower.log.logEndOffset).toBe(2);
  const damaged = records(2, { baseOffset: 2, partitionLeaderEpoch: 3 });
  damaged[damaged.length - 1]! ^= 1;
  expect(takeRecords(follower, { records: damaged, highWatermark: 4, logStartOffset: 0 }).kind).toBe('corrupt');
  expect(takeRecords(follower, { records: Buffer.alloc(80), highWatermark: 4, logStartOffset: 0 }).kind).toBe(
    'corrupt',
  );
  const overlapping = Buffer.concat([2, 3].map((baseOffset) => records(2, { baseOffset, partitionLeaderEpoch: 3 })));
  expect(takeRecords(follower, { records: overlapping, highWatermark: 4, logStartOffset: 0 }).kind).toBe('corrupt');
  const below = records(2, { baseOffset: 1, partitionLeaderEpoch: 3 });
  expect(takeRecords(follower, { records: below, highWatermark: 4, logStartOffset: 0 }).kind).toBe('failed');
  expect(follower.log.logEndOffset).toBe(2);
});

test('gaps that compaction left are taken over', () => {
  const follower = newPartition(new TestContext(2), leadershipOf({ leaderEpoch: 3 }));
  const batches = [0, 10, 25].map((baseOffset) => records(2, { baseOffset, partitionLeaderEpoch: 1 }));
  takeRecords(follower, { records: Buffer.concat(batches), highWatermark: 27, logStartOffset: 0 });
  expect(historyOf(follower)).toEqual(['1@0×2#-1', '1@10×2#-1', '1@25×2#-1']);
  expect(follower.inspect()).toMatchObject({ highWatermark: 27, logEndOffset: 27 });
});

test('a log that begins where its leader’s does, within a batch, gets the whole batch', () => {
  const follower = newPartition(new TestContext(2), leadershipOf({ leaderEpoch: 3 }));
  beginAt(follower, 7);
  const batch = records(5, { baseOffset: 5, partitionLeaderEpoch: 2 });
  takeRecords(follower, { records: batch, highWatermark: 10, logStartOffset: 7 });
  expect(follower.inspect()).toMatchObject({ logStartOffset: 7, highWatermark: 10, logEndOffset: 10 });
  expect(follower.inspect().epochs).toEqual([{ epoch: 2, startOffset: 7 }]);
});

test('a truncation below the watermark is told', () => {
  const follower = newPartition(new TestContext(2), leadershipOf({ leaderEpoch: 3 }));
  const batches = [0, 2, 4].map((baseOffset) => records(2, { baseOffset, partitionLeaderEpoch: 1 }));
  takeRecords(follower, { records: Buffer.concat(batches), highWatermark: 4, logStartOffset: 0 });
  expect(truncateToAgree(follower, { epoch: 1, endOffset: 4 })).toBeNull();
  expect(truncateToAgree(follower, { epoch: 1, endOffset: 2 })).toMatch(/below its high watermark 4/);
  expect(follower.highWatermark).toBe(2);
});

test('an epoch that this broker led without a record goes when its leader does not have it', () => {
  const context = new TestContext(2);
  const former = newPartition(context, leadershipOf({ leader: 2, leaderEpoch: 5 }));
  expect(former.inspect().epochs).toEqual([{ epoch: 5, startOffset: 0 }]);
  former.changeLeadership(leadershipOf({ leader: 1, leaderEpoch: 6, partitionEpoch: 2 }));
  truncateToAgree(former, { epoch: 4, endOffset: 0 });
  expect(former.inspect().epochs).toEqual([]);
});
