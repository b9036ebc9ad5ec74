import { expect, test } from 'vitest';
import { ErrorCode } from '../protocol/errors.ts';
import { alterPartitions, type PartitionAlteration } from './alter-partition-decisions.ts';
import type { ClusterImage } from './image.ts';
import { reassignPartitions } from './reassignment-decisions.ts';
import { ALWAYS, addBroker, addTopic, cluster, idOf, leadership, NEVER, replay } from './testing.ts';

interface Change extends Partial<Omit<PartitionAlteration, 'inSyncReplicas'>> {
  readonly isr?: readonly number[];
  readonly epochs?: readonly number[];
}

/** As broker 1 asks it, which leads in leader epoch 5 and knows partition epoch 7. */
function alter(image: ClusterImage, { isr = [1, 2], epochs, ...change }: Change, name = 't', brokerId = 1) {
  const topicId = image.topics.get(name)?.topicId ?? idOf(4);
  const alteration = {
    partitionIndex: 0,
    leaderEpoch: 5,
    inSyncReplicas: isr.map((id, i) => ({ brokerId: id, brokerEpoch: epochs?.[i] ?? 100 + id })),
    leaderRecoveryState: 0,
    partitionEpoch: 7,
    ...change,
  };
  const topics = [{ topicId, partitions: [alteration] }];
  return alterPartitions(image, NEVER, { brokerId, brokerEpoch: 100 + brokerId, topics });
}

function image(): ClusterImage {
  const made = cluster(3);
  addBroker(made, 4, { fenced: true });
  addBroker(made, 5, { inControlledShutdown: true });
  addTopic(made, 't', [{ replicas: [1, 2, 3, 4, 5], isr: [1] }]);
  return made;
}

test('the leader changes who is in sync', () => {
  const made = image();
  const { records, response } = alter(made, { isr: [1, 3, 2] });
  replay(made, records);
  expect(leadership(made, 't')).toEqual([[1, 5, [1, 3, 2]]]);
  expect(response).toMatchObject({
    errorCode: 0,
    topics: [{ partitions: [{ errorCode: 0, leaderId: 1, leaderEpoch: 5, isr: [1, 3, 2], partitionEpoch: 8 }] }],
  });
  // Without a change the answer tells what holds.
  const same = alter(made, { isr: [1, 3, 2], partitionEpoch: 8 });
  expect(same.records).toEqual([]);
  expect(same.response.topics[0]!.partitions[0]).toMatchObject({ errorCode: 0, partitionEpoch: 8, isr: [1, 3, 2] });
});

