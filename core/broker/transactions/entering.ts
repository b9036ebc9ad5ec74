import { sleep } from '../../ports/clock.ts';
import { ErrorCode } from '../../protocol/errors.ts';
import type { TopicPartition } from '../../transactions/transaction.ts';
import type { ProducerIdAndEpoch } from '../../transactions/transitions.ts';
import type { BrokerServices } from '../services.ts';

/**
 * How a transactional write gets the coordinator's leave (KIP-890). Old clients have entered the partition before, and it is looked up; new ones
 * (Produce v12, TxnOffsetCommit v5) leave that to the broker, which enters it with their first write.
 *
 * The answer to the look-up is good for the present tick: who writes after an await looks again.
 * The coordinator of every id is this broker as long as it is alone; in a cluster the same questions go out as AddPartitionsToTxn v4.
 */
export const TRANSACTION_VERSION_OF_IMPLICIT_ADD = 2;

/** Enters the partitions, waiting a little for an earlier end of the same id to be through. */
export async function enterPartitions(
  broker: BrokerServices,
  transactionalId: string,
  producer: ProducerIdAndEpoch,
  partitions: readonly TopicPartition[],
): Promise<number> {
  const { clock, config, transactions } = broker;
  const backoffMs = config.number('add.partitions.to.txn.retry.backoff.ms');
  const deadlineMs = clock.monotonic() + config.number('add.partitions.to.txn.retry.backoff.max.ms');
  for (;;) {
    const version = TRANSACTION_VERSION_OF_IMPLICIT_ADD;
    const errorCode = await transactions.addPartitions(transactionalId, producer, partitions, version);
    if (errorCode !== ErrorCode.CONCURRENT_TRANSACTIONS || clock.monotonic() >= deadlineMs) return errorCode;
    await sleep(clock, backoffMs);
  }
}

export interface WriteAbilities {
  /** Enters partitions by itself, and retries CONCURRENT_TRANSACTIONS. */
  readonly entersImplicitly: boolean;
  /** Knows TRANSACTION_ABORTABLE. */
  readonly knowsAbortable: boolean;
}

/** A coordinator's error in the words that writers of a version know. */
export function writeErrorOf(errorCode: number, { entersImplicitly, knowsAbortable }: WriteAbilities): number {
  switch (errorCode) {
    case ErrorCode.PRODUCER_FENCED:
      return ErrorCode.INVALID_PRODUCER_EPOCH;
    case ErrorCode.TRANSACTION_ABORTABLE:
      return knowsAbortable ? ErrorCode.TRANSACTION_ABORTABLE : ErrorCode.INVALID_TXN_STATE;
    case ErrorCode.CONCURRENT_TRANSACTIONS:
      return entersImplicitly ? errorCode : ErrorCode.NOT_ENOUGH_REPLICAS;
    // Retriable, and no reason to look for another leader.
    case ErrorCode.NOT_COORDINATOR:
    case ErrorCode.COORDINATOR_NOT_AVAILABLE:
    case ErrorCode.COORDINATOR_LOAD_IN_PROGRESS:
      return ErrorCode.NOT_ENOUGH_REPLICAS;
    default:
      return errorCode;
  }
}
