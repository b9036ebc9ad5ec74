/**
 * Which replica a consumer should read from (KIP-392): the leader, unless replicas in sync share the consumer's rack and the leader does not. Of several
 * the one that is furthest, then the one that caught up last, then the one with the highest id.
 */
export interface ReadableReplica {
  readonly brokerId: number;
  readonly logEndOffset: number;
  readonly lastCaughtUpMs: number;
}

/** The classes that `replica.selector.class` may name. */
export const RACK_AWARE_SELECTOR = 'org.apache.kafka.common.replica.RackAwareReplicaSelector';
export const LEADER_SELECTOR = 'org.apache.kafka.common.replica.LeaderSelector';

/** null: the leader. `rackOf` tells of live brokers only. */
export function rackAwareReplica(
  rackId: string,
  leaderId: number,
  candidates: readonly ReadableReplica[],
  rackOf: (brokerId: number) => string | null,
): number | null {
  if (rackId === '' || rackOf(leaderId) === rackId) return null;
  const near = candidates.filter(({ brokerId }) => rackOf(brokerId) === rackId);
  const best = near.sort(
    (a, b) => b.logEndOffset - a.logEndOffset || later(b.lastCaughtUpMs, a.lastCaughtUpMs) || b.brokerId - a.brokerId,
  )[0];
  return best?.brokerId ?? null;
}

/** Also for times that never were (−∞), whose difference is no number. */
function later(a: number, b: number): number {
  return a === b ? 0 : a > b ? 1 : -1;
}
