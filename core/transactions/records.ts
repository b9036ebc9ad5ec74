import type { CoordinatorRecord } from '../groups/records.ts';
import { Reader } from '../protocol/reader.ts';
import { array, int8, int16, int32, int64, message, string } from '../protocol/schema.ts';
import { WireError } from '../protocol/wire-error.ts';
import { Writer } from '../protocol/writer.ts';
import { NO_EPOCH, NO_PARTITIONS, TRANSACTION_STATES, type Transaction } from './transaction.ts';

/**
 * The records of `__transaction_state`, in Kafka's format: key and value each begin with an int16, the key's naming the record type (0), the value's its
 * version: 0, or 1 (flexible) with transaction.version ≥ 1. A null value is a tombstone: the id is forgotten.
 *
 * An Empty transaction has null for its partitions. What the format has no field for (the last epoch) is unknown after a restart, as in Kafka.
 */
const KEY_TYPE = 0;

const TransactionLogKey = message(
  'TransactionLogKey',
  { versions: '0', flexible: 'none' },
  { transactionalId: string() },
);

const TransactionLogValue = message(
  'TransactionLogValue',
  { versions: '0-1', flexible: '1+' },
  {
    producerId: int64(),
    previousProducerId: int64('1+', { tag: 0, default: -1 }),
    nextProducerId: int64('1+', { tag: 1, default: -1 }),
    producerEpoch: int16(),
    nextProducerEpoch: int16('1+', { tag: 3, default: -1 }),
    transactionTimeoutMs: int32(),
    transactionStatus: int8(),
    transactionPartitions: array({ topic: string(), partitionIds: array(int32()) }, '0+', { nullable: '0+' }),
    transactionLastUpdateTimestampMs: int64(),
    transactionStartTimestampMs: int64(),
    clientTransactionVersion: int16('1+', { tag: 2, default: 0 }),
  },
);

export interface TransactionRecord {
  readonly transactionalId: string;
  /** null: the id is forgotten. */
  readonly value: Transaction | null;
}

function prefixed(prefix: number, write: (writer: Writer) => void): Buffer {
  const writer = new Writer(128);
  writer.int16(prefix);
  write(writer);
  return writer.toBuffer();
}

export function transactionRecord(
  transactionalId: string,
  value: Transaction | null,
  valueVersion: 0 | 1,
): CoordinatorRecord {
  return {
    key: prefixed(KEY_TYPE, (w) => TransactionLogKey.write(w, 0, { transactionalId })),
    value:
      value === null
        ? null
        : prefixed(valueVersion, (w) =>
            TransactionLogValue.write(w, valueVersion, {
              producerId: value.producerId,
              ...(valueVersion === 0
                ? {}
                : {
                    previousProducerId: value.previousProducerId,
                    nextProducerId: value.nextProducerId,
                    clientTransactionVersion: value.clientTransactionVersion,
                  }),
              producerEpoch: value.producerEpoch,
              transactionTimeoutMs: value.timeoutMs,
              transactionStatus: TRANSACTION_STATES.indexOf(value.state),
              transactionPartitions:
                value.state === 'Empty'
                  ? null
                  : [...value.partitions].map(([topic, partitions]) => ({ topic, partitionIds: [...partitions] })),
              transactionLastUpdateTimestampMs: value.lastUpdateTimestampMs,
              transactionStartTimestampMs: value.startTimestampMs,
            }),
          ),
  };
}

/** null for a record of another type. Throws WireError on bytes that are no such record. */
export function decodeTransactionRecord(key: Buffer, value: Buffer | null): TransactionRecord | null {
  const keyReader = new Reader(key);
  if (keyReader.int16() !== KEY_TYPE) return null;
  const { transactionalId } = TransactionLogKey.read(keyReader, 0);
  return { transactionalId, value: value === null ? null : decodeValue(transactionalId, value) };
}

function decodeValue(transactionalId: string, value: Buffer): Transaction {
  const reader = new Reader(value);
  const decoded = TransactionLogValue.read(reader, reader.int16());
  const state = TRANSACTION_STATES[decoded.transactionStatus];
  if (state === undefined) throw new WireError(`a transaction of the unknown state ${decoded.transactionStatus}`);
  return {
    transactionalId,
    producerId: decoded.producerId,
    producerEpoch: decoded.producerEpoch,
    lastProducerEpoch: NO_EPOCH,
    previousProducerId: decoded.previousProducerId,
    nextProducerId: decoded.nextProducerId,
    timeoutMs: decoded.transactionTimeoutMs,
    state,
    partitions:
      decoded.transactionPartitions === null
        ? NO_PARTITIONS
        : new Map(decoded.transactionPartitions.map(({ topic, partitionIds }) => [topic, new Set(partitionIds)])),
    startTimestampMs: decoded.transactionStartTimestampMs,
    lastUpdateTimestampMs: decoded.transactionLastUpdateTimestampMs,
    clientTransactionVersion: decoded.clientTransactionVersion,
  };
}
