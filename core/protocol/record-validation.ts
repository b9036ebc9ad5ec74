import { ErrorCode } from './errors.ts';
import { DECOMPRESSED_BYTES_MAX, recordDataOf } from './record.ts';
import type { RecordBatch } from './record-batch.ts';
import { RecordCursor } from './record-cursor.ts';
import { WireError } from './wire-error.ts';

/**
 * What a leader checks in a produced batch beyond its header and CRC: every record, decompressed if need be, without making objects.
 *
 * Damage is CORRUPT_MESSAGE; a batch that can be read but breaks a rule is INVALID_RECORD or INVALID_TIMESTAMP, with the records at fault.
 * Left to the caller: CRC, size limits, the producer's sequence, whether clients may write control batches.
 */
export interface RecordRules {
  /** The topic is compacted: a record without a key is refused. */
  readonly isCompacted?: boolean;
  /** Milliseconds since the epoch; records outside are refused, but for −1, which says that there is none. Leave them out for log append time. */
  readonly timestampMin?: number;
  readonly timestampMax?: number;
  /** How much the batch may hold decompressed. */
  readonly decompressedBytesMax?: number;
}

export type RecordsVerdict =
  | {
      readonly kind: 'valid';
      /** The largest timestamp of the records and the offset delta of the first that has it; where `maxTimestamp` differs from the batch's, the batch is to be corrected. */
      readonly maxTimestamp: number;
      readonly maxTimestampOffsetDelta: number;
      readonly decompressedBytes: number;
    }
  | {
      readonly kind: 'invalid';
      readonly errorCode: ErrorCode;
      readonly message: string;
      /** The records at fault by their index in the batch, as ProduceResponse has them. */
      readonly recordErrors: readonly { readonly batchIndex: number; readonly batchIndexErrorMessage: string }[];
    };

/** How many faulty records an answer names. */
const RECORD_ERRORS_MAX = 100;
const NO_TIMESTAMP = -1;

export function validateRecords(batch: RecordBatch, rules: RecordRules = {}): RecordsVerdict {
  const recordCount = batch.recordCount;
  if (recordCount < 1 || recordCount !== batch.lastOffsetDelta + 1) {
    return invalid(
      ErrorCode.INVALID_RECORD,
      `${recordCount} records, and the last offset delta is ${batch.lastOffsetDelta}`,
    );
  }
  try {
    const data = recordDataOf(batch, rules.decompressedBytesMax ?? DECOMPRESSED_BYTES_MAX);
    return walk(batch, new RecordCursor(data, recordCount), data.length, rules);
  } catch (error) {
    if (error instanceof WireError) return invalid(ErrorCode.CORRUPT_MESSAGE, error.message);
    throw error;
  }
}

function walk(batch: RecordBatch, cursor: RecordCursor, decompressedBytes: number, rules: RecordRules): RecordsVerdict {
  const timestampMin = rules.timestampMin ?? Number.NEGATIVE_INFINITY;
  const timestampMax = rules.timestampMax ?? Number.POSITIVE_INFINITY;
  const baseTimestamp = batch.baseTimestamp;
  const errors: { batchIndex: number; batchIndexErrorMessage: string }[] = [];
  let isTimeFault = false;
  let maxTimestamp = Number.NEGATIVE_INFINITY;
  let maxTimestampOffsetDelta = -1;
  for (let index = 0; cursor.next(); index++) {
    if (cursor.offsetDelta !== index) {
      return invalid(ErrorCode.INVALID_RECORD, `record ${index} has the offset delta ${cursor.offsetDelta}`);
    }
    const timestamp = baseTimestamp + cursor.timestampDelta;
    if (timestamp > maxTimestamp) {
      maxTimestamp = timestamp;
      maxTimestampOffsetDelta = index;
    }
    const isOutside = timestamp !== NO_TIMESTAMP && (timestamp < timestampMin || timestamp > timestampMax);
    const isKeyMissing = rules.isCompacted === true && !cursor.hasKey;
    if ((isOutside || isKeyMissing) && errors.length < RECORD_ERRORS_MAX) {
      isTimeFault ||= isOutside;
      const fault = isKeyMissing
        ? 'a compacted topic takes no record without a key'
        : `timestamp ${timestamp} is out of bounds`;
      errors.push({ batchIndex: index, batchIndexErrorMessage: fault });
    }
  }
  if (errors.length > 0) {
    const errorCode = isTimeFault ? ErrorCode.INVALID_TIMESTAMP : ErrorCode.INVALID_RECORD;
    return { kind: 'invalid', errorCode, message: errors[0]!.batchIndexErrorMessage, recordErrors: errors };
  }
  return { kind: 'valid', maxTimestamp, maxTimestampOffsetDelta, decompressedBytes };
}

function invalid(errorCode: ErrorCode, message: string): RecordsVerdict {
  return { kind: 'invalid', errorCode, message, recordErrors: [] };
}
