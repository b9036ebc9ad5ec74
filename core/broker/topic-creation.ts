import type { MutationGate } from '../controller/decision.ts';
import type { ClusterImage } from '../controller/image.ts';
import type { CreatedTopic, TopicDefaults, TopicToCreate } from '../controller/topic-decisions.ts';
import { CONSUMER_OFFSETS_TOPIC, SHARE_GROUP_STATE_TOPIC, TRANSACTION_STATE_TOPIC } from '../controller/topic-name.ts';
import type { BrokerConfig } from './config.ts';

const SEGMENT_BYTES_MIN = 1024 * 1024;

/** Who makes topics: the controller, wherever it is. */
export interface TopicCreator {
  /** An answer for each, in their order. Rejects when the controller cannot be reached, or its log fails. */
  createTopics(
    topics: readonly TopicToCreate[],
    defaults: TopicDefaults,
    options: { readonly validateOnly: boolean; readonly mutations?: MutationGate },
  ): Promise<readonly CreatedTopic[]>;
}

/**
 * Topics that nobody created by hand: those that a producer or consumer names first, and the brokers' own.
 *
 * The replication factor of an internal topic is at most the number of registered brokers, those that are fenced just now too (Kafka refuses to make it
 * instead): a single broker with Kafka's defaults has working groups, and a cluster that is starting does not make them with too few replicas.
 * Invariant: of one topic at most one creation is under way from here; who asks meanwhile waits for it.
 */
export class TopicCreation {
  private readonly image: ClusterImage;
  private readonly creator: TopicCreator;
  private readonly config: BrokerConfig;
  /** Internal topics that are being made. */
  private readonly underWay = new Map<string, Promise<boolean>>();

  constructor(image: ClusterImage, creator: TopicCreator, config: BrokerConfig) {
    this.image = image;
    this.creator = creator;
    this.config = config;
  }

  /** Makes those that are missing, and answers for each of them; for none when the controller cannot be reached: who needs them asks again. Never rejects. */
  async createMissing(names: readonly string[], mutations?: MutationGate): Promise<ReadonlyMap<string, CreatedTopic>> {
    const missing = names.filter((name) => !this.image.topics.has(name));
    if (missing.length === 0) return new Map();
    const topics = missing.map((name) => this.topicToCreate(name));
    const defaults = {
      partitionCount: this.config.number('num.partitions'),
      replicationFactor: this.config.number('default.replication.factor'),
    };
    try {
      const options = { validateOnly: false, ...(mutations && { mutations }) };
      const created = await this.creator.createTopics(topics, defaults, options);
      return new Map(created.map((each) => [each.name, each]));
    } catch {
      return new Map();
    }
  }

  /** True when the topic exists now, as far as this broker knows: a controller elsewhere may have made it, and the news not be here yet. */
  private async ensure(name: string): Promise<boolean> {
    if (this.image.topics.has(name)) return true;
    let making = this.underWay.get(name);
    if (making === undefined) {
      making = this.createMissing([name]).then(() => this.image.topics.has(name));
      this.underWay.set(name, making);
      void making.then(() => this.underWay.delete(name));
    }
    return making;
  }

  /** True when the topic of the committed offsets exists now. */
  ensureOffsetsTopic(): Promise<boolean> {
    return this.ensure(CONSUMER_OFFSETS_TOPIC);
  }

  /** True when the topic of the transactional ids exists now. */
  ensureTransactionTopic(): Promise<boolean> {
    return this.ensure(TRANSACTION_STATE_TOPIC);
  }

  /** True when the topic of the share partitions' state exists now. */
  ensureShareStateTopic(): Promise<boolean> {
    return this.ensure(SHARE_GROUP_STATE_TOPIC);
  }

  private topicToCreate(name: string): TopicToCreate {
    switch (name) {
      case CONSUMER_OFFSETS_TOPIC:
        return this.offsetsTopic();
      case TRANSACTION_STATE_TOPIC:
        return this.transactionTopic();
      case SHARE_GROUP_STATE_TOPIC:
        return this.shareStateTopic();
      default:
        return ordinaryTopic(name);
    }
  }

  private replicationFactor(wanted: number): number {
    return Math.max(1, Math.min(wanted, this.image.brokers.size));
  }

  /** Not compacted: the coordinator deletes what its snapshots have made redundant. */
  private shareStateTopic(): TopicToCreate {
    const setting = (name: string): number => this.config.number(`share.coordinator.state.topic.${name}`);
    const replicationFactor = this.replicationFactor(setting('replication.factor'));
    return {
      name: SHARE_GROUP_STATE_TOPIC,
      partitionCount: setting('num.partitions'),
      replicationFactor,
      assignments: [],
      configs: [
        { name: 'compression.type', value: 'uncompressed' },
        { name: 'cleanup.policy', value: 'delete' },
        { name: 'retention.ms', value: '-1' },
        { name: 'min.insync.replicas', value: String(Math.min(setting('min.isr'), replicationFactor)) },
        { name: 'segment.bytes', value: String(Math.max(SEGMENT_BYTES_MIN, setting('segment.bytes'))) },
      ],
    };
  }

  private transactionTopic(): TopicToCreate {
    const replicationFactor = this.replicationFactor(this.config.number('transaction.state.log.replication.factor'));
    const inSyncMin = Math.min(this.config.number('transaction.state.log.min.isr'), replicationFactor);
    const segmentBytes = Math.max(SEGMENT_BYTES_MIN, this.config.number('transaction.state.log.segment.bytes'));
    return {
      name: TRANSACTION_STATE_TOPIC,
      partitionCount: this.config.number('transaction.state.log.num.partitions'),
      replicationFactor,
      assignments: [],
      configs: [
        { name: 'compression.type', value: 'uncompressed' },
        { name: 'cleanup.policy', value: 'compact' },
        { name: 'min.insync.replicas', value: String(inSyncMin) },
        { name: 'segment.bytes', value: String(segmentBytes) },
        { name: 'unclean.leader.election.enable', value: 'false' },
      ],
    };
  }

  private offsetsTopic(): TopicToCreate {
    return {
      name: CONSUMER_OFFSETS_TOPIC,
      partitionCount: this.config.number('offsets.topic.num.partitions'),
      replicationFactor: this.replicationFactor(this.config.number('offsets.topic.replication.factor')),
      assignments: [],
      configs: [
        { name: 'compression.type', value: 'producer' },
        { name: 'cleanup.policy', value: 'compact' },
        {
          name: 'segment.bytes',
          value: String(Math.max(SEGMENT_BYTES_MIN, this.config.number('offsets.topic.segment.bytes'))),
        },
      ],
    };
  }
}

function ordinaryTopic(name: string): TopicToCreate {
  return { name, partitionCount: -1, replicationFactor: -1, assignments: [], configs: [] };
}
