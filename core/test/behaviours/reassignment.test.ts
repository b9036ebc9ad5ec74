// C57: elections and reassignments, as far as one broker goes; and what the cluster tells of itself.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ElectLeaders } from '../../protocol/messages/43-elect-leaders.ts';
import { AlterPartitionReassignments } from '../../protocol/messages/45-alter-partition-reassignments.ts';
import { ListPartitionReassignments } from '../../protocol/messages/46-list-partition-reassignments.ts';
import { DescribeQuorum } from '../../protocol/messages/55-describe-quorum.ts';
import { DescribeCluster } from '../../protocol/messages/60-describe-cluster.ts';
import { UnregisterBroker } from '../../protocol/messages/64-unregister-broker.ts';
import { type ForeignBroker, freshName, startBroker } from '../foreign/harness.ts';
import { createTopic, Wire } from './wire.ts';

describe('reassignment', () => {
  let broker: ForeignBroker;
  let wire: Wire;
  let topic: string;

  beforeAll(async () => {
    broker = await startBroker();
    wire = await Wire.open(broker);
    topic = freshName('reassigned');
    await createTopic(wire, topic, 2);
  });
  afterAll(async () => {
    wire?.close();
    await broker?.dispose();
  });

  async function elect(
    electionType: number,
    topicPartitions: { topic: string; partitions: number[] }[] | null,
    version = 2,
  ) {
    const { errorCode, replicaElectionResults } = await wire.ask(ElectLeaders, version, {
      electionType,
      topicPartitions,
      timeoutMs: 5000,
    });
    const found = replicaElectionResults.filter((each) => each.topic === topic || !each.topic.startsWith('__'));
    return {
      errorCode,
      results: found.flatMap((each) => each.partitionResult.map((one) => [one.partitionId, one.errorCode])),
    };
  }
  async function reassign(replicas: number[] | null, name = topic, partitionIndex = 0, allow = true, version = 1) {
    const topics = [{ name, partitions: [{ partitionIndex, replicas }] }];
    const answer = await wire.ask(AlterPartitionReassignments, version, {
      timeoutMs: 5000,
      allowReplicationFactorChange: allow,
      topics,
    });
    expect([answer.errorCode, answer.responses[0]!.name]).toEqual([0, name]);
    return answer.responses[0]!.partitions[0]!;
  }

  test('C57 ElectLeaders: 84 where the leader is the right one, 3 for the unknown, null names only what changed', async () => {
    for (const type of [0, 1]) {
      expect(await elect(type, [{ topic, partitions: [0, 1, 7] }])).toEqual({
        errorCode: 0,
        results: [
          [0, 84],
          [1, 84],
          [7, 3],
        ],
      });
      expect((await elect(type, null)).results).toEqual([]);
    }
    expect(await elect(0, [{ topic, partitions: [1] }], 0)).toEqual({ errorCode: 0, results: [[1, 84]] });
    expect(await elect(0, [{ topic: 'unknown-topic', partitions: [0] }])).toEqual({ errorCode: 0, results: [[0, 3]] });
    expect(await elect(0, [])).toEqual({ errorCode: 0, results: [] });
    expect(await elect(5, [{ topic, partitions: [0] }])).toEqual({ errorCode: 42, results: [[0, 42]] });
  });

  test('C57 AlterPartitionReassignments: the same replicas, null to cancel, and assignments that cannot be', async () => {
    for (const version of [0, 1])
      expect(await reassign([1], topic, 0, true, version)).toMatchObject({ errorCode: 0, errorMessage: null });
    expect(await reassign([1], topic, 0, false)).toMatchObject({ errorCode: 0 });
    expect(await reassign(null)).toMatchObject({ errorCode: 85 });
    expect(await reassign([])).toMatchObject({
      errorCode: 39,
      errorMessage: 'The manual partition assignment includes an empty replica list.',
    });
    for (const replicas of [[2], [1, 2], [-1]]) {
      const { errorCode, errorMessage } = await reassign(replicas);
      expect(errorCode).toBe(39);
      expect(errorMessage).toMatch(/no such broker is registered/);
    }
    expect((await reassign([1, 1])).errorMessage).toMatch(/the broker 1 more than once/);
    expect(await reassign([1], 'unknown-topic')).toMatchObject({ errorCode: 3 });
    expect(await reassign(null, topic, 9)).toMatchObject({
      errorCode: 3,
      errorMessage: `Unable to find partition ${topic}:9.`,
    });
  });

  test('C57 ListPartitionReassignments: nothing is under way, whatever is asked', async () => {
    for (const topics of [
      null,
      [],
      [
        { name: topic, partitionIndexes: [0, 9] },
        { name: 'unknown-topic', partitionIndexes: [0] },
      ],
    ]) {
      expect(await wire.ask(ListPartitionReassignments, 0, { timeoutMs: 5000, topics })).toMatchObject({
        errorCode: 0,
        topics: [],
      });
    }
  });

  test('DescribeQuorum: one voter, which leads and has everything; anything but the metadata log is unknown', async () => {
    const ask = (version: number, topicName = '__cluster_metadata', partitionIndex = 0) =>
      wire.ask(DescribeQuorum, version, { topics: [{ topicName, partitions: [{ partitionIndex }] }] });
    for (const version of [0, 1, 2]) {
      const { errorCode, topics, nodes } = await ask(version);
      const { currentVoters, highWatermark, observers, ...rest } = topics[0]!.partitions[0]!;
      expect(errorCode).toBe(0);
      expect(rest).toMatchObject({ errorCode: 0, leaderId: 1, partitionIndex: 0 });
      expect(rest.leaderEpoch).toBeGreaterThan(0);
      expect([currentVoters.map((each) => each.replicaId), observers]).toEqual([[1], []]);
      expect(currentVoters[0]!.logEndOffset).toBeGreaterThanOrEqual(highWatermark);
      expect(highWatermark).toBeGreaterThan(0);
      if (version > 0) expect(Math.abs(Date.now() - currentVoters[0]!.lastCaughtUpTimestamp)).toBeLessThan(60_000);
      expect(nodes.map((each) => [each.nodeId, each.listeners.length])).toEqual(version < 2 ? [] : [[1, 1]]);
    }
    expect((await ask(2, topic)).topics[0]!.partitions[0]).toMatchObject({ errorCode: 3, currentVoters: [] });
    expect((await ask(2, '__cluster_metadata', 1)).topics[0]!.partitions[0]).toMatchObject({ errorCode: 3 });
  });

  test('DescribeCluster: brokers and controller at every version; other endpoint types are refused', async () => {
    for (const version of [0, 1, 2]) {
      const answer = await wire.ask(DescribeCluster, version, {
        includeClusterAuthorizedOperations: version === 0,
        endpointType: 1,
        includeFencedBrokers: true,
      });
      expect(answer).toMatchObject({
        errorCode: 0,
        controllerId: 1,
        brokers: [{ brokerId: 1, port: broker.port, isFenced: false }],
      });
      expect(answer.clusterId).not.toBe('');
      expect(answer.clusterAuthorizedOperations).toBe(version === 0 ? 8096 : -2147483648);
    }
    for (const [endpointType, errorCode] of [
      [2, 114],
      [9, 115],
    ] as const) {
      const answer = await wire.ask(DescribeCluster, 2, {
        includeClusterAuthorizedOperations: false,
        endpointType,
        includeFencedBrokers: false,
      });
      expect(answer).toMatchObject({ errorCode, clusterId: '', brokers: [] });
    }
  });

  test('UnregisterBroker: only who is registered', async () => {
    for (const brokerId of [9, -1]) {
      const answer = await wire.ask(UnregisterBroker, 0, { brokerId });
      expect(answer).toMatchObject({
        errorCode: 102,
        errorMessage: `Broker ID ${brokerId} is not currently registered`,
      });
    }
  });
});
