import type { CoordinatorLog } from '../groups/coordinator-log.ts';
import { CoordinatorShards } from '../groups/coordinator-shards.ts';
import { groupPartition } from '../groups/group-coordinator.ts';
import type { Clock, Timer } from '../ports/clock.ts';
import { ErrorCode } from '../protocol/errors.ts';
import type { MarkerWriter } from './marker-writer.ts';
import { type TopicPartition, TRANSACTION_STATES, type Transaction, type TransactionState } from './transaction.ts';
import { TransactionShard } from './transaction-shard.ts';
import { type Answer, type ProducerIdAndEpoch, refused, type TransactionEvent, verify } from './transitions.ts';

/**
 * The transaction coordinator of one broker: finds the shard of a transactional id, checks what holds for every id, and lets time pass for all of them.
 * The handlers of `broker/` translate between the versions of the wire and these calls.
 *
 * An id lives in partition `hash(id) mod partitions` of `__transaction_state`, with Java's string hash, as Kafka places it.
 */
export interface TransactionCoordinatorConfig {
  /** How many partitions `__transaction_state` has, or is to have (transaction.state.log.num.partitions). */
  readonly statePartitions: () => number;
  /** transaction.max.timeout.ms */
  readonly timeoutMsMax: number;
  /** transaction.abort.timed.out.transaction.cleanup.interval.ms */
  readonly abortIntervalMs: number;
  /** transactional.id.expiration.ms */
  readonly expirationMs: number;
  /** transaction.remove.expired.transaction.cleanup.interval.ms */
  readonly expirationCheckIntervalMs: number;
  /** transaction.version: from 1 on records are written in the flexible format. */
  readonly transactionVersion: () => number;
}

export interface TransactionFilter {
  /** Empty: all. */
  readonly states: readonly string[];
  readonly producerIds: readonly number[];
  /** Only those open for longer; −1: all. */
  readonly durationMs: number;
  /** The whole id must match; null: all. */
  readonly pattern: RegExp | null;
}

export class TransactionCoordinator {
  private readonly clock: Clock;
  private readonly config: TransactionCoordinatorConfig;
  private readonly markers: MarkerWriter;
  private readonly takeProducerId: () => Promise<number | null>;
  private readonly shards: CoordinatorShards<TransactionShard>;
  private readonly timers = new Set<Timer>();
  private closed = false;

  constructor(parts: {
    readonly clock: Clock;
    readonly config: TransactionCoordinatorConfig;
    readonly markers: MarkerWriter;
    /** Null when none is to be had now. */
    readonly takeProducerId: () => Promise<number | null>;
    readonly onProblem?: (message: string) => void;
  }) {
    this.clock = parts.clock;
    this.config = parts.config;
    this.markers = parts.markers;
    this.takeProducerId = parts.takeProducerId;
    this.shards = new CoordinatorShards(parts.onProblem ?? failLoudly);
    this.repeat(this.config.abortIntervalMs, () => this.abortTimedOut());
    this.repeat(this.config.expirationCheckIntervalMs, () => this.expire());
  }

  private repeat(intervalMs: number, act: () => Promise<void>): void {
    const timer = this.clock.setTimer(intervalMs, () => {
      this.timers.delete(timer);
      void act().then(() => {
        if (!this.closed) this.repeat(intervalMs, act);
      });
    });
    this.timers.add(timer);
  }

  /**
   * This broker leads the partition: its ids are loaded, and served from then on. Once more in the same epoch changes nothing. The leader epoch is the coordinator's:
   * markers carry it, and those of an older one are refused.
   */
  elected(partition: number, leaderEpoch: number, openLog: () => CoordinatorLog): void {
    const { clock, markers, takeProducerId } = this;
    const valueVersion = () => (this.config.transactionVersion() >= 1 ? 1 : 0);
    this.shards.elected(
      partition,
      leaderEpoch,
      openLog,
      (log) =>
        new TransactionShard({ log, clock, coordinatorEpoch: leaderEpoch, markers, takeProducerId, valueVersion }),
    );
  }

  /** It does not lead it any more. */
  resigned(partition: number): void {
    this.shards.resigned(partition);
  }

  close(): void {
    this.closed = true;
    for (const timer of this.timers) timer.cancel();
    this.shards.close();
  }

  partitionOf(transactionalId: string): number {
    return groupPartition(transactionalId, this.config.statePartitions());
  }

  /** NOT_COORDINATOR, or COORDINATOR_LOAD_IN_PROGRESS, where there is none. */
  private shardOf(transactionalId: string): TransactionShard | number {
    return this.shards.find(this.partitionOf(transactionalId));
  }

