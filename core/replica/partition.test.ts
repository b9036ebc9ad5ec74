import { expect, test } from 'vitest';
import { ErrorCode } from '../protocol/errors.ts';
import {
  append,
  fetchAs,
  LAG_TIME_MAX_MS,
  leadershipOf,
  newLog,
  newPartition,
  records,
  settled,
  TestContext,
} from './test/fixture.ts';

test('C42: the watermark is the smallest log end of the in-sync replicas, and never falls', () => {
  const context = new TestContext();
  const leader = newPartition(context, leadershipOf());
  append(leader, 5);
  expect(leader.highWatermark).toBe(0);
  fetchAs(leader, { brokerId: 2, offset: 5 });
  expect(leader.highWatermark).toBe(0);
  fetchAs(leader, { brokerId: 3, offset: 3 });
  expect(leader.highWatermark).toBe(3);
  fetchAs(leader, { brokerId: 3, offset: 5 });
  expect(leader.highWatermark).toBe(5);
  // A follower that came back with less than it had.
  fetchAs(leader, { brokerId: 3, offset: 1 });
  expect(leader.highWatermark).toBe(5);
});

test('a follower reads to the log end, a consumer to the watermark', () => {
  const leader = newPartition(new TestContext(), leadershipOf());
  append(leader, 5);
  expect(fetchAs(leader, { brokerId: 2, offset: 0 }).slice?.length).toBeGreaterThan(0);
  const consumer = leader.read({
    offset: 0,
    maxBytes: 1000,
    minOneBatch: true,
    isolationLevel: 'read_uncommitted',
    currentLeaderEpoch: -1,
    lastFetchedEpoch: -1,
  });
  expect(consumer).toMatchObject({ errorCode: 0, slice: null, highWatermark: 0 });
});

test('who may fetch: epochs of the leader, of the broker, and the assignment (6, 74, 75)', () => {
  const context = new TestContext();
  const leader = newPartition(context, leadershipOf({ leaderEpoch: 4 }));
  const code = (read: Parameters<typeof fetchAs>[1]) => fetchAs(leader, read).errorCode;
  expect(code({ brokerId: 2, offset: 0 })).toBe(ErrorCode.NONE);
  expect(code({ brokerId: 2, offset: 0, leaderEpoch: 3 })).toBe(ErrorCode.FENCED_LEADER_EPOCH);
  expect(code({ brokerId: 2, offset: 0, leaderEpoch: 5 })).toBe(ErrorCode.UNKNOWN_LEADER_EPOCH);
  expect(code({ brokerId: 9, offset: 0 })).toBe(ErrorCode.UNKNOWN_LEADER_EPOCH);
  expect(code({ brokerId: 9, offset: 0, leaderEpoch: -1 })).toBe(ErrorCode.NOT_LEADER_OR_FOLLOWER);
  // Its former self asks, late.
  expect(code({ brokerId: 2, offset: 0, brokerEpoch: 11 })).toBe(ErrorCode.NOT_LEADER_OR_FOLLOWER);
  // The metadata here is older than the broker.
  expect(code({ brokerId: 2, offset: 0, brokerEpoch: 99 })).toBe(ErrorCode.NONE);
  expect(code({ brokerId: 2, offset: 0, brokerEpoch: -1 })).toBe(ErrorCode.NONE);
  expect(code({ brokerId: 2, offset: 1 })).toBe(ErrorCode.OFFSET_OUT_OF_RANGE);
  const follower = newPartition(new TestContext(2), leadershipOf());
  expect(fetchAs(follower, { brokerId: 3, offset: 0 }).errorCode).toBe(ErrorCode.NOT_LEADER_OR_FOLLOWER);
});

