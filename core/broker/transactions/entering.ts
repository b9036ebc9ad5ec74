import type { ClusterImage } from '../../controller/image.ts';
import { TRANSACTION_STATE_TOPIC } from '../../controller/topic-name.ts';
import { type Clock, sleep } from '../../ports/clock.ts';
import { ErrorCode } from '../../protocol/errors.ts';
import { AddPartitionsToTxn } from '../../protocol/messages/24-add-partitions-to-txn.ts';
import { RpcError } from '../../rpc/rpc-error.ts';
import type { TopicPartition } from '../../transactions/transaction.ts';
import type { TransactionCoordinator } from '../../transactions/transaction-coordinator.ts';
import type { ProducerIdAndEpoch } from '../../transactions/transitions.ts';
import { BrokerBatches, type BrokerCalls } from '../broker-calls.ts';

/**
 * How a transactional write gets the coordinator's leave (KIP-890). Old clients have entered the partition before, and it is looked up; new ones
 * (Produce v12, TxnOffsetCommit v5) leave that to the broker, which enters it with their first write. Where another broker coordinates the id
 * the question goes there as AddPartitionsToTxn v4+, gathered by broker.
 *
 * An answer is as old as the question: who writes after an await sees by `verifications.ts` whether it still counts.
 */
export interface EnteringParts {
  readonly nodeId: number;
  readonly image: ClusterImage;
  readonly transactions: TransactionCoordinator;
  readonly calls: BrokerCalls;
  readonly clock: Clock;
  /** How long a coordinator may take for an answer: request.timeout.ms. */
  readonly timeoutMs: number;
  /** add.partitions.to.txn.retry.backoff.ms, and …max.ms: between attempts while an earlier end of the id is not through, and for how long. */
  readonly retryBackoffMs: number;
  readonly retryMsMax: number;
}

interface Item {
  readonly transactionalId: string;
  readonly producer: ProducerIdAndEpoch;
  readonly partitions: readonly TopicPartition[];
  readonly verifyOnly: boolean;
  readonly settle: (errorCodes: readonly number[]) => void;
}

export const TRANSACTION_VERSION_OF_IMPLICIT_ADD = 2;
/** The first version for brokers. */
const MANY_SINCE = 4;
const TRANSACTIONS_MAX = 500;
const WAITING_MAX = 10_000;
const CHANNEL = 'transactions';

export class Entering {
  private readonly parts: EnteringParts;
  private readonly batches: BrokerBatches<Item>;

  constructor(parts: EnteringParts) {
    this.parts = parts;
    this.batches = new BrokerBatches({
      keyOf: ({ transactionalId }) => transactionalId,
      send: (brokerId, items) => this.send(brokerId, items),
      itemsMax: TRANSACTIONS_MAX,
      waitingMax: WAITING_MAX,
    });
  }

  /** −1: nobody coordinates the id just now. */
  private coordinatorOf(transactionalId: string): number {
    const index = this.parts.transactions.partitionOf(transactionalId);
    return this.parts.image.topics.get(TRANSACTION_STATE_TOPIC)?.partitions[index]?.leader ?? -1;
  }

  /** Whether the partition is in the open transaction, as far as that can be told at once; null: its coordinator is to be asked. */
  lookUp(transactionalId: string, producer: ProducerIdAndEpoch, partition: TopicPartition): number | null {
    if (transactionalId === '') return ErrorCode.INVALID_REQUEST;
    const { transactions, nodeId } = this.parts;
    return this.coordinatorOf(transactionalId) === nodeId
      ? transactions.verify(transactionalId, producer, [partition])
      : null;
  }

  /** Whether the partitions are in the producer's open transaction: NONE or a Kafka error code for each. */
  verify(transactionalId: string, producer: ProducerIdAndEpoch, partitions: readonly TopicPartition[]) {
    return this.ask(transactionalId, producer, partitions, true);
  }

