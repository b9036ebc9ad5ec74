import type { Clock } from '../ports/clock.ts';
import type { Replica } from './leader.ts';
import type { Me } from './peer-messages.ts';
import type { Raft } from './raft.ts';

/** What DescribeQuorum tells of the metadata log. Replicas are known to the leader only. */
export interface ReplicaDescription {
  readonly replicaId: number;
  readonly directoryId: string;
  /** −1: not heard of. */
  readonly logEndOffset: number;
  /** Milliseconds since the epoch; −1: never. */
  readonly lastFetchTimestamp: number;
  readonly lastCaughtUpTimestamp: number;
}

export interface QuorumDescription {
  readonly isLeader: boolean;
  readonly leaderId: number;
  readonly leaderEpoch: number;
  readonly highWatermark: number;
  readonly voters: readonly ReplicaDescription[];
  readonly observers: readonly ReplicaDescription[];
}

export function describeQuorum(raft: Raft, me: Me, clock: Clock): QuorumDescription {
  const { role, leader, highWatermark } = raft;
  const base = { leaderId: leader.leaderId, leaderEpoch: leader.epoch, highWatermark };
  if (role.kind !== 'leader') return { ...base, isLeader: false, voters: [], observers: [] };
  const nowMs = clock.now();
  const sinceMs = clock.monotonic();
  const time = (ms: number) => (ms < 0 ? -1 : Math.round(nowMs - (sinceMs - ms)));
  const describe = ([replicaId, replica]: [number, Replica]): ReplicaDescription => ({
    replicaId,
    directoryId: replica.directoryId,
    logEndOffset: replica.endOffset,
    lastFetchTimestamp: time(replica.lastFetchMs),
    lastCaughtUpTimestamp: time(replica.lastCaughtUpMs),
  });
  const self: ReplicaDescription = {
    replicaId: me.nodeId,
    directoryId: me.directoryId,
    logEndOffset: raft.log.endOffset,
    lastFetchTimestamp: nowMs,
    lastCaughtUpTimestamp: nowMs,
  };
  const voters = [self, ...[...role.voters].map(describe)].sort((a, b) => a.replicaId - b.replicaId);
  const observers = [...role.observers].map(describe).sort((a, b) => a.replicaId - b.replicaId);
  return { ...base, isLeader: true, voters, observers };
}
