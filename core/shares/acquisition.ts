import { type InFlight, type Origin, type Run, UNLOCKED } from './in-flight.ts';

/**
 * Which records of what was read a member gets. Pure.
 *
 * What is to be delivered again comes first, then new records. By default whole batches of the log are given, so that the limit of records is passed by the rest of
 * the batch that reaches it; in record-limit mode (KIP-1206) it is kept exactly. Runs whose deliveries failed often are given in ever smaller parts, and each
 * record's last delivery alone: one bad record must not use up the deliveries of its neighbours.
 */
export interface LogBatch {
  readonly baseOffset: number;
  readonly lastOffset: number;
  /** Of a transaction that was aborted, and this group reads committed records only. */
  readonly isAborted: boolean;
}

export interface Acquisition {
  readonly memberId: string;
  readonly isRecordLimit: boolean;
  /** New records are cut into acquisitions of at least so many, at the borders of batches. */
  readonly batchSize: number;
  readonly recordsMax: number;
  /** Where the read began. */
  readonly fetchOffset: number;
  /** What was read, ascending; taken one by one as far as needed. */
  readonly batches: Iterable<LogBatch>;
  readonly nowMs: number;
}

export interface AcquiredRange {
  readonly firstOffset: number;
  readonly lastOffset: number;
  readonly deliveryCount: number;
}

interface Place {
  readonly inFlight: InFlight;
  readonly startOffset: number;
  readonly nextOffset: number;
}

export interface Acquired {
  readonly ranges: AcquiredRange[];
  readonly startOffset: number;
  readonly nextOffset: number;
}

interface Limits {
  readonly deliveryCountMax: number;
  readonly inFlightMax: number;
  readonly lockMs: number;
}

/** Deliveries of which so many failed are cut smaller. */
const THROTTLE_COUNT_MIN = 2;

export function acquire(place: Place, asked: Acquisition, limits: Limits): Acquired {
  const { inFlight, startOffset, nextOffset } = place;
  const nothing: Acquired = { ranges: [], startOffset, nextOffset };
  let recordsMax = Math.min(asked.recordsMax, limits.inFlightMax - (nextOffset - startOffset));
  // With no room for new records, those before the last one in flight may still be delivered again.
  const isFull = recordsMax <= 0;
  if (isFull) {
    if (asked.fetchOffset >= nextOffset) return nothing;
    recordsMax = Math.min(asked.recordsMax, nextOffset - asked.fetchOffset);
  }
  if (recordsMax <= 0) return nothing;
  const walk = new Walk(asked.batches);
  const first = walk.batchAt(startOffset);
  if (first === null) return nothing;
  // Records that the log does not have any more (compaction) are over.
  archiveMissing(inFlight, asked.fetchOffset, first.baseOffset - 1);
  const taking = new Taking(inFlight, asked, limits, recordsMax, walk);
  const from = Math.max(first.baseOffset, startOffset);
  taking.again(from);
  const end = isFull ? nextOffset : taking.fresh(Math.max(nextOffset, from));
  const isFirst = nextOffset === startOffset && taking.ranges.length > 0;
  return {
    startOffset: isFirst ? Math.max(startOffset, taking.ranges[0]!.firstOffset) : startOffset,
    nextOffset: end,
    ranges: withoutAborted(inFlight, taking.ranges, walk.aborted),
  };
}

function archiveMissing(inFlight: InFlight, firstOffset: number, lastOffset: number): void {
  inFlight.change(firstOffset, lastOffset, (run) =>
    run.state === 'available' && run.transition === null ? { ...run, state: 'archived' } : null,
  );
}

/** From how many deliveries on a run is given in smaller parts. */
function throttleCount(deliveryCountMax: number): number {
  return Math.max(THROTTLE_COUNT_MIN, Math.ceil(deliveryCountMax / 2));
}

class Taking {
  readonly ranges: AcquiredRange[] = [];
  private readonly inFlight: InFlight;
  private readonly asked: Acquisition;
  private readonly limits: Limits;
  private readonly walk: Walk;
  private recordsLeft: number;
  private lastOrigin: Origin | null = null;
  private count = 0;

  constructor(inFlight: InFlight, asked: Acquisition, limits: Limits, recordsMax: number, walk: Walk) {
    this.inFlight = inFlight;
    this.asked = asked;
    this.limits = limits;
    this.recordsLeft = recordsMax;
    this.walk = walk;
  }

  /** Runs that are available again. */
  again(from: number): void {
    const { runs } = this.inFlight;
    for (let i = this.inFlight.indexFrom(from); i < runs.length && this.recordsLeft > 0; i++) {
      const run = runs[i]!;
      if (run.state !== 'available' || run.transition !== null) continue;
      const firstOffset = Math.max(run.firstOffset, from);
      const readTo = this.walk.endUpTo(run.lastOffset);
      if (readTo < firstOffset) return;
      const lastOffset = Math.min(run.lastOffset, readTo);
      const isThrottled = run.deliveryCount >= throttleCount(this.limits.deliveryCountMax);
      if (isThrottled) {
        // Not together with others, and nothing after it.
        if (this.count === 0) this.take(run, firstOffset, Math.min(lastOffset, this.throttledEnd(run, firstOffset)));
        this.recordsLeft = 0;
        return;
      }
      this.take(run, firstOffset, Math.min(lastOffset, this.limitedEnd(firstOffset)));
    }
  }