test('a history that parted is told, and says nothing of the follower', () => {
  const context = new TestContext();
  const log = newLog();
  log.append(records(10), 1);
  log.append(records(10), 3);
  const leader = newPartition(context, leadershipOf({ leaderEpoch: 5, inSyncReplicas: [1, 2] }), log);
  expect(fetchAs(leader, { brokerId: 2, offset: 15, lastFetchedEpoch: 2 })).toMatchObject({
    errorCode: 0,
    slice: null,
    divergingEpoch: { epoch: 1, endOffset: 10 },
  });
  expect(leader.inspect().followers[0]).toMatchObject({ brokerId: 2, logEndOffset: -1 });
  // Of an epoch that this leader has, but beyond its end there.
  expect(fetchAs(leader, { brokerId: 2, offset: 12, lastFetchedEpoch: 1 }).divergingEpoch).toEqual({
    epoch: 1,
    endOffset: 10,
  });
  expect(fetchAs(leader, { brokerId: 2, offset: 10, lastFetchedEpoch: 1 }).divergingEpoch).toBeNull();
  expect(fetchAs(leader, { brokerId: 2, offset: 0, lastFetchedEpoch: 9 }).errorCode).toBe(
    ErrorCode.OFFSET_OUT_OF_RANGE,
  );
});

test('C41: a follower that has not kept up for replica.lag.time.max.ms leaves; the watermark waits for the controller', async () => {
  const context = new TestContext();
  const leader = newPartition(context, leadershipOf());
  append(leader, 5);
  fetchAs(leader, { brokerId: 2, offset: 5 });
  context.timeMs += LAG_TIME_MAX_MS + 1;
  fetchAs(leader, { brokerId: 2, offset: 5 });
  leader.checkLag();
  const { change, answer } = context.take();
  expect(change).toEqual({
    topicId: 'id',
    topic: 't',
    partition: 0,
    leaderEpoch: 1,
    partitionEpoch: 1,
    inSyncReplicas: [
      { brokerId: 1, brokerEpoch: 11 },
      { brokerId: 2, brokerEpoch: 12 },
    ],
  });
  leader.checkLag();
  expect(context.asked).toEqual([]);
  expect(leader.highWatermark).toBe(0);
  answer({ errorCode: 0, leader: 1, leaderEpoch: 1, inSyncReplicas: [1, 2], partitionEpoch: 2 });
  await settled();
  expect(leader.inSyncReplicas).toEqual([1, 2]);
  expect(leader.partitionEpoch).toBe(2);
  expect(leader.highWatermark).toBe(5);
});

test('a follower that is always a little behind is in sync', () => {
  const context = new TestContext();
  const leader = newPartition(context, leadershipOf());
  let offset = 0;
  for (let i = 0; i < 10; i++) {
    append(leader, 1);
    context.timeMs += LAG_TIME_MAX_MS / 2;
    // Each fetch reaches where the leader's end was at the one before.
    for (const brokerId of [2, 3]) fetchAs(leader, { brokerId, offset });
    offset = leader.log.logEndOffset;
    append(leader, 1);
    leader.checkLag();
  }
  expect(context.asked).toEqual([]);
  context.timeMs += LAG_TIME_MAX_MS * 2;
  leader.checkLag();
  expect(context.take().change.inSyncReplicas).toHaveLength(1);
});

test('C43: a follower that has caught up comes back in; while it does the larger set counts', async () => {
  const context = new TestContext();
  const leader = newPartition(context, leadershipOf({ inSyncReplicas: [1] }));
  append(leader, 5);
  expect(leader.highWatermark).toBe(5);
  fetchAs(leader, { brokerId: 2, offset: 3 });
  expect(context.asked).toEqual([]);
  fetchAs(leader, { brokerId: 2, offset: 5 });
  const { change, answer } = context.take();
  expect(change.inSyncReplicas).toEqual([
    { brokerId: 1, brokerEpoch: 11 },
    { brokerId: 2, brokerEpoch: 12 },
  ]);
  expect(leader.inspect().maximalInSyncReplicas).toEqual([1, 2]);
  context.timeMs += LAG_TIME_MAX_MS * 2;
  append(leader, 1);
  expect(leader.highWatermark).toBe(5);
  answer({ errorCode: 0, leaderEpoch: 1, inSyncReplicas: [1, 2], partitionEpoch: 2 });
  await settled();
  expect(leader.inSyncReplicas).toEqual([1, 2]);
  fetchAs(leader, { brokerId: 2, offset: 6 });
  expect(leader.highWatermark).toBe(6);
});

