/**
 * The cluster under test: three brokers, and a controller of its own that no fault hits.
 *
 * Why a controller of its own: with controllers inside the brokers a leader that is alone has no quorum, cannot leave its followers out of the in-sync replicas, and acknowledges nothing with
 * acks=all. With three controllers of their own, as in production, it can. One stands for them here.
 */
export const BROKERS = 3;
export const CONTROLLERS = 1;
export const SESSION_MS = 1000;
export const LAG_MS = 600;

/** Times are shorter than anybody's in production: that shortens runs, and changes no order of events. */
export const BROKER_SETTINGS: Readonly<Record<string, string>> = {
  'replica.lag.time.max.ms': String(LAG_MS),
  'broker.session.timeout.ms': String(SESSION_MS),
  'broker.heartbeat.interval.ms': '250',
  'replica.fetch.wait.max.ms': '100',
  'replica.fetch.backoff.ms': '100',
  'replica.socket.timeout.ms': '2000',
  'offsets.topic.num.partitions': '1',
  'auto.leader.rebalance.enable': 'false',
};
