import type { Clock, Timer } from '../../ports/clock.ts';
import { ErrorCode, errorOf } from '../../protocol/errors.ts';
import { RECORDS_OFFSET } from '../../protocol/record-batch.ts';
import { type ProducerConfig, type ProducerConfigInput, parseProducerConfig } from '../client-config.ts';
import { brokerError, ClientError } from '../client-error.ts';
import { type ClientPorts, Connections } from '../connections.ts';
import type { PartitionOffset } from '../consumer/offsets.ts';
import type { Committer } from '../group-offsets.ts';
import { Metadata, type PartitionMetadata } from '../metadata.ts';
import { Accumulator } from './accumulator.ts';
import { type BulkCallback, BulkSend, type SentRange } from './bulk-send.ts';
import { interceptDelivery, interceptSend, type ProducerInterceptor } from './interceptors.ts';
import { PartitionChoice } from './partition-choice.ts';
import type { Partitioner } from './partitioner.ts';
import { recordBytesMax } from './producer-batch.ts';
import { ProducerTopic } from './producer-topic.ts';
import type { DeliveryCallback, ProducerRecord, RecordMetadata } from './record.ts';
import { asSendError, checkFields, tooLarge } from './record-check.ts';
import { SendTimes } from './send-times.ts';
import { Sender } from './sender.ts';
import type { SenderMetrics } from './sender-metrics.ts';
import { bytesSerializer, type Serializer } from './serializers.ts';
import { Transactions } from './transactions.ts';
import { type WaitingSend, WaitingSends } from './waiting-sends.ts';

/**
 * The producer. A record's way: interceptors → serializers → partitioner → accumulator (a queue of batches a partition) → sender → broker → callback.
 *
 *     send ─ topic known, memory free ─→ accumulator                     (synchronous, the rule)
 *        └─ else ─→ waits for metadata ─→ waits for memory ─→ accumulator (each at most max.block.ms after send)
 *
 * Invariants: records of one partition enter the accumulator in the order of `send`; each send is settled exactly once; waiting sends are bounded;
 * no timer a record; after `close` nothing is left: no timer, no connection, no open promise.
 * A promise of `send` that nobody looks at never becomes an unhandled rejection: fire and forget is a legal style.
 */
export interface ProducerOptions<K, V> {
  readonly keySerializer?: Serializer<K>;
  readonly valueSerializer?: Serializer<V>;
  readonly partitioner?: Partitioner;
  readonly interceptors?: readonly ProducerInterceptor[];
  /** Told of what a delivery callback threw; the producer goes on. */
  readonly onCallbackError?: (error: unknown) => void;
  /** Speak as clients did before this transaction.version, whatever the broker has finalized: for comparing the protocols. */
  readonly transactionVersionMax?: number;
}

export class Producer<K = unknown, V = unknown> {
  readonly config: ProducerConfig;
  private readonly clock: Clock;
  private readonly ports: ClientPorts;
  private readonly keySerializer: Serializer<K>;
  private readonly valueSerializer: Serializer<V>;
  private readonly partitions: PartitionChoice;
  private readonly interceptors: readonly ProducerInterceptor[];
  private readonly onCallbackError: (error: unknown) => void;
  private readonly connections: Connections;
  private readonly metadata: Metadata;
  private readonly accumulator: Accumulator;
  private readonly sender: Sender;
  private readonly transactions: Transactions | null;
  private readonly topics = new Map<string, ProducerTopic>();
  private readonly waiting: WaitingSends;
  private lastTopic: ProducerTopic | null = null;
  private readonly monotonic = () => this.clock.monotonic();
  /** Of a record: the smaller one of max.request.size and buffer.memory. */
  private readonly bytesMax: number;
  private readonly times: SendTimes;
  private state: 'open' | 'closing' | 'closed' = 'open';

