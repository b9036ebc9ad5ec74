import { ErrorCode } from '../protocol/errors.ts';
import { type AcquiredRange, type Acquisition, acquire } from './acquisition.ts';
import {
  countOf,
  deliveryStateOf,
  type Held,
  InFlight,
  isOver,
  newRun,
  type Run,
  stateBatchOf,
  type Transition,
  UNLOCKED,
} from './in-flight.ts';
import type { StateBatch } from './persister.ts';

/**
 * A partition as one share group sees it (KIP-932): which records are to be delivered, who has which, and what became of them. Pure: no I/O, no clock.
 *
 *     available ── acquire ──▶ acquired ── accept ──▶ acknowledged
 *         ▲                        │ ──── reject, gap ──▶ archived
 *         └── release, lock over ──┤
 *                                  └── the same after the last delivery ──▶ archived
 *
 * Invariants: a record has one owner at most; it is delivered at most `deliveryCountMax` times; `startOffset`, before which everything is over, never goes back.
 * A change by acknowledgement or release is a transition: it holds for others when the persister has it (`complete`), and is undone when that fails.
 *
 *     startOffset            nextOffset
 *         │  in flight: runs     │  not looked at yet
 *     ────┴──────────────────────┴─────────────▶
 */
export interface ShareLimits {
  readonly deliveryCountMax: number;
  /** Records from the start offset to the last one in flight. */
  readonly inFlightMax: number;
  readonly lockMs: number;
  readonly isRenewAllowed: boolean;
}

export const AcknowledgeType = { GAP: 0, ACCEPT: 1, RELEASE: 2, REJECT: 3, RENEW: 4 } as const;

export interface AcknowledgementBatch {
  readonly firstOffset: number;
  readonly lastOffset: number;
  /** One for all, or one for each offset. */
  readonly acknowledgeTypes: readonly number[];
}

export type AcknowledgeResult =
  | { readonly kind: 'rejected'; readonly errorCode: number; readonly errorMessage: string }
  /** null: nothing has to be stored. */
  | { readonly kind: 'accepted'; readonly transition: Transition | null };

interface MutableTransition extends Transition {
  readonly stateBatches: StateBatch[];
}

export class SharePartition {
  private readonly limits: () => ShareLimits;
  private readonly inFlight = new InFlight();
  private start: number;
  private next: number;

  /** Throws on batches that no share partition writes. */
  constructor(startOffset: number, stateBatches: readonly StateBatch[], limits: () => ShareLimits) {
    this.limits = limits;
    this.start = startOffset;
    this.next = startOffset;
    for (const { firstOffset, lastOffset, deliveryState, deliveryCount } of stateBatches) {
      const state = deliveryStateOf(deliveryState);
      if (state === null || state === 'acquired' || firstOffset < this.next || lastOffset < firstOffset) {
        throw new Error(`state ${deliveryState} of ${firstOffset}–${lastOffset} cannot follow ${this.next}`);
      }
      // What was under way when its leader stopped was not stored: it is delivered as if it had never been.
      if (firstOffset > this.next) this.inFlight.push(newRun(this.next, firstOffset - 1, 'available', 0));
      this.inFlight.push(newRun(firstOffset, lastOffset, state, deliveryCount));
      this.next = lastOffset + 1;
    }
    this.settle();
  }

  get startOffset(): number {
    return this.start;
  }

  /** The first offset that was never in flight. */
  get nextOffset(): number {
    return this.next;
  }

  get runs(): readonly Run[] {
    return this.inFlight.runs;
  }

  /** How many records from the start offset on have their delivery behind them (KIP-1226). */
  get deliveryCompleteCount(): number {
    return this.runs.reduce((sum, run) => sum + (isOver(run) ? countOf(run) : 0), 0);
  }

  /** Where reading goes on: what is to be delivered again comes first. */
  get nextFetchOffset(): number {
    for (const run of this.runs) if (run.state === 'available' && run.transition === null) return run.firstOffset;
    return this.next;
  }

  /** Whether a read at `nextFetchOffset` could give records to anybody. */
  get canAcquire(): boolean {
    return this.nextFetchOffset < this.next || this.next - this.start < this.limits().inFlightMax;
  }

