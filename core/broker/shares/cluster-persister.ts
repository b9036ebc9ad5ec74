import type { ClusterImage } from '../../controller/image.ts';
import { SHARE_GROUP_STATE_TOPIC } from '../../controller/topic-name.ts';
import { type Clock, sleep } from '../../ports/clock.ts';
import { ErrorCode } from '../../protocol/errors.ts';
import { InitializeShareGroupState } from '../../protocol/messages/83-initialize-share-group-state.ts';
import { ReadShareGroupState } from '../../protocol/messages/84-read-share-group-state.ts';
import { WriteShareGroupState } from '../../protocol/messages/85-write-share-group-state.ts';
import { DeleteShareGroupState } from '../../protocol/messages/86-delete-share-group-state.ts';
import { ReadShareGroupStateSummary } from '../../protocol/messages/87-read-share-group-state-summary.ts';
import { RpcError } from '../../rpc/rpc-error.ts';
import type { PersisterAnswer, SharePartitionName, SharePersister, StateSummary } from '../../shares/persister.ts';
import type { ShareCoordinator } from '../../shares/share-coordinator.ts';
import { textOf } from '../../shares/share-shard.ts';
import { answered, failedStateRead, failedSummary } from '../../shares/share-state.ts';
import type { BrokerCalls } from '../broker-calls.ts';
import { flattened, groupedByTopic } from './by-topic.ts';

/**
 * The persister of a cluster: the coordinator of a share partition is whoever leads the partition of `__share_group_state` that its key falls into. This broker's
 * own coordinator is asked in-process, another broker by APIs 83–87. Makes `__share_group_state` on its first use.
 *
 * A coordinator that moves, is loading, or cannot be reached is asked again, a bounded number of times. Every call may be made twice: a write of what is
 * written already changes nothing.
 */
export interface ClusterPersisterParts {
  readonly nodeId: number;
  readonly image: ClusterImage;
  /** This broker's own. */
  readonly coordinator: ShareCoordinator;
  readonly calls: BrokerCalls;
  readonly clock: Clock;
  /** How long a broker may take for an answer: request.timeout.ms. */
  readonly timeoutMs: number;
  /** True when the topic of the states exists now. */
  readonly ensureTopic: () => Promise<boolean>;
}

const ATTEMPTS = 6;
const BACKOFF_MS = 50;
const BACKOFF_MS_MAX = 1000;
const CHANNEL = 'shares';

interface Kind<P, A> {
  here(groupId: string, partitions: readonly P[]): Promise<readonly A[]>;
  at(brokerId: number, groupId: string, partitions: readonly P[]): Promise<readonly A[]>;
  failed(answer: PersisterAnswer): A;
}

export function clusterPersister(parts: ClusterPersisterParts): SharePersister {
  const { coordinator, calls } = parts;
  const options = { timeoutMs: parts.timeoutMs, channel: CHANNEL };
  const same = (answer: PersisterAnswer): PersisterAnswer => answer;
  const ask =
    <P extends SharePartitionName, A extends PersisterAnswer>(kind: Kind<P, A>) =>
    (groupId: string, partitions: readonly P[]): Promise<readonly A[]> =>
      askAll(parts, kind, groupId, partitions);
  return {
    initializeState: ask({
      here: (groupId, partitions) => coordinator.initializeState(groupId, partitions),
      async at(brokerId, groupId, partitions) {
        const body = { groupId, topics: groupedByTopic(partitions) };
        return flattened((await calls.send(brokerId, InitializeShareGroupState, body, options)).results);
      },
      failed: same,
    }),
    readState: ask({
      here: (groupId, partitions) => coordinator.readState(groupId, partitions),
      async at(brokerId, groupId, partitions) {
        const body = { groupId, topics: groupedByTopic(partitions) };
        return flattened((await calls.send(brokerId, ReadShareGroupState, body, options)).results);
      },
      failed: failedStateRead,
    }),
    writeState: ask({
      here: (groupId, partitions) => coordinator.writeState(groupId, partitions),
      async at(brokerId, groupId, partitions) {
        const body = { groupId, topics: groupedByTopic(partitions) };
        return flattened((await calls.send(brokerId, WriteShareGroupState, body, options)).results);
      },
      failed: same,
    }),
    readStateSummary: ask({
      here: (groupId, partitions) => coordinator.readStateSummary(groupId, partitions),
      async at(brokerId, groupId, partitions): Promise<readonly StateSummary[]> {
        const body = { groupId, topics: groupedByTopic(partitions) };
        return flattened((await calls.send(brokerId, ReadShareGroupStateSummary, body, options)).results);
      },
      failed: failedSummary,
    }),
    deleteState: ask({
      here: (groupId, partitions) => coordinator.deleteState(groupId, partitions),
      async at(brokerId, groupId, partitions) {
        const body = { groupId, topics: groupedByTopic(partitions) };
        return flattened((await calls.send(brokerId, DeleteShareGroupState, body, options)).results);
      },
      failed: same,
    }),
  };
}

