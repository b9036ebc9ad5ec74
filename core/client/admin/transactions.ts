import { WriteTxnMarkers } from '../../protocol/messages/27-write-txn-markers.ts';
import { DescribeProducers } from '../../protocol/messages/61-describe-producers.ts';
import { DescribeTransactions } from '../../protocol/messages/65-describe-transactions.ts';
import { ListTransactions } from '../../protocol/messages/66-list-transactions.ts';
import type { TopicPartition } from '../consumer/topic-partition.ts';
import type { AdminCalls } from './admin-calls.ts';

/** What producers have open, as coordinators and as partitions see it, and how to end what nobody will (KIP-664). */
export interface TransactionListing {
  readonly coordinator: number;
  readonly transactionalId: string;
  readonly producerId: number;
  readonly state: string;
}

export interface TransactionDescription extends TransactionListing {
  readonly producerEpoch: number;
  readonly timeoutMs: number;
  /** −1: none is open. */
  readonly startTimeMs: number;
  readonly partitions: readonly TopicPartition[];
}

export interface ActiveProducer {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly lastSequence: number;
  readonly lastTimestamp: number;
  /** −1: none has written a marker for it. */
  readonly coordinatorEpoch: number;
  /** −1: no transaction of it is open in this partition. */
  readonly transactionStartOffset: number;
}

export type ProducerToAbort = Pick<ActiveProducer, 'producerId' | 'producerEpoch' | 'coordinatorEpoch'>;

export interface TransactionFilter {
  /** Only those open for longer. */
  readonly longerThanMs?: number;
  /** RE2, over the whole id. */
  readonly pattern?: string;
}

export async function listTransactions(
  calls: AdminCalls,
  filter: TransactionFilter = {},
): Promise<readonly TransactionListing[]> {
  const { brokers } = await calls.retrying('describe cluster', () => calls.describeCluster());
  const listed: TransactionListing[] = [];
  for (const { nodeId } of brokers) {
    const found = await calls.retrying('list transactions', async () => {
      const response = await calls.atBroker(nodeId, ListTransactions, {
        stateFilters: [],
        producerIdFilters: [],
        durationFilter: filter.longerThanMs ?? -1,
        transactionalIdPattern: filter.pattern ?? null,
      });
      calls.check(response.errorCode, `transactions of broker ${nodeId}`);
      return response.transactionStates;
    });
    for (const { transactionalId, producerId, transactionState } of found)
      listed.push({ coordinator: nodeId, transactionalId, producerId, state: transactionState });
  }
  return listed.sort((a, b) => (a.transactionalId < b.transactionalId ? -1 : 1));
}

export async function describeTransaction(calls: AdminCalls, transactionalId: string): Promise<TransactionDescription> {
  let described: TransactionDescription | null = null;
  await calls.atCoordinator('transaction', transactionalId, async (link, coordinator) => {
    const response = await calls.at(link, DescribeTransactions, { transactionalIds: [transactionalId] });
    for (const each of response.transactionStates) {
      calls.check(each.errorCode, `transactional id ${transactionalId}`);
      described = {
        coordinator,
        transactionalId,
        producerId: each.producerId,
        producerEpoch: each.producerEpoch,
        state: each.transactionState,
        timeoutMs: each.transactionTimeoutMs,
        startTimeMs: each.transactionStartTimeMs,
        partitions: each.topics.flatMap(({ topic, partitions }) =>
          partitions.map((partition) => ({ topic, partition })),
        ),
      };
    }
  });
  return described!;
}

/** Asked of the partition's leader. */
export function describeProducers(
  calls: AdminCalls,
  { topic, partition }: TopicPartition,
  leader: number,
): Promise<readonly ActiveProducer[]> {
  return calls.retrying('describe producers', async () => {
    const response = await calls.atBroker(leader, DescribeProducers, {
      topics: [{ name: topic, partitionIndexes: [partition] }],
    });
    const found = response.topics[0]!.partitions[0]!;
    calls.check(found.errorCode, `partition ${topic}-${partition}`, found.errorMessage);
    return found.activeProducers.map(({ currentTxnStartOffset, ...producer }) => ({
      ...producer,
      transactionStartOffset: currentTxnStartOffset,
    }));
  });
}

/** Writes the abort marker of a transaction that its coordinator does not know any more. */
export async function abortTransaction(
  calls: AdminCalls,
  { topic, partition }: TopicPartition,
  leader: number,
  producer: ProducerToAbort,
): Promise<void> {
  await calls.retrying('abort transaction', async () => {
    const response = await calls.atBroker(leader, WriteTxnMarkers, {
      markers: [
        {
          producerId: producer.producerId,
          producerEpoch: producer.producerEpoch,
          transactionResult: false,
          topics: [{ name: topic, partitionIndexes: [partition] }],
          // What no coordinator has ended yet has the epoch −1, and Kafka's own tool then gives 0.
          coordinatorEpoch: Math.max(0, producer.coordinatorEpoch),
          transactionVersion: 0,
        },
      ],
    });
    for (const marker of response.markers)
      for (const each of marker.topics)
        for (const { partitionIndex, errorCode } of each.partitions)
          calls.check(errorCode, `partition ${each.name}-${partitionIndex}`);
  });
}