  /** Throws ConfigError. */
  constructor(ports: ClientPorts, config: ProducerConfigInput, options: ProducerOptions<K, V> = {}) {
    this.ports = ports;
    this.clock = ports.clock;
    this.config = parseProducerConfig(config);
    this.keySerializer = options.keySerializer ?? bytesSerializer;
    this.valueSerializer = options.valueSerializer ?? bytesSerializer;
    this.partitions = new PartitionChoice(options.partitioner ?? null, this.config);
    this.interceptors = options.interceptors ?? [];
    this.onCallbackError = options.onCallbackError ?? (() => {});
    this.connections = new Connections(ports, this.config, this.config['max.in.flight.requests.per.connection'] + 2);
    this.metadata = new Metadata(ports, this.config, this.connections, true);
    this.accumulator = new Accumulator({
      batchBytes: Math.max(1, this.config['batch.size']),
      lingerMs: this.config['linger.ms'],
      memoryBytesMax: this.config['buffer.memory'],
      onCallbackError: this.onCallbackError,
    });
    this.bytesMax = Math.min(this.config['max.request.size'], this.config['buffer.memory']);
    this.waiting = new WaitingSends(ports.clock, this.config['max.block.ms'], this.accumulator, {
      topics: () => this.topics.values(),
      metadataTimeout: (topic) => this.metadataTimeout(topic),
      memoryTimeout: () => this.memoryTimeout(),
    });
    const transactionalId = this.config['transactional.id'];
    this.transactions =
      transactionalId === null
        ? null
        : new Transactions(
            ports,
            this.config,
            transactionalId,
            this.connections,
            () => this.sender.wake(),
            options.transactionVersionMax,
          );
    this.sender = new Sender(
      ports,
      this.config,
      this.connections,
      this.metadata,
      this.accumulator,
      (topic, partition) => this.topicOf(topic).queue(partition),
      () => this.onMemoryFree(),
      this.transactions,
    );
    this.times = new SendTimes(ports.clock, this.sender);
    this.metadata.onUpdate(() => this.onMetadata());
  }

  get metrics(): Readonly<SenderMetrics> {
    return this.sender.metrics;
  }

  /** Sends that wait for metadata or memory. */
  get waitingSends(): number {
    return this.waiting.count;
  }

  /** Bytes of buffer.memory in use. */
  get bufferedBytes(): number {
    return this.accumulator.memoryBytesUsed;
  }

  /**
   * Hands a record over. Without a callback: a promise of where it went; rejects with ClientError, whose `outcome` says what is known.
   * With a callback: no promise is made; true when the record is in the accumulator, false when it waits for metadata or memory
   * (a caller who looks can slow down: `await producer.ready()`).
   */
  send(record: ProducerRecord<K, V>): Promise<RecordMetadata>;
  send(record: ProducerRecord<K, V>, callback: DeliveryCallback): boolean;
  send(record: ProducerRecord<K, V>, callback?: DeliveryCallback): Promise<RecordMetadata> | boolean {
    if (callback !== undefined) return this.enqueue(record as ProducerRecord, callback);
    return this.promised((resolve, reject) => {
      this.enqueue(record as ProducerRecord, (error, metadata) =>
        error === null ? resolve(metadata!) : reject(error),
      );
    });
  }

  /**
   * Hands many records over in one call, as if by `send` in this order, at one point of time, and tells of them once, when all are settled: less work
   * a record. Without a callback: a promise of where they went; rejects with the first error, also when others arrived.
   * With one: true when all are in the accumulator.
   */
  sendAll(records: readonly ProducerRecord<K, V>[]): Promise<readonly SentRange[]>;
  sendAll(records: readonly ProducerRecord<K, V>[], callback: BulkCallback): boolean;
  sendAll(records: readonly ProducerRecord<K, V>[], callback?: BulkCallback): Promise<readonly SentRange[]> | boolean {
    if (callback !== undefined) {
      return this.enqueueAll(records, (error, ranges) => {
        try {
          callback(error, ranges);
        } catch (thrown) {
          this.onCallbackError(thrown);
        }
      });
    }
    return this.promised((resolve, reject) => {
      this.enqueueAll(records, (error, ranges) => (error === null ? resolve(ranges) : reject(error)));
    });
  }

