import { compress, decompress } from '../protocol/compression.ts';
import { ErrorCode } from '../protocol/errors.ts';
import {
  BATCH_HEADER_BYTES,
  batchBytesAt,
  LOG_OVERHEAD_BYTES,
  MAGIC_V2,
  RECORDS_OFFSET,
  RecordBatch,
  writeBatchHeader,
} from '../protocol/record-batch.ts';
import { validateRecords } from '../protocol/record-validation.ts';
import { WireError } from '../protocol/wire-error.ts';
import { type AppendOrigin, type RecordError, type Rejected, rejected } from './append-result.ts';
import { isCompacted, type LogConfig } from './log-config.ts';

/**
 * What the leader checks and changes in a batch before it gets offsets (Kafka's LogValidator, for magic 2 only).
 *
 * A client's batch is walked from record to record without an object made, decompressed where it is compressed: a CRC says only that the bytes are
 * those that were sent. What coordinators write is believed.
 *
 * The received bytes are changed in place: timestamp type under LogAppendTime, the largest timestamp where it is none of the records', and the CRC.
 */
export interface ValidBatch {
  readonly kind: 'valid';
  /** The view given, or one over new bytes when the batch was recompressed. */
  readonly batch: RecordBatch;
  readonly logAppendTimeMs: number;
}

const NO_TIMESTAMP = -1;
/** What a batch may unpack to: as much as a request could carry as it is (the default of socket.request.max.bytes). */
const DECOMPRESSED_BYTES_MAX = 100 * 1024 * 1024;

export function validateBatch(
  records: Buffer,
  origin: AppendOrigin,
  config: LogConfig,
  nowMs: number,
): ValidBatch | Rejected {
  try {
    return validate(records, origin, config, nowMs);
  } catch (error) {
    if (error instanceof WireError) return invalid(`The batch's records cannot be read: ${error.message}.`);
    throw error;
  }
}

function validate(records: Buffer, origin: AppendOrigin, config: LogConfig, nowMs: number): ValidBatch | Rejected {
  const framing = checkFraming(records);
  if (framing !== null) return framing;
  let batch = new RecordBatch(records);
  const refused = checkHeader(batch, records.length, origin, config);
  if (refused !== null) return refused;
  const isClient = origin === 'client';
  if (isClient) {
    const content = checkRecords(batch, config, nowMs);
    if (content !== null) return content;
  }
  let logAppendTimeMs = NO_TIMESTAMP;
  const wanted = config.compressionType === 'uncompressed' ? 'none' : config.compressionType;
  if (wanted !== 'producer' && wanted !== batch.compression && !batch.isControl) {
    batch = recompress(batch, wanted, config);
    if (batch.bytes > config.maxMessageBytes) return tooLarge(batch.bytes, config.maxMessageBytes);
  }
  if (config.messageTimestampType === 'LogAppendTime') {
    batch.setLogAppendTime(nowMs);
    logAppendTimeMs = nowMs;
  }
  if (batch.bytes > config.segmentBytes) {
    return rejected(
      ErrorCode.RECORD_LIST_TOO_LARGE,
      `The batch has ${batch.bytes} bytes, more than a segment's ${config.segmentBytes}.`,
    );
  }
  return { kind: 'valid', batch, logAppendTimeMs };
}

function invalid(message: string, recordErrors?: readonly RecordError[]): Rejected {
  return rejected(ErrorCode.INVALID_RECORD, message, recordErrors);
}

function tooLarge(bytes: number, bytesMax: number): Rejected {
  return rejected(
    ErrorCode.MESSAGE_TOO_LARGE,
    `The batch has ${bytes} bytes, more than max.message.bytes ${bytesMax}.`,
  );
}

/** Exactly one whole batch of magic 2. */
function checkFraming(records: Buffer): Rejected | null {
  if (records.length < LOG_OVERHEAD_BYTES + 5) {
    return invalid(`Exactly one record batch is expected; ${records.length} bytes hold none.`);
  }
  const bytes = batchBytesAt(records, 0);
  const magic = new RecordBatch(records).magic;
  if (magic !== MAGIC_V2) return invalid(`The batch has magic ${magic}; only ${MAGIC_V2} is written.`);
  if (bytes < BATCH_HEADER_BYTES || bytes > records.length) {
    return invalid(`Exactly one record batch is expected; the first says ${bytes} bytes where ${records.length} came.`);
  }
  if (bytes < records.length) return invalid('Exactly one record batch is expected; there is more behind the first.');
  return null;
}

