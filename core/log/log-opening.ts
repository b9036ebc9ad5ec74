import { FilesError } from '../ports/files.ts';
import type { LeaderEpochs } from './leader-epochs.ts';
import type { FlushedAtOpening } from './log-flush.ts';
import type { LogOptions } from './log-options.ts';
import type { ProducerState } from './producer-state.ts';
import { type LoadedSegments, loadSegments, replayProducers } from './recovery.ts';
import type { Segment } from './segment.ts';

/**
 * What a log is when it is opened: the segments that lie in its folder, made sound, and the checkpoints' offsets brought within what is there.
 *
 * Invariant: logStartOffset ≤ highWatermark ≤ logEndOffset, whatever the checkpoints said.
 *
 * A disk that refuses is a value here, since the log that is being made must say so itself: it is offline from its first moment. What could not be read is
 * left as it is, and nothing is made anew in its place.
 *
 * Not here: how segments are made sound (`recovery.ts`).
 */
export interface OpenedLog {
  /** In offset order; none when the disk refused them. */
  readonly segments: Segment[];
  readonly logStartOffset: number;
  readonly logEndOffset: number;
  readonly highWatermark: number;
  readonly flushed: FlushedAtOpening;
  /** Recovery took bytes or segments away: until that is on the device, a power cut brings them back. */
  readonly wasCut: boolean;
  /** Why the log is offline; null when it is not. */
  readonly failure: FilesError | null;
}

/** Opens what lies in the folder, recovers it when its last owner did not close it, and brings `epochs` and `producers` to the log's end. */
export function openLog(
  options: LogOptions,
  epochs: LeaderEpochs,
  producers: ProducerState,
  nowMs: number,
  onProblem: (message: string) => void,
): OpenedLog {
  let opened = unopenedLog(options);
  try {
    const loaded = loadSegments({ ...options, nowMs, epochs, onProblem });
    opened = within(loaded, options);
    const { segments, logStartOffset, logEndOffset } = opened;
    epochs.truncateFromEnd(logEndOffset);
    epochs.truncateFromStart(logStartOffset);
    replayProducers(producers, segments, logStartOffset, logEndOffset, loaded.rebuilt, loaded.snapshots);
    epochs.loaded();
    return opened;
  } catch (error) {
    if (!(error instanceof FilesError)) throw error;
    return { ...opened, failure: error };
  }
}

/** A log whose folder is not looked at: without segments, empty at its start. */
export function unopenedLog(options: LogOptions): OpenedLog {
  const nothing: LoadedSegments = {
    segments: [],
    logEndOffset: options.logStartOffset,
    rebuilt: new Set(),
    snapshots: [],
    wasCut: false,
    isFolderFlushed: false,
  };
  return within(nothing, options);
}

/** The offsets of the checkpoints, as far as the segments bear them out. */
function within(loaded: LoadedSegments, options: LogOptions): OpenedLog {
  const { segments, logEndOffset, rebuilt, wasCut, isFolderFlushed } = loaded;
  const firstOffset = segments[0]?.baseOffset ?? logEndOffset;
  const logStartOffset = Math.min(Math.max(options.logStartOffset, firstOffset), logEndOffset);
  return {
    segments,
    logStartOffset,
    logEndOffset,
    highWatermark: Math.min(Math.max(options.highWatermark, logStartOffset), logEndOffset),
    flushed: {
      offset: options.isClean ? logEndOffset : Math.min(options.recoveryPoint, logEndOffset),
      unflushedSealed: segments.slice(0, -1).filter((segment) => rebuilt.has(segment)),
      isFolderFlushed,
    },
    wasCut,
    failure: null,
  };
}
