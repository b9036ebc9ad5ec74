import type { Controller } from '../controller/controller.ts';
import type { MutationGate } from '../controller/decision.ts';
import type { ClusterImage } from '../controller/image.ts';
import type { CreatedTopic, TopicToCreate } from '../controller/topic-decisions.ts';
import { CONSUMER_OFFSETS_TOPIC, SHARE_GROUP_STATE_TOPIC, TRANSACTION_STATE_TOPIC } from '../controller/topic-name.ts';
import type { BrokerConfig } from './config.ts';

const SEGMENT_BYTES_MIN = 1024 * 1024;

/**
 * Topics that nobody created by hand: those that a producer or consumer names first, and the brokers' own.
 *
 * The replication factor of an internal topic is at most the number of brokers (Kafka refuses to make it instead): a single broker with
 * Kafka's defaults has working groups.
 */
export class TopicCreation {
  private readonly image: ClusterImage;
  private readonly controller: Controller;
  private readonly config: BrokerConfig;

  constructor(image: ClusterImage, controller: Controller, config: BrokerConfig) {
    this.image = image;
    this.controller = controller;
    this.config = config;
  }

  /** Makes those that are missing, and answers for each of them. */
  async createMissing(names: readonly string[], mutations?: MutationGate): Promise<ReadonlyMap<string, CreatedTopic>> {
    const missing = names.filter((name) => !this.image.topics.has(name));
    if (missing.length === 0) return new Map();
    const topics = missing.map((name) => this.topicToCreate(name));
    const defaults = {
      partitionCount: this.config.number('num.partitions'),
      replicationFactor: this.config.number('default.replication.factor'),
    };
    const created = await this.controller.createTopics(topics, defaults, {
      validateOnly: false,
      ...(mutations && { mutations }),
    });
    return new Map(created.map((each) => [each.name, each]));
  }

  /** True when the topic of the committed offsets exists now. */
  async ensureOffsetsTopic(): Promise<boolean> {
    await this.createMissing([CONSUMER_OFFSETS_TOPIC]);
    return this.image.topics.has(CONSUMER_OFFSETS_TOPIC);
  }

  /** True when the topic of the transactional ids exists now. */
  async ensureTransactionTopic(): Promise<boolean> {
    await this.createMissing([TRANSACTION_STATE_TOPIC]);
    return this.image.topics.has(TRANSACTION_STATE_TOPIC);
  }

  /** True when the topic of the share partitions' state exists now. */
  async ensureShareStateTopic(): Promise<boolean> {
    await this.createMissing([SHARE_GROUP_STATE_TOPIC]);
    return this.image.topics.has(SHARE_GROUP_STATE_TOPIC);
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

  /** Not compacted: the coordinator deletes what its snapshots have made redundant. */
  private shareStateTopic(): TopicToCreate {
    const brokers = this.image.liveBrokers().length;
    const setting = (name: string): number => this.config.number(`share.coordinator.state.topic.${name}`);
    const replicationFactor = Math.max(1, Math.min(setting('replication.factor'), brokers));
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
    const brokers = this.image.liveBrokers().length;
    const replicationFactor = Math.max(
      1,
      Math.min(this.config.number('transaction.state.log.replication.factor'), brokers),
    );
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
    const brokers = this.image.liveBrokers().length;
    return {
      name: CONSUMER_OFFSETS_TOPIC,
      partitionCount: this.config.number('offsets.topic.num.partitions'),
      replicationFactor: Math.max(1, Math.min(this.config.number('offsets.topic.replication.factor'), brokers)),
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
