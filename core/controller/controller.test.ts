import { expect, test } from 'vitest';
import { ErrorCode } from '../protocol/errors.ts';
import { cluster, idOf, replay } from './testing.ts';
import { createPartitions, createTopics, deleteTopics, type TopicToCreate } from './topic-decisions.ts';

let drawn = 0;
const DRAWS = { topicId: () => idOf(1000 + drawn++), integer: () => 0 };
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
    [2, 3],
  ]);
  expect(a.partitions.map((each) => each.leader)).toEqual([1, 2, 3, 2]);
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
