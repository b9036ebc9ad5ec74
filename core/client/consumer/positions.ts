import type { Clock } from '../../ports/clock.ts';
import { backoffMs } from '../../rpc/backoff.ts';
import type { ConsumerConfig } from '../client-config.ts';
import { ClientError } from '../client-error.ts';
import type { ClientPorts } from '../connections.ts';
import type { LogOffsets } from './log-offsets.ts';
import type { MemberOffsets } from './member-offsets.ts';
import type { Signal } from './signal.ts';
import type { PartitionState, ResetStrategy, Subscription } from './subscription.ts';
import { EARLIEST_TIMESTAMP, LATEST_TIMESTAMP } from './timestamps.ts';
import { keyOf, placeOf } from './topic-partition.ts';

/**
 * Finds where assigned partitions begin: what the group has committed, else (or after a seek to an end) what auto.offset.reset says.
 *
 * Invariants: one look-up at a time, with backoff after one that was not complete; what it finds counts only for a partition that still waits for it,
 * so a seek meanwhile wins. Errors that only the application can act on are kept for the next `update`, which runs inside poll.
 */
export class Positions {
  private readonly ports: ClientPorts;
  private readonly clock: Clock;
  private readonly config: ConsumerConfig;
  private readonly subscription: Subscription;
  private readonly logOffsets: LogOffsets;
  /** Null without a group. */
  private readonly group: MemberOffsets | null;
  private readonly signal: Signal;
  private task: Promise<void> | null = null;
  private failure: ClientError | null = null;
  private retryAtMs = 0;
  private failures = 0;

  constructor(
    ports: ClientPorts,
    config: ConsumerConfig,
    subscription: Subscription,
    logOffsets: LogOffsets,
    group: MemberOffsets | null,
    signal: Signal,
  ) {
    this.ports = ports;
    this.clock = ports.clock;
    this.config = config;
    this.subscription = subscription;
    this.logOffsets = logOffsets;
    this.group = group;
    this.signal = signal;
  }

  /** Starts looking up what has no position, if that is not under way. Throws what an earlier look-up found. */
  update(): void {
    if (this.failure !== null) {
      const { failure } = this;
      this.failure = null;
      throw failure;
    }
    if (this.task !== null || this.retryAtMs > this.clock.monotonic()) return;
    const missing = [...this.subscription.each()].filter((state) => state.position === null && !state.isRevoking);
    if (missing.length === 0) return;
    this.task = this.find(missing).then(
      () => this.done(true),
      (error) => {
        if (error instanceof ClientError && error.retriable) return this.done(false);
        this.failure =
          error instanceof ClientError ? error : new ClientError('UNKNOWN', String(error), { cause: error });
        this.done(false);
      },
    );
  }

  /** Until `update` may start again after a failure; infinity when the signal will tell. */
  waitMs(): number {
    if (this.task !== null || this.retryAtMs === 0) return Number.POSITIVE_INFINITY;
    const leftMs = this.retryAtMs - this.clock.monotonic();
    return leftMs > 0 ? leftMs : Number.POSITIVE_INFINITY;
  }

  private done(isComplete: boolean): void {
    this.task = null;
    this.failures = isComplete ? 0 : this.failures + 1;
    const { 'retry.backoff.ms': base, 'retry.backoff.max.ms': max } = this.config;
    const delayMs = isComplete ? 0 : backoffMs(this.ports.random, base, max, this.failures);
    this.retryAtMs = this.clock.monotonic() + delayMs;
    this.signal.ring();
  }

  private async find(states: readonly PartitionState[]): Promise<void> {
    const fresh = states.filter((state) => state.reset === null);
    if (fresh.length > 0) await this.findCommitted(fresh);
    const queries = states
      .filter((state) => state.reset !== null && this.isWaiting(state))
      .map((state) => ({ state, strategy: state.reset! }));
    if (queries.length === 0) return;
    const { found, retry } = await this.logOffsets.once(
      queries.map(({ state, strategy }) => ({ ...placeOf(state), timestamp: timestampOf(strategy) })),
    );
    for (const { state, strategy } of queries) {
      const offset = found.get(state.key)?.offset;
      if (offset !== undefined && state.reset === strategy && this.isWaiting(state)) state.seek(offset);
    }
    if (retry.length > 0) throw new ClientError('LEADER_NOT_AVAILABLE', 'offsets', { retriable: true });
  }

  /** Where nothing is committed the partition is marked for a reset. */
  private async findCommitted(states: readonly PartitionState[]): Promise<void> {
    const policy = this.config['auto.offset.reset'];
    const committed = this.group === null ? [] : await this.group.fetchCommitted(states);
    const byKey = new Map(committed.map((each) => [keyOf(each), each]));
    const without: string[] = [];
    for (const state of states) {
      if (!this.isWaiting(state)) continue;
      const found = byKey.get(state.key);
      if (found !== undefined) {
        state.seek(found.offset);
        state.positionEpoch = found.leaderEpoch;
      } else if (policy === 'none') without.push(state.key);
      else state.requestReset(policy);
    }
    if (without.length > 0) {
      const message = `no committed offset for ${without.sort().join(', ')}, and auto.offset.reset is none`;
      throw new ClientError('NO_OFFSET_FOR_PARTITION', message);
    }
  }

  private isWaiting(state: PartitionState): boolean {
    return state.position === null && this.subscription.isCurrent(state);
  }
}

function timestampOf(strategy: ResetStrategy): number {
  return strategy === 'earliest' ? EARLIEST_TIMESTAMP : LATEST_TIMESTAMP;
}
