import type { Clock } from '../../ports/clock.ts';
import { ErrorCode, errorOf } from '../../protocol/errors.ts';
import { backoffMs } from '../../rpc/backoff.ts';
import type { ProducerConfig } from '../client-config.ts';
import { brokerError, ClientError, type Outcome } from '../client-error.ts';
import type { ClientPorts } from '../connections.ts';
import type { Metadata } from '../metadata.ts';
import type { Accumulator, PartitionQueue } from './accumulator.ts';
import type { ProducerBatch } from './producer-batch.ts';
import type { SenderMetrics } from './sender-metrics.ts';
import type { Transactions } from './transactions.ts';

/**
 * What becomes of a batch that was taken from its queue: acknowledged, back into the queue for a retry, split, or given up.
 *
 * Invariants: every batch is settled once: acknowledged, refused, or given up at delivery.timeout.ms. Once an attempt's outcome was unknown, a later
 * failure is too. Its memory, its sequence, the mute of its queue and the transaction hear of it in the same step.
 * When and where batches go belongs to the sender.
 */
/** What a leader answered about a batch. */
export interface BatchAnswer {
  readonly errorCode: number;
  readonly baseOffset: number;
  readonly logAppendTimeMs: number;
  readonly errorMessage: string | null;
  readonly recordErrors: readonly { readonly batchIndexErrorMessage: string | null }[];
  /** The answer names a leader that was not known yet: the batch need not wait before it goes there. */
  readonly hasNewLeader: boolean;
}

/** Error codes after which the write may have happened. */
const UNKNOWN_OUTCOME: ReadonlySet<number> = new Set([
  ErrorCode.UNKNOWN_SERVER_ERROR,
  ErrorCode.NOT_LEADER_OR_FOLLOWER,
  ErrorCode.REQUEST_TIMED_OUT,
  ErrorCode.NETWORK_EXCEPTION,
  ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
  ErrorCode.KAFKA_STORAGE_ERROR,
]);

/** Error codes that show stale metadata. */
const STALE_METADATA: ReadonlySet<number> = new Set([
  ErrorCode.NOT_LEADER_OR_FOLLOWER,
  ErrorCode.LEADER_NOT_AVAILABLE,
  ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
  ErrorCode.UNKNOWN_TOPIC_ID,
  ErrorCode.INCONSISTENT_TOPIC_ID,
  ErrorCode.FENCED_LEADER_EPOCH,
  ErrorCode.UNKNOWN_LEADER_EPOCH,
  ErrorCode.REPLICA_NOT_AVAILABLE,
  ErrorCode.KAFKA_STORAGE_ERROR,
  ErrorCode.NETWORK_EXCEPTION,
  // A leader that its followers do not follow any more may be none.
  ErrorCode.REQUEST_TIMED_OUT,
]);

/** Codes about the sequence: an idempotent producer retries them, and may have to raise its epoch. */
const SEQUENCE_ERRORS: ReadonlySet<number> = new Set([
  ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
  ErrorCode.UNKNOWN_PRODUCER_ID,
  ErrorCode.INVALID_PRODUCER_EPOCH,
]);

/** Not 0, which stands for a batch that was never tried. */
const AT_ONCE_MS = 0.001;

export class Deliveries {
  private readonly ports: ClientPorts;
  private readonly clock: Clock;
  private readonly config: ProducerConfig;
  private readonly metadata: Metadata;
  private readonly accumulator: Accumulator;
  private readonly metrics: SenderMetrics;
  private readonly queueOf: (topic: string, partition: number) => PartitionQueue;
  /** Called when memory came free. */
  private readonly onRelease: () => void;
  private readonly transactions: Transactions | null;
  private readonly isIdempotent: boolean;
  private readonly keepsOrderByMuting: boolean;