  private throttledEnd(run: Run, firstOffset: number): number {
    const { deliveryCountMax } = this.limits;
    if (deliveryCountMax > 2 && run.deliveryCount >= deliveryCountMax - 1) return firstOffset;
    const halvings = run.deliveryCount - throttleCount(deliveryCountMax) + 1;
    const records = Math.max(1, run.origin.recordCount >> halvings);
    return firstOffset + (this.asked.isRecordLimit ? Math.min(records, this.recordsLeft) : records) - 1;
  }

  /** Where the limit of records ends an acquisition that begins at the offset. */
  private limitedEnd(firstOffset: number): number {
    const end = firstOffset + this.recordsLeft - 1;
    return this.asked.isRecordLimit ? end : Math.max(end, this.walk.batchEnd(end));
  }

  private take(run: Run, firstOffset: number, lastOffset: number): void {
    const { memberId, nowMs } = this.asked;
    const deliveryCount = run.deliveryCount + 1;
    const lockedUntilMs = nowMs + this.limits.lockMs;
    this.inFlight.change(firstOffset, lastOffset, (part) => ({
      ...part,
      state: 'acquired',
      memberId,
      lockedUntilMs,
      deliveryCount,
    }));
    this.note(run.origin, { firstOffset, lastOffset, deliveryCount });
  }

  /** Records that were never in flight. Returns the next one that is not. */
  fresh(position: number): number {
    if (this.recordsLeft <= 0) return position;
    const batch = this.walk.batchAt(position);
    if (batch === null) return position;
    const firstOffset = Math.max(position, batch.baseOffset);
    const lastOffset = Math.min(this.limitedEnd(firstOffset), this.walk.endUpTo(this.limitedEnd(firstOffset)));
    let from = firstOffset;
    if (!this.asked.isRecordLimit && lastOffset - firstOffset + 1 > this.asked.batchSize) {
      for (const { baseOffset } of this.walk.seen) {
        if (baseOffset <= from || baseOffset > lastOffset || baseOffset - from < this.asked.batchSize) continue;
        this.begin(from, baseOffset - 1);
        from = baseOffset;
      }
    }
    this.begin(from, lastOffset);
    return lastOffset + 1;
  }

  private begin(firstOffset: number, lastOffset: number): void {
    const { memberId, nowMs } = this.asked;
    const origin = { recordCount: lastOffset - firstOffset + 1 };
    this.inFlight.push({
      firstOffset,
      lastOffset,
      state: 'acquired',
      deliveryCount: 1,
      memberId,
      lockedUntilMs: nowMs + this.limits.lockMs,
      origin,
      transition: null,
      before: null,
    });
    this.note(origin, { firstOffset, lastOffset, deliveryCount: 1 });
  }

  private note(origin: Origin, range: AcquiredRange): void {
    const last = this.ranges.at(-1);
    const continues =
      last !== undefined &&
      origin === this.lastOrigin &&
      last.lastOffset + 1 === range.firstOffset &&
      last.deliveryCount === range.deliveryCount;
    if (continues) this.ranges[this.ranges.length - 1] = { ...last, lastOffset: range.lastOffset };
    else this.ranges.push(range);
    this.lastOrigin = origin;
    this.count += range.lastOffset - range.firstOffset + 1;
    this.recordsLeft -= range.lastOffset - range.firstOffset + 1;
  }
}

/** Aborted records count as delivered for good: they are over, and nobody is told of them. */
function withoutAborted(
  inFlight: InFlight,
  ranges: readonly AcquiredRange[],
  aborted: readonly LogBatch[],
): AcquiredRange[] {
  const told: AcquiredRange[] = [];
  for (const range of ranges) {
    let from = range.firstOffset;
    for (const { baseOffset, lastOffset } of aborted) {
      const first = Math.max(baseOffset, range.firstOffset);
      const last = Math.min(lastOffset, range.lastOffset);
      if (first > last) continue;
      inFlight.change(first, last, (run) => ({ ...run, state: 'archived', memberId: null, lockedUntilMs: UNLOCKED }));
      if (first > from) told.push({ ...range, firstOffset: from, lastOffset: first - 1 });
      from = last + 1;
    }
    if (from <= range.lastOffset) told.push({ ...range, firstOffset: from });
  }
  return told;
}

/** What was read, looked at only as far as somebody asks. */
class Walk {
  readonly seen: LogBatch[] = [];
  readonly aborted: LogBatch[] = [];
  private readonly batches: Iterator<LogBatch>;

  constructor(batches: Iterable<LogBatch>) {
    this.batches = batches[Symbol.iterator]();
  }

  private step(): LogBatch | null {
    const { done, value } = this.batches.next();
    if (done === true) return null;
    this.seen.push(value);
    if (value.isAborted) this.aborted.push(value);
    return value;
  }

  /** The first batch that ends at or after the offset. */
  batchAt(offset: number): LogBatch | null {
    const last = this.seen.at(-1);
    if (last !== undefined && last.lastOffset >= offset) {
      return this.seen.find((each) => each.lastOffset >= offset)!;
    }
    for (let batch = this.step(); batch !== null; batch = this.step()) if (batch.lastOffset >= offset) return batch;
    return null;
  }

  /** The offset, or where what was read ends before it. */
  endUpTo(offset: number): number {
    return this.batchAt(offset) !== null ? offset : (this.seen.at(-1)?.lastOffset ?? -1);
  }

  /** The end of the batch that holds the offset; the offset itself where none does. */
  batchEnd(offset: number): number {
    const batch = this.batchAt(offset);
    return batch !== null && batch.baseOffset <= offset ? batch.lastOffset : offset;
  }
}
