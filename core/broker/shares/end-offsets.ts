import type { EndOffset, EndOffsetLookup } from '../../groups/share-offsets.ts';
import { ErrorCode } from '../../protocol/errors.ts';
import { ListOffsets } from '../../protocol/messages/02-list-offsets.ts';
import { RpcError } from '../../rpc/rpc-error.ts';
import type { BrokerServices } from '../services.ts';

/** Where partitions end for consumers, for the lag of share groups (KIP-1226): those led here by their high watermark, the others by ListOffsets at their leaders. */
const LATEST = -1;
const CONSUMER = -1;
const CHANNEL = 'shares';

interface Name {
  readonly topic: string;
  readonly partition: number;
}

export function endOffsets(broker: BrokerServices): EndOffsetLookup {
  return async (wanted) => {
    const found = new Map<string, EndOffset>();
    const byLeader = new Map<number, Name[]>();
    for (const each of wanted) {
      const leader = broker.image.topics.get(each.topic)?.partitions[each.partition]?.leader;
      if (leader === undefined) found.set(keyOf(each), ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
      else if (leader === broker.nodeId) found.set(keyOf(each), endHere(broker, each));
      else byLeader.set(leader, [...(byLeader.get(leader) ?? []), each]);
    }
    await Promise.all([...byLeader].map(([leader, led]) => askLeader(broker, leader, led, found)));
    return ({ topic, partition }) => found.get(keyOf({ topic, partition })) ?? ErrorCode.LEADER_NOT_AVAILABLE;
  };
}

function endHere(broker: BrokerServices, { topic, partition: index }: Name): EndOffset {
  const partition = broker.replicas.partition(topic, index);
  if (partition === undefined) return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
  const problem = partition.check(-1);
  return problem === ErrorCode.NONE ? { offset: partition.highWatermark } : problem;
}

async function askLeader(
  broker: BrokerServices,
  leader: number,
  partitions: readonly Name[],
  found: Map<string, EndOffset>,
): Promise<void> {
  if (leader < 0) return;
  const byTopic = new Map<string, number[]>();
  for (const { topic, partition } of partitions) byTopic.set(topic, [...(byTopic.get(topic) ?? []), partition]);
  const timeoutMs = broker.config.number('request.timeout.ms');
  const topics = [...byTopic].map(([name, indexes]) => ({
    name,
    partitions: indexes.map((partitionIndex) => ({ partitionIndex, currentLeaderEpoch: -1, timestamp: LATEST })),
  }));
  try {
    const request = { replicaId: CONSUMER, isolationLevel: 0, topics, timeoutMs };
    const answer = await broker.calls.send(leader, ListOffsets, request, { timeoutMs, channel: CHANNEL });
    for (const { name, partitions: told } of answer.topics) {
      for (const { partitionIndex, errorCode, offset } of told) {
        const end = errorCode === ErrorCode.NONE ? { offset } : errorCode;
        found.set(keyOf({ topic: name, partition: partitionIndex }), end);
      }
    }
  } catch (error) {
    if (!(error instanceof RpcError)) throw error;
  }
}

function keyOf({ topic, partition }: Name): string {
  return `${partition} ${topic}`;
}