  constructor(
    ports: ClientPorts,
    config: ProducerConfig,
    metadata: Metadata,
    accumulator: Accumulator,
    metrics: SenderMetrics,
    queueOf: (topic: string, partition: number) => PartitionQueue,
    onRelease: () => void,
    transactions: Transactions | null,
  ) {
    this.ports = ports;
    this.clock = ports.clock;
    this.config = config;
    this.metadata = metadata;
    this.accumulator = accumulator;
    this.metrics = metrics;
    this.queueOf = queueOf;
    this.onRelease = onRelease;
    this.transactions = transactions;
    this.isIdempotent = config['enable.idempotence'];
    this.keepsOrderByMuting = !this.isIdempotent && config['max.in.flight.requests.per.connection'] === 1;
  }

  /** The batch is about to leave: with one in flight nothing else of its partition may. */
  onDrain(queue: PartitionQueue): void {
    if (this.keepsOrderByMuting) queue.isMuted = true;
  }

  onAnswer(batch: ProducerBatch, answer: BatchAnswer): void {
    const code = answer.errorCode;
    if (code === ErrorCode.NONE || code === ErrorCode.DUPLICATE_SEQUENCE_NUMBER) {
      return this.acknowledge(batch, code === ErrorCode.NONE ? answer.baseOffset : -1, answer.logAppendTimeMs, true);
    }
    const detail = answer.recordErrors[0]?.batchIndexErrorMessage ?? answer.errorMessage;
    const error = brokerError(code, `${batch.topic}-${batch.partition}`, 'failed', detail);
    this.onFailure(batch, error, code, answer.hasNewLeader);
  }

  /** `hasLeft`: nobody holds its bytes any more. */
  acknowledge(batch: ProducerBatch, baseOffset: number, logAppendTimeMs: number, hasLeft: boolean): void {
    const queue = this.queueOf(batch.topic, batch.partition);
    batch.isOnWire = false;
    if (this.keepsOrderByMuting) queue.isMuted = false;
    if (batch.isDone) return;
    if (batch.hasSequence) queue.sequences.onAcked(batch);
    this.metrics.recordsAcknowledged += batch.recordCount;
    this.accumulator.release(batch, hasLeft);
    batch.succeed(baseOffset, logAppendTimeMs);
    this.onRelease();
  }

  /** An attempt failed: again, in parts, or for good. */
  onFailure(batch: ProducerBatch, error: ClientError, code: number, isAtOnce = false): void {
    const queue = this.queueOf(batch.topic, batch.partition);
    batch.isOnWire = false;
    if (this.keepsOrderByMuting) queue.isMuted = false;
    if (batch.isDone) return;
    if (UNKNOWN_OUTCOME.has(code)) batch.outcomeUnknown = true;
    batch.lastError = error;
    if (STALE_METADATA.has(code)) this.metadata.requestUpdate();
    const isTooLarge = code === ErrorCode.MESSAGE_TOO_LARGE || code === ErrorCode.RECORD_LIST_TOO_LARGE;
    if (isTooLarge && batch.recordCount > 1) return this.split(queue, batch);
    const isSequenceError = this.isIdempotent && SEQUENCE_ERRORS.has(code) && !this.endsTransaction(queue, batch, code);
    const isRetriable = isSequenceError || code === ErrorCode.BROKER_NOT_AVAILABLE || errorOf(code).retriable;
    if (isRetriable && batch.attempts < this.config.retries) {
      if (isSequenceError && this.transactions === null) queue.sequences.onOutOfOrder(batch);
      const { 'retry.backoff.ms': base, 'retry.backoff.max.ms': max } = this.config;
      batch.attempts++;
      const pauseMs = isAtOnce ? AT_ONCE_MS : backoffMs(this.ports.random, base, max, batch.attempts);
      batch.retryAtMs = this.clock.monotonic() + pauseMs;
      this.metrics.batchesRetried++;
      return this.accumulator.requeue(queue, batch);
    }
    const outcome = batch.outcomeUnknown ? 'unknown' : 'failed';
    if (batch.hasSequence) {
      // Retries that ran out tell nothing about the sequence; a refusal does.
      if (outcome === 'unknown' || isRetriable) queue.sequences.onFailedUnknown(batch);
      else queue.sequences.onFailedCertainly(batch);
    }
    const { kind, retriable } = error;
    this.giveUp(batch, new ClientError(kind, error.message, { code, retriable, outcome, cause: error }));
  }