test('to come in takes the start of the epoch, not only the watermark', () => {
  const context = new TestContext();
  const log = newLog();
  log.append(records(10), 1);
  log.updateHighWatermark(4);
  const leader = newPartition(context, leadershipOf({ leaderEpoch: 2, inSyncReplicas: [1, 3] }), log);
  fetchAs(leader, { brokerId: 2, offset: 9, lastFetchedEpoch: 1 });
  expect(context.asked).toEqual([]);
  fetchAs(leader, { brokerId: 2, offset: 10, lastFetchedEpoch: 1 });
  expect(context.take().change.inSyncReplicas.map(({ brokerId }) => brokerId)).toEqual([1, 3, 2]);
});

test('a follower that is gone does not come back in, though the watermark stands where it ended', async () => {
  const context = new TestContext();
  const leader = newPartition(context, leadershipOf(), newLog({ minInSyncReplicas: 3 }));
  for (const brokerId of [2, 3]) fetchAs(leader, { brokerId, offset: 0 });
  append(leader, 1);
  context.timeMs += LAG_TIME_MAX_MS + 1;
  fetchAs(leader, { brokerId: 2, offset: 1 });
  leader.checkLag();
  context.take().answer({ errorCode: 0, leaderEpoch: 1, inSyncReplicas: [1, 2], partitionEpoch: 2 });
  await settled();
  fetchAs(leader, { brokerId: 2, offset: 1 });
  expect(leader.highWatermark).toBe(0);
  expect(context.asked).toEqual([]);
  fetchAs(leader, { brokerId: 3, offset: 0 });
  expect(context.take().change.inSyncReplicas.map(({ brokerId }) => brokerId)).toEqual([1, 2, 3]);
});

test('min.insync.replicas that is lowered lets the watermark go on', () => {
  const log = newLog({ minInSyncReplicas: 2 });
  const leader = newPartition(new TestContext(), leadershipOf({ inSyncReplicas: [1] }), log);
  append(leader, 3, 1);
  expect(leader.highWatermark).toBe(0);
  leader.reconfigure({ ...log.config, minInSyncReplicas: 1 });
  expect(leader.highWatermark).toBe(3);
});

test('KIP-903: a fenced broker, or the former self of one, does not come in', () => {
  const context = new TestContext();
  const leader = newPartition(context, leadershipOf({ inSyncReplicas: [1] }));
  context.live.delete(2);
  fetchAs(leader, { brokerId: 2, offset: 0 });
  expect(context.asked).toEqual([]);
  // The metadata knows an older life than the one that fetches.
  context.live.set(2, 5);
  fetchAs(leader, { brokerId: 2, offset: 0, brokerEpoch: 12 });
  expect(context.asked).toEqual([]);
  context.live.set(2, 12);
  fetchAs(leader, { brokerId: 2, offset: 0, brokerEpoch: 12 });
  expect(context.asked).toHaveLength(1);
});

