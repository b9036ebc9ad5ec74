import { isInternalTopic } from '../../controller/topic-name.ts';
import type { AppendResult, RecordError } from '../../log/append-result.ts';
import { ErrorCode, errorOf } from '../../protocol/errors.ts';
import { Produce } from '../../protocol/messages/00-produce.ts';
import { BATCH_HEADER_BYTES, RecordBatch } from '../../protocol/record-batch.ts';
import type { ResponseInput } from '../../protocol/schema.ts';
import type { Partition } from '../../replica/partition.ts';
import { type Answer, handlerOf, NoResponse, type RequestCall } from '../handler.ts';
import type { BrokerServices } from '../services.ts';
import { type Gate, type OpenGate, throughGate } from '../transactions/produce-gate.ts';

/**
 * Produce 3–13: appends one batch to each of the named partitions.
 *
 * Everything up to the log happens in the call, on the received bytes. acks=1 is answered at once (after the flush where flush.messages wants one),
 * acks=−1 once the high watermark is beyond the batch or the request's time is over (REQUEST_TIMED_OUT), acks=0 never: an error then closes the
 * connection, which is all that such a client can notice.
 * v7 allows zstd; v10 names the current leader beside NOT_LEADER_OR_FOLLOWER; v13 names topics by id.
 * A transactional batch needs the coordinator's leave (`transactions/produce-gate.ts`); v12 lets the write itself enter the partition (KIP-890).
 */
interface PartitionOutcome {
  readonly index: number;
  readonly partition: Partition | null;
  errorCode: number;
  errorMessage: string | null;
  readonly recordErrors: readonly RecordError[];
  readonly firstOffset: number;
  /** The high watermark that acks=−1 waits for. */
  readonly endOffset: number;
  readonly logAppendTimeMs: number;
  readonly logStartOffset: number;
  readonly flushed: Promise<void> | null;
  /** The leader's tenure in which it was appended. */
  readonly tenure: number;
}

interface TopicOutcome {
  readonly name: string;
  readonly topicId: string;
  readonly partitions: PartitionOutcome[];
}

const ZSTD_SINCE = 7;
const TOPIC_IDS_SINCE = 13;
/** Errors beside which Kafka does not say where the log begins. */
const WITHOUT_LOG_START: ReadonlySet<number> = new Set([
  ErrorCode.CORRUPT_MESSAGE,
  ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
  ErrorCode.NOT_LEADER_OR_FOLLOWER,
  ErrorCode.MESSAGE_TOO_LARGE,
  ErrorCode.RECORD_LIST_TOO_LARGE,
  ErrorCode.KAFKA_STORAGE_ERROR,
]);

export const produceHandler = handlerOf(Produce, (broker, request, call) =>
  throughGate(broker, request, call, (opened) => appendAll(broker, opened, call)),
);

function appendAll(
  broker: BrokerServices,
  { request, gate }: OpenGate,
  call: RequestCall,
): Answer<typeof Produce> | Promise<Answer<typeof Produce>> {
  const { acks } = request;
  const acksAreValid = acks === 0 || acks === 1 || acks === -1;
  const topics = request.topicData.map((topic): TopicOutcome => {
    const name = call.apiVersion >= TOPIC_IDS_SINCE ? broker.image.topicById(topic.topicId)?.name : topic.name;
    return {
      name: name ?? topic.name,
      topicId: topic.topicId,
      partitions: topic.partitionData.map(({ index, records }) => {
        if (!acksAreValid) return failure(index, ErrorCode.INVALID_REQUIRED_ACKS);
        if (name === undefined) return failure(index, ErrorCode.UNKNOWN_TOPIC_ID);
        return appendOne(broker, call, gate, name, index, records, acks);
      }),
    };
  });
  const outcomes = topics.flatMap((topic) => topic.partitions);
  if (acks === 0) {
    call.throttle.exempt();
    chargeBytes(broker, call);
    const failed = outcomes.find((each) => each.errorCode !== ErrorCode.NONE);
    return new NoResponse(failed === undefined ? null : `produce with acks=0 failed: ${failed.errorMessage}`);
  }
  const flushes = outcomes.filter((each) => each.flushed !== null);
  const isDone = () => acks === 1 || outcomes.every(isCommitted);
  if (flushes.length === 0 && isDone()) {
    if (acks === -1) for (const outcome of outcomes) settle(outcome);
    return response(broker, topics, call);
  }
  return afterwards();

  async function afterwards(): Promise<ResponseInput<typeof Produce>> {
    for (const outcome of flushes) {
      try {
        await outcome.flushed;
      } catch {
        outcome.errorCode = ErrorCode.KAFKA_STORAGE_ERROR;
      }
    }
    if (!isDone()) {
      const waiting = outcomes.filter((each) => !isCommitted(each)).map((each) => each.partition!);
      await broker.purgatory.park({
        partitions: waiting,
        timeoutMs: Math.max(0, request.timeoutMs),
        connection: call.connection,
        isSatisfied: isDone,
      });
    }
    if (acks === -1) for (const outcome of outcomes) settle(outcome);
    return response(broker, topics, call);
  }
}