  /** In a transaction numbers never begin anew: what would need that ends it in an abort. */
  private endsTransaction(queue: PartitionQueue, batch: ProducerBatch, code: number): boolean {
    if (this.transactions === null) return false;
    if (code !== ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER) return true;
    queue.sequences.onOutOfOrder(batch);
    return queue.sequences.needsRestart;
  }

  private split(queue: PartitionQueue, batch: ProducerBatch): void {
    const halves = batch.split();
    queue.sequences.onSplit(batch, halves);
    this.accumulator.replace(queue, batch, halves);
    this.metrics.batchesSplit++;
  }

  /** Gives up what is older than delivery.timeout.ms. Returns when the next one will be. */
  expire(nowMs: number): number {
    const limitMs = this.config['delivery.timeout.ms'];
    let expired: ProducerBatch[] | null = null;
    let nextMs = Number.POSITIVE_INFINITY;
    // Oldest first but for split ones, which are as old as what they came from.
    for (const batch of this.accumulator.incomplete) {
      const dueMs = batch.createdAtMs + limitMs;
      if (dueMs > nowMs) {
        nextMs = dueMs;
        break;
      }
      (expired ??= []).push(batch);
    }
    if (expired !== null) for (const batch of expired) this.expireOne(batch, nowMs);
    return nextMs;
  }

  private expireOne(batch: ProducerBatch, nowMs: number): void {
    const outcome = batch.outcomeUnknown || batch.isOnWire ? 'unknown' : 'failed';
    const age = Math.round(nowMs - batch.createdAtMs);
    const place = `${batch.topic}-${batch.partition}`;
    const last = batch.lastError === null ? '' : `; last: ${batch.lastError.message}`;
    const message = `${batch.recordCount} records for ${place} were not delivered within ${age} ms${last}`;
    const queue = this.queueOf(batch.topic, batch.partition);
    if (batch.hasSequence) {
      if (outcome === 'unknown') queue.sequences.onFailedUnknown(batch);
      else queue.sequences.onFailedCertainly(batch);
    }
    if (batch.isOnWire) queue.isMuted = false;
    this.giveUp(
      batch,
      new ClientError('TIMEOUT', message, { outcome, retriable: true, cause: batch.lastError ?? undefined }),
    );
  }

  /** The transaction is over for what has not left; what is on the wire is waited for. */
  dropUnsent(reason: ClientError): void {
    for (const batch of [...this.accumulator.incomplete]) {
      if (batch.isOnWire) continue;
      if (batch.hasSequence) this.queueOf(batch.topic, batch.partition).sequences.onFailedUnknown(batch);
      this.giveUp(batch, reason);
    }
  }

  /** Gives up everything: the producer ends. */
  failAll(errorFor: (outcome: Outcome) => ClientError): void {
    for (const batch of [...this.accumulator.incomplete]) {
      this.giveUp(batch, errorFor(batch.outcomeUnknown || batch.isOnWire ? 'unknown' : 'failed'));
    }
  }

  private giveUp(batch: ProducerBatch, error: ClientError): void {
    const queue = this.queueOf(batch.topic, batch.partition);
    const wasOnWire = batch.isOnWire;
    this.accumulator.remove(queue, batch);
    this.metrics.recordsFailed += batch.recordCount;
    this.accumulator.release(batch, !wasOnWire);
    batch.fail(error);
    this.transactions?.onFailed(error, batch.hasSequence);
    this.onRelease();
  }
}
