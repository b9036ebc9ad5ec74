import type { Random } from '../ports/random.ts';
import { isCompacted, type LogConfig } from './log-config.ts';
import type { Segment } from './segment.ts';

/**
 * When a log begins a new segment: before an append for which the active one has no room (bytes, index entries, 32 bits of relative offset), or which comes
 * too late for it. An empty segment has room for everything but a distant offset.
 *
 * Logs that were made at one moment would all roll at one moment: each roll by time comes earlier by a jitter, drawn when the log is opened and again at
 * each roll. Source: Kafka's segment.bytes, segment.ms, segment.jitter.ms and segment.index.bytes.
 *
 * Not here: the roll itself (`log.ts`).
 */
/** The batches that are about to be appended. */
export interface Incoming {
  readonly bytes: number;
  readonly lastOffset: number;
  /** The largest; −1 when there is none. */
  readonly timestamp: number;
}

/** What the decision asks of the active segment. */
export type RollingSegment = Pick<Segment, 'size' | 'baseOffset' | 'isIndexFull' | 'rollAgeMs'>;

const OFFSET_DELTA_MAX = 0x7fff_ffff;
const JITTER_MS_MAX = 0x7fff_ffff;

/** True when `incoming` goes to a new segment. `jitterMs` is what `drawRollJitterMs` gave for `active`. */
export function isRollDue(
  active: RollingSegment,
  incoming: Incoming,
  config: LogConfig,
  jitterMs: number,
  nowMs: number,
): boolean {
  if (incoming.lastOffset - active.baseOffset > OFFSET_DELTA_MAX) return true;
  const { size } = active;
  if (size === 0) return false;
  const isFull = size > config.segmentBytes - incoming.bytes || active.isIndexFull;
  return isFull || active.rollAgeMs(nowMs, incoming.timestamp) > rollMs(config) - jitterMs;
}

/** By how much the next roll by time comes earlier, in ms. Draws once, and not at all without segment.jitter.ms. */
export function drawRollJitterMs(config: LogConfig, random: Random): number {
  const boundMs = Math.min(config.segmentJitterMs, rollMs(config), JITTER_MS_MAX);
  return boundMs <= 0 ? 0 : random.integer(boundMs);
}

/** segment.ms; a compacted log rolls no later than max.compaction.lag.ms asks for, since the active segment is never cleaned. */
function rollMs(config: LogConfig): number {
  const { segmentMs, maxCompactionLagMs } = config;
  return isCompacted(config) ? Math.min(segmentMs, maxCompactionLagMs) : segmentMs;
}