  /** The next time when a lock is over, monotonic; infinite when nothing is locked. */
  get nextDeadlineMs(): number {
    let deadlineMs = UNLOCKED;
    for (const run of this.runs) if (run.transition === null) deadlineMs = Math.min(deadlineMs, run.lockedUntilMs);
    return deadlineMs;
  }

  /** Gives records of what was read to a member. Nothing of it is stored: who crashes has delivered it once less. */
  acquire(acquisition: Acquisition): AcquiredRange[] {
    const place = { inFlight: this.inFlight, startOffset: this.start, nextOffset: this.next };
    const acquired = acquire(place, acquisition, this.limits());
    // The first record of the log may lie beyond the start offset: what was between them is gone.
    if (acquired.startOffset > this.start) this.start = acquired.startOffset;
    this.next = acquired.nextOffset;
    // Aborted transactions are over as soon as they are seen.
    this.settle();
    return acquired.ranges;
  }

  acknowledge(memberId: string, batches: readonly AcknowledgementBatch[], nowMs: number): AcknowledgeResult {
    const transition: MutableTransition = { stateBatches: [] };
    for (const batch of batches) {
      const problem = this.acknowledgeBatch(memberId, batch, nowMs, transition);
      if (problem === null) continue;
      // All of the request or nothing, except that locks which were renewed stay so.
      this.complete(transition, false, nowMs);
      return { kind: 'rejected', ...problem };
    }
    return { kind: 'accepted', transition: transition.stateBatches.length === 0 ? null : transition };
  }

  private acknowledgeBatch(
    memberId: string,
    batch: AcknowledgementBatch,
    nowMs: number,
    transition: MutableTransition,
  ): Problem | null {
    if (batch.lastOffset < this.start) return null;
    const firstOffset = Math.max(batch.firstOffset, this.start);
    const problem =
      this.rangeProblem(firstOffset, batch.lastOffset) ?? this.ownerProblem(memberId, firstOffset, batch.lastOffset);
    if (problem !== null) return problem;
    const { acknowledgeTypes } = batch;
    if (acknowledgeTypes.length === 1) {
      return this.acknowledgeRange(firstOffset, batch.lastOffset, acknowledgeTypes[0]!, nowMs, transition);
    }
    const typeOf = (offset: number): number => acknowledgeTypes[offset - batch.firstOffset]!;
    for (let from = firstOffset; from <= batch.lastOffset; ) {
      let to = from;
      while (to < batch.lastOffset && typeOf(to + 1) === typeOf(from)) to++;
      const failed = this.acknowledgeRange(from, to, typeOf(from), nowMs, transition);
      if (failed !== null) return failed;
      from = to + 1;
    }
    return null;
  }

  private rangeProblem(firstOffset: number, lastOffset: number): Problem | null {
    const first = this.runs[0];
    const last = this.runs.at(-1);
    if (first === undefined || last === undefined || firstOffset < first.firstOffset) {
      return invalidState('The offsets of the request are not in flight.');
    }
    if (firstOffset > last.lastOffset || lastOffset > last.lastOffset) {
      return {
        errorCode: ErrorCode.INVALID_REQUEST,
        errorMessage: 'The offsets of the request are past those in flight.',
      };
    }
    return null;
  }

  private ownerProblem(memberId: string, firstOffset: number, lastOffset: number): Problem | null {
    for (let i = this.inFlight.indexFrom(firstOffset); i < this.runs.length; i++) {
      const run = this.runs[i]!;
      if (run.firstOffset > lastOffset) break;
      if (run.transition !== null) return invalidState('The delivery of the record is being ended already.');
      if (run.state !== 'acquired') return invalidState('The record is not acquired.');
      if (run.memberId !== memberId) return invalidState('The record is acquired by another member.');
    }
    return null;
  }

