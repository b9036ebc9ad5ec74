import type { BrokerRegistration } from './image.ts';

/**
 * Which brokers get the replicas of new partitions. Leaders go round the brokers from a start drawn by the caller, followers stand one further
 * each, and the gap between leader and first follower grows with every full round, so that a broker's failure spreads over the others.
 *
 * Invariant: the replicas of a partition are on different brokers; there are at least `replicationFactor` brokers.
 */
export function placeReplicas(
  brokers: readonly BrokerRegistration[],
  partitionCount: number,
  replicationFactor: number,
  start: number,
  firstPartition = 0,
): number[][] {
  const count = brokers.length;
  const placed: number[][] = [];
  for (let i = 0; i < partitionCount; i++) {
    const position = firstPartition + i;
    const leader = (start + position) % count;
    const gap = Math.floor(position / count);
    const replicas = [brokers[leader]!.brokerId];
    for (let r = 0; r < replicationFactor - 1; r++) {
      const step = 1 + ((gap + r) % (count - 1));
      replicas.push(brokers[(leader + step) % count]!.brokerId);
    }
    placed.push(replicas);
  }
  return placed;
}
