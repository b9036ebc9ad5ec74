import type { Clock, Timer } from '../ports/clock.ts';
import { ErrorCode, errorOf } from '../protocol/errors.ts';
import type { AcquiredRange, Acquisition } from './acquisition.ts';
import type { Transition } from './in-flight.ts';
import { type SharePersister, type StateBatch, type StateRead, UNINITIALIZED_OFFSET } from './persister.ts';
import { type AcknowledgementBatch, type ShareLimits, SharePartition } from './share-partition.ts';

/**
 * A share partition on the broker that leads its partition: the shell of `share-partition.ts`. Loads it from the persister, stores what changes, lets locks run out,
 * tells who waits.
 *
 * Invariants: an acknowledgement is answered after the persister has it. Once it is fenced (another leader, another state epoch, a topic that is gone) it
 * gives nothing any more; whoever needs it opens it anew.
 */
export interface SharePartitionParts {
  readonly groupId: string;
  readonly topicId: string;
  readonly partition: number;
  readonly leaderEpoch: number;
  readonly clock: Clock;
  readonly persister: SharePersister;
  readonly limits: () => ShareLimits;
  /** Where a group begins that never read the partition (share.auto.offset.reset). */
  readonly resetOffset: () => number;
  /** It can not be used any more. */
  readonly onFenced: (held: HeldSharePartition) => void;
}

export interface Outcome {
  readonly errorCode: number;
  readonly errorMessage: string | null;
}

const DONE: Outcome = { errorCode: ErrorCode.NONE, errorMessage: null };

type State =
  | { readonly kind: 'loading' }
  | { readonly kind: 'active'; readonly machine: SharePartition; readonly stateEpoch: number }
  | { readonly kind: 'closed'; readonly outcome: Outcome };

export class HeldSharePartition {
  readonly groupId: string;
  readonly topicId: string;
  readonly partition: number;
  readonly leaderEpoch: number;
  private readonly parts: SharePartitionParts;
  private state: State = { kind: 'loading' };
  private readonly listeners = new Set<() => void>();
  private timer: Timer | null = null;
  private timerDueMs = 0;

  constructor(parts: SharePartitionParts) {
    this.parts = parts;
    this.groupId = parts.groupId;
    this.topicId = parts.topicId;
    this.partition = parts.partition;
    this.leaderEpoch = parts.leaderEpoch;
    void this.load();
  }

  /** Why it cannot be used, or NONE; also while it is still being loaded. */
  get problem(): Outcome {
    return this.state.kind === 'closed' ? this.state.outcome : DONE;
  }

  /** Where to read next, or null when nothing can be given to anybody now. */
  get fetchOffset(): number | null {
    if (this.state.kind !== 'active' || !this.state.machine.canAcquire) return null;
    return this.state.machine.nextFetchOffset;
  }

  private async load(): Promise<void> {
    const { groupId, topicId, partition, leaderEpoch, persister } = this.parts;
    const read = (await persister.readState(groupId, [{ topicId, partition, leaderEpoch }]))[0];
    if (this.state.kind !== 'loading') return;
    if (read === undefined) throw new Error('the persister answers for each partition');
    const problem = toldOf(read);
    if (problem.errorCode !== ErrorCode.NONE) return this.closeWith(problem);
    this.state = { kind: 'active', machine: this.machineOf(read), stateEpoch: read.stateEpoch };
    this.notify();
  }

  private machineOf(read: StateRead): SharePartition {
    const startOffset = read.startOffset === UNINITIALIZED_OFFSET ? this.parts.resetOffset() : read.startOffset;
    return new SharePartition(startOffset, read.stateBatches, this.parts.limits);
  }

  /** The log begins at the offset now. */
  logStartMoved(logStartOffset: number): void {
    if (this.state.kind === 'active') this.state.machine.logStartMoved(logStartOffset);
  }

  acquire(acquisition: Omit<Acquisition, 'nowMs'>): readonly AcquiredRange[] {
    if (this.state.kind !== 'active') return [];
    const nowMs = this.parts.clock.monotonic();
    const ranges = this.state.machine.acquire({ ...acquisition, nowMs });
    if (ranges.length > 0) this.arm(nowMs + this.parts.limits().lockMs);
    return ranges;
  }

  /** Resolves when it is stored, or with why it was refused. */
  async acknowledge(memberId: string, batches: readonly AcknowledgementBatch[]): Promise<Outcome> {
    if (this.state.kind !== 'active') return this.notActive();
    const result = this.state.machine.acknowledge(memberId, batches, this.parts.clock.monotonic());
    switch (result.kind) {
      case 'rejected':
        this.notify();
        return { errorCode: result.errorCode, errorMessage: result.errorMessage };
      case 'accepted':
        return result.transition === null ? DONE : this.store(result.transition);
    }
  }

