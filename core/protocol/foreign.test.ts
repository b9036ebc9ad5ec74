import { createRequire } from 'node:module';
import { expect, test } from 'vitest';
import { Produce } from './messages/00-produce.ts';
import { Fetch } from './messages/01-fetch.ts';
import { ListOffsets } from './messages/02-list-offsets.ts';
import { Metadata } from './messages/03-metadata.ts';
import { OffsetCommit } from './messages/08-offset-commit.ts';
import { FindCoordinator } from './messages/10-find-coordinator.ts';
import { JoinGroup } from './messages/11-join-group.ts';
import { SyncGroup } from './messages/14-sync-group.ts';
import { CreateTopics } from './messages/19-create-topics.ts';
import { CODECS, RecordBatch } from './record-batch.ts';
import { buildBatch } from './record-batch-builder.ts';
import type { Api, Fields, RequestInput } from './schema.ts';

/**
 * kafkajs as an independent witness: the same request must give the same bytes, and it must read our answers.
 */
const require = createRequire(import.meta.url);

// biome-ignore lint/suspicious/noExplicitAny: kafkajs has no types for its inside
function kafkajs(path: string): any {
  return require(`kafkajs/src/protocol/${path}`);
}

async function encodedByKafkajs(path: string, value: object): Promise<Buffer> {
  return (await kafkajs(`requests/${path}/request`)(value).encode()).buffer;
}

async function sameRequest<A extends Api<Fields, Fields>>(
  api: A,
  version: number,
  path: string,
  theirs: object,
  ours: RequestInput<A>,
) {
  const mine = api.request.encode(version, ours as never);
  expect(mine.toString('hex')).toBe((await encodedByKafkajs(`${path}/v${version}`, theirs)).toString('hex'));
}

test('the same requests give the same bytes', async () => {
  await sameRequest(Metadata, 6, 'metadata', { topics: ['a', 'bé'] }, { topics: [{ name: 'a' }, { name: 'bé' }] });
  await sameRequest(
    FindCoordinator,
    2,
    'findCoordinator',
    { coordinatorKey: 'g', coordinatorType: 1 },
    { key: 'g', keyType: 1 },
  );
  await sameRequest(
    ListOffsets,
    3,
    'listOffsets',
    { replicaId: -1, isolationLevel: 1, topics: [{ topic: 't', partitions: [{ partition: 3, timestamp: '-2' }] }] },
    { replicaId: -1, isolationLevel: 1, topics: [{ name: 't', partitions: [{ partitionIndex: 3, timestamp: -2 }] }] },
  );
  await sameRequest(
    JoinGroup,
    5,
    'joinGroup',
    {
      groupId: 'g',
      sessionTimeout: 30000,
      rebalanceTimeout: 60000,
      memberId: '',
      protocolType: 'consumer',
      groupProtocols: [{ name: 'range', metadata: Buffer.from('meta') }],
    },
    {
      groupId: 'g',
      sessionTimeoutMs: 30000,
      rebalanceTimeoutMs: 60000,
      memberId: '',
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata: Buffer.from('meta') }],
    },
  );
  await sameRequest(
    SyncGroup,
    3,
    'syncGroup',
    {
      groupId: 'g',
      generationId: 4,
      memberId: 'm',
      groupAssignment: [{ memberId: 'm', memberAssignment: Buffer.from([1]) }],
    },
    { groupId: 'g', generationId: 4, memberId: 'm', assignments: [{ memberId: 'm', assignment: Buffer.from([1]) }] },
  );
  await sameRequest(
    OffsetCommit,
    5,
    'offsetCommit',
    {
      groupId: 'g',
      groupGenerationId: 2,
      memberId: 'm',
      topics: [{ topic: 't', partitions: [{ partition: 1, offset: '9007199254740991' }] }],
    },
    {
      groupId: 'g',
      generationIdOrMemberEpoch: 2,
      memberId: 'm',
      topics: [
        {
          name: 't',
          partitions: [{ partitionIndex: 1, committedOffset: Number.MAX_SAFE_INTEGER, committedMetadata: null }],
        },
      ],
    },
  );
  await sameRequest(
    CreateTopics,
    3,
    'createTopics',
    {
      topics: [{ topic: 't', numPartitions: 3, replicationFactor: 1, configEntries: [{ name: 'a', value: 'b' }] }],
      timeout: 5,
      validateOnly: true,
    },
    {
      topics: [
        { name: 't', numPartitions: 3, replicationFactor: 1, assignments: [], configs: [{ name: 'a', value: 'b' }] },
      ],
      timeoutMs: 5,
      validateOnly: true,
    },
  );
  await sameRequest(
    Fetch,
    11,
    'fetch',
    {
      replicaId: -1,
      maxWaitTime: 100,
      minBytes: 1,
      maxBytes: 1000,
      topics: [{ topic: 't', partitions: [{ partition: 0, fetchOffset: '5000000000', maxBytes: 10 }] }],
      rackId: 'r',
    },
    {
      maxWaitMs: 100,
      minBytes: 1,
      maxBytes: 1000,
      isolationLevel: 1,
      topics: [{ topic: 't', partitions: [{ partition: 0, fetchOffset: 5_000_000_000, partitionMaxBytes: 10 }] }],
      rackId: 'r',
    },
  );
});

test('a produce request with its record batch gives the same bytes', async () => {
  const messages = [
    { key: Buffer.from('k'), value: Buffer.from('v'), timestamp: 1_700_000_000_000, headers: { h: 'x' } },
    { key: null, value: Buffer.from('long'.repeat(50)), timestamp: 1_700_000_000_100, headers: {} },
  ];
  const theirs = await encodedByKafkajs('produce/v7', {
    acks: -1,
    timeout: 1000,
    topicData: [{ topic: 't', partitions: [{ partition: 2, firstSequence: 0, messages }] }],
  });
  const batch = buildBatch({
    baseSequence: 0,
    producerEpoch: 0,
    partitionLeaderEpoch: 0,
    records: messages.map(({ headers, ...rest }) => ({
      ...rest,
      headers: Object.entries(headers).map(([key, value]) => ({ key, value: Buffer.from(value) })),
    })),
  });
  const ours = Produce.request.encode(7, {
    acks: -1,
    timeoutMs: 1000,
    topicData: [{ name: 't', partitionData: [{ index: 2, records: batch }] }],
  });
  expect(ours.toString('hex')).toBe(theirs.toString('hex'));
});

test('a fetch answer of ours is read, records and all', async () => {
  const records = [
    { key: 'a', value: 'x'.repeat(1000), timestamp: 5, headers: [{ key: 'h', value: Buffer.from('1') }] },
    { key: null, value: null, timestamp: 6 },
  ];
  for (const compression of CODECS.filter((each) => each === 'none' || each === 'gzip')) {
    const batch = buildBatch({ baseOffset: 40, compression, records });
    expect(new RecordBatch(batch).compression).toBe(compression);
    const answer = Fetch.response.encode(11, {
      responses: [
        {
          topic: 't',
          partitions: [
            { partitionIndex: 0, errorCode: 0, highWatermark: 42, abortedTransactions: null, records: batch },
          ],
        },
      ],
    });
    const decoded = await kafkajs('requests/fetch/v11/response').decode(answer);
    const [partition] = decoded.responses[0].partitions;
    expect(partition).toMatchObject({ highWatermark: '42', preferredReadReplica: -1 });
    expect(partition.messages.map((m: { offset: string }) => m.offset)).toEqual(['40', '41']);
    expect(partition.messages[0].value.toString()).toBe(records[0]!.value);
    expect(partition.messages[1].key).toBe(null);
  }
});
