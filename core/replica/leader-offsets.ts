import { ListOffsets } from '../protocol/messages/02-list-offsets.ts';
import type { Api, Fields, RequestInput, ResponseOf } from '../protocol/schema.ts';
import type { Partition } from './partition.ts';

/** Where the leader's logs begin and end, asked as a follower: the log's end, not the watermark. */
export const LATEST = -1;
export const EARLIEST = -2;
const READ_UNCOMMITTED = 0;

export interface RangeAnswer {
  readonly errorCode: number;
  readonly offset: number;
}

interface Asked {
  readonly key: string;
  readonly partition: Partition;
  readonly leaderEpoch: number;
}

type Send = <Req extends Fields, Res extends Fields>(
  api: Api<Req, Res>,
  body: RequestInput<Api<Req, Res>>,
) => Promise<ResponseOf<Api<Req, Res>>>;

/** By the keys of those that are asked for. */
export async function leaderOffsets(
  send: Send,
  replicaId: number,
  asked: readonly Asked[],
  timestamp: number,
): Promise<ReadonlyMap<string, RangeAnswer>> {
  const byTopic = new Map<string, Map<number, Asked>>();
  for (const one of asked) {
    const { topic, partition } = one.partition;
    const partitions = byTopic.get(topic) ?? new Map<number, Asked>();
    byTopic.set(topic, partitions.set(partition, one));
  }
  const response = await send(ListOffsets, {
    replicaId,
    isolationLevel: READ_UNCOMMITTED,
    topics: [...byTopic].map(([name, partitions]) => ({
      name,
      partitions: [...partitions].map(([partitionIndex, { leaderEpoch }]) => ({
        partitionIndex,
        currentLeaderEpoch: leaderEpoch,
        timestamp,
      })),
    })),
  });
  const answers = new Map<string, RangeAnswer>();
  for (const { name, partitions } of response.topics) {
    for (const each of partitions) {
      const one = byTopic.get(name)?.get(each.partitionIndex);
      if (one !== undefined) answers.set(one.key, each);
    }
  }
  return answers;
}
