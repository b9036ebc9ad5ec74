import { ErrorCode } from '../../protocol/errors.ts';
import { AddPartitionsToTxn } from '../../protocol/messages/24-add-partitions-to-txn.ts';
import type { TopicPartition } from '../../transactions/transaction.ts';
import type { ProducerIdAndEpoch } from '../../transactions/transitions.ts';
import { handlerOf } from '../handler.ts';
import type { BrokerServices } from '../services.ts';
import { versionOfAdd } from '../transactions/entering.ts';

/**
 * AddPartitionsToTxn 0–5: enters partitions into a transaction. Up to v3 clients send it for one transaction; v4+ is for brokers: many, and `verifyOnly` to
 * look up a partition that a client has entered (KIP-890). One partition that does not exist, and none is entered. v2 knows PRODUCER_FENCED.
 */
const FENCED_SINCE = 2;
const MANY_SINCE = 4;

type Topics = readonly { readonly name: string; readonly partitions: readonly number[] }[];

export const addPartitionsToTxnHandler = handlerOf(AddPartitionsToTxn, async (broker, request, { apiVersion }) => {
  if (apiVersion < MANY_SINCE) {
    const producer = {
      producerId: request.v3AndBelowProducerId,
      producerEpoch: request.v3AndBelowProducerEpoch,
    };
    const topics = request.v3AndBelowTopics;
    const codeOf = await enter(broker, request.v3AndBelowTransactionalId, producer, topics, false, apiVersion);
    const told = (code: number) =>
      code === ErrorCode.PRODUCER_FENCED && apiVersion < FENCED_SINCE ? ErrorCode.INVALID_PRODUCER_EPOCH : code;
    return { resultsByTopicV3AndBelow: results(topics, (each) => told(codeOf(each))) };
  }
  const resultsByTransaction = await Promise.all(
    request.transactions.map(async ({ transactionalId, producerId, producerEpoch, verifyOnly, topics }) => {
      const producer = { producerId, producerEpoch };
      const codeOf = await enter(broker, transactionalId, producer, topics, verifyOnly, apiVersion);
      return { transactionalId, topicResults: results(topics, codeOf) };
    }),
  );
  return { errorCode: ErrorCode.NONE, resultsByTransaction };
});

async function enter(
  broker: BrokerServices,
  transactionalId: string,
  producer: ProducerIdAndEpoch,
  topics: Topics,
  verifyOnly: boolean,
  apiVersion: number,
): Promise<(partition: TopicPartition) => number> {
  const partitions = topics.flatMap(({ name, partitions: indexes }) =>
    indexes.map((partition) => ({ topic: name, partition })),
  );
  const exists = ({ topic, partition }: TopicPartition): boolean =>
    broker.image.topics.get(topic)?.partitions[partition] !== undefined;
  if (verifyOnly) {
    return (each) => broker.transactions.verify(transactionalId, producer, [each]);
  }
  if (!partitions.every(exists)) {
    return (each) => (exists(each) ? ErrorCode.OPERATION_NOT_ATTEMPTED : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  }
  const version = versionOfAdd(apiVersion);
  const errorCode = await broker.transactions.addPartitions(transactionalId, producer, partitions, version);
  return () => errorCode;
}

function results(topics: Topics, codeOf: (partition: TopicPartition) => number) {
  return topics.map(({ name, partitions }) => ({
    name,
    resultsByPartition: partitions.map((partitionIndex) => ({
      partitionIndex,
      partitionErrorCode: codeOf({ topic: name, partition: partitionIndex }),
    })),
  }));
}
