import type { Metadata } from '../metadata.ts';
import type { Subscription } from './subscription.ts';

/**
 * The topics that a subscription comes to, given what metadata knows. A pattern's topics change with the cluster; a leader of the group also
 * asks about the topics of other members.
 */
export class SubscribedTopics {
  private readonly metadata: Metadata;
  private readonly subscription: Subscription;
  private readonly excludeInternal: boolean;

  constructor(metadata: Metadata, subscription: Subscription, excludeInternal: boolean) {
    this.metadata = metadata;
    this.subscription = subscription;
    this.excludeInternal = excludeInternal;
  }

  /** False while nobody can say what a pattern matches. */
  get areKnown(): boolean {
    return this.subscription.mode.kind !== 'pattern' || this.metadata.hasAnswer;
  }

  /** Sorted. */
  names(): string[] {
    const existing = this.metadata.topicNames().map((name) => this.metadata.topic(name)!);
    return this.subscription.topics(existing, this.excludeInternal);
  }

  /** Asks metadata for these and those of `others`, and for no more. A pattern needs all. */
  want(others: Iterable<string>): void {
    if (this.subscription.mode.kind !== 'pattern') this.metadata.wantOnly([...this.names(), ...others]);
  }

  /** Partition counts of the topics that exist, asked for where unknown. */
  async partitionCounts(topics: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const isComplete = topics.every((topic) => this.metadata.topic(topic) !== undefined);
    this.want(topics);
    if (!isComplete) {
      this.metadata.requestUpdate();
      await this.metadata.nextUpdate();
    }
    const counts = new Map<string, number>();
    for (const topic of topics) {
      const known = this.metadata.topic(topic);
      if (known !== undefined) counts.set(topic, known.partitions.length);
    }
    return counts;
  }

  /** Whether a topic has come, gone or grown since the counts were taken. */
  differsFrom(counts: ReadonlyMap<string, number>): boolean {
    const topics = new Set([...counts.keys(), ...this.names()]);
    return [...topics].some((topic) => {
      const count = this.metadata.topic(topic)?.partitions.length;
      return count !== counts.get(topic) && (count !== undefined || this.metadata.errorOf(topic) !== 0);
    });
  }
}
