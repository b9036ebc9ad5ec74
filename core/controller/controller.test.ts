import { fc, test as property } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import { ErrorCode } from '../protocol/errors.ts';
import { electLeadersOn } from './election.ts';
import { ClusterImage } from './image.ts';
import { placeReplicas } from './placement.ts';
import {
  decodeMetadataRecord,
  encodeMetadataRecord,
  type MetadataRecord,
  type NewMetadataRecord,
} from './records/metadata-record.ts';
import { createPartitions, createTopics, deleteTopics, type TopicToCreate } from './topic-decisions.ts';

function idOf(n: number): string {
  return Buffer.from(String(n).padStart(16, '0')).toString('base64url');
}

/** Through bytes, as the log would. */
function replay(image: ClusterImage, records: readonly NewMetadataRecord[]): void {
  for (const record of records) image.replay(decodeMetadataRecord(encodeMetadataRecord(record)) as MetadataRecord);
}

function cluster(brokers: number): ClusterImage {
  const image = new ClusterImage();
  for (let brokerId = 1; brokerId <= brokers; brokerId++) {
    replay(image, [
      {
        kind: 'registerBroker',
        brokerId,
        incarnationId: idOf(brokerId),
        brokerEpoch: 0,
        endPoints: [{ name: 'PLAINTEXT', host: 'h', port: 9000 + brokerId, securityProtocol: 0 }],
        features: [],
        fenced: false,
        logDirs: [idOf(100 + brokerId)],
      },
    ]);
  }
  return image;
}

let drawn = 0;
const DRAWS = { topicId: () => idOf(1000 + drawn++), start: () => 0 };
const DEFAULTS = { partitionCount: 1, replicationFactor: 1 };

function topic(name: string, change: Partial<TopicToCreate> = {}): TopicToCreate {
  return { name, partitionCount: -1, replicationFactor: -1, assignments: [], configs: [], ...change };
}

test('records become the image, byte for byte over the log', () => {
  const image = cluster(3);
  const made = createTopics(image, [topic('a', { partitionCount: 4, replicationFactor: 2 })], DEFAULTS, DRAWS);
  expect(image.topics.size).toBe(0);
  replay(image, made.records);
  const a = image.topics.get('a')!;
  expect(a.partitions.map((each) => each.replicas)).toEqual([
    [1, 2],
    [2, 3],
    [3, 1],
    [1, 3],
  ]);
  expect(a.partitions.map((each) => each.leader)).toEqual([1, 2, 3, 1]);
  expect(a.partitions[0]!.directories).toEqual([idOf(101), idOf(102)]);
  replay(image, createPartitions(image, [{ name: 'a', count: 6, assignments: null }], DRAWS).records);
  expect(a.partitions).toHaveLength(6);
  replay(image, deleteTopics(image, [{ name: 'a', topicId: idOf(0).replace(/./g, 'A') }]).records);
  expect(image.topics.size).toBe(0);
  expect(image.topicById(a.topicId)).toBeUndefined();
});

test.each([
  [topic('a b'), ErrorCode.INVALID_TOPIC_EXCEPTION],
  [topic('x'.repeat(250)), ErrorCode.INVALID_TOPIC_EXCEPTION],
  [topic('..'), ErrorCode.INVALID_TOPIC_EXCEPTION],
  [topic('__cluster_metadata'), ErrorCode.INVALID_TOPIC_EXCEPTION],
  [topic('old_name'), ErrorCode.INVALID_TOPIC_EXCEPTION],
  [topic('old.name'), ErrorCode.TOPIC_ALREADY_EXISTS],
  [topic('n', { partitionCount: 0 }), ErrorCode.INVALID_PARTITIONS],
  [topic('n', { replicationFactor: 3 }), ErrorCode.INVALID_REPLICATION_FACTOR],
  [topic('n', { configs: [{ name: 'no.such', value: '1' }] }), ErrorCode.INVALID_CONFIG],
  [topic('n', { configs: [{ name: 'retention.ms', value: 'soon' }] }), ErrorCode.INVALID_CONFIG],
  [topic('n', { assignments: [{ partitionIndex: 0, brokerIds: [1, 1] }] }), ErrorCode.INVALID_REPLICA_ASSIGNMENT],
  [topic('n', { assignments: [{ partitionIndex: 0, brokerIds: [9] }] }), ErrorCode.INVALID_REPLICA_ASSIGNMENT],
  [topic('n', { assignments: [{ partitionIndex: 1, brokerIds: [1] }] }), ErrorCode.INVALID_REPLICA_ASSIGNMENT],
  [topic('n', { partitionCount: 1, assignments: [{ partitionIndex: 0, brokerIds: [1] }] }), ErrorCode.INVALID_REQUEST],
])('a topic that cannot be: %j', (wanted, errorCode) => {
  const image = cluster(2);
  replay(image, createTopics(image, [topic('old.name')], DEFAULTS, DRAWS).records);
  const { records, response } = createTopics(image, [wanted], DEFAULTS, DRAWS);
  expect(response[0]).toMatchObject({ errorCode });
  expect(response[0]!.errorMessage).not.toBe('');
  expect(records).toEqual([]);
});

test('one bad topic leaves the others alone; a name that comes twice is refused, once', () => {
  const { response } = createTopics(cluster(1), [topic('a'), topic('b b'), topic('c'), topic('c')], DEFAULTS, DRAWS);
  expect(response.map((each) => each.errorCode)).toEqual([
    0,
    ErrorCode.INVALID_TOPIC_EXCEPTION,
    ErrorCode.INVALID_REQUEST,
  ]);
});

test('a broker that comes back leads only what it is sure to have', () => {
  const image = cluster(2);
  const made = createTopics(image, [topic('a', { partitionCount: 3, replicationFactor: 2 })], DEFAULTS, DRAWS);
  replay(image, made.records);
  const { topicId } = image.topics.get('a')!;
  const change = (partitionId: number, isr: number[]): NewMetadataRecord => ({
    kind: 'partitionChange',
    partitionId,
    topicId,
    leader: -1,
    isr,
  });
  replay(image, [change(0, [1]), change(1, [2]), change(2, [])]);
  replay(image, electLeadersOn(image, 1));
  expect(image.topics.get('a')!.partitions.map((each) => [each.leader, each.leaderEpoch])).toEqual([
    [1, 2],
    [-1, 1],
    [-1, 1],
  ]);
});

property.prop([fc.integer({ min: 1, max: 7 }), fc.integer({ min: 1, max: 40 }), fc.nat(), fc.nat(30)])(
  'replicas of a partition are on different brokers, and leaders are spread evenly',
  (brokerCount, partitions, start, first) => {
    const brokers = [...cluster(brokerCount).brokers.values()];
    for (let factor = 1; factor <= brokerCount; factor++) {
      const placed = placeReplicas(brokers, partitions, factor, start % brokerCount, first);
      const leaders = new Map<number, number>();
      for (const replicas of placed) {
        expect(new Set(replicas).size).toBe(factor);
        leaders.set(replicas[0]!, (leaders.get(replicas[0]!) ?? 0) + 1);
      }
      const counts = brokers.map((each) => leaders.get(each.brokerId) ?? 0);
      expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
    }
  },
);