  /** The member's session is over. */
  async release(memberId: string): Promise<Outcome> {
    if (this.state.kind !== 'active') return this.notActive();
    const transition = this.state.machine.release(memberId);
    return transition === null ? DONE : this.store(transition);
  }

  private notActive(): Outcome {
    if (this.state.kind === 'closed') return this.state.outcome;
    // Nothing can be acquired of what is not loaded yet.
    return { errorCode: ErrorCode.INVALID_RECORD_STATE, errorMessage: 'The offsets of the request are not in flight.' };
  }

  private async store(transition: Transition): Promise<Outcome> {
    const outcome = await this.write(transition.stateBatches);
    if (this.state.kind !== 'active') return outcome;
    this.state.machine.complete(transition, outcome.errorCode === ErrorCode.NONE, this.parts.clock.monotonic());
    this.notify();
    return outcome;
  }

  private async write(stateBatches: readonly StateBatch[]): Promise<Outcome> {
    if (this.state.kind !== 'active') return this.notActive();
    const { groupId, topicId, partition, leaderEpoch, persister } = this.parts;
    const { machine, stateEpoch } = this.state;
    const { startOffset, deliveryCompleteCount } = machine;
    const change = { topicId, partition, stateEpoch, leaderEpoch, startOffset, deliveryCompleteCount, stateBatches };
    const answer = (await persister.writeState(groupId, [change]))[0];
    if (answer === undefined) throw new Error('the persister answers for each partition');
    const outcome = toldOf(answer);
    if (isFencing(outcome.errorCode)) this.closeWith(outcome);
    return outcome;
  }

  private arm(dueMs: number): void {
    if (this.timer !== null && this.timerDueMs <= dueMs) return;
    this.timer?.cancel();
    this.timerDueMs = dueMs;
    const delayMs = Math.max(0, dueMs - this.parts.clock.monotonic());
    this.timer = this.parts.clock.setTimer(delayMs, () => {
      this.timer = null;
      void this.expire();
    });
  }

  private async expire(): Promise<void> {
    if (this.state.kind !== 'active') return;
    const { machine } = this.state;
    const stateBatches = machine.expire(this.parts.clock.monotonic());
    if (Number.isFinite(machine.nextDeadlineMs)) this.arm(machine.nextDeadlineMs);
    if (stateBatches.length === 0) return;
    this.notify();
    // Whether it was stored or not: the locks are over.
    await this.write(stateBatches);
    machine.settle();
    this.notify();
  }

  /** Whoever waits is told; nothing is given any more. Idempotent. */
  fence(): void {
    this.closeWith({
      errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER,
      errorMessage: errorOf(ErrorCode.NOT_LEADER_OR_FOLLOWER).message,
    });
  }

  private closeWith(outcome: Outcome): void {
    if (this.state.kind === 'closed') return;
    this.state = { kind: 'closed', outcome };
    this.timer?.cancel();
    this.timer = null;
    this.parts.onFenced(this);
    this.notify();
    this.listeners.clear();
  }

  /** Told when records may have become available, or it was closed. Returns how to stop listening. */
  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  private notify(): void {
    for (const listener of [...this.listeners]) listener();
  }
}

/** What a client is told of an error of the persister. */
function toldOf({ errorCode, errorMessage }: Outcome): Outcome {
  switch (errorCode) {
    case ErrorCode.NONE:
      return DONE;
    case ErrorCode.NOT_COORDINATOR:
    case ErrorCode.COORDINATOR_NOT_AVAILABLE:
    case ErrorCode.COORDINATOR_LOAD_IN_PROGRESS:
      return { errorCode: ErrorCode.COORDINATOR_NOT_AVAILABLE, errorMessage };
    case ErrorCode.GROUP_ID_NOT_FOUND:
    case ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
      return { errorCode, errorMessage };
    case ErrorCode.FENCED_LEADER_EPOCH:
    case ErrorCode.FENCED_STATE_EPOCH:
      return { errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER, errorMessage };
    default:
      return { errorCode: ErrorCode.UNKNOWN_SERVER_ERROR, errorMessage };
  }
}

function isFencing(errorCode: number): boolean {
  return (
    errorCode === ErrorCode.NOT_LEADER_OR_FOLLOWER ||
    errorCode === ErrorCode.GROUP_ID_NOT_FOUND ||
    errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
  );
}
