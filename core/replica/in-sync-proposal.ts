import { ErrorCode } from '../protocol/errors.ts';
import type { PendingChange } from './in-sync-replicas.ts';
import type { LeaderState } from './leader-state.ts';
import type { InSyncReplicaAnswer, InSyncReplicaChange, ReplicaContext } from './leadership.ts';
import type { Partition } from './partition.ts';

/**
 * A change of the in-sync replicas on its way to the controller and back (KIP-497).
 *
 * Invariant: as long as nobody can say whether the change was made, it stays under way, and the watermark counts the larger set. It ends when the
 * controller says that it was made or was not, or when the metadata overtakes it.
 */
const RETRY_MS = 100;

export function proposeInSync(
  partition: Partition,
  context: ReplicaContext,
  leading: LeaderState,
  pending: PendingChange,
): void {
  const change: InSyncReplicaChange = {
    topicId: partition.topicId,
    topic: partition.topic,
    partition: partition.partition,
    leaderEpoch: partition.leaderEpoch,
    partitionEpoch: partition.partitionEpoch,
    inSyncReplicas: leading.withEpochs(pending.wanted),
  };
  const isOpen = (): boolean => partition.isWaiting(leading) && leading.inSync.pending === pending;
  const send = (): void => {
    if (!isOpen()) return;
    context.changer.change(change).then(
      (answer) => {
        if (isOpen()) settle(answer);
      },
      () => context.after(RETRY_MS, send),
    );
  };
  const settle = (answer: InSyncReplicaAnswer): void => {
    switch (answer.errorCode) {
      case ErrorCode.NONE: {
        const partitionEpoch = answer.partitionEpoch ?? change.partitionEpoch;
        // Of another epoch than this leader's: the metadata will tell.
        if ((answer.leaderEpoch ?? change.leaderEpoch) !== partition.leaderEpoch) return;
        if (partitionEpoch < partition.partitionEpoch) return;
        partition.inSyncCommitted(leading, { inSyncReplicas: answer.inSyncReplicas ?? pending.wanted, partitionEpoch });
        return;
      }
      // The controller knew the partition as this leader does, and did not change it.
      case ErrorCode.OPERATION_NOT_ATTEMPTED:
      case ErrorCode.INELIGIBLE_REPLICA:
        partition.inSyncRefused(leading);
        return;
      // This leader knows less than the controller: it may have been made or not, and the metadata will tell.
      case ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
      case ErrorCode.UNKNOWN_TOPIC_ID:
      case ErrorCode.FENCED_LEADER_EPOCH:
      case ErrorCode.INVALID_UPDATE_VERSION:
      case ErrorCode.INVALID_REQUEST:
      case ErrorCode.NEW_LEADER_ELECTED:
        return;
      default:
        context.after(RETRY_MS, send);
    }
  };
  send();
}
