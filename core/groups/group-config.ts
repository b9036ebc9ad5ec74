/** What can be set for one group (resource type GROUP of the config APIs), as the coordinators read it: the group's own value, or the broker's. */
export interface GroupConfig {
  readonly consumerSessionTimeoutMs: number;
  readonly consumerHeartbeatIntervalMs: number;
  readonly consumerAssignmentIntervalMs: number;
  readonly shareSessionTimeoutMs: number;
  readonly shareHeartbeatIntervalMs: number;
  readonly shareAssignmentIntervalMs: number;
  readonly shareRecordLockDurationMs: number;
  /** How often a record is delivered before it is archived. */
  readonly shareDeliveryCountLimit: number;
  /** Records in flight of one share partition. */
  readonly sharePartitionMaxRecordLocks: number;
  /** Where a share partition without a start offset begins. */
  readonly shareAutoOffsetReset: ShareAutoOffsetReset;
  readonly shareIsolationLevel: 'read_uncommitted' | 'read_committed';
  readonly shareRenewAcknowledgeEnable: boolean;
}

export type ShareAutoOffsetReset =
  | { readonly kind: 'earliest' }
  | { readonly kind: 'latest' }
  /** At the first record that is not older. */
  | { readonly kind: 'byDuration'; readonly durationMs: number };

/** Of the group as it is set now. */
export type GroupConfigLookup = (groupId: string) => GroupConfig;