  /** Enters the partitions, waiting a little for an earlier end of the same id to be through. NONE or a Kafka error code for each. */
  async enter(
    transactionalId: string,
    producer: ProducerIdAndEpoch,
    partitions: readonly TopicPartition[],
  ): Promise<readonly number[]> {
    const { clock, retryBackoffMs, retryMsMax } = this.parts;
    const deadlineMs = clock.monotonic() + retryMsMax;
    for (;;) {
      const errorCodes = await this.ask(transactionalId, producer, partitions, false);
      const isConcurrent = errorCodes.includes(ErrorCode.CONCURRENT_TRANSACTIONS);
      if (!isConcurrent || clock.monotonic() >= deadlineMs) return errorCodes;
      await sleep(clock, retryBackoffMs);
    }
  }

  private ask(
    transactionalId: string,
    producer: ProducerIdAndEpoch,
    partitions: readonly TopicPartition[],
    verifyOnly: boolean,
  ): Promise<readonly number[]> {
    const all = (errorCode: number): readonly number[] => partitions.map(() => errorCode);
    const coordinator = this.coordinatorOf(transactionalId);
    if (coordinator < 0) return Promise.resolve(all(ErrorCode.COORDINATOR_NOT_AVAILABLE));
    if (coordinator === this.parts.nodeId) return this.askHere(transactionalId, producer, partitions, verifyOnly);
    return new Promise((settle) => {
      const item = { transactionalId, producer, partitions, verifyOnly, settle };
      if (!this.batches.add(coordinator, item)) settle(all(ErrorCode.COORDINATOR_NOT_AVAILABLE));
    });
  }

  private async askHere(
    transactionalId: string,
    producer: ProducerIdAndEpoch,
    partitions: readonly TopicPartition[],
    verifyOnly: boolean,
  ): Promise<readonly number[]> {
    const { transactions } = this.parts;
    if (verifyOnly) return partitions.map((each) => transactions.verify(transactionalId, producer, [each]));
    const version = TRANSACTION_VERSION_OF_IMPLICIT_ADD;
    const errorCode = await transactions.addPartitions(transactionalId, producer, partitions, version);
    return partitions.map(() => errorCode);
  }

  private async send(brokerId: number, items: readonly Item[]): Promise<void> {
    const { calls, timeoutMs } = this.parts;
    const answers = new Map<string, Map<string, number>>();
    let failure: number = ErrorCode.NETWORK_EXCEPTION;
    try {
      const { errorCode, resultsByTransaction } = await calls.send(
        brokerId,
        AddPartitionsToTxn,
        { transactions: items.map(requestOf) },
        { timeoutMs, channel: CHANNEL },
      );
      // What a broker may not ask its client cannot help.
      failure = errorCode === ErrorCode.NONE ? ErrorCode.UNKNOWN_SERVER_ERROR : ErrorCode.INVALID_TXN_STATE;
      for (const { transactionalId, topicResults } of resultsByTransaction) {
        const codes = new Map<string, number>();
        for (const { name, resultsByPartition } of topicResults) {
          for (const each of resultsByPartition) codes.set(`${each.partitionIndex} ${name}`, each.partitionErrorCode);
        }
        answers.set(transactionalId, codes);
      }
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
    }
    for (const { transactionalId, partitions, settle } of items) {
      const codes = answers.get(transactionalId);
      settle(partitions.map(({ topic, partition }) => codes?.get(`${partition} ${topic}`) ?? failure));
    }
  }
}

function requestOf({ transactionalId, producer, partitions, verifyOnly }: Item) {
  const byTopic = new Map<string, number[]>();
  for (const { topic, partition } of partitions) byTopic.set(topic, [...(byTopic.get(topic) ?? []), partition]);
  const topics = [...byTopic].map(([name, indexes]) => ({ name, partitions: indexes }));
  return { transactionalId, ...producer, verifyOnly, topics };
}

/** Which transaction version a request of that version speaks for: brokers enter for producers that leave it to them. */
export function versionOfAdd(apiVersion: number): number {
  return apiVersion >= MANY_SINCE ? TRANSACTION_VERSION_OF_IMPLICIT_ADD : 0;
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
    case ErrorCode.NETWORK_EXCEPTION:
    case ErrorCode.NOT_COORDINATOR:
    case ErrorCode.COORDINATOR_NOT_AVAILABLE:
    case ErrorCode.COORDINATOR_LOAD_IN_PROGRESS:
      return ErrorCode.NOT_ENOUGH_REPLICAS;
    default:
      return errorCode;
  }
}
