/**
 * The formulas of the notes (claims C80 to C83), computed exactly, with the constants that they take for granted. No rounding but where the notes
 * themselves must round to come to their answer.
 */
import { type CapacityInputs, DAY_SECONDS } from './inputs.ts';

/** MB/s that one broker is taken to carry. */
export const NOTES_BROKER_BYTES_PER_SECOND = 100e6;
/** Part of a disk that may be filled. */
export const NOTES_DISK_FILL = 0.7;
export const NOTES_HEAP_BYTES = { min: 10e9, max: 15e9 } as const;
export const NOTES_SEGMENT_BYTES = 2 ** 30;
/** Part of a leader's active segment that should be in memory. */
export const NOTES_CACHED_SHARE = 0.25;

export interface NotesFormula {
  readonly recordsPerDay: number;
  readonly recordsPerSecond: number;
  readonly bytesPerSecond: number;
  readonly peakBytesPerSecond: number;
  readonly peakRecordsPerSecond: number;
  readonly bytesPerDay: number;
  /** 2 × (peak × replicas / 100 MB/s) + 1 as it is written. */
  readonly brokers: number;
  /** The same with the bracket rounded up first. */
  readonly brokersBracketUp: number;
  readonly diskBytes: number;
  /** Of page cache for each leader partition, over the whole cluster. */
  readonly cacheBytesPerLeader: number;
}

export function notesFormula(
  inputs: CapacityInputs,
  brokerBytesPerSecond: number = NOTES_BROKER_BYTES_PER_SECOND,
): NotesFormula {
  const recordsPerDay = inputs.users * inputs.messagesPerUser;
  const recordsPerSecond = recordsPerDay / DAY_SECONDS;
  const bytesPerDay = recordsPerDay * inputs.recordBytes;
  const bytesPerSecond = bytesPerDay / DAY_SECONDS;
  const peakBytesPerSecond = bytesPerSecond * inputs.peakFactor;
  const bracket = (peakBytesPerSecond * inputs.replicas) / brokerBytesPerSecond;
  return {
    recordsPerDay,
    recordsPerSecond,
    bytesPerSecond,
    peakBytesPerSecond,
    peakRecordsPerSecond: recordsPerSecond * inputs.peakFactor,
    bytesPerDay,
    brokers: 2 * bracket + 1,
    brokersBracketUp: 2 * Math.ceil(bracket) + 1,
    diskBytes: (bytesPerDay * inputs.replicas * (inputs.retentionSeconds / DAY_SECONDS)) / NOTES_DISK_FILL,
    cacheBytesPerLeader: NOTES_SEGMENT_BYTES * NOTES_CACHED_SHARE,
  };
}
