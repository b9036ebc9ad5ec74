import type { Clock } from '../ports/clock.ts';
import type { FileSlice, Files } from '../ports/files.ts';
import type { Random } from '../ports/random.ts';
import type { Rejected } from './append-result.ts';
import type { LogConfig } from './log-config.ts';
import type { SegmentHandles } from './segment-handles.ts';

/** What a log is opened with, and what a read asks and gets. */
export interface LogOptions {
  readonly files: Files;
  readonly clock: Clock;
  readonly random: Random;
  /** The partition's folder; made when absent. */
  readonly directory: string;
  readonly topic: string;
  readonly partition: number;
  readonly config: LogConfig;
  /** The last owner closed this log; nothing needs to be recovered. */
  readonly isClean: boolean;
  /** From the checkpoints; 0 when unknown. */
  readonly recoveryPoint: number;
  readonly logStartOffset: number;
  readonly highWatermark: number;
  /** Told what people should know: cut tails, rebuilt indexes, a failed disk. */
  readonly onProblem: (message: string) => void;
  /** The recovery point may have fallen: the checkpoint should follow soon. Resolves when it has. */
  readonly onTruncated?: () => Promise<void> | void;
  /** Shared by all logs of a broker; without it every segment keeps its file open. */
  readonly handles?: SegmentHandles;
  /** Why the log cannot be looked at: it is offline from the start, and its folder is left alone. */
  readonly offlineReason?: string;
  /** The disk failed, also while the log was being opened: the log is offline from now on. */
  readonly onOffline?: (log: unknown, reason: string) => void;
}

export interface ReadOptions {
  readonly maxBytes: number;
  /** Exclusive bound: the high watermark, last stable offset or log end, whatever the reader may see. */
  readonly maxOffset: number;
  /** Return the first batch even when it is larger than `maxBytes`. */
  readonly minOneBatch: boolean;
}

export interface LogRead {
  readonly kind: 'read';
  readonly errorCode: 0;
  /** Whole batches of one segment, or null when there is nothing to read (yet, or within `maxBytes`). */
  readonly slice: FileSlice | null;
  /** The offset behind the last batch returned; the start offset when there is none. */
  readonly endOffset: number;
}

export type ReadResult = LogRead | Rejected;
