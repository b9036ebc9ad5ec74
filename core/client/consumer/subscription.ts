import { keyOf, partitionKey, type TopicPartition } from './topic-partition.ts';

/**
 * What a consumer wants and what it has: the subscription, the assigned partitions and where each of them stands.
 *
 * Invariant: topics (or a pattern) and partitions assigned by hand exclude each other until `unsubscribe`. A partition that stays assigned over a
 * rebalance keeps its state object; one that goes and comes back gets a new one, by which late answers for the old one are told apart.
 */
export type ResetStrategy = 'earliest' | 'latest';

export class PartitionState implements TopicPartition {
  readonly topic: string;
  readonly partition: number;
  readonly key: string;
  /** The next offset to be returned by poll; null until it is known. */
  position: number | null = null;
  /** The epoch of the batch that was read last; −1 unknown. */
  positionEpoch = -1;
  /** Set while the position must come from the log's beginning or end. */
  reset: ResetStrategy | null = null;
  isPaused = false;
  /** Assigned, but its revocation is on the way: nothing more is returned from it. */
  isRevoking = false;
  highWatermark = -1;
  logStartOffset = -1;
  /** Monotonic: no request for it before this. */
  retryAtMs = 0;
  preferredReplica: { readonly nodeId: number; readonly untilMs: number } | null = null;

  constructor(topic: string, partition: number) {
    this.topic = topic;
    this.partition = partition;
    this.key = partitionKey(topic, partition);
  }

  seek(offset: number): void {
    this.position = offset;
    this.positionEpoch = -1;
    this.reset = null;
    this.retryAtMs = 0;
  }

  requestReset(strategy: ResetStrategy): void {
    this.position = null;
    this.reset = strategy;
  }
}

export interface RebalanceListener {
  /** May be asynchronous: the rebalance waits. Commits belong here. */
  onPartitionsRevoked?(partitions: readonly TopicPartition[]): void | Promise<void>;
  onPartitionsAssigned?(partitions: readonly TopicPartition[]): void | Promise<void>;
  /** They belong to someone else already: no commit will succeed. Default: onPartitionsRevoked. */
  onPartitionsLost?(partitions: readonly TopicPartition[]): void | Promise<void>;
}

export type SubscriptionMode =
  | { readonly kind: 'none' }
  | { readonly kind: 'topics'; readonly topics: ReadonlySet<string> }
  | { readonly kind: 'pattern'; readonly pattern: RegExp }
  | { readonly kind: 'manual' };

export class Subscription {
  mode: SubscriptionMode = { kind: 'none' };
  listener: RebalanceListener = {};
  private readonly states = new Map<string, PartitionState>();
  /** Counts changes of the assignment and of positions by seek. */
  changes = 0;

  get isAutomatic(): boolean {
    return this.mode.kind === 'topics' || this.mode.kind === 'pattern';
  }

  get assigned(): readonly PartitionState[] {
    return [...this.states.values()];
  }

  each(): IterableIterator<PartitionState> {
    return this.states.values();
  }

  get(topic: string, partition: number): PartitionState | undefined {
    return this.states.get(partitionKey(topic, partition));
  }

  /** Whether this very state is still in force. */
  isCurrent(state: PartitionState): boolean {
    return this.states.get(state.key) === state;
  }

  assign(partitions: readonly TopicPartition[]): void {
    const wanted = new Map(partitions.map((each) => [keyOf(each), each]));
    for (const key of [...this.states.keys()]) if (!wanted.has(key)) this.states.delete(key);
    for (const [key, { topic, partition }] of wanted) {
      const state = this.states.get(key);
      if (state === undefined) this.states.set(key, new PartitionState(topic, partition));
      else state.isRevoking = false;
    }
    this.changes++;
  }

  /** The topics that the subscription comes to, given those that exist. */
  topics(
    existing: readonly { readonly name: string; readonly isInternal: boolean }[],
    excludeInternal: boolean,
  ): string[] {
    switch (this.mode.kind) {
      case 'topics':
        return [...this.mode.topics].sort();
      case 'pattern': {
        const { pattern } = this.mode;
        return existing
          .filter((topic) => fullMatch(pattern, topic.name) && !(excludeInternal && topic.isInternal))
          .map((topic) => topic.name)
          .sort();
      }
      case 'none':
      case 'manual':
        return [];
    }
  }
}

/** A pattern must match the whole name, as in Kafka. */
function fullMatch(pattern: RegExp, name: string): boolean {
  const whole = new RegExp(`^(?:${pattern.source})$`, pattern.flags.replace(/[gy]/g, ''));
  return whole.test(name);
}