  /** A rejection is marked as seen just before it happens: a promise that nobody kept is no crash, and a success costs nothing more. */
  private promised<T>(begin: (resolve: (value: T) => void, reject: (error: ClientError) => void) => void): Promise<T> {
    let promise: Promise<T> | null = null;
    let failedAtOnce = false;
    promise = new Promise<T>((resolve, reject) => {
      begin(resolve, (error) => {
        if (promise === null) failedAtOnce = true;
        else promise.catch(ignore);
        reject(error);
      });
    });
    if (failedAtOnce) promise.catch(ignore);
    return promise;
  }

  /** Resolves when no send waits for metadata or memory. */
  async ready(): Promise<void> {
    while (this.waiting.count > 0) await this.waiting.tailSettled();
  }

  /** Every record sent before the call leaves without lingering; resolves when each of them is settled, whatever the outcome. */
  async flush(): Promise<void> {
    this.accumulator.urgency++;
    this.sender.wake();
    try {
      await this.waiting.tailSettled();
      const open = [...this.accumulator.incomplete];
      await Promise.all(open.map((batch) => new Promise<void>((resolve) => batch.whenDone(resolve))));
    } finally {
      this.accumulator.urgency--;
    }
  }

  /**
   * Takes over the transactional id: whoever had it is fenced, and what it left open is aborted. Once, before everything else.
   * Rejects with TransactionError, or with ClientError TIMEOUT after max.block.ms.
   */
  initTransactions(): Promise<void> {
    return this.transactional().init();
  }

  beginTransaction(): void {
    this.transactional().begin();
  }

  /**
   * Positions of a consumer group as part of the transaction: `consumer.groupMetadata()` says whose. Rejects with TransactionError, whose
   * `disposition` says whether an abort is enough to go on.
   */
  sendOffsetsToTransaction(offsets: readonly PartitionOffset[], group: Committer): Promise<void> {
    return this.transactional().sendOffsets(offsets, group);
  }

  /**
   * Delivers what was sent, then commits. Rejects with TransactionError when that is impossible: abort then, or (`disposition` fatal) make another
   * producer. After TIMEOUT, whose outcome is unknown, call it again.
   */
  async commitTransaction(): Promise<void> {
    const transactions = this.transactional();
    transactions.beginEnd('commit');
    await this.flush();
    await transactions.end('commit');
  }

  /** Throws away what was not sent yet, and aborts. May be called again after TIMEOUT. */
  async abortTransaction(): Promise<void> {
    const transactions = this.transactional();
    transactions.beginEnd('abort');
    const aborted = () =>
      new ClientError('TRANSACTION_ABORTED', 'the transaction was aborted before the record was sent');
    this.waiting.failAll(aborted);
    this.sender.wake();
    await this.flush();
    await transactions.end('abort');
  }

  private transactional(): Transactions {
    if (this.state !== 'open') throw closedError();
    if (this.transactions === null) throw new ClientError('ILLEGAL_STATE', 'a producer without transactional.id');
    return this.transactions;
  }

  /** The partitions of a topic, asked for when unknown. Rejects with ClientError. */
  async partitionsFor(topicName: string): Promise<readonly PartitionMetadata[]> {
    const deadlineMs = this.clock.monotonic() + this.config['max.block.ms'];
    const topic = this.topicOf(topicName);
    this.metadata.want(topicName);
    while (topic.metadata === null) {
      const error = this.topicError(topicName);
      if (error !== null) throw error;
      if (this.state === 'closed') throw closedError();
      if (this.clock.monotonic() >= deadlineMs) throw this.metadataTimeout(topicName);
      await this.withTimer(this.metadata.nextUpdate(), deadlineMs - this.clock.monotonic());
    }
    return topic.metadata.partitions;
  }

