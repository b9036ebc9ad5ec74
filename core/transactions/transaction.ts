/**
 * A transactional id as its coordinator knows it: who may write, how far its transaction is, and which partitions that transaction touches.
 *
 *     Empty ──→ Ongoing ──→ PrepareCommit ──→ CompleteCommit ──→ Ongoing, Empty …
 *                  └──────→ PrepareAbort ───→ CompleteAbort ───→ Ongoing, Empty …
 *
 * Once Prepare… is in the log the outcome is decided: whatever happens then, its markers are written until they stand in each partition.
 * Immutable: a change is another object, and exists only as a record until that is committed.
 *
 * Dead and PrepareEpochFence are Kafka's names for moments that are never stored: an id that is being forgotten, an epoch being raised over an open
 * transaction. They have numbers in the format, so they stand here.
 */
export const TRANSACTION_STATES = [
  'Empty',
  'Ongoing',
  'PrepareCommit',
  'PrepareAbort',
  'CompleteCommit',
  'CompleteAbort',
  'Dead',
  'PrepareEpochFence',
] as const;

/** The index in TRANSACTION_STATES is the number that the record holds. */
export type TransactionState = (typeof TRANSACTION_STATES)[number];

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

export interface Transaction {
  readonly transactionalId: string;
  readonly producerId: number;
  readonly producerEpoch: number;
  /** The epoch before the producer itself asked for the present one (KIP-360); −1 when somebody else raised it. Not stored. */
  readonly lastProducerEpoch: number;
  /** The producer id before the last change; −1 = none. */
  readonly previousProducerId: number;
  /** The producer id that takes over once this transaction is complete, because the epochs of the present one are used up; −1 = none. */
  readonly nextProducerId: number;
  readonly timeoutMs: number;
  readonly state: TransactionState;
  /** topic → partitions */
  readonly partitions: ReadonlyMap<string, ReadonlySet<number>>;
  /** Wall clock; −1 = no transaction was begun since the last InitProducerId. */
  readonly startTimestampMs: number;
  readonly lastUpdateTimestampMs: number;
  /** 2 when the epoch is raised by the end of each transaction (KIP-890). */
  readonly clientTransactionVersion: number;
}

export const NO_PRODUCER_ID = -1;
export const NO_EPOCH = -1;
export const NO_PARTITIONS: ReadonlyMap<string, ReadonlySet<number>> = new Map();
/** The last epoch but one: the last is kept, so that its holder can always be fenced. */
export const EPOCH_EXHAUSTED = 0x7ffe;

export function isEpochExhausted(epoch: number): boolean {
  return epoch >= EPOCH_EXHAUSTED;
}

export function isPrepared(transaction: Transaction): boolean {
  return transaction.state === 'PrepareCommit' || transaction.state === 'PrepareAbort';
}

export function holdsPartition(transaction: Transaction, topic: string, partition: number): boolean {
  return transaction.partitions.get(topic)?.has(partition) === true;
}

export function* partitionsOf(transaction: Transaction): Generator<TopicPartition> {
  for (const [topic, partitions] of transaction.partitions) {
    for (const partition of partitions) yield { topic, partition };
  }
}

export function withPartitions(
  known: ReadonlyMap<string, ReadonlySet<number>>,
  added: readonly TopicPartition[],
): ReadonlyMap<string, ReadonlySet<number>> {
  const all = new Map<string, Set<number>>();
  for (const [topic, partitions] of known) all.set(topic, new Set(partitions));
  for (const { topic, partition } of added) {
    const partitions = all.get(topic);
    if (partitions === undefined) all.set(topic, new Set([partition]));
    else partitions.add(partition);
  }
  return all;
}
