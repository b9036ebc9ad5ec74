import { expect, test } from 'vitest';
import { ErrorCode } from '../protocol/errors.ts';
import { CreateTopics } from '../protocol/messages/19-create-topics.ts';
import { DeleteTopics } from '../protocol/messages/20-delete-topics.ts';
import { DescribeQuorum } from '../protocol/messages/55-describe-quorum.ts';
import { Reader } from '../protocol/reader.ts';
import { Writer } from '../protocol/writer.ts';
import { decodeResponse, encodeResponse } from '../rpc/request-codec.ts';
import { withCluster } from './cluster-testing.ts';
import { FORWARDED_APIS, HANDLERS } from './handlers/all.ts';
import { unanswered } from './unanswered.ts';

const errorCode = ErrorCode.REQUEST_TIMED_OUT;

test('where no controller answers, the request is answered in its own shape, and the connection stays', async () => {
  await withCluster(3, {}, async (cluster) => {
    const client = await cluster.connect(1);
    cluster.kill(2);
    cluster.kill(3);
    await cluster.wait(10_000);
    const options = { timeoutMs: 60_000 };
    const topics = [{ name: 't', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }];
    const beganMs = cluster.world.timeMs;
    expect((await client.send(CreateTopics, { topics }, options)).topics).toMatchObject([{ name: 't', errorCode }]);
    expect(cluster.world.timeMs - beganMs).toBeLessThan(31_000);
    const deleted = await client.send(
      DeleteTopics,
      { topicNames: ['t'], timeoutMs: 1000 },
      { ...options, versionMax: 5 },
    );
    expect(deleted.responses).toMatchObject([{ name: 't', errorCode }]);
    expect(await client.send(DescribeQuorum, { topics: [] }, options)).toMatchObject({ errorCode, topics: [] });
    client.close();
  });
});

/** Names one thing in every list that a request may have. */
const SAMPLES: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  CreateTopics: { topics: [{ name: 'a' }] },
  DeleteTopics: { topics: [{ name: 'a' }], topicNames: ['a'] },
  AlterConfigs: { resources: [{ resourceType: 2, resourceName: 'a', configs: [] }] },
  CreatePartitions: { topics: [{ name: 'a', count: 2, assignments: null }] },
  ElectLeaders: { topicPartitions: [{ topic: 'a', partitions: [0] }] },
  AlterPartitionReassignments: { topics: [{ name: 'a', partitions: [{ partitionIndex: 0, replicas: [1] }] }] },
  AlterClientQuotas: { entries: [{ entity: [{ entityType: 'user', entityName: 'a' }], ops: [] }] },
  AlterUserScramCredentials: { deletions: [{ name: 'a', mechanism: 1 }] },
  UpdateFeatures: { featureUpdates: [{ feature: 'a', maxVersionLevel: 1 }] },
};

test('every API that only the controller answers has such an answer in each of its versions, for each thing that was named', () => {
  for (const key of FORWARDED_APIS) {
    const { api } = HANDLERS.find((each) => each.api.key === key)!;
    const sample = SAMPLES[api.name] ?? {};
    for (let version = api.request.versionMin; version <= api.request.versionMax; version++) {
      const writer = new Writer();
      api.request.write(writer, version, sample);
      const answer = unanswered(key, api.request.read(new Reader(writer.toBuffer()), version), version);
      const frame = Buffer.concat(encodeResponse(api, version, 1, answer as never) as Buffer[]).subarray(4);
      const told = JSON.stringify(decodeResponse(api, version, frame));
      expect(told, `${api.name} v${version}`).toContain(`"errorCode":${errorCode}`);
      // Later versions of UpdateFeatures have one error for all.
      if (sample !== SAMPLES.UpdateFeatures && api.name in SAMPLES) expect(told).toContain('"a"');
    }
  }
});
