import { ErrorCode } from '../../protocol/errors.ts';
import { ShareAcknowledge } from '../../protocol/messages/79-share-acknowledge.ts';
import { FINAL_EPOCH } from '../../shares/share-sessions.ts';
import { handlerOf } from '../handler.ts';
import { acknowledge, endSession } from '../shares/acknowledgements.ts';
import { groupedByTopic } from '../shares/by-topic.ts';
import { isMoved, leaderOf, shareRequestProblem } from '../shares/share-answers.ts';
import { nodeEndpoints } from './00-produce.ts';

/**
 * ShareAcknowledge 1–2: what became of records that a member has (KIP-932). Answered when it is stored. Epoch −1 also ends the member's session.
 * v2: renewal of locks (KIP-1222).
 */
const RENEW_SINCE = 2;
const NO_LEADER = { leaderId: 0, leaderEpoch: 0 };

export const shareAcknowledgeHandler = handlerOf(ShareAcknowledge, async (broker, request, call) => {
  const failed = { acquisitionLockTimeoutMs: 0, responses: [], nodeEndpoints: [] };
  const problem = shareRequestProblem(broker, request);
  if (problem !== null) return { ...failed, ...problem };
  const groupId = request.groupId!;
  const memberId = request.memberId!;
  const errorCode = broker.shareSessions.acknowledge(groupId, memberId, request.shareSessionEpoch);
  if (errorCode !== ErrorCode.NONE) return { ...failed, errorCode };
  const { apiVersion } = call;
  const isRenewAck = apiVersion >= RENEW_SINCE && request.isRenewAck;
  const acks = await acknowledge(broker, { ...request, groupId, memberId, apiVersion, isRenewAck });
  if (request.shareSessionEpoch === FINAL_EPOCH) endSession(broker, groupId, memberId);
  const leaders = new Set<number>();
  const answers = acks.map(({ topicId, partition, outcome }) => {
    const currentLeader = isMoved(outcome.errorCode) ? leaderOf(broker, { topicId, partition }) : NO_LEADER;
    if (isMoved(outcome.errorCode)) leaders.add(currentLeader.leaderId);
    return { topicId, partitionIndex: partition, ...outcome, currentLeader };
  });
  return {
    errorCode: ErrorCode.NONE,
    acquisitionLockTimeoutMs: broker.groupConfig(groupId).shareRecordLockDurationMs,
    responses: groupedByTopic(answers),
    nodeEndpoints: nodeEndpoints(broker, call, leaders),
  };
});
