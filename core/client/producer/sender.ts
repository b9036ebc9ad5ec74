import type { Clock, Timer } from '../../ports/clock.ts';
import { ErrorCode } from '../../protocol/errors.ts';
import { Produce } from '../../protocol/messages/00-produce.ts';
import type { ResponseOf } from '../../protocol/schema.ts';
import { ZERO_UUID } from '../../protocol/writer.ts';
import type { RpcClient } from '../../rpc/rpc-client.ts';
import type { ProducerConfig } from '../client-config.ts';
import { ClientError, connectionError, type Outcome } from '../client-error.ts';
import type { ClientPorts, Connections } from '../connections.ts';
import type { Metadata } from '../metadata.ts';
import type { Accumulator, PartitionQueue } from './accumulator.ts';
import { type BatchAnswer, Deliveries } from './deliveries.ts';
import type { ProducerIdentity } from './idempotence.ts';
import type { ProducerBatch } from './producer-batch.ts';
import { ProducerId } from './producer-id.ts';
import type { Turns } from './send-times.ts';
import { noMetrics, type SenderMetrics } from './sender-metrics.ts';
import type { Transactions } from './transactions.ts';

/**
 * Takes ready batches from the accumulator to the leaders of their partitions. What becomes of them then is for `Deliveries` to say.
 *
 * Invariants:
 * - At most max.in.flight requests a broker; at most one batch of a partition in a request; with one in flight (and no idempotence) the partition's
 *   queue is muted meanwhile, so that order survives retries. With more and no idempotence a retry goes behind what was sent after it, as in Kafka.
 * - `run` is the only place that sends; everything that may make a difference only wakes it. One timer at most.
 */
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

