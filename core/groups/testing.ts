import type { GroupConfig } from './group-config.ts';

/** For tests: what is set for a group of which nothing is set. */
export const GROUP_CONFIG: GroupConfig = {
  consumerSessionTimeoutMs: 45_000,
  consumerHeartbeatIntervalMs: 5000,
  consumerAssignmentIntervalMs: 0,
  shareSessionTimeoutMs: 45_000,
  shareHeartbeatIntervalMs: 5000,
  shareAssignmentIntervalMs: 0,
  shareRecordLockDurationMs: 30_000,
  shareDeliveryCountLimit: 5,
  sharePartitionMaxRecordLocks: 2000,
  shareAutoOffsetReset: { kind: 'latest' },
  shareIsolationLevel: 'read_uncommitted',
  shareRenewAcknowledgeEnable: true,
};
