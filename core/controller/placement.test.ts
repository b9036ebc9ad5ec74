import { fc, test as property } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import { ErrorCode } from '../protocol/errors.ts';
import { ClusterImage } from './image.ts';
import { placeReplicas } from './placement.ts';
import { addBroker, addTopic, cluster, idOf, replay } from './testing.ts';
import { createPartitions, createTopics, type TopicToCreate } from './topic-decisions.ts';

/** Draws that a seed decides. */
function drawsOf(seed: number) {
  let state = seed >>> 0;
  const next = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  return { topicId: () => idOf(seed), integer: (bound: number) => Math.floor(next() * bound) };
}

function placed(image: ClusterImage, partitions: number, factor: number, seed: number): number[][] {
  const found = placeReplicas(image, partitions, factor, drawsOf(seed));
  if ('errorCode' in found) throw new Error(found.errorMessage ?? '');
  return found;
}

function counts(ids: readonly number[], among: readonly number[]): number[] {
  return among.map((id) => ids.filter((each) => each === id).length);
}

const spread = (numbers: readonly number[]) => Math.max(...numbers) - Math.min(...numbers);

property.prop([fc.integer({ min: 1, max: 7 }), fc.integer({ min: 1, max: 40 }), fc.nat()])(
  'C45 replicas of a partition are on different brokers; leaders and replicas are spread evenly, with more partitions than brokers, too',
  (brokers, partitions, seed) => {
    const image = cluster(brokers);
    const ids = [...image.brokers.keys()];
    for (let factor = 1; factor <= brokers; factor++) {
      const replicas = placed(image, partitions, factor, seed);
      for (const each of replicas) expect(new Set(each).size).toBe(factor);
      const leaders = replicas.map(([leader]) => leader!);
      expect(spread(counts(leaders, ids))).toBeLessThanOrEqual(1);
      expect(spread(counts(replicas.flat(), ids))).toBeLessThanOrEqual(Math.min(factor, brokers - factor));
    }
  },
);

property.prop([
  fc.integer({ min: 1, max: 4 }),
  fc.integer({ min: 1, max: 3 }),
  fc.integer({ min: 1, max: 30 }),
  fc.nat(),
])('C45 replicas go to as many racks as there are, and leaders round the racks', (racks, perRack, partitions, seed) => {
  const image = new ClusterImage();
  for (let id = 0; id < racks * perRack; id++) addBroker(image, id, { rack: `r${id % racks}` });
  for (let factor = 1; factor <= racks * perRack; factor++) {
    const replicas = placed(image, partitions, factor, seed);
    for (const each of replicas) {
      expect(new Set(each).size).toBe(factor);
      expect(new Set(each.map((id) => id % racks)).size).toBe(Math.min(factor, racks));
    }
    const leaderRacks = replicas.slice(0, racks * perRack).map(([leader]) => leader! % racks);
    expect(
      spread(
        counts(
          leaderRacks,
          Array.from({ length: racks }, (_, i) => i),
        ),
      ),
    ).toBeLessThanOrEqual(1);
  }
});

property.prop([
  fc.integer({ min: 1, max: 4 }),
  fc.integer({ min: 0, max: 3 }),
  fc.integer({ min: 1, max: 20 }),
  fc.nat(),
])('fenced brokers are taken when nobody else is left, and lead nothing', (live, fenced, partitions, seed) => {
  const image = cluster(live);
  for (let i = 1; i <= fenced; i++) addBroker(image, 100 + i, { fenced: true });
  addBroker(image, 200, { inControlledShutdown: true });
  for (let factor = 1; factor <= live + fenced; factor++) {
    for (const each of placed(image, partitions, factor, seed)) {
      expect(each.filter((id) => id > 100)).toHaveLength(Math.max(0, factor - live));
      expect(each[0]).toBeLessThan(100);
      expect(each).not.toContain(200);
    }
  }
});

test('C45 the followers of one leader are not always the same', () => {
  const replicas = placed(cluster(5), 100, 2, 42);
  for (const id of [1, 2, 3, 4, 5]) {
    const followers = new Set(replicas.filter(([leader]) => leader === id).map(([, follower]) => follower));
    expect(followers.size).toBeGreaterThan(2);
  }
});

test("too few brokers, in Kafka's words", () => {
  const image = cluster(2);
  expect(placeReplicas(image, 1, 3, drawsOf(1))).toEqual({
    errorCode: ErrorCode.INVALID_REPLICATION_FACTOR,
    errorMessage:
      'Unable to replicate the partition 3 time(s): The target replication factor of 3 cannot be reached because only 2 broker(s) are registered.',
  });
  const fenced = new ClusterImage();
  addBroker(fenced, 1, { fenced: true });
  expect(placeReplicas(fenced, 1, 1, drawsOf(1))).toMatchObject({
    errorMessage: 'Unable to replicate the partition 1 time(s): All brokers are currently fenced.',
  });
});

test('replicas on brokers that do not serve are not in sync', () => {
  const image = cluster(2);
  addBroker(image, 3, { fenced: true });
  const topic = (name: string, change: Partial<TopicToCreate>): TopicToCreate => ({
    name,
    partitionCount: -1,
    replicationFactor: -1,
    assignments: [],
    configs: [],
    ...change,
  });
  const byHand = (brokerIds: number[]) => ({ assignments: [{ partitionIndex: 0, brokerIds }] });
  const wanted = [
    topic('a', { partitionCount: 1, replicationFactor: 3 }),
    topic('b', byHand([3, 1])),
    topic('c', byHand([3])),
  ];
  let ids = 50;
  const draws = { ...drawsOf(1), topicId: () => idOf(ids++) };
  const { records, response } = createTopics(image, wanted, { partitionCount: 1, replicationFactor: 1 }, draws);
  expect(response.map(({ errorCode }) => errorCode)).toEqual([0, 0, ErrorCode.INVALID_REPLICA_ASSIGNMENT]);
  replay(image, records);
  expect([...image.topics.get('a')!.partitions[0]!.inSyncReplicas].sort()).toEqual([1, 2]);
  expect(image.topics.get('b')!.partitions[0]).toMatchObject({ replicas: [3, 1], inSyncReplicas: [1], leader: 1 });
  addTopic(image, 'd', [{ replicas: [1] }]);
  const grown = createPartitions(image, [{ name: 'd', count: 2, assignments: [{ brokerIds: [3] }] }], draws);
  expect(grown.response[0]!.errorCode).toBe(ErrorCode.INVALID_REPLICA_ASSIGNMENT);
});
