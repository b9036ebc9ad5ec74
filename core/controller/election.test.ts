import { fc, test as property } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import { ErrorCode } from '../protocol/errors.ts';
import { factsOf, leaderUpdates } from './broker-facts.ts';
import { balanceLeaders, electLeaders, electUncleanLeaders } from './election.ts';
import { NO_LEADER, type PartitionImage } from './image.ts';
import { directoryIdOf } from './partition-image.ts';
import { ALWAYS, addBroker, addTopic, cluster, idOf, leadership, NEVER, replay } from './testing.ts';
import { CLUSTER_EVENT, EventfulCluster } from './testing-events.ts';

test('C44 who goes is followed by the first live in-sync replica, in the order of assignment', () => {
  const image = cluster(4);
  addTopic(image, 't', [
    { replicas: [3, 1, 2], isr: [2, 1, 3], leader: 3 },
    { replicas: [3, 4, 2], isr: [2, 3], leader: 3 },
    { replicas: [3, 1], isr: [3] },
    { replicas: [1, 3], isr: [1, 3] },
    { replicas: [1, 3], isr: [1] },
  ]);
  replay(image, leaderUpdates(image, NEVER, { brokerId: 3, isActive: false }));
  expect(leadership(image, 't')).toEqual([
    [1, 6, [2, 1]],
    [2, 6, [2]],
    [NO_LEADER, 6, [3]],
    [1, 5, [1]],
    [1, 5, [1]],
  ]);
  expect(image.topics.get('t')!.partitions.map((each) => each.partitionEpoch)).toEqual([8, 8, 8, 8, 7]);
});

test('C44 fenced brokers and those that are about to stop are no candidates', () => {
  const image = cluster(2);
  addBroker(image, 3, { fenced: true });
  addBroker(image, 4, { inControlledShutdown: true });
  addTopic(image, 't', [{ replicas: [1, 3, 4, 2] }, { replicas: [1, 3, 4] }]);
  replay(image, leaderUpdates(image, NEVER, { brokerId: 1, isActive: false }));
  expect(leadership(image, 't')).toEqual([
    [2, 6, [3, 4, 2]],
    [NO_LEADER, 6, [3, 4]],
  ]);
});

test('a broker that comes back leads only what it is sure to have, or what may be led uncleanly', () => {
  const image = cluster(2);
  const shapes = [
    { replicas: [1, 2], isr: [1], leader: NO_LEADER },
    { replicas: [1, 2], isr: [2], leader: NO_LEADER },
    { replicas: [2, 1], isr: [], leader: NO_LEADER, eligibleLeaderReplicas: [1] },
    { replicas: [1], directories: [idOf(999)], leader: NO_LEADER },
  ];
  addTopic(image, 'clean', shapes);
  addTopic(image, 'unclean', [{ replicas: [2, 1], isr: [2], leader: NO_LEADER }]);
  addBroker(image, 2, { fenced: true });
  const records = leaderUpdates(image, (topic) => topic === 'unclean', { brokerId: 1, isActive: true });
  replay(image, records);
  expect(leadership(image, 'clean')).toEqual([
    [1, 6, [1]],
    [NO_LEADER, 5, [2]],
    [1, 6, [1]],
    [NO_LEADER, 5, [1]],
  ]);
  expect(image.topics.get('clean')!.partitions[2]!.eligibleLeaderReplicas).toEqual([]);
  expect(leadership(image, 'unclean')).toEqual([[1, 6, [1]]]);
  expect(image.topics.get('unclean')!.partitions[0]!.leaderRecoveryState).toBe(1);
});

test('nobody is elected uncleanly but where it is allowed', () => {
  const image = cluster(3);
  addBroker(image, 1, { fenced: true });
  addTopic(image, 't', [
    { replicas: [1, 2, 3], isr: [1], leader: NO_LEADER },
    { replicas: [2, 3], isr: [2] },
  ]);
  expect(electUncleanLeaders(image, NEVER).records).toEqual([]);
  replay(image, electUncleanLeaders(image, ALWAYS).records);
  expect(leadership(image, 't')).toEqual([
    [2, 6, [2]],
    [2, 5, [2]],
  ]);
  replay(image, leaderUpdates(image, ALWAYS, { brokerId: 2, isActive: false }));
  expect(leadership(image, 't')).toEqual([
    [3, 7, [3]],
    [3, 6, [3]],
  ]);
});