function checkHeader(batch: RecordBatch, bytes: number, origin: AppendOrigin, config: LogConfig): Rejected | null {
  if (bytes > config.maxMessageBytes) return tooLarge(bytes, config.maxMessageBytes);
  if (!batch.isCrcValid) {
    return rejected(ErrorCode.CORRUPT_MESSAGE, `The batch's CRC ${batch.crc} does not fit its bytes.`);
  }
  const count = batch.recordCount;
  if (batch.lastOffsetDelta < 0 || count <= 0 || count !== batch.lastOffsetDelta + 1) {
    return invalid(`${count} records do not fit a last offset delta of ${batch.lastOffsetDelta}.`);
  }
  if (batch.compression === undefined) return invalid(`The batch's attributes ${batch.attributes} name no codec.`);
  if (origin === 'client') {
    if (batch.baseOffset !== 0) return invalid(`The base offset should be 0, not ${batch.baseOffset}.`);
    if (batch.isControl) return invalid('Clients may not write control records.');
    if (batch.hasProducerId && batch.baseSequence < 0) {
      return invalid(`The producer id comes with the sequence ${batch.baseSequence}.`);
    }
  }
  return null;
}

/**
 * Walks over every record, decompressed if need be: no consumer, cleaner or index is to meet one that cannot be read. Sets the batch's largest
 * timestamp right, which retention and the time index go by.
 */
function checkRecords(batch: RecordBatch, config: LogConfig, nowMs: number): Rejected | null {
  const hasCreateTime = config.messageTimestampType === 'CreateTime';
  if (hasCreateTime && batch.isLogAppendTime) {
    return rejected(ErrorCode.INVALID_TIMESTAMP, 'A producer may not set the timestamp type to LogAppendTime.');
  }
  const verdict = validateRecords(batch, {
    isCompacted: isCompacted(config),
    timestampMin: hasCreateTime ? nowMs - config.messageTimestampBeforeMaxMs : undefined,
    timestampMax: hasCreateTime ? nowMs + config.messageTimestampAfterMaxMs : undefined,
    decompressedBytesMax: DECOMPRESSED_BYTES_MAX,
  });
  if (verdict.kind === 'valid') {
    if (hasCreateTime && verdict.maxTimestamp !== batch.maxTimestamp) batch.setMaxTimestamp(verdict.maxTimestamp);
    return null;
  }
  const recordErrors = verdict.recordErrors.map(({ batchIndex, batchIndexErrorMessage: message }) => ({
    batchIndex,
    message,
  }));
  if (verdict.errorCode === ErrorCode.INVALID_TIMESTAMP) {
    const message = 'One or more records have been rejected due to invalid timestamp.';
    return rejected(ErrorCode.INVALID_TIMESTAMP, message, recordErrors);
  }
  const message =
    recordErrors.length > 0 ? 'One or more records have no key.' : `The batch's records: ${verdict.message}.`;
  return rejected(ErrorCode.INVALID_RECORD, message, recordErrors);
}

/** The same records under another codec: header fields stay, the block is taken apart and packed again. */
function recompress(
  batch: RecordBatch,
  compression: 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd',
  config: LogConfig,
): RecordBatch {
  const plain = decompress(batch.compression!, batch.recordBytes, DECOMPRESSED_BYTES_MAX);
  const block = compression === 'none' ? plain : compress(compression, plain, config.compressionLevel);
  const buffer = Buffer.allocUnsafe(RECORDS_OFFSET + block.length);
  buffer.set(block, RECORDS_OFFSET);
  return writeBatchHeader(buffer, 0, block.length, {
    baseOffset: batch.baseOffset,
    partitionLeaderEpoch: batch.partitionLeaderEpoch,
    compression,
    isLogAppendTime: batch.isLogAppendTime,
    isTransactional: batch.isTransactional,
    isControl: batch.isControl,
    hasDeleteHorizon: batch.hasDeleteHorizon,
    lastOffsetDelta: batch.lastOffsetDelta,
    baseTimestamp: batch.baseTimestamp,
    maxTimestamp: batch.maxTimestamp,
    producerId: batch.producerId,
    producerEpoch: batch.producerEpoch,
    baseSequence: batch.baseSequence,
    recordCount: batch.recordCount,
  });
}
