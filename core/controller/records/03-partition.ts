import { array, int8, int32, message, uuid } from '../../protocol/schema.ts';

/** A new partition with its replicas and leader. v1 adds the directory of each replica (KIP-858); v2 eligible leaders (KIP-966). */
export const PartitionRecord = message(
  'PartitionRecord',
  { versions: '0-2', flexible: '0+' },
  {
    partitionId: int32(),
    topicId: uuid(),
    replicas: array(int32()),
    isr: array(int32()),
    removingReplicas: array(int32()),
    addingReplicas: array(int32()),
    leader: int32(),
    leaderRecoveryState: int8('0+', { tag: 0 }),
    leaderEpoch: int32(),
    partitionEpoch: int32(),
    directories: array(uuid(), '1+'),
    eligibleLeaderReplicas: array(int32(), '2+', { nullable: '2+', tag: 1, default: null }),
    lastKnownElr: array(int32(), '2+', { nullable: '2+', tag: 2, default: null }),
  },
);