test('ElectLeaders: needed, possible, or neither', () => {
  const image = cluster(3);
  addBroker(image, 3, { fenced: true });
  addTopic(image, 't', [
    { replicas: [1, 2] },
    { replicas: [2, 1], leader: 1 },
    { replicas: [3, 1], isr: [1] },
    { replicas: [3], leader: NO_LEADER },
    { replicas: [2, 1], isr: [1], leader: NO_LEADER },
  ]);
  const codes = (type: 'preferred' | 'unclean', partitions: number[]) => {
    const { response, records } = electLeaders(image, type, [{ topic: 't', partitions }]);
    return { codes: response[0]!.partitions.map(({ errorCode }) => errorCode), records: records.length };
  };
  expect(codes('preferred', [0, 1, 2, 9])).toEqual({
    codes: [
      ErrorCode.ELECTION_NOT_NEEDED,
      0,
      ErrorCode.PREFERRED_LEADER_NOT_AVAILABLE,
      ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    ],
    records: 1,
  });
  expect(codes('unclean', [0, 3, 4])).toEqual({
    codes: [ErrorCode.ELECTION_NOT_NEEDED, ErrorCode.ELIGIBLE_LEADERS_NOT_AVAILABLE, 0],
    records: 1,
  });
  // The same partition twice in a request is one election.
  expect(codes('preferred', [1, 1])).toEqual({ codes: [0, ErrorCode.ELECTION_NOT_NEEDED], records: 1 });
});

test('leaders go back to the brokers that lack more than their share', () => {
  const image = cluster(3);
  const away = { replicas: [2, 1], leader: 1 };
  addTopic(image, 't', [...Array.from({ length: 9 }, () => ({ replicas: [2, 1] })), away]);
  expect(balanceLeaders(image, 10).records).toEqual([]);
  addTopic(image, 'more', [away, { replicas: [3, 1], isr: [1] }]);
  replay(image, balanceLeaders(image, 10).records);
  expect(leadership(image, 't').map(([leader]) => leader)).toEqual(Array.from({ length: 10 }, () => 2));
  // Broker 3 is not in sync: it waits.
  expect(leadership(image, 'more')).toEqual([
    [2, 6, [2, 1]],
    [1, 5, [1]],
  ]);
});

const keyOf = (topicId: string, { partition }: PartitionImage) => `${topicId}:${partition}`;

property.prop([fc.array(CLUSTER_EVENT, { minLength: 5, maxLength: 60 })], { numRuns: 100 })(
  'whatever happens: one leader an epoch, in sync, alive; epochs never fall; nobody leads uncleanly unless allowed',
  (events) => {
    const cluster = new EventfulCluster();
    const { image } = cluster;
    const leaders = new Map<string, number>();
    for (const brokerId of [1, 2, 3]) {
      cluster.happen({ kind: 'register', broker: brokerId, isNewLife: true, lostDirectories: 0 });
      cluster.happen({ kind: 'heartbeat', broker: brokerId, wants: 'serve', isCaughtUp: true });
    }
    cluster.happen({ kind: 'createTopic', topic: 0, partitions: 3, factor: 3 });
    for (const event of events) {
      const before = new Map<string, PartitionImage>();
      for (const { topicId, partitions } of image.topics.values()) {
        for (const each of partitions) before.set(keyOf(topicId, each), each);
      }
      cluster.happen(event);
      const facts = factsOf(image);
      for (const { name, topicId, partitions } of image.topics.values()) {
        for (const after of partitions) {
          const { leader, leaderEpoch, inSyncReplicas, replicas } = after;
          const key = keyOf(topicId, after);
          expect(inSyncReplicas.length).toBeGreaterThan(0);
          expect(new Set(inSyncReplicas).size).toBe(inSyncReplicas.length);
          expect(new Set(replicas).size).toBe(replicas.length);
          expect(replicas).toEqual(expect.arrayContaining([...inSyncReplicas]));
          if (leader !== NO_LEADER) {
            expect(inSyncReplicas).toContain(leader);
            expect(facts.mayLead(leader, directoryIdOf(after, leader))).toBe(true);
          }
          // Who does not serve is in sync only where nobody else is.
          if (inSyncReplicas.length > 1) for (const id of inSyncReplicas) expect(image.isActive(id)).toBe(true);
          expect(leaders.get(`${key}:${leaderEpoch}`) ?? leader).toBe(leader);
          leaders.set(`${key}:${leaderEpoch}`, leader);
          const former = before.get(key);
          if (former === undefined) continue;
          expect(after.partitionEpoch - former.partitionEpoch).toBeGreaterThanOrEqual(after === former ? 0 : 1);
          // Whoever holds it no longer has to learn that.
          const isRemoved = former.replicas.some((id) => !replicas.includes(id));
          expect(leaderEpoch - former.leaderEpoch).toBeGreaterThanOrEqual(isRemoved ? 1 : 0);
          const mayBeUnclean = cluster.allowed(name) || (event.kind === 'elect' && event.isUnclean);
          if (event.kind === 'alterPartition' || mayBeUnclean || leader === NO_LEADER) continue;
          expect(former.inSyncReplicas).toContain(leader);
          for (const id of inSyncReplicas) expect(former.inSyncReplicas).toContain(id);
        }
      }
    }
  },
);
