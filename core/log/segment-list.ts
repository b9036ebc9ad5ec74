import type { AbortedTransaction } from './aborted-index.ts';
import type { LogRead, ReadOptions } from './log-options.ts';
import { PositionCache } from './position-cache.ts';
import type { FoundRecord, Segment } from './segment.ts';

/**
 * The segments of a log in offset order, of which the last one takes appends: which of them holds an offset, a time, an aborted transaction, and where a
 * read begins and ends.
 *
 * Invariant: base offsets rise strictly. There is at least one segment while the log is online.
 *
 * Not here: what a reader may see (`log.ts`), files made and removed (`segment-files.ts`), a disk that fails (its FilesError goes to the caller).
 */
export class SegmentList {
  private readonly segments: Segment[];
  private readonly positions = new PositionCache();

  constructor(segments: Segment[]) {
    this.segments = segments;
  }

  get all(): readonly Segment[] {
    return this.segments;
  }

  get first(): Segment {
    return this.segments[0]!;
  }

  get active(): Segment {
    return this.segments[this.segments.length - 1]!;
  }

  get bytes(): number {
    return this.segments.reduce((bytes, segment) => bytes + segment.size, 0);
  }

  /** `segment` takes the appends from now on. */
  add(segment: Segment): void {
    this.segments.push(segment);
  }

  /** Takes out `count` segments from the one at `index` on, all without `count`. Positions are forgotten: the last one that stays may be cut now. */
  remove(index: number, count = this.segments.length): Segment[] {
    this.positions.clear();
    return this.segments.splice(index, count);
  }

  /** `segments` stand here one behind the other, and none of them takes appends. */
  hasSealed(segments: readonly Segment[]): boolean {
    const at = this.segments.indexOf(segments[0]!);
    const isWhole = segments.every((segment, index) => this.segments[at + index] === segment);
    return at >= 0 && isWhole && at + segments.length < this.segments.length;
  }

  /** `cleaned` comes into the place of `replaced`, for which `hasSealed` held. */
  replace(replaced: readonly Segment[], cleaned: Segment): void {
    this.positions.clear();
    this.segments.splice(this.segments.indexOf(replaced[0]!), replaced.length, cleaned);
  }

  /** The last segment whose base is at or below `offset`. */
  indexFor(offset: number): number {
    const { segments: all } = this;
    let low = 0;
    let high = all.length - 1;
    if (all[high]!.baseOffset <= offset) return high;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (all[middle]!.baseOffset <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Whole batches from the one that holds `startOffset`, below `options.maxOffset`; `logEndOffset` is the next offset to be written. */
  read(startOffset: number, logEndOffset: number, options: ReadOptions): LogRead {
    const bound = Math.min(options.maxOffset, logEndOffset);
    if (startOffset >= bound) return nothing(startOffset);
    const { segments: all } = this;
    for (let index = this.indexFor(startOffset); index < all.length; index++) {
      const segment = all[index]!;
      if (segment.baseOffset >= bound) break;
      const segmentEnd = all[index + 1]?.baseOffset ?? logEndOffset;
      const limit = bound >= segmentEnd ? segment.size : (this.positionOf(segment, bound) ?? segment.size);
      const position = this.positionOf(segment, startOffset);
      if (position === null || position >= limit) continue;
      return this.cut(segment, position, limit, Math.min(bound, segmentEnd), startOffset, options);
    }
    return nothing(startOffset);
  }

  /** Ends a read at `limit`, or at the last batch that ends within `maxBytes`. */
  private cut(
    segment: Segment,
    position: number,
    limit: number,
    limitOffset: number,
    startOffset: number,
    options: ReadOptions,
  ): LogRead {
    if (limit - position <= options.maxBytes) {
      this.positions.set(segment, limitOffset, limit);
      return { kind: 'read', errorCode: 0, slice: segment.slice(position, limit - position), endOffset: limitOffset };
    }
    let end = segment.batchBoundaryAtOrBelow(position + options.maxBytes, position);
    if (end.position === position) {
      if (!options.minOneBatch) return nothing(startOffset);
      end = segment.batchEnd(position);
    }
    this.positions.set(segment, end.nextOffset, end.position);
    const slice = segment.slice(position, end.position - position);
    return { kind: 'read', errorCode: 0, slice, endOffset: end.nextOffset };
  }

  private positionOf(segment: Segment, offset: number): number | null {
    const known = this.positions.get(segment, offset);
    if (known !== null) return known;
    const batch = segment.findBatch(offset);
    if (batch === null) return null;
    this.positions.set(segment, offset, batch.position);
    return batch.position;
  }

  /** The aborted transactions that touch [startOffset, endOffset), for a read_committed reader. */
  abortedTransactions(startOffset: number, endOffset: number): AbortedTransaction[] {
    const found: AbortedTransaction[] = [];
    for (let index = this.indexFor(startOffset); index < this.segments.length; index++) {
      if (this.segments[index]!.abortedIndex.collect(startOffset, endOffset, found)) break;
    }
    return found;
  }

  /** The first record at or behind `startOffset` whose timestamp is `timestamp` or later; null when there is none. */
  findTimestamp(timestamp: number, startOffset: number): FoundRecord | null {
    for (const segment of this.segments) {
      if (segment.maxTimestamp < timestamp) continue;
      const found = segment.findTimestamp(timestamp, startOffset);
      if (found !== null) return found;
    }
    return null;
  }

  /** −1 when no record has a timestamp. */
  get maxTimestamp(): number {
    let timestamp = -1;
    for (const segment of this.segments) timestamp = Math.max(timestamp, segment.maxTimestamp);
    return timestamp;
  }
}

function nothing(startOffset: number): LogRead {
  return { kind: 'read', errorCode: 0, slice: null, endOffset: startOffset };
}
