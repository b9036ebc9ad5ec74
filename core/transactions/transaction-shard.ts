import type { CoordinatorLog } from '../groups/group-shard.ts';
import { type Clock, sleep } from '../ports/clock.ts';
import { ErrorCode } from '../protocol/errors.ts';
import type { MarkerWriter } from './marker-writer.ts';
import { decodeTransactionRecord, transactionRecord } from './records.ts';
import { isPrepared, partitionsOf, type Transaction } from './transaction.ts';
import { type Answer, decide, isTimedOut, refused, type TransactionEvent } from './transitions.ts';

/**
 * The transactional ids of one partition of `__transaction_state`: their state in memory, and the shell that carries out what `transitions.ts` decides.
 *
 * Invariants: state changes by replayed records alone, after their commit; of one id at most one decision is under way; an answer leaves after its record is
 * committed; a prepared transaction is worked on until it is complete, also after a restart.
 */
export interface TransactionShardParts {
  readonly log: CoordinatorLog;
  readonly clock: Clock;
  /** The leader epoch of the partition: markers carry it, and an older coordinator's are refused. */
  readonly coordinatorEpoch: number;
  readonly markers: MarkerWriter;
  /** A producer id that nobody had before. May reject. */
  readonly takeProducerId: () => Promise<number>;
  readonly valueVersion: () => 0 | 1;
}

const RETRY_BACKOFF_MS = 100;

export class TransactionShard {
  readonly transactions = new Map<string, Transaction>();
  private readonly parts: TransactionShardParts;
  /** Ids with a record on its way into the log, or markers on their way into partitions. */
  private readonly pending = new Set<string>();
  private closed = false;

  constructor(parts: TransactionShardParts) {
    this.parts = parts;
  }

  /** Builds the state from the log, and goes on with what was prepared. */
  load(): void {
    this.parts.log.readAll((key, value) => {
      const record = decodeTransactionRecord(key, value);
      if (record !== null) this.replay(record.transactionalId, record.value);
    });
    for (const transaction of this.transactions.values()) {
      if (isPrepared(transaction)) void this.complete(transaction.transactionalId);
    }
  }

  /** The shard moves away or the broker stops: nothing is decided any more. */
  close(): void {
    this.closed = true;
  }

  private replay(transactionalId: string, value: Transaction | null): void {
    if (value === null) this.transactions.delete(transactionalId);
    else this.transactions.set(transactionalId, value);
  }

  /** Decides, stores, answers. Never rejects. */
  async submit(transactionalId: string, event: TransactionEvent): Promise<Answer> {
    let newProducerId: number | null = null;
    for (;;) {
      if (this.closed) return refused(ErrorCode.NOT_COORDINATOR);
      // A new id has no entry that could be pending yet: two that create it at once must not both win.
      const isPending = this.pending.has(transactionalId);
      const transaction = this.transactions.get(transactionalId);
      if (isPending && transaction === undefined) return refused(ErrorCode.CONCURRENT_TRANSACTIONS);
      const nowMs = this.parts.clock.now();
      const decision = decide(transactionalId, transaction, event, { nowMs, isPending, newProducerId });
      switch (decision.kind) {
        case 'answer':
          return decision.answer;
        case 'needsProducerId':
          try {
            newProducerId = await this.parts.takeProducerId();
          } catch {
            return refused(ErrorCode.COORDINATOR_NOT_AVAILABLE);
          }
          break;
        case 'store': {
          this.pending.add(transactionalId);
          const errorCode = await this.store(transactionalId, decision.next);
          this.pending.delete(transactionalId);
          if (errorCode !== ErrorCode.NONE) return refused(errorCode);
          if (decision.next !== null && isPrepared(decision.next)) void this.complete(transactionalId);
          return decision.answer;
        }
      }
    }
  }

  private async store(transactionalId: string, next: Transaction | null): Promise<number> {
    const { log, valueVersion } = this.parts;
    const errorCode = await log.append([transactionRecord(transactionalId, next, valueVersion())]);
    if (this.closed) return ErrorCode.NOT_COORDINATOR;
    if (errorCode === ErrorCode.NONE) this.replay(transactionalId, next);
    return told(errorCode);
  }

  /** Writes the markers of a prepared transaction, then the record that it is complete; tries until it is done or the shard is closed. */
  private async complete(transactionalId: string): Promise<void> {
    const { clock, markers, coordinatorEpoch } = this.parts;
    const prepared = this.transactions.get(transactionalId)!;
    this.pending.add(transactionalId);
    const { producerId, producerEpoch } = prepared;
    const marker = { producerId, producerEpoch, coordinatorEpoch, isCommit: prepared.state === 'PrepareCommit' };
    let rest = [...partitionsOf(prepared)];
    while (rest.length > 0 && !this.closed) {
      rest = [...(await markers.write(marker, rest))];
      if (rest.length > 0) await sleep(clock, RETRY_BACKOFF_MS);
    }
    while (!this.closed) {
      const circumstances = { nowMs: clock.now(), isPending: false, newProducerId: null };
      const decision = decide(transactionalId, prepared, { type: 'complete' }, circumstances);
      if (decision.kind !== 'store') throw new Error(`completing ${transactionalId} was decided as ${decision.kind}`);
      if ((await this.store(transactionalId, decision.next)) === ErrorCode.NONE) break;
      await sleep(clock, RETRY_BACKOFF_MS);
    }
    this.pending.delete(transactionalId);
  }

  /** Aborts the transactions that are open for longer than their producers said. */
  async abortTimedOut(): Promise<void> {
    const nowMs = this.parts.clock.now();
    for (const transaction of [...this.transactions.values()]) {
      if (isTimedOut(transaction, nowMs)) await this.submit(transaction.transactionalId, { type: 'timeout' });
    }
  }

  /** Forgets ids that were idle for `expirationMs`. */
  async expire(expirationMs: number): Promise<void> {
    const beforeMs = this.parts.clock.now() - expirationMs;
    for (const { transactionalId, lastUpdateTimestampMs } of [...this.transactions.values()]) {
      if (lastUpdateTimestampMs <= beforeMs) await this.submit(transactionalId, { type: 'expire', expirationMs });
    }
  }
}

/** What a client is told when the log of the coordinator does not take a record. */
function told(errorCode: number): number {
  switch (errorCode) {
    case ErrorCode.NONE:
      return ErrorCode.NONE;
    case ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
    case ErrorCode.NOT_ENOUGH_REPLICAS:
    case ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND:
    case ErrorCode.REQUEST_TIMED_OUT:
      return ErrorCode.COORDINATOR_NOT_AVAILABLE;
    case ErrorCode.NOT_LEADER_OR_FOLLOWER:
    case ErrorCode.KAFKA_STORAGE_ERROR:
      return ErrorCode.NOT_COORDINATOR;
    default:
      return ErrorCode.UNKNOWN_SERVER_ERROR;
  }
}