test.each([
  ['OPERATION_NOT_ATTEMPTED', 'withdrawn'],
  ['INELIGIBLE_REPLICA', 'withdrawn'],
  ['UNKNOWN_TOPIC_OR_PARTITION', 'waits'],
  ['UNKNOWN_TOPIC_ID', 'waits'],
  ['FENCED_LEADER_EPOCH', 'waits'],
  ['INVALID_UPDATE_VERSION', 'waits'],
  ['INVALID_REQUEST', 'waits'],
  ['NEW_LEADER_ELECTED', 'waits'],
  ['NOT_CONTROLLER', 'asks again'],
  ['STALE_BROKER_EPOCH', 'asks again'],
  ['UNKNOWN_SERVER_ERROR', 'asks again'],
  ['lost', 'asks again'],
] as const)('a change of the in-sync replicas that ends in %s: %s', async (how, what) => {
  const context = new TestContext();
  const leader = newPartition(context, leadershipOf({ inSyncReplicas: [1, 3] }));
  fetchAs(leader, { brokerId: 2, offset: 0 });
  const asked = context.take();
  if (how === 'lost') asked.lose();
  else asked.answer({ errorCode: ErrorCode[how] });
  await settled();
  context.fireTimers();
  expect(leader.inSyncReplicas).toEqual([1, 3]);
  expect(leader.inspect().maximalInSyncReplicas).toEqual(what === 'withdrawn' ? [1, 3] : [1, 3, 2]);
  expect(context.asked.map(({ change }) => change)).toEqual(what === 'asks again' ? [asked.change] : []);
  // The metadata has the last word.
  leader.changeLeadership(leadershipOf({ partitionEpoch: 2, inSyncReplicas: [1, 3, 2] }));
  expect(leader.inSyncReplicas).toEqual([1, 3, 2]);
  if (what === 'asks again')
    context.take().answer({ errorCode: 0, leaderEpoch: 1, inSyncReplicas: [1], partitionEpoch: 9 });
  await settled();
  expect(leader.inSyncReplicas).toEqual([1, 3, 2]);
});

test('an answer of another epoch is not believed', async () => {
  const context = new TestContext();
  const leader = newPartition(context, leadershipOf({ inSyncReplicas: [1, 3] }));
  fetchAs(leader, { brokerId: 2, offset: 0 });
  context.take().answer({ errorCode: 0, leaderEpoch: 2, inSyncReplicas: [1], partitionEpoch: 9 });
  await settled();
  expect(leader.inspect()).toMatchObject({
    inSyncReplicas: [1, 3],
    maximalInSyncReplicas: [1, 3, 2],
    partitionEpoch: 1,
  });
});

test('min.insync.replicas: refused before the append (19), after it (20), and nothing is committed in between', async () => {
  const context = new TestContext();
  const log = newLog({ minInSyncReplicas: 2 });
  const leader = newPartition(context, leadershipOf({ inSyncReplicas: [1, 2] }), log);
  const { tenure } = append(leader, 2);
  expect(leader.commitState(tenure, 2)).toBeNull();
  fetchAs(leader, { brokerId: 2, offset: 2 });
  expect(leader.commitState(tenure, 2)).toBe(ErrorCode.NONE);
  leader.changeLeadership(leadershipOf({ partitionEpoch: 2, inSyncReplicas: [1] }));
  expect(leader.isUnderMinInSync).toBe(true);
  expect(leader.commitState(tenure, 2)).toBe(ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND);
  expect(append(leader, 1).result).toMatchObject({ kind: 'rejected', errorCode: ErrorCode.NOT_ENOUGH_REPLICAS });
  expect(append(leader, 1, 1).result.kind).toBe('appended');
  expect(leader.highWatermark).toBe(2);
  // More than there are replicas is asked for: as many as there are will do.
  log.config = { ...log.config, minInSyncReplicas: 9 };
  expect(leader.minInSyncReplicas).toBe(3);
});

test('a replica that waits to be let in holds the watermark back, until it has been quiet for too long', () => {
  const context = new TestContext();
  const leader = newPartition(context, leadershipOf({ inSyncReplicas: [1] }));
  fetchAs(leader, { brokerId: 2, offset: 0 });
  context.take().answer({ errorCode: ErrorCode.INELIGIBLE_REPLICA });
  return settled().then(() => {
    append(leader, 3);
    expect(leader.highWatermark).toBe(0);
    context.timeMs += LAG_TIME_MAX_MS + 1;
    leader.checkLag();
    expect(leader.highWatermark).toBe(3);
  });
});

