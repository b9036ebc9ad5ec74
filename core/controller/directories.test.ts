import { expect, test } from 'vitest';
import { ErrorCode } from '../protocol/errors.ts';
import { assignReplicasToDirs, failDirectory } from './directory-decisions.ts';
import { NO_LEADER } from './image.ts';
import { addBroker, addTopic, cluster, idOf, leadership, NEVER, replay } from './testing.ts';
import { createTopics } from './topic-decisions.ts';

const DRAWS = { topicId: () => idOf(7), integer: () => 0 };
const UNASSIGNED = 'AAAAAAAAAAAAAAAAAAAAAQ';

function assign(
  image: ReturnType<typeof cluster>,
  id: string,
  topicId: string,
  partitions: number[],
  brokerEpoch = 101,
) {
  const topics = [{ topicId, partitions: partitions.map((partitionIndex) => ({ partitionIndex })) }];
  return assignReplicasToDirs(image, NEVER, { brokerId: 1, brokerEpoch, directories: [{ id, topics }] });
}

test('KIP-858: a broker with one log dir is given it; one with several chooses, and says so', () => {
  const image = cluster(2);
  addBroker(image, 1, { logDirs: [idOf(101), idOf(111)] });
  const topic = { name: 't', partitionCount: 1, replicationFactor: 2, assignments: [], configs: [] };
  replay(image, createTopics(image, [topic], { partitionCount: 1, replicationFactor: 1 }, DRAWS).records);
  expect(image.topics.get('t')!.partitions[0]!.directories).toEqual([UNASSIGNED, idOf(102)]);
  const { records, response } = assign(image, idOf(111), idOf(7), [0, 5]);
  replay(image, records);
  expect(image.topics.get('t')!.partitions[0]).toMatchObject({
    directories: [idOf(111), idOf(102)],
    leader: 1,
    leaderEpoch: 0,
  });
  expect(response).toEqual({
    errorCode: 0,
    directories: [
      {
        id: idOf(111),
        topics: [
          {
            topicId: idOf(7),
            partitions: [
              { partitionIndex: 0, errorCode: 0 },
              { partitionIndex: 5, errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION },
            ],
          },
        ],
      },
    ],
  });
});

test('who may not: another life, a topic that is not, a broker that has no replica', () => {
  const image = cluster(2);
  const topicId = addTopic(image, 't', [{ replicas: [2] }]);
  const codeOf = (decided: ReturnType<typeof assign>) =>
    decided.response.directories[0]?.topics[0]?.partitions[0]?.errorCode;
  expect(assign(image, idOf(101), topicId, [0], 9).response.errorCode).toBe(ErrorCode.STALE_BROKER_EPOCH);
  expect(codeOf(assign(image, idOf(101), idOf(1), [0]))).toBe(ErrorCode.UNKNOWN_TOPIC_ID);
  expect(codeOf(assign(image, idOf(101), topicId, [0]))).toBe(ErrorCode.NOT_LEADER_OR_FOLLOWER);
});

test('a replica that is now in a log dir that works leads again; one in a log dir that failed does not lead', () => {
  const image = cluster(2);
  const elsewhere = [idOf(999), idOf(102)];
  const topicId = addTopic(image, 't', [
    { replicas: [1], directories: [idOf(999)], leader: NO_LEADER },
    { replicas: [1, 2], directories: [idOf(101), idOf(102)] },
    { replicas: [1, 2], directories: elsewhere, isr: [2] },
  ]);
  replay(image, assign(image, idOf(101), topicId, [0, 2]).records);
  expect(leadership(image, 't')[0]).toEqual([1, 6, [1]]);
  expect(leadership(image, 't')[2]).toEqual([2, 5, [2]]);
  replay(image, assign(image, idOf(999), topicId, [1]).records);
  expect(leadership(image, 't')[1]).toEqual([2, 6, [2]]);
});

test('a log dir that fails takes its leaderships with it; the records in it stay the ones that count', () => {
  const image = cluster(1);
  addBroker(image, 1, { logDirs: [idOf(101), idOf(111)] });
  addTopic(image, 't', [{ replicas: [1] }, { replicas: [1], directories: [idOf(111)] }]);
  replay(image, failDirectory(image, NEVER, 1, idOf(111)).records);
  expect(image.brokers.get(1)!.logDirs).toEqual([idOf(101)]);
  expect(leadership(image, 't')).toEqual([
    [1, 5, [1]],
    [NO_LEADER, 6, [1]],
  ]);
});
