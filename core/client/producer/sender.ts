import type { Clock, Timer } from '../../ports/clock.ts';
import { ErrorCode, errorOf } from '../../protocol/errors.ts';
import { Produce } from '../../protocol/messages/00-produce.ts';
import { InitProducerId } from '../../protocol/messages/22-init-producer-id.ts';
import type { ResponseOf } from '../../protocol/schema.ts';
import { ZERO_UUID } from '../../protocol/writer.ts';
import type { RpcClient } from '../../rpc/rpc-client.ts';
import { backoffMs } from '../backoff.ts';
import type { ProducerConfig } from '../client-config.ts';
import { brokerError, ClientError, connectionError } from '../client-error.ts';
import type { ClientPorts, Connections } from '../connections.ts';
import type { Metadata } from '../metadata.ts';
import type { Accumulator, PartitionQueue } from './accumulator.ts';
import { nextEpoch, type ProducerIdentity } from './idempotence.ts';
import type { ProducerBatch } from './producer-batch.ts';
import type { Transactions } from './transactions.ts';

/**
 * Takes ready batches from the accumulator to the leaders of their partitions, and settles them by what comes back.
 *
 * Invariants:
 * - At most max.in.flight requests a broker; at most one batch of a partition in a request; with one in flight (and no idempotence) the partition's
 *   queue is muted meanwhile, so that order survives retries. With more and no idempotence a retry goes behind what was sent after it, as in Kafka.
 * - Every batch is settled once: acknowledged, refused, or given up at delivery.timeout.ms. Once an attempt's outcome was unknown, a later failure is too.
 * - `run` is the only place that sends; everything that may make a difference only wakes it. One timer at most.
 */
export interface SenderMetrics {
  requestsSent: number;
  batchesSent: number;
  batchesRetried: number;
  batchesSplit: number;
  recordsAcknowledged: number;
  recordsFailed: number;
  bytesSent: number;
  epochsRaised: number;
}

/** With acks=0 nothing answers: a broker gets no more while this many bytes wait in its connection. */
const ONE_WAY_QUEUED_BYTES_MAX = 1024 * 1024;

class Node {
  readonly nodeId: number;
  requestsInFlight = 0;
  throttledUntilMs = 0;
  isConnecting = false;

  constructor(nodeId: number) {
    this.nodeId = nodeId;
  }
}

interface Draining {
  readonly batches: ProducerBatch[];
  bytes: number;
}

type PartitionResponse = ResponseOf<typeof Produce>['responses'][number]['partitionResponses'][number];

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
]);

/** Codes about the sequence: an idempotent producer retries them, and may have to raise its epoch. */
const SEQUENCE_ERRORS: ReadonlySet<number> = new Set([
  ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
  ErrorCode.UNKNOWN_PRODUCER_ID,
  ErrorCode.INVALID_PRODUCER_EPOCH,
]);

export class Sender {
  private readonly clock: Clock;
  private readonly ports: ClientPorts;
  private readonly config: ProducerConfig;
  private readonly connections: Connections;
  private readonly metadata: Metadata;
  private readonly accumulator: Accumulator;
  private readonly queueOf: (topic: string, partition: number) => PartitionQueue;
  /** Called when memory came free. */
  private readonly onRelease: () => void;
  private readonly nodes = new Map<number, Node>();
  private readonly acks: number;
  private readonly isIdempotent: boolean;
  private readonly keepsOrderByMuting: boolean;
  private readonly transactions: Transactions | null;
  private identity: ProducerIdentity | null = null;
  private identityRequested = false;
  private identityFailures = 0;
  private fatal: ClientError | null = null;
  private scheduled = false;
  private timer: Timer | null = null;
  private timerDueMs = Number.POSITIVE_INFINITY;
  private closed = false;
  readonly metrics: SenderMetrics = {
    requestsSent: 0,
    batchesSent: 0,
    batchesRetried: 0,
    batchesSplit: 0,
    recordsAcknowledged: 0,
    recordsFailed: 0,
    bytesSent: 0,
    epochsRaised: 0,
  };

  constructor(
    ports: ClientPorts,
    config: ProducerConfig,
    connections: Connections,
    metadata: Metadata,
    accumulator: Accumulator,
    queueOf: (topic: string, partition: number) => PartitionQueue,
    onRelease: () => void,
    transactions: Transactions | null = null,
  ) {
    this.transactions = transactions;
    this.ports = ports;
    this.clock = ports.clock;
    this.config = config;
    this.connections = connections;
    this.metadata = metadata;
    this.accumulator = accumulator;
    this.queueOf = queueOf;
    this.onRelease = onRelease;
    this.acks = config.acks === 'all' ? -1 : Number(config.acks);
    this.isIdempotent = config['enable.idempotence'];
    this.keepsOrderByMuting = !this.isIdempotent && config['max.in.flight.requests.per.connection'] === 1;
    metadata.onUpdate(() => this.wake());
  }

