import type { Fetch } from '../protocol/messages/01-fetch.ts';
import type { RequestOf } from '../protocol/schema.ts';
import type { Partition } from '../replica/partition.ts';
import { RACK_AWARE_SELECTOR, rackAwareReplica } from '../replica/replica-selector.ts';
import type { RequestCall } from './handler.ts';
import type { BrokerServices } from './services.ts';

/**
 * Who fetches: a follower, which reads to the log's end and whose position says what it has; or a consumer, which from v11 on may read from followers and
 * be sent to one in its rack (KIP-392).
 */
export type FetchOrigin =
  | { readonly kind: 'follower'; readonly brokerId: number; readonly brokerEpoch: number }
  | { readonly kind: 'consumer'; readonly allowsFollower: boolean; readonly rackId: string };

const REPLICA_STATE_SINCE = 15;
const FOLLOWER_FETCH_SINCE = 11;
export const NO_PREFERRED_REPLICA = -1;

export function fetchOrigin(request: RequestOf<typeof Fetch>, apiVersion: number): FetchOrigin {
  const { replicaState } = request;
  const brokerId = apiVersion >= REPLICA_STATE_SINCE ? replicaState.replicaId : request.replicaId;
  if (brokerId >= 0) {
    const brokerEpoch = apiVersion >= REPLICA_STATE_SINCE ? replicaState.replicaEpoch : -1;
    return { kind: 'follower', brokerId, brokerEpoch };
  }
  return { kind: 'consumer', allowsFollower: apiVersion >= FOLLOWER_FETCH_SINCE, rackId: request.rackId };
}

/** The replica that a consumer is sent to, or −1. */
export function preferredReplica(
  broker: BrokerServices,
  call: RequestCall,
  origin: FetchOrigin,
  partition: Partition,
  offset: number,
): number {
  if (origin.kind === 'follower' || !origin.allowsFollower || origin.rackId === '') return NO_PREFERRED_REPLICA;
  if (!partition.isLeader || broker.config.text('replica.selector.class') !== RACK_AWARE_SELECTOR) {
    return NO_PREFERRED_REPLICA;
  }
  const rackOf = (brokerId: number): string | null => {
    const registration = broker.image.brokers.get(brokerId);
    if (registration === undefined || registration.isFenced) return null;
    return broker.endPointOf(brokerId, call.listenerName) === null ? null : registration.rack;
  };
  const candidates = partition.readableReplicas(offset);
  return rackAwareReplica(origin.rackId, partition.leader, candidates, rackOf) ?? NO_PREFERRED_REPLICA;
}
