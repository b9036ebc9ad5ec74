import type { Log } from './log.ts';
import type { Segment } from './segment.ts';

/**
 * What of a compacted log may be cleaned, and how urgent it is: pure functions over its segments.
 *
 *     | clean: no key twice, but tombstones and markers still age | dirty, cleanable | not cleanable: too young, unstable, active segment |
 *     0                                            firstDirtyOffset   firstUncleanableOffset                                       log end
 *
 * Invariant: nothing at or above the last stable offset (so nor the high watermark), and nothing of the active segment is cleaned.
 */
export interface CleaningPlan {
  readonly log: Log;
  readonly firstDirtyOffset: number;
  /** The base offset of a segment. */
  readonly firstUncleanableOffset: number;
  /** Bytes of the segments below the first dirty offset, and of those that would be cleaned. */
  readonly cleanBytes: number;
  readonly cleanableBytes: number;
  /** Its oldest dirty record waits longer than max.compaction.lag.ms. */
  readonly isOverdue: boolean;
}

/** Share of the bytes that a pass would read which was not cleaned before. */
export function dirtyRatio(plan: CleaningPlan): number {
  const total = plan.cleanBytes + plan.cleanableBytes;
  return total === 0 ? 0 : plan.cleanableBytes / total;
}

/** Is it time? */
export function isDue(plan: CleaningPlan): boolean {
  if (plan.cleanableBytes === 0) return false;
  return plan.isOverdue || dirtyRatio(plan) > plan.log.config.minCleanableDirtyRatio;
}

/** `cleanedOffset` is the checkpoint; one that does not fit the log is not believed. */
export function planCleaning(log: Log, cleanedOffset: number | undefined, nowMs: number): CleaningPlan {
  const { segments, config } = log;
  const activeBase = segments[segments.length - 1]!.baseOffset;
  const isSound =
    cleanedOffset !== undefined && cleanedOffset >= log.logStartOffset && cleanedOffset <= log.logEndOffset;
  const firstDirtyOffset = isSound ? cleanedOffset : log.logStartOffset;
  const dirty = sealedFrom(segments, firstDirtyOffset);
  let bound = Math.min(log.lastStableOffset, activeBase);
  if (config.minCompactionLagMs > 0) {
    const young = dirty.find((segment) => segment.maxTimestamp > nowMs - config.minCompactionLagMs);
    if (young !== undefined) bound = Math.min(bound, young.baseOffset);
  }
  bound = Math.max(bound, firstDirtyOffset);
  const firstUncleanableOffset = sealedFrom(segments, bound)[0]?.baseOffset ?? activeBase;
  let cleanBytes = 0;
  for (const segment of segments) if (segment.baseOffset < firstDirtyOffset) cleanBytes += segment.size;
  let cleanableBytes = 0;
  for (const segment of dirty) if (segment.baseOffset < firstUncleanableOffset) cleanableBytes += segment.size;
  return {
    log,
    firstDirtyOffset,
    firstUncleanableOffset,
    cleanBytes,
    cleanableBytes,
    isOverdue: isOverdue(dirty, nowMs - config.maxCompactionLagMs),
  };
}

function isOverdue(dirty: readonly Segment[], untilMs: number): boolean {
  if (untilMs <= 0) return false;
  return dirty.some((segment) => segment.firstTimestamp > 0 && segment.firstTimestamp < untilMs);
}

/** The segments other than the active one that hold `offset` or lie behind it. */
export function sealedFrom(segments: readonly Segment[], offset: number): Segment[] {
  const last = segments.length - 1;
  return segments.filter((_, index) => index < last && segments[index + 1]!.baseOffset > offset);
}

/**
 * Neighbours that together fit into one segment, its indexes too: each group becomes one. `firstUncleanableOffset` bounds the last segment's offsets.
 */
export function groupSegments(
  segments: readonly Segment[],
  limits: { readonly segmentBytes: number; readonly segmentIndexBytes: number },
  firstUncleanableOffset: number,
): Segment[][] {
  const groups: Segment[][] = [];
  let group: Segment[] = [];
  let bytes = 0;
  let offsetIndexBytes = 0;
  let timeIndexBytes = 0;
  for (const [index, segment] of segments.entries()) {
    const lastOffset = (segments[index + 1]?.baseOffset ?? firstUncleanableOffset) - 1;
    const fits =
      group.length > 0 &&
      bytes + segment.size <= limits.segmentBytes &&
      offsetIndexBytes + segment.offsetIndex.entries.bytes <= limits.segmentIndexBytes &&
      timeIndexBytes + segment.timeIndex.entries.bytes <= limits.segmentIndexBytes &&
      (segment.size === 0 || lastOffset - group[0]!.baseOffset <= 0x7fff_ffff);
    if (!fits) {
      group = [];
      groups.push(group);
      bytes = 0;
      offsetIndexBytes = 0;
      timeIndexBytes = 0;
    }
    group.push(segment);
    bytes += segment.size;
    offsetIndexBytes += segment.offsetIndex.entries.bytes;
    timeIndexBytes += segment.timeIndex.entries.bytes;
  }
  return groups;
}