test('older news of the metadata change nothing', () => {
  const leader = newPartition(new TestContext(), leadershipOf({ leaderEpoch: 5, partitionEpoch: 5 }));
  expect(leader.changeLeadership(leadershipOf({ leader: 2, leaderEpoch: 4, partitionEpoch: 6 }))).toBe('unchanged');
  expect(leader.changeLeadership(leadershipOf({ leader: 2, leaderEpoch: 6, partitionEpoch: 4 }))).toBe('unchanged');
  expect(leader.changeLeadership(leadershipOf({ leader: 2, leaderEpoch: 5, partitionEpoch: 5 }))).toBe('unchanged');
  expect(leader.isLeader).toBe(true);
  expect(leader.changeLeadership(leadershipOf({ leader: 2, leaderEpoch: 6, partitionEpoch: 6 }))).toBe('resigned');
  expect(leader.check(-1)).toBe(ErrorCode.NOT_LEADER_OR_FOLLOWER);
});

test('a leader’s log knows its epoch before it has a record of it', () => {
  const log = newLog();
  log.append(records(3), 1);
  const leader = newPartition(new TestContext(), leadershipOf({ leaderEpoch: 4 }), log);
  expect(log.epochs.entries).toEqual([
    { epoch: 1, startOffset: 0 },
    { epoch: 4, startOffset: 3 },
  ]);
  append(leader, 1);
  leader.changeLeadership(leadershipOf({ leaderEpoch: 6, partitionEpoch: 2 }));
  expect(log.epochs.entries.at(-1)).toEqual({ epoch: 6, startOffset: 4 });
  // An epoch with a record between: its follower is told where to cut.
  expect(fetchAs(leader, { brokerId: 2, offset: 7, lastFetchedEpoch: 5 }).divergingEpoch).toEqual({
    epoch: 4,
    endOffset: 4,
  });
});

test('a leader that stepped down and leads again does not say that what it appended before is stored', () => {
  const context = new TestContext();
  const leader = newPartition(context, leadershipOf());
  const { tenure } = append(leader, 4);
  leader.changeLeadership(leadershipOf({ leader: 2, leaderEpoch: 2, partitionEpoch: 2 }));
  expect(leader.commitState(tenure, 4)).toBe(ErrorCode.NOT_LEADER_OR_FOLLOWER);
  leader.log.truncateTo(0);
  leader.changeLeadership(leadershipOf({ leaderEpoch: 3, partitionEpoch: 3 }));
  append(leader, 4);
  for (const brokerId of [2, 3]) fetchAs(leader, { brokerId, offset: 4 });
  expect(leader.highWatermark).toBe(4);
  expect(leader.commitState(tenure, 4)).toBe(ErrorCode.NOT_LEADER_OR_FOLLOWER);
});

test('a flush that ends after the leadership does not acknowledge anything', async () => {
  const context = new TestContext();
  const log = newLog();
  let flushed = (): void => {};
  log.flushAfterAppend = () => new Promise<void>((resolve) => void (flushed = resolve));
  const leader = newPartition(context, leadershipOf({ replicas: [1, 2], inSyncReplicas: [1] }), log);
  append(leader, 4);
  expect(leader.highWatermark).toBe(0);
  leader.changeLeadership(leadershipOf({ leader: 2, leaderEpoch: 2, partitionEpoch: 2, replicas: [1, 2] }));
  log.truncateTo(0);
  leader.changeLeadership(leadershipOf({ leaderEpoch: 3, partitionEpoch: 3, replicas: [1, 2], inSyncReplicas: [1] }));
  log.append(records(4), 3);
  flushed();
  await settled();
  expect(leader.highWatermark).toBe(0);
});

