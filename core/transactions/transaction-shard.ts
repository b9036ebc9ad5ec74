import type { Append, CoordinatorLog } from '../groups/coordinator-log.ts';
import type { Shard } from '../groups/coordinator-shards.ts';
import { type Clock, sleep } from '../ports/clock.ts';
import { ErrorCode } from '../protocol/errors.ts';
import type { MarkerWriter } from './marker-writer.ts';
import { decodeTransactionRecord, transactionRecord } from './records.ts';
import { isPrepared, partitionsOf, type Transaction } from './transaction.ts';
import { type Answer, decide, isTimedOut, refused, type TransactionEvent } from './transitions.ts';

/**
 * The transactional ids of one partition of `__transaction_state`: their state in memory, and the shell that carries out what `transitions.ts` decides.
 *
 * Invariants: state changes by replayed records alone, after their commit; of one id at most one decision is under way, however long its commit takes, also
 * when whoever asked for it was told COORDINATOR_NOT_AVAILABLE meanwhile; a prepared transaction is worked on until it is complete, by the next leader's shard if
 * need be; after `close` nothing has an effect any more.
 */
export interface TransactionShardParts {
  readonly log: CoordinatorLog;
  readonly clock: Clock;
  /** The leader epoch of the partition: markers carry it, and an older coordinator's are refused. */
  readonly coordinatorEpoch: number;
  readonly markers: MarkerWriter;
  /** A producer id that nobody had before; null when none is to be had now. */
  readonly takeProducerId: () => Promise<number | null>;
  readonly valueVersion: () => 0 | 1;
}

const RETRY_BACKOFF_MS = 100;

export class TransactionShard implements Shard {
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
          newProducerId = await this.parts.takeProducerId();
          // As in Kafka: clients retry it.
          if (newProducerId === null) return refused(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS);
          break;
        case 'store': {
          const errorCode = await this.store(transactionalId, decision.next).answer;
          return errorCode === ErrorCode.NONE ? decision.answer : refused(errorCode);
        }
      }
    }
  }

  private store(transactionalId: string, next: Transaction | null): Append {
    const { log, valueVersion } = this.parts;
    const append = log.append([transactionRecord(transactionalId, next, valueVersion())]);
    if (append.refused !== ErrorCode.NONE) return append;
    this.pending.add(transactionalId);
    void append.committed.then((errorCode) => {
      // Otherwise the leadership is over: the next leader finds the record, or does not.
      if (errorCode !== ErrorCode.NONE || this.closed) return;
      this.pending.delete(transactionalId);
      this.replay(transactionalId, next);
      if (next !== null && isPrepared(next)) void this.complete(transactionalId);
    });
    return append;
  }

  /** Writes the markers of a prepared transaction, then the record that it is complete; tries until it is done or the shard is closed. */
  private async complete(transactionalId: string): Promise<void> {
    const { clock, markers, coordinatorEpoch } = this.parts;
    const prepared = this.transactions.get(transactionalId)!;
    this.pending.add(transactionalId);
    const { producerId, producerEpoch } = prepared;
    const marker = {
      producerId,
      producerEpoch,
      coordinatorEpoch,
      isCommit: prepared.state === 'PrepareCommit',
      transactionVersion: prepared.clientTransactionVersion,
    };
    let rest = [...partitionsOf(prepared)];
    while (rest.length > 0 && !this.closed) {
      rest = [...(await markers.write(marker, rest))];
      if (rest.length > 0) await sleep(clock, RETRY_BACKOFF_MS);
    }
    while (!this.closed) {
      const circumstances = { nowMs: clock.now(), isPending: false, newProducerId: null };
      const decision = decide(transactionalId, prepared, { type: 'complete' }, circumstances);
      if (decision.kind !== 'store') throw new Error(`completing ${transactionalId} was decided as ${decision.kind}`);
      if (this.store(transactionalId, decision.next).refused === ErrorCode.NONE) return;
      await sleep(clock, RETRY_BACKOFF_MS);
    }
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
