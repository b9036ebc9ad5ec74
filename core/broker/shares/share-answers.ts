import { ErrorCode, errorOf } from '../../protocol/errors.ts';
import type { SessionPartition } from '../../shares/share-sessions.ts';
import type { BrokerServices } from '../services.ts';

/** What ShareFetch and ShareAcknowledge have in common: checks of the request, and the leader in an answer. */
const MEMBER_ID_LENGTH_MAX = 36;
const SHARE_VERSION_MIN = 1;

/** Whether the cluster's level of share.version has them. */
export function hasShareGroups(broker: BrokerServices): boolean {
  return (broker.image.features.get('share.version') ?? 0) >= SHARE_VERSION_MIN;
}

/** What every client API of share groups answers otherwise. */
export const NO_SHARE_GROUPS = {
  errorCode: ErrorCode.UNSUPPORTED_VERSION,
  errorMessage: errorOf(ErrorCode.UNSUPPORTED_VERSION).message,
} as const;

export function shareRequestProblem(
  broker: BrokerServices,
  { groupId, memberId }: { readonly groupId: string | null; readonly memberId: string | null },
): { readonly errorCode: number; readonly errorMessage: string | null } | null {
  if (!hasShareGroups(broker)) return NO_SHARE_GROUPS;
  if (groupId === null)
    return { errorCode: ErrorCode.INVALID_REQUEST, errorMessage: 'Invalid group id in the request.' };
  if (memberId === null || memberId === '' || memberId.length > MEMBER_ID_LENGTH_MAX) {
    return { errorCode: ErrorCode.INVALID_REQUEST, errorMessage: 'Invalid member id in the request.' };
  }
  return null;
}

/** Whether the client should look for the leader elsewhere. */
export function isMoved(errorCode: number): boolean {
  return errorCode === ErrorCode.NOT_LEADER_OR_FOLLOWER || errorCode === ErrorCode.FENCED_LEADER_EPOCH;
}

export function leaderOf(broker: BrokerServices, { topicId, partition }: SessionPartition) {
  const found = broker.image.topicById(topicId)?.partitions[partition];
  return { leaderId: found?.leader ?? -1, leaderEpoch: found?.leaderEpoch ?? -1 };
}
