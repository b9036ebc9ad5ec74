/** What the controller does by itself while it is active, and how often. */
export interface ControllerSettings {
  /** broker.session.timeout.ms; Infinity: nobody is fenced for being silent. */
  readonly brokerSessionTimeoutMs: number;
  /** leader.imbalance.check.interval.seconds; Infinity without auto.leader.rebalance.enable. */
  readonly leaderImbalanceCheckIntervalMs: number;
  /** leader.imbalance.per.broker.percentage. */
  readonly leaderImbalancePercentageMax: number;
  /** unclean.leader.election.interval.ms; Infinity: only when a setting allows it anew. */
  readonly uncleanLeaderElectionIntervalMs: number;
  /** metadata.max.idle.interval.ms: a NoOp record when nothing else was written for that long; Infinity: none, as for a node that has no others to tell. */
  readonly metadataMaxIdleIntervalMs: number;
}

/** Nothing by itself: a node that is alone has nobody to watch. */
export const IDLE_CONTROLLER: ControllerSettings = {
  brokerSessionTimeoutMs: Number.POSITIVE_INFINITY,
  leaderImbalanceCheckIntervalMs: Number.POSITIVE_INFINITY,
  leaderImbalancePercentageMax: 10,
  uncleanLeaderElectionIntervalMs: Number.POSITIVE_INFINITY,
  metadataMaxIdleIntervalMs: Number.POSITIVE_INFINITY,
};
