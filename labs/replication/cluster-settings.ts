/**
 * How the clusters of this lab are set: what a careful operator gives (three replicas, two in sync), and time limits short enough that a run sees them pass.
 *
 * Invariant: nothing here changes what is promised. The time limits keep their order: a heartbeat, a session, the lag that is allowed, an election.
 */

/** In the simulator. */
export const SIM_TIMES = { heartbeat: 100, session: 600, lag: 1000, election: 300, fetchWait: 200 } as const;

export const CAREFUL: Readonly<Record<string, string>> = {
  'default.replication.factor': '3',
  'min.insync.replicas': '2',
  'unclean.leader.election.enable': 'false',
  'offsets.topic.num.partitions': '2',
  'transaction.state.log.num.partitions': '2',
  'group.initial.rebalance.delay.ms': '0',
  'group.min.session.timeout.ms': '100',
};

export const QUICK_TIMES: Readonly<Record<string, string>> = {
  'broker.heartbeat.interval.ms': String(SIM_TIMES.heartbeat),
  'broker.session.timeout.ms': String(SIM_TIMES.session),
  'replica.lag.time.max.ms': String(SIM_TIMES.lag),
  'replica.fetch.wait.max.ms': String(SIM_TIMES.fetchWait),
  'replica.fetch.backoff.ms': '50',
  'replica.socket.timeout.ms': '1000',
  'controller.quorum.election.timeout.ms': String(SIM_TIMES.election),
  'controller.quorum.fetch.timeout.ms': '500',
  'controller.quorum.election.backoff.max.ms': '200',
  'controller.quorum.request.timeout.ms': '500',
  'request.timeout.ms': '1000',
};

/** Where real processes run too: a session that a busy machine does not lose. */
export const LOCAL_SESSION_MS = 1500;
export const LOCAL_TIMES: Readonly<Record<string, string>> = {
  'broker.heartbeat.interval.ms': '250',
  'broker.session.timeout.ms': String(LOCAL_SESSION_MS),
  'replica.lag.time.max.ms': '2000',
};
