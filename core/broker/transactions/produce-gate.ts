import { ErrorCode } from '../../protocol/errors.ts';
import type { Produce } from '../../protocol/messages/00-produce.ts';
import { BATCH_HEADER_BYTES, RecordBatch } from '../../protocol/record-batch.ts';
import type { RequestOf } from '../../protocol/schema.ts';
import type { Partition } from '../../replica/partition.ts';
import type { ProducerIdAndEpoch } from '../../transactions/transitions.ts';
import type { RequestCall } from '../handler.ts';
import type { BrokerServices } from '../services.ts';
import { writeErrorOf } from './entering.ts';
import { isGood, isOpenIn, type Verification } from './verifications.ts';

/**
 * Whether the transactional batches of a Produce request may be appended. The common case is answered at once, so that the batches never wait: every
 * transaction is open in its partition's log already, or this broker coordinates it and the partition is in it. Otherwise the coordinator is asked first, with
 * copies of the batches, and after that a batch is appended only where nothing has ended the transaction since the question.
 * With transaction.partition.verification.enable=false a producer before v12 is taken at its word, as brokers did before KIP-890.
 */
const ABORTABLE_SINCE = 11;
const IMPLICIT_SINCE = 12;

type ProduceRequest = RequestOf<typeof Produce>;

/** NONE, or why a transactional batch for that partition is refused. */
export type Gate = (topic: string, partition: number) => number;

const CLOSED: Gate = () => ErrorCode.INVALID_TXN_STATE;
const MANY_PRODUCERS: Gate = () => ErrorCode.INVALID_PRODUCER_ID_MAPPING;
const AT_ITS_WORD: Gate = () => ErrorCode.NONE;

interface Writes {
  readonly producer: ProducerIdAndEpoch;
  /** Those that this broker leads. */
  readonly partitions: readonly Partition[];
}

export interface OpenGate {
  readonly gate: Gate;
  /** The request with bytes that outlive the frame, when there was an await. */
  readonly request: ProduceRequest;
}

/** What the coordinator said of a partition; `verification` is null when that was a moment ago. */
interface Leave {
  readonly errorCode: number;
  readonly verification: Verification | null;
}

/** `append` is called with the gate, and appends before it awaits anything. */
export function throughGate<A>(
  broker: BrokerServices,
  request: ProduceRequest,
  call: RequestCall,
  append: (opened: OpenGate) => A | Promise<A>,
): A | Promise<A> {
  const { transactionalId } = request;
  if (transactionalId === null) return append({ gate: CLOSED, request });
  const writes = writesOf(broker, request, call);
  if (writes === null) return append({ gate: CLOSED, request });
  if (writes === 'many producers') return append({ gate: MANY_PRODUCERS, request });
  const { producer, partitions } = writes;
  const entersImplicitly = call.apiVersion >= IMPLICIT_SINCE;
  const abilities = { entersImplicitly, knowsAbortable: call.apiVersion >= ABORTABLE_SINCE };
  if (!entersImplicitly && !broker.settings.boolean('transaction.partition.verification.enable')) {
    return append({ gate: AT_ITS_WORD, request });
  }
  const leaves = new Map<Partition, Leave>();
  const toAsk: Partition[] = [];
  for (const partition of partitions) {
    if (isOpenIn(partition, producer)) continue;
    const found = broker.entering.lookUp(transactionalId, producer, partition);
    if (found === null || (found !== ErrorCode.NONE && entersImplicitly)) toAsk.push(partition);
    else leaves.set(partition, { errorCode: writeErrorOf(found, abilities), verification: null });
  }
  const gate = gateOf(broker, producer, leaves);
  if (toAsk.length === 0) return append({ gate, request });
  const kept = withCopies(request);
  return afterAsking();

  async function afterAsking(): Promise<A> {
    const verifications = toAsk.map((each) => broker.verifications.begin(each, producer.producerId));
    try {
      const asked = entersImplicitly
        ? broker.entering.enter(transactionalId!, producer, toAsk)
        : broker.entering.verify(transactionalId!, producer, toAsk);
      const errorCodes = await asked;
      toAsk.forEach((partition, i) => {
        const errorCode = writeErrorOf(errorCodes[i]!, abilities);
        leaves.set(partition, { errorCode, verification: verifications[i]! });
      });
      return append({ gate, request: kept });
    } finally {
      for (const each of verifications) broker.verifications.end(each);
    }
  }
}

function gateOf(broker: BrokerServices, producer: ProducerIdAndEpoch, leaves: ReadonlyMap<Partition, Leave>): Gate {
  return (topic, index) => {
    const partition = broker.replicas.partition(topic, index);
    if (partition === undefined) return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
    const problem = partition.check(-1);
    if (problem !== ErrorCode.NONE) return problem;
    if (isOpenIn(partition, producer)) return ErrorCode.NONE;
    const leave = leaves.get(partition);
    // It was not led here when the request came.
    if (leave === undefined) return ErrorCode.NOT_LEADER_OR_FOLLOWER;
    const { errorCode, verification } = leave;
    if (errorCode !== ErrorCode.NONE || verification === null || isGood(verification)) return errorCode;
    return verification.leaderEpoch === partition.leaderEpoch
      ? ErrorCode.INVALID_TXN_STATE
      : ErrorCode.NOT_LEADER_OR_FOLLOWER;
  };
}

/** Who writes to which partitions that are led here; null when nothing is transactional. */
function writesOf(
  broker: BrokerServices,
  request: ProduceRequest,
  call: RequestCall,
): Writes | 'many producers' | null {
  let producer: ProducerIdAndEpoch | null = null;
  const partitions: Partition[] = [];
  for (const { name, topicId, partitionData } of request.topicData) {
    const topic = call.apiVersion >= 13 ? broker.image.topicById(topicId)?.name : name;
    for (const { index, records } of partitionData) {
      if (records === null || records.length < BATCH_HEADER_BYTES) continue;
      const batch = new RecordBatch(records);
      if (!batch.isTransactional) continue;
      const { producerId, producerEpoch } = batch;
      if (producer === null) producer = { producerId, producerEpoch };
      else if (producer.producerId !== producerId || producer.producerEpoch !== producerEpoch) return 'many producers';
      const partition = topic === undefined ? undefined : broker.replicas.partition(topic, index);
      if (partition?.check(-1) === ErrorCode.NONE) partitions.push(partition);
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