  private acknowledgeRange(
    firstOffset: number,
    lastOffset: number,
    type: number,
    nowMs: number,
    transition: MutableTransition,
  ): Problem | null {
    switch (type) {
      case AcknowledgeType.RENEW: {
        const { isRenewAllowed, lockMs } = this.limits();
        if (!isRenewAllowed) return invalidState('Renewing acquisition locks is not enabled for the group.');
        this.inFlight.change(firstOffset, lastOffset, (run) => ({ ...run, lockedUntilMs: nowMs + lockMs }));
        return null;
      }
      case AcknowledgeType.ACCEPT:
        this.begin(firstOffset, lastOffset, () => 'acknowledged', transition);
        return null;
      case AcknowledgeType.RELEASE:
        this.begin(firstOffset, lastOffset, (run) => this.released(run.deliveryCount), transition);
        return null;
      case AcknowledgeType.GAP:
      case AcknowledgeType.REJECT:
        this.begin(firstOffset, lastOffset, () => 'archived', transition);
        return null;
      default:
        return { errorCode: ErrorCode.INVALID_REQUEST, errorMessage: `There is no acknowledge type ${type}.` };
    }
  }

  private released(deliveryCount: number): 'available' | 'archived' {
    return deliveryCount >= this.limits().deliveryCountMax ? 'archived' : 'available';
  }

  private begin(
    firstOffset: number,
    lastOffset: number,
    next: (run: Run) => 'available' | 'acknowledged' | 'archived',
    transition: MutableTransition,
  ): void {
    this.inFlight.change(firstOffset, lastOffset, (run) => this.begun(run, next(run), transition));
  }

  private begun(run: Run, state: 'available' | 'acknowledged' | 'archived', transition: MutableTransition): Run {
    const before: Held = { state: run.state, memberId: run.memberId, lockedUntilMs: run.lockedUntilMs };
    const begun: Run = { ...run, state, memberId: null, lockedUntilMs: UNLOCKED, transition, before };
    transition.stateBatches.push(stateBatchOf(begun));
    return begun;
  }

  /** The member goes: what it has is given back. null: it had nothing. */
  release(memberId: string): Transition | null {
    const transition: MutableTransition = { stateBatches: [] };
    this.inFlight.changeAll((run) => {
      if (run.state !== 'acquired' || run.memberId !== memberId || run.transition !== null) return null;
      return this.begun(run, this.released(run.deliveryCount), transition);
    });
    return transition.stateBatches.length === 0 ? null : transition;
  }

  /** The persister has the change, or refused it: then everything is as before, except that locks may have ended meanwhile. */
  complete(transition: Transition, isStored: boolean, nowMs: number): void {
    this.inFlight.changeAll((run) => {
      if (run.transition !== transition) return null;
      if (isStored) return { ...run, transition: null, before: null };
      const before = run.before!;
      const free = { ...run, transition: null, before: null };
      if (before.lockedUntilMs > nowMs) return { ...free, ...before };
      return { ...free, state: this.released(run.deliveryCount) };
    });
    if (isStored) this.settle();
  }

  /** Gives back what was locked for too long. It is available at once; the batches are to be stored, and then `settle` is to be called. */
  expire(nowMs: number): readonly StateBatch[] {
    const stateBatches: StateBatch[] = [];
    this.inFlight.changeAll((run) => {
      if (run.state !== 'acquired' || run.transition !== null || run.lockedUntilMs > nowMs) return null;
      const freed: Run = { ...run, state: this.released(run.deliveryCount), memberId: null, lockedUntilMs: UNLOCKED };
      stateBatches.push(stateBatchOf(freed));
      return freed;
    });
    return stateBatches;
  }

  /** Moves the start offset over what is over. True when it moved. */
  settle(): boolean {
    let index = 0;
    while (index < this.runs.length && isOver(this.runs[index]!) && this.runs[index]!.transition === null) index++;
    if (index === 0) return false;
    const moved = this.runs[index]?.firstOffset ?? this.next;
    this.inFlight.dropBefore(moved);
    this.start = Math.max(this.start, moved);
    return true;
  }

  /** The log begins later: what lies before is gone, whoever has it. */
  logStartMoved(logStartOffset: number): void {
    if (logStartOffset <= this.start) return;
    this.inFlight.dropBefore(logStartOffset);
    this.start = logStartOffset;
    this.next = Math.max(this.next, logStartOffset);
    this.settle();
  }
}

interface Problem {
  readonly errorCode: number;
  readonly errorMessage: string;
}

function invalidState(errorMessage: string): Problem {
  return { errorCode: ErrorCode.INVALID_RECORD_STATE, errorMessage };
}