function appendOne(
  broker: BrokerServices,
  call: RequestCall,
  gate: Gate,
  topic: string,
  index: number,
  records: Buffer | null,
  acks: number,
): PartitionOutcome {
  const partition = broker.replicas.partition(topic, index);
  if (partition === undefined) return failure(index, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  if (isInternalTopic(topic)) {
    return failure(index, ErrorCode.INVALID_TOPIC_EXCEPTION, `Clients may not write to the internal topic ${topic}.`);
  }
  if (records === null) return failure(index, ErrorCode.INVALID_RECORD, 'Exactly one record batch is expected.');
  if (records.length >= BATCH_HEADER_BYTES) {
    const batch = new RecordBatch(records);
    if (batch.compression === 'zstd' && call.apiVersion < ZSTD_SINCE) {
      return failure(index, ErrorCode.UNSUPPORTED_COMPRESSION_TYPE, 'zstd needs Produce v7.');
    }
    if (batch.isTransactional) {
      const refused = gate(topic, index);
      if (refused !== ErrorCode.NONE) return failure(index, refused);
    }
  }
  const { result, flushed, tenure } = partition.append(records, acks, 'client');
  if (result.kind === 'rejected') return refusal(index, partition, result);
  broker.metrics.bytesProduced += records.length;
  broker.metrics.batchesProduced++;
  return {
    index,
    partition,
    errorCode: ErrorCode.NONE,
    errorMessage: null,
    recordErrors: [],
    firstOffset: result.firstOffset,
    endOffset: result.lastOffset + 1,
    logAppendTimeMs: result.logAppendTimeMs,
    logStartOffset: partition.log.logStartOffset,
    flushed,
    tenure,
  };
}

function refusal(
  index: number,
  partition: Partition,
  result: Extract<AppendResult, { kind: 'rejected' }>,
): PartitionOutcome {
  const failed = failure(index, result.errorCode, result.message === '' ? null : result.message);
  const isOfLog =
    !WITHOUT_LOG_START.has(result.errorCode) &&
    (result.errorCode !== ErrorCode.INVALID_RECORD || result.recordErrors.length > 0);
  const logStartOffset = isOfLog ? partition.log.logStartOffset : -1;
  return { ...failed, partition, recordErrors: result.recordErrors, logStartOffset };
}

function failure(index: number, errorCode: number, errorMessage: string | null = null): PartitionOutcome {
  return {
    index,
    partition: null,
    errorCode,
    errorMessage: errorMessage ?? errorOf(errorCode).message,
    recordErrors: [],
    firstOffset: -1,
    endOffset: -1,
    logAppendTimeMs: -1,
    logStartOffset: -1,
    flushed: null,
    tenure: -1,
  };
}

/** Committed, or without a chance to be: nothing to wait for. */
function isCommitted(outcome: PartitionOutcome): boolean {
  if (outcome.errorCode !== ErrorCode.NONE || outcome.partition === null) return true;
  return outcome.partition.commitState(outcome.tenure, outcome.endOffset) !== null;
}

/** After waiting: what became of it. */
function settle(outcome: PartitionOutcome): void {
  const { partition } = outcome;
  if (outcome.errorCode !== ErrorCode.NONE || partition === null) return;
  outcome.errorCode = partition.commitState(outcome.tenure, outcome.endOffset) ?? ErrorCode.REQUEST_TIMED_OUT;
}

function response(
  broker: BrokerServices,
  topics: readonly TopicOutcome[],
  call: RequestCall,
): ResponseInput<typeof Produce> {
  chargeBytes(broker, call);
  const newLeaders = new Set<number>();
  return {
    responses: topics.map(({ name, topicId, partitions }) => ({
      name,
      topicId,
      partitionResponses: partitions.map((outcome) => {
        const isOk = outcome.errorCode === ErrorCode.NONE;
        const leader =
          outcome.errorCode === ErrorCode.NOT_LEADER_OR_FOLLOWER && outcome.partition !== null
            ? { leaderId: outcome.partition.leader, leaderEpoch: outcome.partition.leaderEpoch }
            : undefined;
        if (leader !== undefined) newLeaders.add(leader.leaderId);
        return {
          index: outcome.index,
          errorCode: outcome.errorCode,
          baseOffset: isOk ? outcome.firstOffset : -1,
          logAppendTimeMs: isOk ? outcome.logAppendTimeMs : -1,
          logStartOffset: outcome.logStartOffset,
          recordErrors: outcome.recordErrors.map(({ batchIndex, message }) => ({
            batchIndex,
            batchIndexErrorMessage: message,
          })),
          errorMessage: isOk ? null : outcome.errorMessage,
          currentLeader: leader,
        };
      }),
    })),
    nodeEndpoints: nodeEndpoints(broker, call, newLeaders),
  };
}

/** What was sent is in the log whatever the quota says: the client is silenced after the answer. */
function chargeBytes(broker: BrokerServices, call: RequestCall): void {
  const { produce } = broker.quotas;
  if (!produce.isEnabled) return;
  call.throttle.atLeast(produce.record(call.throttle.holder, call.frameBytes, broker.clock.monotonic()));
}

/** The addresses of leaders that a client is told about. */
export function nodeEndpoints(broker: BrokerServices, call: RequestCall, leaders: ReadonlySet<number>) {
  const found: { nodeId: number; host: string; port: number; rack: string | null }[] = [];
  for (const nodeId of leaders) {
    const endPoint = broker.endPointOf(nodeId, call.listenerName);
    if (endPoint === null) continue;
    const rack = broker.image.brokers.get(nodeId)?.rack ?? null;
    found.push({ nodeId, host: endPoint.host, port: endPoint.port, rack });
  }
  return found;
}