  private submit(transactionalId: string, event: TransactionEvent): Promise<Answer> {
    if (transactionalId === '') return Promise.resolve(refused(ErrorCode.INVALID_REQUEST));
    const shard = this.shardOf(transactionalId);
    if (typeof shard === 'number') return Promise.resolve(refused(shard));
    return shard.submit(transactionalId, event);
  }

  /** The producer's id and epoch; whoever had the transactional id before is fenced. `expected` is who the producer believes to be (KIP-360). */
  initProducerId(transactionalId: string, timeoutMs: number, expected: ProducerIdAndEpoch | null): Promise<Answer> {
    if (transactionalId === '') return Promise.resolve(refused(ErrorCode.INVALID_REQUEST));
    if (timeoutMs <= 0 || timeoutMs > this.config.timeoutMsMax) {
      return Promise.resolve(refused(ErrorCode.INVALID_TRANSACTION_TIMEOUT));
    }
    return this.submit(transactionalId, { type: 'init', timeoutMs, expected });
  }

  /** Enters partitions into the producer's transaction, beginning one when none is open. */
  async addPartitions(
    transactionalId: string,
    producer: ProducerIdAndEpoch,
    partitions: readonly TopicPartition[],
    clientTransactionVersion: number,
  ): Promise<number> {
    const event = { type: 'add', ...producer, partitions, clientTransactionVersion } as const;
    return (await this.submit(transactionalId, event)).errorCode;
  }

  /** NONE when all the partitions are in the producer's open transaction. At once: whoever appends in the same tick cannot be overtaken by its end. */
  verify(transactionalId: string, producer: ProducerIdAndEpoch, partitions: readonly TopicPartition[]): number {
    if (transactionalId === '') return ErrorCode.INVALID_REQUEST;
    const shard = this.shardOf(transactionalId);
    if (typeof shard === 'number') return shard;
    return verify(shard.transactions.get(transactionalId), producer, partitions);
  }

  /** Answers once the outcome is decided, with who the producer is from then on. Markers follow. */
  endTransaction(
    transactionalId: string,
    producer: ProducerIdAndEpoch,
    isCommit: boolean,
    clientTransactionVersion: number,
  ): Promise<Answer> {
    return this.submit(transactionalId, { type: 'end', ...producer, isCommit, clientTransactionVersion });
  }

  async abortTimedOut(): Promise<void> {
    await Promise.all(this.shards.loaded().map((shard) => shard.abortTimedOut()));
  }

  async expire(): Promise<void> {
    await Promise.all(this.shards.loaded().map((shard) => shard.expire(this.config.expirationMs)));
  }

  /** The transaction, or a Kafka error code. */
  describe(transactionalId: string): Transaction | number {
    if (transactionalId === '') return ErrorCode.INVALID_REQUEST;
    const shard = this.shardOf(transactionalId);
    if (typeof shard === 'number') return shard;
    return shard.transactions.get(transactionalId) ?? ErrorCode.TRANSACTIONAL_ID_NOT_FOUND;
  }

  /** The ids of this broker that pass the filter, and which of the filter's states do not exist. COORDINATOR_LOAD_IN_PROGRESS while some are not known yet. */
  list(filter: TransactionFilter): {
    readonly errorCode: number;
    readonly unknownStates: string[];
    readonly transactions: Transaction[];
  } {
    const unknownStates = filter.states.filter((each) => !TRANSACTION_STATES.includes(each as TransactionState));
    const nowMs = this.clock.now();
    const transactions: Transaction[] = [];
    // States that do not exist match nothing; they do not turn the filter off.
    for (const shard of this.shards.loaded()) {
      for (const each of shard.transactions.values()) {
        if (filter.states.length > 0 && !filter.states.includes(each.state)) continue;
        if (filter.producerIds.length > 0 && !filter.producerIds.includes(each.producerId)) continue;
        if (filter.durationMs >= 0 && nowMs - each.startTimestampMs <= filter.durationMs) continue;
        if (filter.pattern !== null && !filter.pattern.test(each.transactionalId)) continue;
        transactions.push(each);
      }
    }
    const errorCode = this.shards.isLoading ? ErrorCode.COORDINATOR_LOAD_IN_PROGRESS : ErrorCode.NONE;
    return { errorCode, unknownStates, transactions: errorCode === ErrorCode.NONE ? transactions : [] };
  }
}

function failLoudly(message: string): never {
  throw new Error(message);
}