test('a new leader knows its watermark once it has reached the start of its epoch', () => {
  const log = newLog();
  log.append(records(5), 1);
  log.updateHighWatermark(2);
  const leader = newPartition(new TestContext(), leadershipOf({ leaderEpoch: 2, inSyncReplicas: [1, 2] }), log);
  expect(leader.isWatermarkKnown).toBe(false);
  expect(leader.highWatermark).toBe(2);
  fetchAs(leader, { brokerId: 2, offset: 4, lastFetchedEpoch: 1 });
  expect(leader.isWatermarkKnown).toBe(false);
  fetchAs(leader, { brokerId: 2, offset: 5, lastFetchedEpoch: 1 });
  expect(leader.isWatermarkKnown).toBe(true);
});

test('a watermark that a follower was not told is news to it', () => {
  const leader = newPartition(new TestContext(), leadershipOf({ inSyncReplicas: [1, 2] }));
  append(leader, 2);
  fetchAs(leader, { brokerId: 2, offset: 0 });
  leader.noteSent(2, 0);
  expect(leader.isBehindWatermark(2)).toBe(false);
  // What its fetch moves is in the answer.
  expect(fetchAs(leader, { brokerId: 2, offset: 2 }).highWatermark).toBe(2);
  expect(leader.isBehindWatermark(2)).toBe(true);
  leader.noteSent(2, 2);
  expect(leader.isBehindWatermark(2)).toBe(false);
  // A parked fetch that is looked at again is no news of the follower.
  append(leader, 1);
  fetchAs(leader, { brokerId: 2, offset: 3, isNew: false });
  expect(leader.highWatermark).toBe(2);
});

test('records are deleted when they are gone on every live replica', () => {
  const context = new TestContext();
  const leader = newPartition(context, leadershipOf());
  append(leader, 5);
  for (const brokerId of [2, 3]) fetchAs(leader, { brokerId, offset: 5 });
  let calls = 0;
  leader.subscribe(() => calls++);
  expect(leader.deleteRecords(4)).toEqual({ errorCode: 0, lowWatermark: 0, offset: 4 });
  expect(leader.deleteRecords(6).errorCode).toBe(ErrorCode.OFFSET_OUT_OF_RANGE);
  calls = 0;
  fetchAs(leader, { brokerId: 2, offset: 5, logStartOffset: 4 });
  expect(calls).toBe(1);
  expect(leader.lowWatermark).toBe(0);
  context.live.delete(3);
  expect(leader.lowWatermark).toBe(4);
});

test('followers hear of appends, consumers of the watermark, both of the leader', () => {
  const leader = newPartition(new TestContext(), leadershipOf({ inSyncReplicas: [1, 2] }));
  fetchAs(leader, { brokerId: 2, offset: 0 });
  const heard: string[] = [];
  const stop = leader.appends.subscribe(() => void heard.push('follower'));
  leader.subscribe(() => void heard.push('consumer'));
  append(leader, 1);
  expect(heard.splice(0)).toEqual(['follower']);
  fetchAs(leader, { brokerId: 2, offset: 1 });
  expect(heard.splice(0)).toEqual(['follower', 'consumer']);
  stop();
  leader.changeLeadership(leadershipOf({ leader: 2, leaderEpoch: 2, partitionEpoch: 2 }));
  expect(heard).toEqual(['consumer']);
});

test('a broker alone commits what it appends', () => {
  const leader = newPartition(new TestContext(), leadershipOf({ replicas: [1], inSyncReplicas: [1] }));
  expect(leader.log.epochs.entries).toEqual([]);
  const { tenure } = append(leader, 3);
  expect(leader.highWatermark).toBe(3);
  expect(leader.commitState(tenure, 3)).toBe(ErrorCode.NONE);
  leader.markDeleted();
  expect(leader.commitState(tenure, 3)).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  expect(leader.inspect().role).toBe('deleted');
});
