import { ErrorCode } from '../../protocol/errors.ts';
import type { Produce } from '../../protocol/messages/00-produce.ts';
import { BATCH_HEADER_BYTES, RecordBatch } from '../../protocol/record-batch.ts';
import type { RequestOf } from '../../protocol/schema.ts';
import type { TopicPartition } from '../../transactions/transaction.ts';
import type { ProducerIdAndEpoch } from '../../transactions/transitions.ts';
import type { RequestCall } from '../handler.ts';
import type { BrokerServices } from '../services.ts';
import { enterPartitions, writeErrorOf } from './entering.ts';

/**
 * Whether the transactional batches of a Produce request may be appended. The common case (every partition is in the transaction) is answered at once,
 * so that the batches never wait; only a first write of a Produce v12 producer goes to the coordinator's log first, with copies of its batches.
 * With transaction.partition.verification.enable=false a producer before v12 is taken at its word, as brokers did before KIP-890.
 */
const ABORTABLE_SINCE = 11;
const IMPLICIT_SINCE = 12;

type ProduceRequest = RequestOf<typeof Produce>;

/** NONE, or why a transactional batch for that partition is refused. */
export type Gate = (topic: string, partition: number) => number;

const CLOSED: Gate = () => ErrorCode.INVALID_TXN_STATE;

interface Writes {
  readonly producer: ProducerIdAndEpoch;
  readonly partitions: readonly TopicPartition[];
}

export interface OpenGate {
  readonly gate: Gate;
  /** The request with bytes that outlive the frame, when there was an await. */
  readonly request: ProduceRequest;
}

export function produceGate(
  broker: BrokerServices,
  request: ProduceRequest,
  call: RequestCall,
): OpenGate | Promise<OpenGate> {
  const { transactionalId } = request;
  if (transactionalId === null) return { gate: CLOSED, request };
  const writes = writesOf(broker, request, call);
  if (writes === null) return { gate: CLOSED, request };
  if (writes === 'many producers') return { gate: () => ErrorCode.INVALID_PRODUCER_ID_MAPPING, request };
  const { producer, partitions } = writes;
  const entersImplicitly = call.apiVersion >= IMPLICIT_SINCE;
  const abilities = { entersImplicitly, knowsAbortable: call.apiVersion >= ABORTABLE_SINCE };
  const look: Gate = (topic, partition) =>
    writeErrorOf(broker.transactions.verify(transactionalId, producer, [{ topic, partition }]), abilities);
  if (!entersImplicitly && !broker.settings.boolean('transaction.partition.verification.enable')) {
    return { gate: () => ErrorCode.NONE, request };
  }
  if (!entersImplicitly || partitions.length === 0) return { gate: look, request };
  if (broker.transactions.verify(transactionalId, producer, partitions) === ErrorCode.NONE)
    return { gate: look, request };
  const kept = withCopies(request);
  return enterPartitions(broker, transactionalId, producer, partitions).then((errorCode) => {
    if (errorCode === ErrorCode.NONE) return { gate: look, request: kept };
    const refusal = writeErrorOf(errorCode, abilities);
    return { gate: () => refusal, request: kept };
  });
}

/** Who writes to which existing partitions; null when nothing is transactional. */
function writesOf(
  broker: BrokerServices,
  request: ProduceRequest,
  call: RequestCall,
): Writes | 'many producers' | null {
  let producer: ProducerIdAndEpoch | null = null;
  const partitions: TopicPartition[] = [];
  for (const { name, topicId, partitionData } of request.topicData) {
    const topic = call.apiVersion >= 13 ? broker.image.topicById(topicId)?.name : name;
    for (const { index, records } of partitionData) {
      if (records === null || records.length < BATCH_HEADER_BYTES) continue;
      const batch = new RecordBatch(records);
      if (!batch.isTransactional) continue;
      const { producerId, producerEpoch } = batch;
      if (producer === null) producer = { producerId, producerEpoch };
      else if (producer.producerId !== producerId || producer.producerEpoch !== producerEpoch) return 'many producers';
      if (topic === undefined || broker.replicas.partition(topic, index) === undefined) continue;
      partitions.push({ topic, partition: index });
    }
  }
  return producer === null ? null : { producer, partitions };
}

function withCopies(request: ProduceRequest): ProduceRequest {
  return {
    ...request,
    topicData: request.topicData.map((topic) => ({
      ...topic,
      partitionData: topic.partitionData.map((each) => ({
        ...each,
        records: each.records === null ? null : Buffer.from(each.records),
      })),
    })),
  };
}
