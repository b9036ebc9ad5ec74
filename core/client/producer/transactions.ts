import { type Clock, sleep } from '../../ports/clock.ts';
import { ErrorCode, errorOf } from '../../protocol/errors.ts';
import { InitProducerId } from '../../protocol/messages/22-init-producer-id.ts';
import { AddPartitionsToTxn } from '../../protocol/messages/24-add-partitions-to-txn.ts';
import { AddOffsetsToTxn } from '../../protocol/messages/25-add-offsets-to-txn.ts';
import { EndTxn } from '../../protocol/messages/26-end-txn.ts';
import { TxnOffsetCommit } from '../../protocol/messages/28-txn-offset-commit.ts';
import { backoffMs } from '../../rpc/backoff.ts';
import type { Link } from '../../rpc/link.ts';
import type { ProducerConfig } from '../client-config.ts';
import { brokerError, ClientError, connectionError } from '../client-error.ts';
import type { ClientPorts, Connections } from '../connections.ts';
import type { PartitionOffset } from '../consumer/offsets.ts';
import { groupByTopic, partitionKey } from '../consumer/topic-partition.ts';
import { findGroupCoordinator, findTransactionCoordinator } from '../find-coordinator.ts';
import type { Committer } from '../group-offsets.ts';
import type { ProducerIdentity } from './idempotence.ts';

/**
 * A producer's transactions as its broker knows them (KIP-98, KIP-890): identity, what is in the open transaction, and how it may end.
 *
 *     new ──init──→ ready ──begin──→ open ──commit, abort──→ ending ──→ ready
 *                                     └─ a failure ─→ open with a `problem`: only an abort goes on
 *     fenced, or refused for good ─→ fatal: nothing goes on
 *
 * With transaction.version 2 finalized, partitions enter by being written and each end brings the next epoch; otherwise they are entered first
 * (AddPartitionsToTxn), and after an abort that left numbered batches behind the epoch is raised by InitProducerId.
 * Every call is one attempt after the other until max.block.ms; TIMEOUT then says that the outcome is unknown, and the same call may be made again.
 */
export type TransactionErrorKind = 'abort' | 'fatal';

/** `disposition`: whether an abort lets the producer go on, or a new producer is needed. */
export class TransactionError extends ClientError {
  readonly disposition: TransactionErrorKind;

  constructor(disposition: TransactionErrorKind, error: ClientError) {
    super(error.kind, error.message, { code: error.code, outcome: error.outcome, cause: error });
    this.name = 'TransactionError';
    this.disposition = disposition;
  }
}

const FATAL: ReadonlySet<number> = new Set([
  ErrorCode.PRODUCER_FENCED,
  ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
  ErrorCode.CLUSTER_AUTHORIZATION_FAILED,
  ErrorCode.INVALID_PRODUCER_ID_MAPPING,
]);

/** Codes after which the coordinator is looked for again. */
const MOVED: ReadonlySet<number> = new Set([ErrorCode.NOT_COORDINATOR, ErrorCode.COORDINATOR_NOT_AVAILABLE]);

/** An end is often followed at once by what has to wait for its markers: looked at again soon. */
const CONCURRENT_BACKOFF_MS = 20;
const TRANSACTION_VERSION_2 = 2;
const CHANNEL = 'transaction';

type State = 'new' | 'ready' | 'open' | 'ending' | 'fatal';