  /** Takes no more sends, delivers what it has for at most `timeoutMs`, fails the rest. Never rejects; idempotent. */
  async close(options: { timeoutMs?: number } = {}): Promise<void> {
    if (this.state === 'closed') return;
    this.state = 'closing';
    const timeoutMs = options.timeoutMs ?? Number.POSITIVE_INFINITY;
    if (timeoutMs > 0) await this.withTimer(this.flush(), timeoutMs);
    if ((this.state as string) === 'closed') return;
    this.state = 'closed';
    this.waiting.failAll(closedError);
    this.sender.close((outcome) => new ClientError('CLOSED', 'the producer was closed', { outcome }));
    this.transactions?.close();
    this.waiting.close();
    this.metadata.close();
    this.connections.close();
  }

  private enqueueAll(records: readonly ProducerRecord<K, V>[], callback: BulkCallback): boolean {
    if (records.length === 0) {
      callback(null, []);
      return true;
    }
    const bulk = new BulkSend(records.length, callback);
    let isAccepted = true;
    this.times.beginBulk();
    try {
      for (const record of records) isAccepted = this.enqueue(record as ProducerRecord, bulk) && isAccepted;
    } finally {
      this.times.endBulk();
    }
    return isAccepted;
  }

  private enqueue(original: ProducerRecord, asked: DeliveryCallback | BulkSend): boolean {
    let record = original;
    let delivery = asked;
    if (this.interceptors.length > 0) {
      record = interceptSend(this.interceptors, original);
      delivery = interceptDelivery(this.interceptors, this.callbackOf(asked));
    }
    let key: Uint8Array | null;
    let value: Uint8Array | null;
    try {
      this.checkRecord(record);
      key = record.key === undefined || record.key === null ? null : this.keySerializer(record.topic, record.key as K);
      value =
        record.value === null || record.value === undefined
          ? null
          : this.valueSerializer(record.topic, record.value as V);
      const bytes = recordBytesMax(key, value, record.headers) + RECORDS_OFFSET;
      if (bytes > this.bytesMax) throw tooLarge(bytes, this.config);
    } catch (error) {
      this.tellFailure(delivery, error);
      return true;
    }
    const topic = this.lastTopic?.name === record.topic ? this.lastTopic : this.topicOf(record.topic);
    this.lastTopic = topic;
    const { forMemory } = this.waiting;
    const isKnown = topic.has(record.partition);
    if (!isKnown || topic.waiting.length > 0) return this.wait(topic.waiting, record, key, value, delivery);
    if (forMemory.length === 0 && this.append(topic, record, key, value, delivery)) return true;
    return this.wait(forMemory, record, key, value, delivery);
  }

  /** What tells of one record, and throws nothing. */
  private callbackOf(delivery: DeliveryCallback | BulkSend): DeliveryCallback {
    if (typeof delivery !== 'function') {
      return (error, metadata) => {
        if (error !== null) delivery.fail(error, 1);
        else delivery.succeed(metadata!.topic, metadata!.partition, metadata!.offset, 1);
      };
    }
    return (error, metadata) => {
      try {
        delivery(error, metadata);
      } catch (thrown) {
        this.onCallbackError(thrown);
      }
    };
  }

  private tellFailure(delivery: DeliveryCallback | BulkSend, error: unknown): void {
    this.callbackOf(delivery)(asSendError(error), null);
  }

  private checkRecord(record: ProducerRecord): void {
    if (this.state !== 'open') throw closedError();
    if (this.sender.fatalError !== null) throw this.sender.fatalError;
    this.transactions?.checkSend();
    checkFields(record);
  }

  private append(
    topic: ProducerTopic,
    record: ProducerRecord,
    key: Uint8Array | null,
    value: Uint8Array | null,
    delivery: DeliveryCallback | BulkSend,
  ): boolean {
    let partition: number;
    try {
      partition = this.partitions.choose(topic, record, key, value);
    } catch (error) {
      this.tellFailure(delivery, error);
      return true;
    }
    const queue = topic.queue(partition);
    const timestamp = record.timestamp ?? this.times.now();
    const result = this.accumulator.append(queue, this.monotonic, timestamp, key, value, record.headers, delivery);
    if (result === 'no-memory') return false;
    if (this.partitions.isSticky(record, key)) {
      const bytes = (key?.length ?? 0) + (value?.length ?? 0) + 16;
      topic.sticky.appended(bytes, result === 'opened' || queue.last!.isFull);
    }
    if (result === 'opened') {
      const readyAtMs = this.accumulator.readyAtMs(queue);
      if (readyAtMs <= this.clock.monotonic()) this.sender.wake();
      else this.sender.wakeAt(readyAtMs);
    }
    return true;
  }

