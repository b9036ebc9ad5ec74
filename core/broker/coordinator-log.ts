import type { CoordinatorLog, TransactionalProducer } from '../groups/group-shard.ts';
import type { CoordinatorRecord } from '../groups/records.ts';
import type { Clock } from '../ports/clock.ts';
import { ControlType, endTxnMarkerOf } from '../protocol/control-record.ts';
import { ErrorCode } from '../protocol/errors.ts';
import { recordsOf } from '../protocol/record.ts';
import { batchesIn } from '../protocol/record-batch.ts';
import { RecordBatchBuilder } from '../protocol/record-batch-builder.ts';
import type { Partition } from '../replica/partition.ts';

const READ_BYTES = 1024 * 1024;

/** A partition of an internal topic as the log of its coordinator: appends with acks=all, and resolves in order once committed. */
export function coordinatorLog(partition: Partition, clock: Clock): CoordinatorLog {
  return {
    append: (records, transaction) => append(partition, clock, records, transaction),
    readAll: (visit, onMarker) => readAll(partition, visit, onMarker),
  };
}

async function append(
  partition: Partition,
  clock: Clock,
  records: readonly CoordinatorRecord[],
  transaction: TransactionalProducer | undefined,
): Promise<number> {
  if (records.length === 0) return ErrorCode.NONE;
  const builder = new RecordBatchBuilder(transaction === undefined ? {} : { ...transaction, isTransactional: true });
  const nowMs = clock.now();
  for (const { key, value } of records) builder.append(nowMs, key, value);
  return coordinatorError(await appendAndCommit(partition, builder.build()));
}

/** What a client of the coordinator is told: errors of the log's own partition are not of the partitions that it asked about. */
function coordinatorError(errorCode: number): number {
  switch (errorCode) {
    case ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
    case ErrorCode.NOT_ENOUGH_REPLICAS:
    case ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND:
    case ErrorCode.REQUEST_TIMED_OUT:
      return ErrorCode.COORDINATOR_NOT_AVAILABLE;
    case ErrorCode.NOT_LEADER_OR_FOLLOWER:
    case ErrorCode.KAFKA_STORAGE_ERROR:
      return ErrorCode.NOT_COORDINATOR;
    case ErrorCode.MESSAGE_TOO_LARGE:
    case ErrorCode.RECORD_LIST_TOO_LARGE:
      return ErrorCode.UNKNOWN_SERVER_ERROR;
    default:
      return errorCode;
  }
}

/** Appends one batch of a coordinator, and resolves with NONE once it is committed, or with a Kafka error code. */
export async function appendAndCommit(partition: Partition, batch: Buffer): Promise<number> {
  const { result, flushed, tenure } = partition.append(batch, -1, 'coordinator');
  if (result.kind === 'rejected') return result.errorCode;
  try {
    await flushed;
  } catch {
    return ErrorCode.KAFKA_STORAGE_ERROR;
  }
  return committed(partition, tenure, result.lastOffset + 1);
}

function committed(partition: Partition, tenure: number, offset: number): Promise<number> | number {
  const now = partition.commitState(tenure, offset);
  if (now !== null) return now;
  return new Promise((resolve) => {
    const stop = partition.subscribe(() => {
      const code = partition.commitState(tenure, offset);
      if (code === null) return;
      stop();
      resolve(code);
    });
  });
}

/** All records with keys, oldest first; and the markers of transactions between them. */
export function readAll(
  partition: Partition,
  visit: (key: Buffer, value: Buffer | null, producerId: number | null, offset: number) => void,
  onMarker?: Parameters<CoordinatorLog['readAll']>[1],
): void {
  const { log } = partition;
  let offset = log.logStartOffset;
  for (;;) {
    const read = log.read(offset, { maxBytes: READ_BYTES, maxOffset: log.logEndOffset, minOneBatch: true });
    if (read.kind === 'rejected' || read.slice === null) return;
    const bytes = Buffer.allocUnsafe(read.slice.length);
    read.slice.file.readInto(bytes, read.slice.position);
    for (const batch of batchesIn(bytes)) {
      if (batch.isControl) {
        const marker = batch.recordCount > 0 ? endTxnMarkerOf(batch) : undefined;
        if (marker !== undefined) onMarker?.(batch.producerId, marker.type === ControlType.COMMIT);
        continue;
      }
      const producerId = batch.isTransactional ? batch.producerId : null;
      for (const record of recordsOf(batch)) {
        if (record.key !== null) visit(record.key, record.value, producerId, record.offset);
      }
    }
    offset = read.endOffset;
  }
}
