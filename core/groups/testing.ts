import type { SimWorld } from '../ports/sim/world.ts';
import { ErrorCode } from '../protocol/errors.ts';
import {
  type Append,
  COMMITTED_AT_ONCE,
  type CoordinatorLog,
  refusedAppend,
  type TransactionalProducer,
} from './coordinator-log.ts';
import type { GroupConfig } from './group-config.ts';
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

/**
 * `__consumer_offsets` in memory; each append is committed after a while, unless a test holds commits back or ends the leadership. One that is opened anew has the
 * records of the one before.
 */
export class MemoryLog implements CoordinatorLog {
  /** The committed ones. */
  readonly records: (CoordinatorRecord & { readonly producerId: number | null })[] = [];
  /** Commit markers, each behind so many records. */
  readonly markers: { readonly after: number; readonly producerId: number }[] = [];
  /** What appends are refused with. */
  errorCode: number = ErrorCode.NONE;
  problem: number = ErrorCode.NONE;
  isHeld = false;
  /** As long as it is, nothing is read from it. */
  isLoading = false;
  whenLoaded = (): void => {};
  private waiting: { readonly records: MemoryLog['records']; readonly settle: (errorCode: number) => void }[] = [];
  private readonly world: SimWorld;

  constructor(world: SimWorld) {
    this.world = world;
  }

  append(appended: readonly CoordinatorRecord[], transaction?: TransactionalProducer): Append {
    const records = appended.map((each) => ({ ...each, producerId: transaction?.producerId ?? null }));
    const refused = this.problem === ErrorCode.NONE ? this.errorCode : this.problem;
    if (refused !== ErrorCode.NONE) return refusedAppend(refused);
    if (records.length === 0 && this.waiting.length === 0) return COMMITTED_AT_ONCE;
    const committed = new Promise<number>((resolve) => {
      this.waiting.push({ records, settle: resolve });
    });
    if (!this.isHeld) this.world.after(3, () => this.commit(1));
    return { refused: ErrorCode.NONE, committed, answer: committed };
  }

  /** The oldest appends are committed. */
  commit(count = this.waiting.length): void {
    for (const { records, settle } of this.waiting.splice(0, count)) {
      this.records.push(...records);
      settle(ErrorCode.NONE);
    }
  }

  /** The leadership is over; the next leader has the oldest `kept` of the appends that are not committed. */
  lose(kept = 0): void {
    this.problem = ErrorCode.NOT_COORDINATOR;
    for (const { records } of this.waiting.slice(0, kept)) this.records.push(...records);
    for (const { settle } of this.waiting.splice(0)) settle(ErrorCode.NOT_COORDINATOR);
  }

  whenCommitted(then: () => void): void {
    if (this.isLoading) this.whenLoaded = then;
    else then();
  }

  readAll(
    visit: (key: Buffer, value: Buffer | null, producerId: number | null) => void,
    onMarker?: (producerId: number, isCommit: boolean) => void,
  ): void {
    const markers = [...this.markers];
    this.records.forEach(({ key, value, producerId }, i) => {
      for (; markers[0] !== undefined && markers[0].after <= i; markers.shift())
        onMarker?.(markers[0].producerId, true);
      visit(key, value, producerId);
    });
    for (const { producerId } of markers) onMarker?.(producerId, true);
  }

  close(): void {
    for (const { settle } of this.waiting.splice(0)) settle(ErrorCode.NOT_COORDINATOR);
  }
}