  private topicOf(name: string): ProducerTopic {
    let topic = this.topics.get(name);
    if (topic !== undefined) return topic;
    topic = new ProducerTopic(name, this.ports.random, this.config['batch.size']);
    topic.update(this.metadata.topic(name));
    this.topics.set(name, topic);
    this.metadata.want(name);
    return topic;
  }

  private wait(
    line: WaitingSend[],
    record: ProducerRecord,
    key: Uint8Array | null,
    value: Uint8Array | null,
    delivery: DeliveryCallback | BulkSend,
  ): boolean {
    if (!this.waiting.add(line, record, key, value, this.callbackOf(delivery))) return false;
    if (line === this.waiting.forMemory) this.sender.wake();
    else this.metadata.requestUpdate();
    return false;
  }

  private onMetadata(): void {
    this.metadata.refreshIfOld();
    for (const topic of this.topics.values()) {
      topic.update(this.metadata.topic(topic.name));
      const fatal = topic.waiting.length > 0 ? this.topicError(topic.name) : null;
      if (fatal !== null) this.waiting.fail(topic.waiting, () => fatal);
      this.admit(topic);
    }
  }

  /** An error about a topic that asking again will not cure. */
  private topicError(name: string): ClientError | null {
    const code = this.metadata.errorOf(name);
    return code === ErrorCode.NONE || errorOf(code).retriable
      ? null
      : brokerError(code, `topic ${JSON.stringify(name)}`);
  }

  /** Lets the sends that waited for a topic go on, in order. */
  private admit(topic: ProducerTopic): void {
    while (topic.waiting.length > 0) {
      const first = topic.waiting[0]!;
      if (!topic.has(first.record.partition)) return this.metadata.requestUpdate();
      const isBehind = this.waiting.forMemory.length > 0;
      if (isBehind || !this.append(topic, first.record, first.key, first.value, first.callback)) {
        this.waiting.moveToMemory(topic.waiting);
        this.sender.wake();
      } else {
        topic.waiting.shift();
        this.waiting.settle(first);
      }
    }
  }

  private onMemoryFree(): void {
    const line = this.waiting.forMemory;
    let count = 0;
    while (count < line.length) {
      const { record, key, value, callback } = line[count]!;
      if (!this.append(this.topicOf(record.topic), record, key, value, callback)) break;
      this.waiting.settle(line[count++]!);
    }
    this.waiting.leaveMemory(count);
  }

  private memoryTimeout(): ClientError {
    const { 'buffer.memory': bytes, 'max.block.ms': ms } = this.config;
    const message = `no room in buffer.memory (${bytes} bytes) within max.block.ms (${ms})`;
    return new ClientError('TIMEOUT', message, { retriable: true });
  }

  private metadataTimeout(topic: string): ClientError {
    const last = this.metadata.lastError;
    const code = this.metadata.errorOf(topic);
    const why = last !== null ? last.message : code !== 0 ? errorOf(code).name : 'no answer';
    const message = `no metadata for topic ${JSON.stringify(topic)} within max.block.ms (${this.config['max.block.ms']}); last: ${why}`;
    return new ClientError('TIMEOUT', message, { retriable: true, cause: last ?? undefined });
  }

  private async withTimer(promise: Promise<unknown>, timeoutMs: number): Promise<void> {
    if (timeoutMs === Number.POSITIVE_INFINITY) {
      await promise;
      return;
    }
    let timer: Timer | undefined;
    const timeout = new Promise<void>((resolve) => {
      timer = this.clock.setTimer(timeoutMs, resolve);
    });
    await Promise.race([promise, timeout]);
    timer?.cancel();
  }
}

function ignore(): void {}

function closedError(): ClientError {
  return new ClientError('CLOSED', 'the producer was closed');
}
