import type { SimWorld } from '../ports/sim/world.ts';
import { ErrorCode } from '../protocol/errors.ts';
import type { GroupConfig } from './group-config.ts';
import type { CoordinatorLog } from './group-shard.ts';
import type { CoordinatorRecord } from './records.ts';

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

/** `__consumer_offsets` in memory; each append is committed after a while. */
export class MemoryLog implements CoordinatorLog {
  readonly records: CoordinatorRecord[] = [];
  errorCode: number = ErrorCode.NONE;
  private readonly world: SimWorld;

  constructor(world: SimWorld) {
    this.world = world;
  }

  append(records: readonly CoordinatorRecord[]): Promise<number> {
    const { errorCode } = this;
    return new Promise((resolve) => {
      this.world.after(3, () => {
        if (errorCode === ErrorCode.NONE) this.records.push(...records);
        resolve(errorCode);
      });
    });
  }

  readAll(visit: (key: Buffer, value: Buffer | null, producerId: number | null) => void): void {
    for (const { key, value } of this.records) visit(key, value, null);
  }
}
