/**
 * The cluster in which a leader dies: three brokers, and a controller of its own that no fault hits.
 *
 * Sessions are shorter than Kafka's defaults, so that a dead leader is replaced sooner; no order of events depends on it.
 */
import type { Target } from '../kit/targets/target.ts';

export const BROKERS = 3;
export const CONTROLLERS = 1;
export const CLUSTER_SETTINGS: Readonly<Record<string, string>> = {
  'broker.session.timeout.ms': '1000',
  'broker.heartbeat.interval.ms': '250',
  'replica.fetch.wait.max.ms': '100',
  'replica.fetch.backoff.ms': '100',
  'auto.leader.rebalance.enable': 'false',
};
/** Of the topic. */
export const SHAPE = { replicas: BROKERS, configs: { 'min.insync.replicas': '2' } } as const;

/** The only broker's name in histories and pictures, and the beginning of each one's where there are several. */
export const BROKER = 'broker';

export function brokerName({ nodes }: Target, id: number | null): string {
  return nodes.length === 1 ? BROKER : `${BROKER}-${id ?? '?'}`;
}
