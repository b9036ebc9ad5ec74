import { array, int8, int32, message, uuid } from '../../protocol/schema.ts';

/** What changed in a partition; what is left out stays. A leader of −2 means: no change. */
export const PartitionChangeRecord = message(
  'PartitionChangeRecord',
  { versions: '0-2', flexible: '0+' },
  {
    partitionId: int32(),
    topicId: uuid(),
    isr: array(int32(), '0+', { nullable: '0+', tag: 0, default: null }),
    leader: int32('0+', { tag: 1, default: -2 }),
    replicas: array(int32(), '0+', { nullable: '0+', tag: 2, default: null }),
    removingReplicas: array(int32(), '0+', { nullable: '0+', tag: 3, default: null }),
    addingReplicas: array(int32(), '0+', { nullable: '0+', tag: 4, default: null }),
    leaderRecoveryState: int8('0+', { tag: 5, default: -1 }),
    directories: array(uuid(), '1+', { nullable: '1+', tag: 8, default: null }),
    eligibleLeaderReplicas: array(int32(), '2+', { nullable: '2+', tag: 6, default: null }),
    lastKnownElr: array(int32(), '2+', { nullable: '2+', tag: 7, default: null }),
  },
);