async function askAll<P extends SharePartitionName, A extends PersisterAnswer>(
  parts: ClusterPersisterParts,
  kind: Kind<P, A>,
  groupId: string,
  partitions: readonly P[],
): Promise<readonly A[]> {
  const answers = new Map<P, A>();
  let rest = partitions;
  for (let attempt = 1; rest.length > 0; attempt++) {
    const found = await attemptAll(parts, kind, groupId, rest);
    rest = rest.filter((each, i) => {
      answers.set(each, found[i]!);
      return mayChange(found[i]!.errorCode);
    });
    if (rest.length === 0 || attempt === ATTEMPTS) break;
    await sleep(parts.clock, Math.min(BACKOFF_MS_MAX, BACKOFF_MS * 2 ** (attempt - 1)));
  }
  return partitions.map((each) => answers.get(each)!);
}

/** One attempt, at the coordinators that the metadata names now. */
async function attemptAll<P extends SharePartitionName, A>(
  parts: ClusterPersisterParts,
  { here, at, failed }: Kind<P, A>,
  groupId: string,
  partitions: readonly P[],
): Promise<readonly A[]> {
  const { nodeId, image, coordinator } = parts;
  const isThere = image.topics.has(SHARE_GROUP_STATE_TOPIC) || (await parts.ensureTopic());
  const fail = (each: P): A => failed(answered(each, ErrorCode.COORDINATOR_NOT_AVAILABLE));
  if (!isThere) return partitions.map(fail);
  const byBroker = new Map<number, P[]>();
  for (const each of partitions) {
    const { topicId, partition } = each;
    const index = coordinator.partitionOf(textOf({ groupId, topicId, partition }));
    const leader = image.topics.get(SHARE_GROUP_STATE_TOPIC)?.partitions[index]?.leader ?? -1;
    byBroker.set(leader, [...(byBroker.get(leader) ?? []), each]);
  }
  const answers = new Map<P, A>();
  const asked = [...byBroker].map(async ([brokerId, led]) => {
    if (brokerId < 0) return;
    if (brokerId === nodeId) {
      const own = await here(groupId, led);
      led.forEach((each, i) => {
        answers.set(each, own[i]!);
      });
      return;
    }
    const found = await unlessUnreached(at(brokerId, groupId, led));
    for (const each of led) {
      const answer = found.find((one) => isOf(one, each));
      if (answer !== undefined) answers.set(each, answer);
    }
  });
  await Promise.all(asked);
  return partitions.map((each) => answers.get(each) ?? fail(each));
}

async function unlessUnreached<A>(answers: Promise<readonly A[]>): Promise<readonly A[]> {
  try {
    return await answers;
  } catch (error) {
    if (error instanceof RpcError) return [];
    throw error;
  }
}

function isOf(answer: unknown, { topicId, partition }: SharePartitionName): boolean {
  const named = answer as SharePartitionName;
  return named.partition === partition && named.topicId === topicId;
}

/** The next attempt may find another coordinator, or this one ready. */
function mayChange(errorCode: number): boolean {
  return (
    errorCode === ErrorCode.NOT_COORDINATOR ||
    errorCode === ErrorCode.COORDINATOR_NOT_AVAILABLE ||
    errorCode === ErrorCode.COORDINATOR_LOAD_IN_PROGRESS
  );
}
