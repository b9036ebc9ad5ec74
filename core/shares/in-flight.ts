import type { StateBatch, StoredDeliveryState } from './persister.ts';

/**
 * The records of a share partition that are under way, as runs of neighbours with the same fate. A run is split only where an
 * acknowledgement, an acquisition or a deletion asks for a part of it, and neighbours whose fates meet again become one.
 *
 * Invariant: runs are ascending and do not overlap; a run that is acquired has a member and a lock, any other has neither. Offsets between two runs have no record
 * in the log.
 */
export type DeliveryState = 'available' | 'acquired' | 'acknowledged' | 'archived';

/** What was acquired at once belongs together: when deliveries keep failing, it is delivered again in ever smaller parts. */
export interface Origin {
  readonly recordCount: number;
}

/** A change that is on its way to the persister; until it is there nobody may acquire or acknowledge what it touches. */
export interface Transition {
  readonly stateBatches: readonly StateBatch[];
}

export interface Held {
  readonly state: DeliveryState;
  readonly memberId: string | null;
  /** Monotonic time; infinite when not acquired. */
  readonly lockedUntilMs: number;
}

export interface Run extends Held {
  readonly firstOffset: number;
  readonly lastOffset: number;
  readonly deliveryCount: number;
  readonly origin: Origin;
  readonly transition: Transition | null;
  /** What it was before the transition, to which it goes back when that fails. */
  readonly before: Held | null;
}

export const UNLOCKED = Number.POSITIVE_INFINITY;

const STORED: Readonly<Record<Exclude<DeliveryState, 'acquired'>, StoredDeliveryState>> = {
  available: 0,
  acknowledged: 2,
  archived: 4,
};

export function deliveryStateOf(stored: number): DeliveryState | null {
  switch (stored) {
    case 0:
      return 'available';
    case 2:
      return 'acknowledged';
    case 4:
      return 'archived';
    default:
      return null;
  }
}

export function countOf(run: { readonly firstOffset: number; readonly lastOffset: number }): number {
  return run.lastOffset - run.firstOffset + 1;
}

export function isOver(run: Run): boolean {
  return run.state === 'acknowledged' || run.state === 'archived';
}

export function newRun(
  firstOffset: number,
  lastOffset: number,
  state: 'available' | 'acknowledged' | 'archived',
  deliveryCount: number,
): Run {
  const origin = { recordCount: lastOffset - firstOffset + 1 };
  const held = { state, memberId: null, lockedUntilMs: UNLOCKED };
  return { ...held, firstOffset, lastOffset, deliveryCount, origin, transition: null, before: null };
}

export class InFlight {
  private list: Run[] = [];

  get runs(): readonly Run[] {
    return this.list;
  }

  /** The index of the first run that ends at or after the offset. */
  indexFrom(offset: number): number {
    let low = 0;
    let high = this.list.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.list[middle]!.lastOffset < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  push(run: Run): void {
    const last = this.list.at(-1);
    if (last !== undefined && last.lastOffset >= run.firstOffset) {
      throw new Error(`a run from ${run.firstOffset} on where ${last.lastOffset} is in flight already`);
    }
    this.list.push(run);
  }

  /**
   * Replaces the part of each run within [firstOffset, lastOffset] by what `change` makes of it; null leaves it as it is. What is not within it stays, as a run
   * of its own.
   */
  change(firstOffset: number, lastOffset: number, change: (part: Run) => Run | null): void {
    const start = this.indexFrom(firstOffset);
    const changed: Run[] = [];
    let index = start;
    for (; index < this.list.length && this.list[index]!.firstOffset <= lastOffset; index++) {
      const run = this.list[index]!;
      const from = Math.max(firstOffset, run.firstOffset);
      const to = Math.min(lastOffset, run.lastOffset);
      const part = change(
        from === run.firstOffset && to === run.lastOffset ? run : { ...run, firstOffset: from, lastOffset: to },
      );
      if (part === null) {
        add(changed, run);
        continue;
      }
      if (run.firstOffset < from) add(changed, { ...run, lastOffset: from - 1 });
      add(changed, part);
      if (run.lastOffset > to) add(changed, { ...run, firstOffset: to + 1 });
    }
    if (index === start) return;
    // The neighbours of the changed part may have become like it.
    const before = start > 0 ? [this.list[start - 1]!] : [];
    const after = index < this.list.length ? [this.list[index]!] : [];
    const joined: Run[] = [];
    for (const run of [...before, ...changed, ...after]) add(joined, run);
    this.list = [...this.list.slice(0, start - before.length), ...joined, ...this.list.slice(index + after.length)];
  }

  changeAll(change: (run: Run) => Run | null): void {
    const changed: Run[] = [];
    for (const run of this.list) add(changed, change(run) ?? run);
    this.list = changed;
  }

  /** Forgets everything before the offset. */
  dropBefore(offset: number): void {
    const index = this.indexFrom(offset);
    const rest = this.list.slice(index);
    const first = rest[0];
    if (first !== undefined && first.firstOffset < offset) rest[0] = { ...first, firstOffset: offset };
    this.list = rest;
  }
}

/** Appends a run, as part of the last one where that goes on with the same fate. */
function add(runs: Run[], run: Run): void {
  const last = runs.at(-1);
  if (last !== undefined && areOne(last, run)) runs[runs.length - 1] = { ...last, lastOffset: run.lastOffset };
  else runs.push(run);
}

function areOne(a: Run, b: Run): boolean {
  if (a.lastOffset + 1 !== b.firstOffset || a.state !== b.state || a.transition !== b.transition) return false;
  // Of what is over only the place matters any more, except that its count is stored.
  if (isOver(a) && a.transition === null) return a.deliveryCount === b.deliveryCount;
  return (
    a.origin === b.origin &&
    a.deliveryCount === b.deliveryCount &&
    a.memberId === b.memberId &&
    a.lockedUntilMs === b.lockedUntilMs &&
    a.before?.state === b.before?.state &&
    a.before?.memberId === b.before?.memberId &&
    a.before?.lockedUntilMs === b.before?.lockedUntilMs
  );
}

/** What of a run is stored. */
export function stateBatchOf(run: Run): StateBatch {
  const { firstOffset, lastOffset, state, deliveryCount } = run;
  if (state === 'acquired') throw new Error('that a record is acquired is not stored');
  return { firstOffset, lastOffset, deliveryState: STORED[state], deliveryCount };
}