export class Transactions {
  readonly transactionalId: string;
  identity: ProducerIdentity | null = null;
  /** Why the open transaction can only be aborted, or the producer not be used any more. */
  problem: TransactionError | null = null;
  /** The transaction is being thrown away: what was not sent yet is not sent. */
  isAborting = false;
  private readonly ports: ClientPorts;
  private readonly clock: Clock;
  private readonly config: ProducerConfig;
  private readonly connections: Connections;
  /** Partitions came in, or identity and problem changed: the sender should look. */
  private readonly onChange: () => void;
  /** Of transaction.version: what this client makes use of at most. */
  private readonly versionMax: number;
  private state: State = 'new';
  private version2 = false;
  private coordinator: Link | null = null;
  private readonly entered = new Set<string>();
  private readonly wanted = new Map<string, { readonly topic: string; readonly partition: number }>();
  private isEntering = false;
  /** Something is, or may be, in the transaction at its coordinator. */
  private isBegun = false;
  /** A numbered batch was given up: under this epoch the partition's numbers have a gap. */
  private lostNumbers = false;
  private endingIn: 'commit' | 'abort' | null = null;
  private closed = false;

  constructor(
    ports: ClientPorts,
    config: ProducerConfig,
    transactionalId: string,
    connections: Connections,
    onChange: () => void,
    versionMax: number = TRANSACTION_VERSION_2,
  ) {
    this.versionMax = versionMax;
    this.ports = ports;
    this.clock = ports.clock;
    this.config = config;
    this.transactionalId = transactionalId;
    this.connections = connections;
    this.onChange = onChange;
  }

  close(): void {
    this.closed = true;
  }

  /** What limits Produce: from v12 on a write enters its partition, which the broker must be ready for. */
  get produceVersionMax(): number {
    return this.version2 ? 0x7fff : 11;
  }

  /** Throws where no record may be sent now. */
  checkSend(): void {
    if (this.problem !== null) throw this.problem;
    if (this.state !== 'open') throw this.illegal('send', 'no transaction is open');
  }

  /** The first call of all: takes the id over from whoever had it. */
  async init(): Promise<void> {
    if (this.state !== 'new') throw this.illegal('initTransactions', `it is ${this.state}`);
    await this.initProducerId(null);
    this.state = 'ready';
    this.onChange();
  }

  begin(): void {
    if (this.problem !== null) throw this.problem;
    if (this.state !== 'ready') throw this.illegal('beginTransaction', `it is ${this.state}`);
    this.state = 'open';
    this.isBegun = false;
    this.entered.clear();
  }

  /** Whether a batch of the partition may leave; if not, it is being entered, and `onChange` tells when it is in. */
  mayWrite(topic: string, partition: number): boolean {
    if (this.version2) {
      this.isBegun = true;
      return true;
    }
    const key = partitionKey(topic, partition);
    if (this.entered.has(key)) return true;
    if (!this.wanted.has(key)) this.wanted.set(key, { topic, partition });
    void this.enterWanted();
    return false;
  }

  /** A batch was given up. `wasNumbered`: its sequence is missing now. */
  onFailed(error: ClientError, wasNumbered = false): void {
    if (this.state !== 'open' && this.state !== 'ending') return;
    if (wasNumbered) this.lostNumbers = true;
    if (!this.isAborting) this.fail(error);
  }

  /** Stores positions of a consumer group with the transaction. */
  async sendOffsets(offsets: readonly PartitionOffset[], group: Committer): Promise<void> {
    this.checkSend();
    if (offsets.length === 0) return;
    this.isBegun = true;
    if (!this.version2) {
      await this.ask('AddOffsetsToTxn', async (link) => {
        const body = { ...this.who(), groupId: group.groupId };
        return (await link.request(AddOffsetsToTxn, body, { versionMax: 3 })).errorCode;
      });
    }
    const topics = [...groupByTopic(offsets)].map(([name, partitions]) => ({
      name,
      partitions: partitions.map((each) => ({
        partitionIndex: each.partition,
        committedOffset: each.offset,
        committedLeaderEpoch: each.leaderEpoch ?? -1,
        committedMetadata: each.metadata ?? '',
      })),
    }));
    const body = {
      ...this.who(),
      groupId: group.groupId,
      generationId: group.generation,
      memberId: group.memberId,
      groupInstanceId: group.groupInstanceId,
      topics,
    };
    await this.attempts('TxnOffsetCommit', async () => {
      const found = await findGroupCoordinator(this.connections, group.groupId);
      if (found.errorCode !== ErrorCode.NONE) return found.errorCode;
      const link = this.connections.linkTo(found.broker, CHANNEL);
      const response = await link.request(TxnOffsetCommit, body, { versionMax: this.version2 ? 5 : 3 });
      for (const topic of response.topics) {
        for (const { errorCode } of topic.partitions) if (errorCode !== ErrorCode.NONE) return errorCode;
      }
      return ErrorCode.NONE;
    });
  }