test.each<[string, Change, number]>([
  ['a partition that is not', { partitionIndex: 3 }, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
  ['a later leader epoch', { leaderEpoch: 6 }, ErrorCode.NOT_CONTROLLER],
  ['a later partition epoch', { partitionEpoch: 8 }, ErrorCode.NOT_CONTROLLER],
  ['an earlier leader epoch', { leaderEpoch: 4 }, ErrorCode.FENCED_LEADER_EPOCH],
  ['an earlier partition epoch', { partitionEpoch: 6 }, ErrorCode.INVALID_UPDATE_VERSION],
  ['without the leader', { isr: [2, 3] }, ErrorCode.INVALID_REQUEST],
  ['nobody', { isr: [] }, ErrorCode.INVALID_REQUEST],
  ['a stranger', { isr: [1, 9] }, ErrorCode.INVALID_REQUEST],
  ['somebody twice', { isr: [1, 2, 2] }, ErrorCode.INVALID_REQUEST],
  ['recovering again', { isr: [1], leaderRecoveryState: 1 }, ErrorCode.INVALID_REQUEST],
  ['an unknown recovery state', { leaderRecoveryState: 2 }, ErrorCode.INVALID_REQUEST],
  ['a fenced replica', { isr: [1, 4] }, ErrorCode.INELIGIBLE_REPLICA],
  ['one that is about to stop', { isr: [1, 5] }, ErrorCode.INELIGIBLE_REPLICA],
  ['another life of a replica', { isr: [1, 2], epochs: [101, 99] }, ErrorCode.INELIGIBLE_REPLICA],
  ['a life that nobody named (v2)', { isr: [1, 2], epochs: [-1, -1] }, 0],
])('%s', (_, change, errorCode) => {
  const { records, response } = alter(image(), change);
  expect(response.topics[0]!.partitions[0]!.errorCode).toBe(errorCode);
  expect(records).toHaveLength(errorCode === 0 ? 1 : 0);
});

test('who may ask: the leader, in its present life, of a topic that is', () => {
  const made = image();
  expect(alter(made, {}, 'none').response.topics[0]!.partitions[0]!.errorCode).toBe(ErrorCode.UNKNOWN_TOPIC_ID);
  expect(alter(made, { isr: [2] }, 't', 2).response.topics[0]!.partitions[0]!.errorCode).toBe(
    ErrorCode.INVALID_REQUEST,
  );
  const stale = alterPartitions(made, NEVER, { brokerId: 1, brokerEpoch: 99, topics: [] });
  expect(stale.response.errorCode).toBe(ErrorCode.STALE_BROKER_EPOCH);
  const unknown = alterPartitions(made, NEVER, { brokerId: 8, brokerEpoch: 1, topics: [] });
  expect(unknown.response.errorCode).toBe(ErrorCode.STALE_BROKER_EPOCH);
});

test('after an unclean election the leader says that it recovered; nobody comes in sync before', () => {
  const made = cluster(2);
  addTopic(made, 't', [{ replicas: [1, 2], isr: [1], leaderRecoveryState: 1 }]);
  expect(alter(made, { leaderRecoveryState: 1 }).response.topics[0]!.partitions[0]!.errorCode).toBe(
    ErrorCode.INVALID_REQUEST,
  );
  replay(made, alter(made, {}).records);
  expect(made.topics.get('t')!.partitions[0]).toMatchObject({ leaderRecoveryState: 0, inSyncReplicas: [1, 2] });
});

test('a reassignment is complete when all that are to stay are in sync; a leader that goes learns of its successor', () => {
  const made = cluster(3);
  addTopic(made, 't', [{ replicas: [1, 2] }]);
  const wanted = [{ name: 't', partition: 0, replicas: [2, 3] }];
  replay(made, reassignPartitions(made, NEVER, wanted, false).records);
  expect(made.topics.get('t')!.partitions[0]).toMatchObject({
    replicas: [2, 3, 1],
    addingReplicas: [3],
    removingReplicas: [1],
    inSyncReplicas: [1, 2],
    leader: 1,
    leaderEpoch: 5,
  });
  const { records, response } = alter(made, { isr: [1, 2, 3], partitionEpoch: 8 });
  expect(response.topics[0]!.partitions[0]!.errorCode).toBe(ErrorCode.NEW_LEADER_ELECTED);
  replay(made, records);
  expect(made.topics.get('t')!.partitions[0]).toMatchObject({
    replicas: [2, 3],
    addingReplicas: [],
    removingReplicas: [],
    inSyncReplicas: [2, 3],
    leader: 2,
    leaderEpoch: 6,
    directories: [idOf(102), idOf(103)],
  });
});

test('what needs no new replicas is reassigned at once; who is dropped learns it from the leader epoch', () => {
  const made = cluster(3);
  addTopic(made, 't', [{ replicas: [1, 2, 3] }]);
  const to = (replicas: readonly number[] | null, change = true) =>
    reassignPartitions(made, NEVER, [{ name: 't', partition: 0, replicas }], change);
  replay(made, to([3, 2, 1]).records);
  expect(leadership(made, 't')).toEqual([[1, 5, [1, 2, 3]]]);
  expect(made.topics.get('t')!.partitions[0]!.replicas).toEqual([3, 2, 1]);
  replay(made, to([2, 1]).records);
  expect(leadership(made, 't')).toEqual([[1, 6, [1, 2]]]);
  expect(to([2, 1]).records).toEqual([]);
  expect(to([2], false).response[0]!.errorCode).toBe(ErrorCode.INVALID_REPLICATION_FACTOR);
  expect(to([9]).response[0]!.errorCode).toBe(ErrorCode.INVALID_REPLICA_ASSIGNMENT);
  expect(to(null).response[0]!.errorCode).toBe(ErrorCode.NO_REASSIGNMENT_IN_PROGRESS);
});

test('another target in the midst of a reassignment; cancelled, it is as before', () => {
  const made = cluster(5);
  addTopic(made, 't', [{ replicas: [1, 2] }]);
  const to = (replicas: readonly number[] | null, allowed = NEVER) =>
    reassignPartitions(made, allowed, [{ name: 't', partition: 0, replicas }], false);
  replay(made, to([1, 3]).records);
  replay(made, to([1, 4]).records);
  // 3 may be in sync, and even lead: it goes as a replica does.
  expect(made.topics.get('t')!.partitions[0]).toMatchObject({
    replicas: [1, 4, 3, 2],
    addingReplicas: [4],
    removingReplicas: [3, 2],
  });
  replay(made, to(null).records);
  expect(made.topics.get('t')!.partitions[0]).toMatchObject({
    replicas: [1, 3, 2],
    addingReplicas: [],
    removingReplicas: [],
    inSyncReplicas: [1, 2],
    leader: 1,
  });
  addTopic(made, 'u', [{ replicas: [3, 4, 1], adding: [3, 4], removing: [1], isr: [3], leader: 3 }]);
  const cancel = (allowed = NEVER) =>
    reassignPartitions(made, allowed, [{ name: 'u', partition: 0, replicas: null }], false);
  expect(cancel().response[0]!.errorCode).toBe(ErrorCode.INVALID_REPLICA_ASSIGNMENT);
  replay(made, cancel(ALWAYS).records);
  expect(made.topics.get('u')!.partitions[0]).toMatchObject({
    replicas: [1],
    inSyncReplicas: [1],
    leader: 1,
    leaderRecoveryState: 1,
  });
});
