import type { LogConfig } from './log-config.ts';
import type { Segment } from './segment.ts';

/** Where the log stands. */
export interface LogBounds {
  readonly logStartOffset: number;
  readonly highWatermark: number;
  readonly logEndOffset: number;
}

/**
 * How many segments, from the oldest, may go: those that retention.ms, retention.bytes or the log start have outdated. Never one that reaches beyond the
 * high watermark, and never an empty active segment.
 */
export function countOutdated(
  segments: readonly Segment[],
  config: LogConfig,
  { logStartOffset, highWatermark, logEndOffset }: LogBounds,
  nowMs: number,
): number {
  const { retentionMs, retentionBytes } = config;
  const mayDelete = config.cleanupPolicy.includes('delete');
  const bytes = segments.reduce((sum, segment) => sum + segment.size, 0);
  let excess = mayDelete && retentionBytes >= 0 ? bytes - retentionBytes : -1;
  let count = 0;
  for (const [index, segment] of segments.entries()) {
    const next = segments[index + 1];
    const endOffset = next?.baseOffset ?? logEndOffset;
    if (endOffset > highWatermark || (next === undefined && segment.size === 0)) break;
    const isExpired = mayDelete && retentionMs >= 0 && nowMs - segment.retentionTimestamp > retentionMs;
    excess -= segment.size;
    const isOutdated = next !== undefined && endOffset <= logStartOffset;
    if (!isExpired && excess < 0 && !isOutdated) break;
    count++;
  }
  return count;
}