  /** The error that ended this producer for good, or null. */
  get fatalError(): ClientError | null {
    return this.fatal;
  }

  get producerIdentity(): ProducerIdentity | null {
    return this.identity;
  }

  /** Looks at the end of this tick: whatever was appended until then leaves together. */
  wake(): void {
    if (this.scheduled || this.closed) return;
    this.scheduled = true;
    this.clock.defer(() => {
      this.scheduled = false;
      this.run();
    });
  }

  /** A batch was begun: it may leave after linger.ms. */
  wakeAt(dueMs: number): void {
    if (this.closed || this.timerDueMs <= dueMs) return;
    this.timer?.cancel();
    this.timerDueMs = dueMs;
    this.timer = this.clock.setTimer(Math.max(0, dueMs - this.clock.monotonic()), () => {
      this.timer = null;
      this.timerDueMs = Number.POSITIVE_INFINITY;
      this.run();
    });
  }

  /** Fails what is left and stops. */
  close(error: (outcome: 'failed' | 'unknown') => ClientError): void {
    if (this.closed) return;
    this.closed = true;
    this.timer?.cancel();
    this.timer = null;
    for (const batch of [...this.accumulator.incomplete]) {
      this.giveUp(batch, error(batch.outcomeUnknown || batch.isOnWire ? 'unknown' : 'failed'));
    }
  }

  private run(): void {
    if (this.closed) return;
    const nowMs = this.clock.monotonic();
    let nextMs = this.expire(nowMs);
    if (this.fatal !== null) return this.failAll(this.fatal);
    if (this.transactions !== null) {
      if (!this.followTransaction(this.transactions)) return this.wakeAt(nextMs);
    } else if (this.isIdempotent) {
      if (this.identity === null) {
        if (this.accumulator.active.size > 0) void this.requestIdentity();
        return this.wakeAt(nextMs);
      }
      this.restartSequences();
    }
    for (;;) {
      const requests = new Map<Node, Draining>();
      nextMs = Math.min(nextMs, this.drain(nowMs, requests));
      if (requests.size === 0) break;
      for (const [node, draining] of requests) this.send(node, draining);
    }
    this.wakeAt(nextMs);
  }

  /** Takes over identity and state of the transaction. False when nothing may leave now. */
  private followTransaction(transactions: Transactions): boolean {
    this.identity = transactions.identity;
    const reason = transactions.problem ?? (transactions.isAborting ? abortedError() : null);
    if (reason !== null) {
      // What is on the wire is waited for: nothing of this transaction may arrive after its end.
      for (const batch of [...this.accumulator.incomplete]) {
        if (batch.isOnWire) continue;
        if (batch.hasSequence) this.queueOf(batch.topic, batch.partition).sequences.onFailedUnknown(batch);
        this.giveUp(batch, reason);
      }
      return false;
    }
    if (this.identity === null) return false;
    // A new transaction begins under a raised epoch wherever numbers were lost in the one before.
    for (const { sequences } of this.accumulator.active) if (sequences.needsRestart) sequences.restart(this.identity);
    return true;
  }

