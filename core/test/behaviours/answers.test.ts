// What Apache Kafka answers where a client asks oddly: named twice, by a time that its version lacks, beyond a log, beside an error. The differential run
// (test/differential) found each of these; it needs Java, this does not.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ListOffsets } from '../../protocol/messages/02-list-offsets.ts';
import { Metadata } from '../../protocol/messages/03-metadata.ts';
import { FindCoordinator } from '../../protocol/messages/10-find-coordinator.ts';
import { DescribeGroups } from '../../protocol/messages/15-describe-groups.ts';
import { ApiVersions } from '../../protocol/messages/18-api-versions.ts';
import { DeleteTopics } from '../../protocol/messages/20-delete-topics.ts';
import { DescribeConfigs } from '../../protocol/messages/32-describe-configs.ts';
import { IncrementalAlterConfigs } from '../../protocol/messages/44-incremental-alter-configs.ts';
import { DescribeProducers } from '../../protocol/messages/61-describe-producers.ts';
import { DescribeTopicPartitions } from '../../protocol/messages/75-describe-topic-partitions.ts';
import { type ForeignBroker, freshName, startBroker } from '../foreign/harness.ts';
import { batchOf, createTopic, fetch, findCoordinator, produce, Wire } from './wire.ts';

let broker: ForeignBroker;
let wire: Wire;
let topic: string;

beforeAll(async () => {
  broker = await startBroker();
  wire = await Wire.open(broker);
  topic = freshName('answers');
  await createTopic(wire, topic);
  await produce(wire, topic, batchOf(['a', 'b']));
});
afterAll(async () => {
  wire?.close();
  await broker?.dispose();
});

test('what is named twice is told once', async () => {
  const { topics } = await wire.ask(Metadata, 12, { topics: [{ name: topic }, { name: topic }] });
  expect(topics).toHaveLength(1);
  const twice = [0, 0].map((partitionIndex) => ({ partitionIndex, timestamp: -1 }));
  const offsets = await wire.ask(ListOffsets, 7, { replicaId: -1, topics: [{ name: topic, partitions: twice }] });
  expect(offsets.topics[0]!.partitions).toMatchObject([{ errorCode: 42 }]);
  const deleted = await wire.ask(DeleteTopics, 5, { topicNames: [topic, topic], timeoutMs: 1000 });
  expect(deleted.responses).toMatchObject([{ name: topic, errorCode: 42 }]);
  const configs = [{ name: 'retention.ms', configOperation: 0, value: '1000' }];
  const resources = [0, 1].map(() => ({ resourceType: 2, resourceName: topic, configs }));
  const altered = await wire.ask(IncrementalAlterConfigs, 1, { resources, validateOnly: false });
  expect(altered.responses.map(({ errorCode }) => errorCode)).toEqual([42, 42]);
});

test('C41 a special time before its version is 35', async () => {
  const codeOf = async (version: number, timestamp: number) => {
    const partitions = [{ partitionIndex: 0, timestamp }];
    const { topics } = await wire.ask(ListOffsets, version, { replicaId: -1, topics: [{ name: topic, partitions }] });
    return topics[0]!.partitions[0]!.errorCode;
  };
  expect([await codeOf(6, -3), await codeOf(7, -3), await codeOf(7, -4), await codeOf(8, -5)]).toEqual([35, 0, 35, 35]);
  expect([await codeOf(11, -6), await codeOf(11, -7)]).toEqual([0, 35]);
});

test('C37 C39 out of range, or fetched in an epoch that never was: 1, and nothing is told of the partition', async () => {
  const nothing = { errorCode: 1, highWatermark: -1, lastStableOffset: -1, logStartOffset: -1 };
  expect(await fetch(wire, topic, 99)).toMatchObject(nothing);
  expect(await fetch(wire, topic, 1, { lastFetchedEpoch: 3, currentLeaderEpoch: 0 })).toMatchObject(nothing);
});

test('C18 half a batch is no batch: 87; a refusal of the log says where the log begins', async () => {
  const whole = batchOf(['a']);
  expect(await produce(wire, topic, whole.subarray(0, -3))).toMatchObject({ errorCode: 87, logStartOffset: -1 });
  const late = batchOf(['a'], { producerId: 9_000_000, producerEpoch: 0, baseSequence: 0 });
  expect((await produce(wire, topic, late)).errorCode).toBe(0);
  const gap = batchOf(['a'], { producerId: 9_000_000, producerEpoch: 0, baseSequence: 7 });
  expect(await produce(wire, topic, gap)).toMatchObject({ errorCode: 45, logStartOffset: 0 });
});

test('bad names and cursors', async () => {
  const described = await wire.ask(DescribeConfigs, 4, {
    resources: [{ resourceType: 2, resourceName: 'a:b', configurationKeys: null }],
  });
  expect(described.results[0]!.errorCode).toBe(17);
  const producers = await wire.ask(DescribeProducers, 0, { topics: [{ name: 'a:b', partitionIndexes: [0] }] });
  expect(producers.topics[0]!.partitions[0]!.errorCode).toBe(17);
  const cursor = { topicName: topic, partitionIndex: -1 };
  const body = { topics: [{ name: topic }], responsePartitionLimit: 10, cursor };
  expect((await wire.ask(DescribeTopicPartitions, 0, body)).topics).toMatchObject([{ errorCode: 42, partitions: [] }]);
});

test('a group without a name is missing; success has a word where there is one coordinator; v3 hears of no feature from 0', async () => {
  await findCoordinator(wire, 'answers');
  const { groups } = await wire.ask(DescribeGroups, 5, { groups: [''] });
  expect(groups[0]).toMatchObject({ errorCode: 0, groupState: 'Dead' });
  expect((await wire.ask(FindCoordinator, 3, { key: 'answers', keyType: 0 })).errorMessage).toBe('NONE');
  const software = { clientSoftwareName: 'wire', clientSoftwareVersion: '1' };
  const ranges = async (version: number) => (await wire.ask(ApiVersions, version, software)).supportedFeatures;
  expect((await ranges(3)).filter(({ minVersion }) => minVersion === 0)).toEqual([]);
  expect((await ranges(4)).some(({ minVersion }) => minVersion === 0)).toBe(true);
});