export class Sender implements Turns {
  private readonly clock: Clock;
  private readonly config: ProducerConfig;
  private readonly connections: Connections;
  private readonly metadata: Metadata;
  private readonly accumulator: Accumulator;
  private readonly deliveries: Deliveries;
  /** Null without idempotence, and where transactions bring the identity. */
  private readonly producerId: ProducerId | null;
  private readonly nodes = new Map<number, Node>();
  private readonly acks: number;
  private readonly isIdempotent: boolean;
  private readonly transactions: Transactions | null;
  isWoken = false;
  turn = 0;
  private timer: Timer | null = null;
  private timerDueMs = Number.POSITIVE_INFINITY;
  private closed = false;
  readonly metrics: SenderMetrics = noMetrics();

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
    this.clock = ports.clock;
    this.config = config;
    this.connections = connections;
    this.metadata = metadata;
    this.accumulator = accumulator;
    this.acks = config.acks === 'all' ? -1 : Number(config.acks);
    this.isIdempotent = config['enable.idempotence'];
    const { metrics } = this;
    this.deliveries = new Deliveries(ports, config, metadata, accumulator, metrics, queueOf, onRelease, transactions);
    this.producerId =
      this.isIdempotent && transactions === null
        ? new ProducerId(ports, config, connections, accumulator, metrics, this)
        : null;
    metadata.onUpdate(() => this.wake());
  }

  /** The error that ended this producer for good, or null. */
  get fatalError(): ClientError | null {
    return this.producerId?.fatal ?? null;
  }

  private get identity(): ProducerIdentity | null {
    return (this.transactions ?? this.producerId)?.identity ?? null;
  }

  /** Looks at the end of this tick: whatever was appended until then leaves together. */
  wake(): void {
    if (this.isWoken || this.closed) return;
    this.isWoken = true;
    this.clock.defer(() => {
      this.isWoken = false;
      this.turn++;
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
  close(errorFor: (outcome: Outcome) => ClientError): void {
    if (this.closed) return;
    this.closed = true;
    this.timer?.cancel();
    this.timer = null;
    this.producerId?.close();
    this.deliveries.failAll(errorFor);
  }

  private run(): void {
    if (this.closed) return;
    const nowMs = this.clock.monotonic();
    let nextMs = this.deliveries.expire(nowMs);
    const { fatalError: fatal } = this;
    if (fatal !== null) {
      const { kind, message, code } = fatal;
      return this.deliveries.failAll((outcome) => new ClientError(kind, message, { code, outcome, cause: fatal }));
    }
    if (!this.mayWrite()) return this.wakeAt(nextMs);
    for (;;) {
      const requests = new Map<Node, Draining>();
      nextMs = Math.min(nextMs, this.drain(nowMs, requests));
      if (requests.size === 0) break;
      for (const [node, draining] of requests) this.send(node, draining);
    }
    this.wakeAt(nextMs);
  }

  /** Whether identity and transaction let anything leave now. If not, they wake the sender when they do. */
  private mayWrite(): boolean {
    if (this.transactions !== null) return this.followTransaction(this.transactions);
    if (this.producerId === null) return true;
    this.producerId.restartSequences();
    if (this.producerId.identity !== null) return true;
    if (this.accumulator.active.size > 0) void this.producerId.request();
    return false;
  }

  /** Ends what the transaction has given up, and takes over its identity. */
  private followTransaction(transactions: Transactions): boolean {
    const { identity } = transactions;
    const reason = transactions.problem ?? (transactions.isAborting ? abortedError() : null);
    if (reason !== null) {
      // What is on the wire is waited for: nothing of this transaction may arrive after its end.
      this.deliveries.dropUnsent(reason);
      return false;
    }
    if (identity === null) return false;
    // A new transaction begins under a raised epoch wherever numbers were lost in the one before.
    for (const { sequences } of this.accumulator.active) if (sequences.needsRestart) sequences.restart(identity);
    return true;
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
      this.deliveries.onDrain(queue);
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
      // Another one may lead by now. Metadata comes at the pace of retry.backoff.ms, and wakes the sender: attempts to connect become too rare to go by.
      if (link.isDown) this.metadata.requestUpdate();
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
      for (const batch of batches)
        this.deliveries.onFailure(batch, connectionError(error, 'produce'), ErrorCode.NETWORK_EXCEPTION);
      return;
    }
    for (const batch of batches) this.deliveries.acknowledge(batch, -1, -1, false);
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
    const answers = new Map<string, BatchAnswer>();
    for (const topic of response.responses) {
      const name = topic.name !== '' ? topic.name : sent.find((each) => each.topicId === topic.topicId)?.name;
      for (const partition of topic.partitionResponses) {
        const { index, currentLeader } = partition;
        const hasNewLeader =
          name !== undefined && this.metadata.learnLeader(name, index, currentLeader, response.nodeEndpoints);
        answers.set(`${name}-${index}`, { ...partition, hasNewLeader });
      }
    }
    for (const batch of batches) {
      const answer = answers.get(`${batch.topic}-${batch.partition}`);
      if (answer === undefined) {
        const error = new ClientError('DISCONNECTED', `the answer left out ${batch.topic}-${batch.partition}`);
        this.deliveries.onFailure(batch, error, ErrorCode.UNKNOWN_SERVER_ERROR);
      } else this.deliveries.onAnswer(batch, answer);
    }
    this.wake();
  }

  private onDisconnect(node: Node, batches: readonly ProducerBatch[], error: ClientError): void {
    node.requestsInFlight--;
    if (this.closed) return;
    this.metadata.requestUpdate();
    // `failed` here only means that this attempt never left; retrying it is harmless.
    const code = error.outcome === 'unknown' ? ErrorCode.NETWORK_EXCEPTION : ErrorCode.BROKER_NOT_AVAILABLE;
    for (const batch of batches) this.deliveries.onFailure(batch, error, code);
    this.wake();
  }
}

function abortedError(): ClientError {
  return new ClientError('TRANSACTION_ABORTED', 'the transaction was aborted before the batch was sent');
}