  /** Gives up what is older than delivery.timeout.ms. Returns when the next one will be. */
  private expire(nowMs: number): number {
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

  /** Collects at most one batch of each partition. Returns when to look again for those that are not ready. */
  private drain(nowMs: number, requests: Map<Node, Draining>): number {
    let nextMs = Number.POSITIVE_INFINITY;
    const served: PartitionQueue[] = [];
    for (const queue of this.accumulator.active) {
      const readyAtMs = this.accumulator.readyAtMs(queue);
      if (readyAtMs > nowMs) {
        if (readyAtMs < nextMs) nextMs = readyAtMs;
        continue;
      }
      const leader = this.metadata.partition(queue.topic, queue.partition)?.leader ?? -1;
      if (leader < 0) {
        this.metadata.requestUpdate();
        continue;
      }
      const node = this.nodeOf(leader);
      if (node.throttledUntilMs > nowMs) {
        nextMs = Math.min(nextMs, node.throttledUntilMs);
        continue;
      }
      const waitMs = this.acceptsAfterMs(node);
      if (waitMs > 0) {
        nextMs = Math.min(nextMs, nowMs + waitMs);
        continue;
      }
      const first = queue.batches[0]!;
      if (this.isIdempotent && !queue.sequences.mayDrain(first, this.identity!)) continue;
      if (this.transactions?.mayWrite(queue.topic, queue.partition) === false) continue;
      let draining = requests.get(node);
      if (draining !== undefined && draining.bytes + first.bytes > this.config['max.request.size']) continue;
      if (draining === undefined) requests.set(node, (draining = { batches: [], bytes: 0 }));
      this.accumulator.take(queue);
      if (this.isIdempotent) queue.sequences.onDrain(first, this.identity!);
      if (this.keepsOrderByMuting) queue.isMuted = true;
      draining.batches.push(first);
      draining.bytes += first.bytes;
      served.push(queue);
    }
    // Who was served goes to the end, so that a full request never starves the rest.
    for (const queue of served) {
      if (!this.accumulator.active.delete(queue)) continue;
      this.accumulator.active.add(queue);
    }
    return nextMs;
  }

  /** 0 when a request may go to the node now; infinity when something else will wake the sender. */
  private acceptsAfterMs(node: Node): number {
    const link = this.connections.link(node.nodeId);
    if (link === null) {
      this.metadata.requestUpdate();
      return Number.POSITIVE_INFINITY;
    }
    const ready = link.ready;
    if (ready === null) {
      if (!node.isConnecting) {
        node.isConnecting = true;
        const done = () => {
          node.isConnecting = false;
          this.wake();
        };
        link.connect().then(done, () => {
          this.metadata.requestUpdate();
          done();
        });
      }
      return Number.POSITIVE_INFINITY;
    }
    if (this.acks === 0 && ready.queuedBytes > ONE_WAY_QUEUED_BYTES_MAX) {
      ready.whenDrained(() => this.wake());
      return Number.POSITIVE_INFINITY;
    }
    return node.requestsInFlight < this.config['max.in.flight.requests.per.connection'] ? 0 : Number.POSITIVE_INFINITY;
  }

  private nodeOf(nodeId: number): Node {
    let node = this.nodes.get(nodeId);
    if (node === undefined) this.nodes.set(nodeId, (node = new Node(nodeId)));
    return node;
  }

  private send(node: Node, draining: Draining): void {
    const { batches } = draining;
    const connection = this.connections.link(node.nodeId)!.ready!;
    const topics = new Map<
      string,
      { name: string; topicId: string; partitionData: { index: number; records: Buffer }[] }
    >();
    let hasIds = true;
    for (const batch of batches) {
      let topic = topics.get(batch.topic);
      if (topic === undefined) {
        const topicId = this.metadata.topic(batch.topic)?.topicId ?? ZERO_UUID;
        if (topicId === ZERO_UUID) hasIds = false;
        topics.set(batch.topic, (topic = { name: batch.topic, topicId, partitionData: [] }));
      }
      const records = batch.seal(this.config['compression.type'], this.transactions !== null);
      this.metrics.bytesSent += records.length;
      topic.partitionData.push({ index: batch.partition, records });
    }
    this.metrics.requestsSent++;
    this.metrics.batchesSent += batches.length;
    const topicData = [...topics.values()];
    const transactionalId = this.transactions?.transactionalId ?? null;
    const body = { transactionalId, acks: this.acks, timeoutMs: this.config['request.timeout.ms'], topicData };
    const options = { versionMax: Math.min(hasIds ? 0x7fff : 12, this.transactions?.produceVersionMax ?? 0x7fff) };
    if (this.acks === 0) return this.sendOneWay(connection, batches, body, options);
    node.requestsInFlight++;
    connection.send(Produce, body, options).then(
      (response) => this.onResponse(node, batches, topicData, response),
      (error) => this.onDisconnect(node, batches, connectionError(error, `produce to broker ${node.nodeId}`)),
    );
  }

  private sendOneWay(
    connection: RpcClient,
    batches: readonly ProducerBatch[],
    body: Parameters<typeof Produce.request.encode>[1],
    options: { versionMax?: number },
  ): void {
    try {
      connection.sendOneWay(Produce, body, options);
    } catch (error) {
      for (const batch of batches) this.onError(batch, connectionError(error, 'produce'), ErrorCode.NETWORK_EXCEPTION);
      return;
    }
    for (const batch of batches) this.acknowledge(batch, -1, -1, false);
  }

  private onResponse(
    node: Node,
    batches: readonly ProducerBatch[],
    sent: readonly { readonly name: string; readonly topicId: string }[],
    response: ResponseOf<typeof Produce>,
  ): void {
    node.requestsInFlight--;
    if (this.closed) return;
    if (response.throttleTimeMs > 0) node.throttledUntilMs = this.clock.monotonic() + response.throttleTimeMs;
    const answers = new Map<string, PartitionResponse>();
    for (const topic of response.responses) {
      const name = topic.name !== '' ? topic.name : sent.find((each) => each.topicId === topic.topicId)?.name;
      for (const partition of topic.partitionResponses) answers.set(`${name}-${partition.index}`, partition);
    }
    for (const batch of batches) {
      const answer = answers.get(`${batch.topic}-${batch.partition}`);
      if (answer === undefined) {
        const error = new ClientError('DISCONNECTED', `the answer left out ${batch.topic}-${batch.partition}`);
        this.onError(batch, error, ErrorCode.UNKNOWN_SERVER_ERROR);
      } else this.onAnswer(batch, answer);
    }
    this.wake();
  }

  private onDisconnect(node: Node, batches: readonly ProducerBatch[], error: ClientError): void {
    node.requestsInFlight--;
    if (this.closed) return;
    this.metadata.requestUpdate();
    // `failed` here only means that this attempt never left; retrying it is harmless.
    const code = error.outcome === 'unknown' ? ErrorCode.NETWORK_EXCEPTION : ErrorCode.BROKER_NOT_AVAILABLE;
    for (const batch of batches) this.onError(batch, error, code);
    this.wake();
  }

  private onAnswer(batch: ProducerBatch, answer: PartitionResponse): void {
    const code = answer.errorCode;
    if (code === ErrorCode.NONE || code === ErrorCode.DUPLICATE_SEQUENCE_NUMBER) {
      return this.acknowledge(batch, code === ErrorCode.NONE ? answer.baseOffset : -1, answer.logAppendTimeMs, true);
    }
    const detail = answer.recordErrors[0]?.batchIndexErrorMessage ?? answer.errorMessage;
    this.onError(batch, brokerError(code, `${batch.topic}-${batch.partition}`, 'failed', detail), code);
  }

  private acknowledge(batch: ProducerBatch, baseOffset: number, logAppendTimeMs: number, hasLeft: boolean): void {
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

  private onError(batch: ProducerBatch, error: ClientError, code: number): void {
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
      batch.retryAtMs = this.clock.monotonic() + backoffMs(this.ports.random, base, max, batch.attempts);
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

  private failAll(error: ClientError): void {
    for (const batch of [...this.accumulator.incomplete]) {
      const outcome = batch.outcomeUnknown || batch.isOnWire ? 'unknown' : 'failed';
      const { kind, code } = error;
      this.giveUp(batch, new ClientError(kind, error.message, { code, outcome, cause: error }));
    }
  }

  /** Raises the epoch where numbers must begin again and nothing of the partition is on the wire (KIP-360). */
  private restartSequences(): void {
    for (const queue of this.accumulator.active) {
      const { sequences } = queue;
      if (!sequences.needsRestart || sequences.hasBatchOnWire) continue;
      const raised = nextEpoch(this.identity!);
      if (raised === null) {
        this.identity = null;
        void this.requestIdentity();
        return;
      }
      this.identity = raised;
      this.metrics.epochsRaised++;
      sequences.restart(raised);
    }
  }

  /** Never rejects. */
  private async requestIdentity(): Promise<void> {
    if (this.identityRequested || this.closed) return;
    this.identityRequested = true;
    let retryAfterMs = 0;
    try {
      const response = await this.connections
        .any()
        .request(InitProducerId, { transactionalId: null, transactionTimeoutMs: 0x7fff_ffff });
      if (response.errorCode === ErrorCode.NONE) {
        this.identity = { producerId: response.producerId, epoch: response.producerEpoch };
        this.identityFailures = 0;
        for (const queue of this.accumulator.active) {
          if (queue.sequences.needsRestart) queue.sequences.restart(this.identity);
        }
      } else if (errorOf(response.errorCode).retriable) retryAfterMs = this.identityBackoffMs();
      else this.fatal = brokerError(response.errorCode, 'InitProducerId');
    } catch (error) {
      const failure = connectionError(error, 'InitProducerId');
      if (failure.kind === 'UNSUPPORTED_VERSION') this.fatal = failure;
      else retryAfterMs = this.identityBackoffMs();
    }
    this.identityRequested = false;
    if (this.closed) return;
    if (retryAfterMs > 0) this.wakeAt(this.clock.monotonic() + retryAfterMs);
    else this.wake();
  }

  private identityBackoffMs(): number {
    const { 'retry.backoff.ms': base, 'retry.backoff.max.ms': max } = this.config;
    return backoffMs(this.ports.random, base, max, ++this.identityFailures);
  }
}

function abortedError(): ClientError {
  return new ClientError('TRANSACTION_ABORTED', 'the transaction was aborted before the batch was sent');
}
