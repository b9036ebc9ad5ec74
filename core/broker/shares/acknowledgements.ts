import { ErrorCode } from '../../protocol/errors.ts';
import type { Outcome } from '../../shares/held-share-partition.ts';
import { type AcknowledgementBatch, AcknowledgeType } from '../../shares/share-partition.ts';
import type { SessionPartition } from '../../shares/share-sessions.ts';
import type { BrokerServices } from '../services.ts';
import { outcomeOf } from './share-reader.ts';

/** Acknowledgements of ShareFetch and ShareAcknowledge: checked as a request, then given to the share partitions. */
export interface AcknowledgementRequest {
  readonly groupId: string;
  readonly memberId: string;
  readonly apiVersion: number;
  readonly isRenewAck: boolean;
  readonly topics: readonly {
    readonly topicId: string;
    readonly partitions: readonly {
      readonly partitionIndex: number;
      readonly acknowledgementBatches: readonly AcknowledgementBatch[];
    }[];
  }[];
}

export interface Acknowledged extends SessionPartition {
  readonly outcome: Outcome;
}

const RENEW_SINCE = 2;
const DONE = outcomeOf(ErrorCode.NONE);

/** Resolves when all of them are stored or refused. Where nothing is acknowledged at all, partitions without batches are not told of. */
export async function acknowledge(
  broker: BrokerServices,
  request: AcknowledgementRequest,
): Promise<readonly Acknowledged[]> {
  const typeMax = request.apiVersion >= RENEW_SINCE ? AcknowledgeType.RENEW : AcknowledgeType.REJECT;
  const acknowledged = await Promise.all(
    request.topics.flatMap(({ topicId, partitions }) =>
      partitions.map(async ({ partitionIndex: partition, acknowledgementBatches: batches }) => {
        const name = { topicId, partition };
        const outcome = await acknowledgePartition(broker, request, name, batches, typeMax);
        return { ...name, outcome, isEmpty: batches.length === 0 };
      }),
    ),
  );
  const hasSome = acknowledged.some(({ isEmpty }) => !isEmpty);
  return acknowledged.filter(({ isEmpty, outcome }) => hasSome || !isEmpty || outcome.errorCode !== ErrorCode.NONE);
}

function acknowledgePartition(
  broker: BrokerServices,
  request: AcknowledgementRequest,
  { topicId, partition }: SessionPartition,
  batches: readonly AcknowledgementBatch[],
  typeMax: number,
): Outcome | Promise<Outcome> {
  const topic = broker.image.topicById(topicId);
  if (topic === undefined) return outcomeOf(ErrorCode.UNKNOWN_TOPIC_ID);
  if (!areValid(batches, typeMax, request.isRenewAck)) return outcomeOf(ErrorCode.INVALID_REQUEST);
  const log = broker.replicas.partition(topic.name, partition);
  if (log === undefined) return outcomeOf(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  if (batches.length === 0) return DONE;
  const held = broker.sharePartitions.get(request.groupId, topicId, partition);
  if (held === undefined) return outcomeOf(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  const problem = log.check(held.leaderEpoch);
  if (problem !== ErrorCode.NONE) {
    held.fence();
    return outcomeOf(problem);
  }
  return held.acknowledge(request.memberId, batches);
}

/** Ascending, each with one type or one for each offset, all types known; renewal only in requests that say so. */
function areValid(batches: readonly AcknowledgementBatch[], typeMax: number, isRenewAck: boolean): boolean {
  let lastEnd = -1;
  for (const { firstOffset, lastOffset, acknowledgeTypes } of batches) {
    if (firstOffset > lastOffset || firstOffset < lastEnd) return false;
    if (acknowledgeTypes.length === 0) return false;
    if (acknowledgeTypes.length > 1 && acknowledgeTypes.length !== lastOffset - firstOffset + 1) return false;
    if (acknowledgeTypes.some((type) => type < 0 || type > typeMax)) return false;
    if (acknowledgeTypes.includes(AcknowledgeType.RENEW) && !isRenewAck) return false;
    lastEnd = lastOffset;
  }
  return true;
}

/** The session of a member is over: what it has is given back, and the group's share partitions are closed after its last session. */
export function endSession(broker: BrokerServices, groupId: string, memberId: string): void {
  const session = broker.shareSessions.remove(groupId, memberId);
  if (session === undefined) return;
  const releases = session
    .partitions()
    .map(({ topicId, partition }) => broker.sharePartitions.get(groupId, topicId, partition)?.release(memberId));
  void Promise.all(releases).then(() => {
    if (!broker.shareSessions.hasGroup(groupId)) broker.sharePartitions.closeGroup(groupId);
  });
}
