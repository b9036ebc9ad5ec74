/**
 * Who answers whom (C40): the same produce and the same fetch to each replica of a partition, and once more from a consumer that names its rack (KIP-392).
 */
import { errorOf } from '@mqlab/core/protocol/errors.ts';
import { Produce } from '@mqlab/core/protocol/messages/00-produce.ts';
import { Fetch } from '@mqlab/core/protocol/messages/01-fetch.ts';
import { RecordBatchBuilder } from '@mqlab/core/protocol/record-batch-builder.ts';
import { RpcClient } from '@mqlab/core/rpc/rpc-client.ts';
import type { Figure, Table } from '@mqlab/reports/run-data.ts';
import type { Target } from '../../kit/targets/target.ts';
import { addressesOf, connect, stateOf, topicOn } from './cluster.ts';

const TOPIC = 'who';
/** Names topics by name, and knows racks (KIP-392). */
const FETCH_VERSION = 12;
/** The last one before it. */
const OLD_FETCH_VERSION = 10;
const PRODUCE_VERSION = 9;
export const RACKS = ['east', 'west', 'north'] as const;
export const RACK_AWARE = {
  'replica.selector.class': 'org.apache.kafka.common.replica.RackAwareReplicaSelector',
} as const;

interface Answers {
  readonly nodeId: number;
  readonly isLeader: boolean;
  readonly produce: string;
  /** As clients did before KIP-392. */
  readonly old: string;
  readonly fetch: string;
  /** From a consumer in the rack of the node. */
  readonly near: string;
}

export interface WhoAnswers {
  readonly table: Table;
  readonly figures: Readonly<Record<string, Figure>>;
  readonly isSo: boolean;
}

/** Needs three brokers in `RACKS` with `RACK_AWARE`. */
export async function whoAnswers(target: Target): Promise<WhoAnswers> {
  const shape = connect(target, 'who');
  await topicOn(shape, target, TOPIC, [[1, 2, 3]]);
  const { leader } = await stateOf(target, TOPIC);
  const rows: Answers[] = [];
  const addresses = addressesOf(target);
  // The leader first: the others' fetches have something to return then.
  for (const nodeId of [leader!, ...[1, 2, 3].filter((id) => id !== leader)]) {
    const client = await RpcClient.connect(shape.app.ports, addresses[nodeId - 1]!, { clientId: 'who' });
    const produce = await produceAt(client);
    const old = await fetchAt(client, '', OLD_FETCH_VERSION);
    const fetch = await fetchAt(client, '');
    const near = await fetchAt(client, RACKS[nodeId - 1]!);
    client.close();
    rows.push({ nodeId, isLeader: nodeId === leader, produce, old, fetch, near });
  }
  // A consumer far from the leader, asking it.
  const client = await RpcClient.connect(shape.app.ports, addresses[leader! - 1]!, { clientId: 'who' });
  const far = await fetchAt(client, RACKS[leader! % RACKS.length]!);
  client.close();
  await shape.admin.close();
  const refused = rows.filter(({ produce }) => produce === 'NOT_LEADER_OR_FOLLOWER').length;
  const near = rows.filter((row) => !row.isLeader && row.near === 'records').length;
  const isSo =
    rows.every((row) => (row.produce === 'NONE') === row.isLeader && (row.old === 'records') === row.isLeader) &&
    near === 2 &&
    far.startsWith('go to');
  const source = `measured, ${target.kind} target: one request to each replica`;
  return {
    isSo,
    table: {
      title: `Who answers whom (${target.kind})`,
      columns: [
        { name: 'replica' },
        { name: 'produce' },
        { name: 'fetch before KIP-392 (v10)' },
        { name: 'fetch since (v12), no rack' },
        { name: 'fetch with client.rack of that replica' },
      ],
      rows: rows.map(({ nodeId, isLeader, produce, old, fetch, near: rack }) => [
        `node ${nodeId}${isLeader ? ', the leader' : ''}`,
        produce,
        old,
        fetch,
        rack,
      ]),
      note: `A consumer with another replica’s rack that asks the leader is told: ${far}.`,
    },
    figures: {
      'who.refused': { value: refused, unit: 'count', label: 'measured', source },
      'who.near': { value: near, unit: 'count', label: 'measured', source },
    },
  };
}

async function produceAt(client: RpcClient): Promise<string> {
  const builder = new RecordBatchBuilder();
  builder.append(Date.UTC(2026, 0, 1), null, Buffer.from('x'));
  const answer = await client.send(
    Produce,
    {
      acks: 1,
      timeoutMs: 1000,
      topicData: [{ name: TOPIC, partitionData: [{ index: 0, records: builder.build() }] }],
    },
    { versionMax: PRODUCE_VERSION },
  );
  return errorOf(answer.responses[0]!.partitionResponses[0]!.errorCode).name;
}

async function fetchAt(client: RpcClient, rackId: string, versionMax = FETCH_VERSION): Promise<string> {
  const answer = await client.send(
    Fetch,
    {
      maxWaitMs: 0,
      minBytes: 0,
      topics: [{ topic: TOPIC, partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1000 }] }],
      forgottenTopicsData: [],
      rackId,
    },
    { versionMax },
  );
  const found = answer.responses[0]!.partitions[0]!;
  if (found.errorCode !== 0) return errorOf(found.errorCode).name;
  if (found.preferredReadReplica >= 0) return `go to node ${found.preferredReadReplica}`;
  return 'records';
}
