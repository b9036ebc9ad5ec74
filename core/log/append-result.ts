/**
 * What an append answers, and who appends. Expected failures are values with their Kafka error code.
 */
/** Who appends decides what is checked: clients are not trusted, coordinators write control batches and whole state, Raft and followers bring offsets along. */
export type AppendOrigin = 'client' | 'coordinator' | 'raftLeader';

/** One record that made its batch be refused: `batchIndex` counts records in the batch, as in Produce's RecordErrors. */
export interface RecordError {
  readonly batchIndex: number;
  readonly message: string;
}

export type AppendResult = Appended | Rejected;

export interface Appended {
  readonly kind: 'appended';
  readonly errorCode: 0;
  /** The offset of the first record; of the earlier copy when this was a duplicate. */
  readonly firstOffset: number;
  readonly lastOffset: number;
  /** With message.timestamp.type=LogAppendTime the time given, else −1; of a duplicate the time of the copy that is there. */
  readonly logAppendTimeMs: number;
  /** The batch had been appended before (same producer, epoch and sequence): nothing was written. */
  readonly isDuplicate: boolean;
}

export interface Rejected {
  readonly kind: 'rejected';
  readonly errorCode: number;
  readonly message: string;
  readonly recordErrors: readonly RecordError[];
}

export function appended(
  firstOffset: number,
  lastOffset: number,
  logAppendTimeMs: number,
  isDuplicate: boolean,
): Appended {
  return { kind: 'appended', errorCode: 0, firstOffset, lastOffset, logAppendTimeMs, isDuplicate };
}

const NO_RECORD_ERRORS: readonly RecordError[] = [];

export function rejected(errorCode: number, message: string, recordErrors = NO_RECORD_ERRORS): Rejected {
  return { kind: 'rejected', errorCode, message, recordErrors };
}