  /** Throws where the transaction cannot end like that. `end` follows when nothing is on its way any more. */
  beginEnd(outcome: 'commit' | 'abort'): void {
    if (this.state === 'fatal') throw this.problem!;
    const name = `${outcome}Transaction`;
    if (this.state === 'ending' && this.endingIn !== outcome)
      throw this.illegal(name, `a ${this.endingIn} is under way`);
    if (this.state !== 'open' && this.state !== 'ending') throw this.illegal(name, `it is ${this.state}`);
    if (outcome === 'commit' && this.problem !== null) throw this.problem;
    if (outcome === 'abort') this.isAborting = true;
  }

  async end(outcome: 'commit' | 'abort'): Promise<void> {
    if (outcome === 'commit' && this.problem !== null) throw this.problem;
    this.state = 'ending';
    this.endingIn = outcome;
    this.wanted.clear();
    if (this.isBegun) {
      let raised: ProducerIdentity | null = null;
      const committed = outcome === 'commit';
      await this.ask('EndTxn', async (link) => {
        const response = await link.request(
          EndTxn,
          { ...this.who(), committed },
          { versionMax: this.version2 ? 5 : 3 },
        );
        if (this.version2) raised = { producerId: response.producerId, epoch: response.producerEpoch };
        return response.errorCode;
      });
      if (raised !== null) this.identity = raised;
    }
    if (this.lostNumbers && !this.version2) await this.initProducerId(this.identity);
    this.problem = null;
    this.lostNumbers = false;
    this.isAborting = false;
    this.endingIn = null;
    this.state = 'ready';
    this.onChange();
  }

  private async initProducerId(expected: ProducerIdentity | null): Promise<void> {
    const body = {
      transactionalId: this.transactionalId,
      transactionTimeoutMs: this.config['transaction.timeout.ms'],
      producerId: expected?.producerId ?? -1,
      producerEpoch: expected?.epoch ?? -1,
    };
    await this.ask('InitProducerId', async (link) => {
      const connection = await link.connect();
      this.version2 =
        this.versionMax >= TRANSACTION_VERSION_2 &&
        (connection.finalizedFeatures.get('transaction.version') ?? 0) >= TRANSACTION_VERSION_2 &&
        (connection.versionOf(EndTxn) ?? 0) >= 5;
      const response = await link.request(InitProducerId, body);
      if (response.errorCode === ErrorCode.NONE) {
        this.identity = { producerId: response.producerId, epoch: response.producerEpoch };
      }
      return response.errorCode;
    });
  }

  /** Enters what is wanted, one request at a time. Never rejects: a failure becomes the transaction's problem. */
  private async enterWanted(): Promise<void> {
    if (this.isEntering || this.identity === null) return;
    this.isEntering = true;
    try {
      while (this.wanted.size > 0 && this.state === 'open' && this.problem === null && !this.isAborting) {
        const batch = [...this.wanted];
        this.isBegun = true;
        const topics = [...groupByTopic(batch.map(([, each]) => each))].map(([name, partitions]) => ({
          name,
          partitions: partitions.map((each) => each.partition),
        }));
        await this.ask('AddPartitionsToTxn', async (link) => {
          const response = await link.request(
            AddPartitionsToTxn,
            {
              v3AndBelowTransactionalId: this.transactionalId,
              v3AndBelowProducerId: this.identity!.producerId,
              v3AndBelowProducerEpoch: this.identity!.epoch,
              v3AndBelowTopics: topics,
            },
            { versionMax: 3 },
          );
          const codes = response.resultsByTopicV3AndBelow.flatMap((topic) =>
            topic.resultsByPartition.map((each) => each.partitionErrorCode),
          );
          // What was left undone because of another partition says nothing.
          const telling = codes.filter((code) => code !== 0 && code !== ErrorCode.OPERATION_NOT_ATTEMPTED);
          return telling[0] ?? codes.find((code) => code !== 0) ?? ErrorCode.NONE;
        });
        for (const [key] of batch) {
          this.wanted.delete(key);
          this.entered.add(key);
        }
        this.onChange();
      }
    } catch (error) {
      this.onFailed(error instanceof ClientError ? error : connectionError(error, 'AddPartitionsToTxn'));
    } finally {
      this.isEntering = false;
      this.onChange();
    }
  }

