/**
 * The client driver: the little that labs need of a Kafka client, the same for every client under test.
 *
 * Invariant: settings that a lab does not give are the client's own defaults (`defaults` lists them, by Kafka's names where the client
 * has the notion): no straw men. Answers tell `fail` (it certainly did not happen) from `info` (nobody knows).
 * A driver never retries, reorders or hides anything that its client did not.
 */
import type { SeenRecord, TopicPartition } from '../history.ts';

export type ClientName = 'mqlab' | 'kafkajs' | 'platformatic';
export const CLIENT_NAMES: readonly ClientName[] = ['mqlab', 'kafkajs', 'platformatic'];

export interface ClientDriver {
  readonly name: ClientName;
  readonly version: string;
  /** The client's own defaults that bear on the labs, as text. */
  readonly defaults: Readonly<Record<string, string>>;
  producer(settings?: ProducerSettings): Promise<ProducerDriver>;
  /** A producer of transactions that has taken its id over: whoever had it is fenced, and what they left open is aborted. Rejects where that fails. */
  transactional(settings: TransactionalSettings): Promise<TransactionalDriver>;
  consumer(settings: ConsumerSettings): Promise<ConsumerDriver>;
  admin(): Promise<AdminDriver>;
}

export interface ProducerSettings {
  readonly acks?: 0 | 1 | -1;
  readonly idempotence?: boolean;
  readonly retries?: number;
  readonly maxInFlight?: number;
  readonly lingerMs?: number;
  readonly batchBytes?: number;
  readonly requestTimeoutMs?: number;
  /** The own client only: how long it tries in all. */
  readonly deliveryTimeoutMs?: number;
  readonly compression?: 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd';
}

export interface OutgoingRecord {
  readonly topic: string;
  readonly partition?: number;
  readonly key: string | null;
  readonly value: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export type SendAnswer =
  | {
      readonly outcome: 'ok';
      readonly partition: number;
      readonly offset?: number;
    }
  | { readonly outcome: 'fail' | 'info'; readonly error: string };

export interface ProducerDriver {
  /** One record. Never rejects. Sends may be pipelined: do not await, and the client batches as it likes. */
  send(record: OutgoingRecord): Promise<SendAnswer>;
  flush(): Promise<void>;
  close(): Promise<void>;
}

export interface TransactionalSettings {
  readonly transactionalId: string;
  readonly transactionTimeoutMs?: number;
  readonly requestTimeoutMs?: number;
  readonly lingerMs?: number;
  /** The own client only: speak as clients did before that transaction.version (KIP-890 is 2). Default: what the broker has finalized. */
  readonly transactionVersionMax?: number;
}

export interface OffsetsOptions {
  /** The offsets name the group alone, and not the member and its generation: what clients did before KIP-447, and kafkajs does still. */
  readonly groupOnly?: boolean;
}

/** None of these rejects. After a `fail` or `info` of anything but `abort`, abort. */
export interface TransactionalDriver {
  begin(): Promise<Answer>;
  send(record: OutgoingRecord): Promise<SendAnswer>;
  /** Stores offsets of the consumer's group with the transaction. */
  sendOffsets(offsets: readonly CommitOffset[], consumer: ConsumerDriver, options?: OffsetsOptions): Promise<Answer>;
  commit(): Promise<Answer>;
  abort(): Promise<Answer>;
  close(): Promise<void>;
}

export type OffsetReset = 'earliest' | 'latest' | 'none';

export interface ConsumerSettings {
  /** Without a group the consumer is assigned by hand (`partitions`). */
  readonly group?: string;
  readonly topics?: readonly string[];
  readonly partitions?: readonly TopicPartition[];
  readonly fromBeginning?: boolean;
  /** auto.offset.reset, in place of `fromBeginning`. kafkajs has no `none`. */
  readonly offsetReset?: OffsetReset;
  /** Left out: the client's own default. */
  readonly autoCommit?: boolean;
  readonly autoCommitIntervalMs?: number;
  readonly committedOnly?: boolean;
  readonly maxPollRecords?: number;
  /** The own client only. */
  readonly requestTimeoutMs?: number;
  readonly sessionTimeoutMs?: number;
  readonly heartbeatIntervalMs?: number;
  /** How long between two polls: the own client alone watches it. */
  readonly maxPollIntervalMs?: number;
  readonly assignor?: 'range' | 'roundrobin' | 'sticky' | 'cooperative-sticky';
  /** The own client waits for what it returns before it looks up where to begin; clients that only tell of it do not. */
  readonly onAssigned?: (partitions: readonly TopicPartition[], generation: number) => void | Promise<void>;
  /** The own client waits for what it returns before it gives the partitions up; clients that only tell of it do not. */
  readonly onRevoked?: (partitions: readonly TopicPartition[], generation: number) => void | Promise<void>;
}

export interface CommitOffset extends TopicPartition {
  readonly offset: number;
}

export type Answer = { readonly outcome: 'ok' } | { readonly outcome: 'fail' | 'info'; readonly error: string };

/** A record as the application gets it; a record without headers has no `headers`. */
export interface PolledRecord extends SeenRecord {
  /** The last value of each name, as text. */
  readonly headers?: Readonly<Record<string, string>>;
}

export interface ConsumerDriver {
  /** At most `maxWaitMs`; empty when nothing came. */
  poll(maxWaitMs: number): Promise<readonly PolledRecord[]>;
  commit(offsets: readonly CommitOffset[]): Promise<Answer>;
  seek(at: CommitOffset): Promise<void>;
  /** `poll` returns nothing of these partitions until `resume`, and keeps the membership alive meanwhile. */
  pause(partitions: readonly TopicPartition[]): void;
  resume(partitions: readonly TopicPartition[]): void;
  /** −1 when unknown or not in a group. */
  readonly generation: number;
  /** The client's own consumer: its transactional producer wants to know whose offsets it stores. */
  readonly native?: unknown;
  /** An orderly end: leaves the group, commits if the client does so by itself. */
  close(): Promise<void>;
}

export interface AdminDriver {
  /** `replicas`: of each partition; the cluster's default otherwise. */
  createTopic(
    topic: string,
    partitions: number,
    configs?: Readonly<Record<string, string>>,
    replicas?: number,
  ): Promise<void>;
  addPartitions(topic: string, partitionsTotal: number): Promise<void>;
  deleteTopic(topic: string): Promise<void>;
  /** Earliest and next offset of each partition, by partition number. */
  offsets(topic: string): Promise<
    readonly {
      readonly partition: number;
      readonly start: number;
      readonly end: number;
    }[]
  >;
  committed(group: string, topic: string): Promise<readonly { readonly partition: number; readonly offset: number }[]>;
  close(): Promise<void>;
}