  private who() {
    const { producerId, epoch } = this.identity!;
    return { transactionalId: this.transactionalId, producerId, producerEpoch: epoch };
  }

  private fail(error: ClientError): TransactionError {
    const isFatal = FATAL.has(error.code) || error.kind === 'UNSUPPORTED_VERSION';
    const failure =
      error instanceof TransactionError ? error : new TransactionError(isFatal ? 'fatal' : 'abort', error);
    if (this.problem === null || failure.disposition === 'fatal') this.problem = failure;
    if (isFatal) this.state = 'fatal';
    this.onChange();
    return failure;
  }

  /** The same request at the coordinator until it is answered for good. Rejects with TransactionError, or ClientError TIMEOUT. */
  private ask(name: string, request: (link: Link) => Promise<number>): Promise<void> {
    return this.attempts(name, async () => {
      if (this.coordinator === null) {
        const found = await findTransactionCoordinator(this.connections, this.transactionalId);
        if (found.errorCode !== ErrorCode.NONE) return found.errorCode;
        this.coordinator = this.connections.linkTo(found.broker, CHANNEL);
      }
      try {
        const code = await request(this.coordinator);
        if (MOVED.has(code)) this.coordinator = null;
        return code;
      } catch (error) {
        this.coordinator = null;
        throw error;
      }
    });
  }

  private async attempts(name: string, request: () => Promise<number>): Promise<void> {
    const deadlineMs = this.clock.monotonic() + this.config['max.block.ms'];
    const context = `${name} of ${this.transactionalId}`;
    for (let failures = 1; ; failures++) {
      let failure: ClientError;
      try {
        const code = await request();
        if (code === ErrorCode.NONE) return;
        failure = brokerError(code, context);
      } catch (error) {
        failure = connectionError(error, context);
      }
      if (this.closed) throw new ClientError('CLOSED', 'the producer was closed', { outcome: 'unknown' });
      const isAgain = failure.code < 0 ? failure.retriable : errorOf(failure.code).retriable;
      if (!isAgain) throw this.state === 'new' ? this.refusal(failure) : this.fail(failure);
      const { 'retry.backoff.ms': base, 'retry.backoff.max.ms': max } = this.config;
      const isConcurrent = failure.code === ErrorCode.CONCURRENT_TRANSACTIONS;
      const waitMs = isConcurrent ? CONCURRENT_BACKOFF_MS : backoffMs(this.ports.random, base, max, failures);
      if (this.clock.monotonic() + waitMs >= deadlineMs) {
        const message = `${context}: no success within max.block.ms (${this.config['max.block.ms']}); last: ${failure.message}`;
        throw new ClientError('TIMEOUT', message, { outcome: 'unknown', retriable: true, cause: failure });
      }
      await sleep(this.clock, waitMs);
    }
  }

  private refusal(failure: ClientError): TransactionError {
    return new TransactionError('fatal', failure);
  }

  private illegal(call: string, why: string): ClientError {
    return new ClientError('ILLEGAL_STATE', `${call} of ${this.transactionalId}: ${why}`);
  }
}
