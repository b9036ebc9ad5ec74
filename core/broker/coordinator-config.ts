import type { ClusterImage } from '../controller/image.ts';
import { CONSUMER_OFFSETS_TOPIC, SHARE_GROUP_STATE_TOPIC, TRANSACTION_STATE_TOPIC } from '../controller/topic-name.ts';
import type { MigrationPolicy } from '../groups/consumer-heartbeat.ts';
import type { GroupCoordinatorConfig } from '../groups/group-coordinator.ts';
import type { ShareCoordinatorConfig } from '../shares/share-coordinator.ts';
import type { TransactionCoordinatorConfig } from '../transactions/transaction-coordinator.ts';
import type { BrokerConfig } from './config.ts';

/**
 * The broker's settings in the words of its coordinators.
 *
 * An internal topic that exists keeps its partitions, whatever the setting says now: groups and ids are found by them.
 */
export function groupConfigOf(config: BrokerConfig, image: ClusterImage): GroupCoordinatorConfig {
  return {
    sessionTimeoutMinMs: config.number('group.min.session.timeout.ms'),
    sessionTimeoutMaxMs: config.number('group.max.session.timeout.ms'),
    initialRebalanceDelayMs: config.number('group.initial.rebalance.delay.ms'),
    sizeMax: config.number('group.max.size'),
    offsetsPartitions: () =>
      partitionsOf(image, CONSUMER_OFFSETS_TOPIC) ?? config.number('offsets.topic.num.partitions'),
    offsetMetadataLengthMax: config.number('offset.metadata.max.bytes'),
    offsetsRetentionMs: config.number('offsets.retention.minutes') * 60_000,
    offsetsRetentionCheckIntervalMs: config.number('offsets.retention.check.interval.ms'),
    consumer: {
      sessionTimeoutMs: config.number('group.consumer.session.timeout.ms'),
      heartbeatIntervalMs: config.number('group.consumer.heartbeat.interval.ms'),
      assignmentIntervalMs: config.number('group.consumer.assignment.interval.ms'),
      sizeMax: config.number('group.consumer.max.size'),
      assignors: config.list('group.consumer.assignors'),
      migrationPolicy: config.text('group.consumer.migration.policy') as MigrationPolicy,
    },
    share: {
      sizeMax: config.number('group.share.max.size'),
      initializeRetryMs: config.number('group.share.initialize.retry.interval.ms'),
    },
  };
}

export function shareConfigOf(config: BrokerConfig, image: ClusterImage): ShareCoordinatorConfig {
  return {
    statePartitions: () =>
      partitionsOf(image, SHARE_GROUP_STATE_TOPIC) ?? config.number('share.coordinator.state.topic.num.partitions'),
    updatesPerSnapshot: config.number('share.coordinator.snapshot.update.records.per.snapshot'),
    pruneIntervalMs: config.number('share.coordinator.state.topic.prune.interval.ms'),
    coldSnapshotIntervalMs: config.number('share.coordinator.cold.partition.snapshot.interval.ms'),
  };
}

export function transactionConfigOf(config: BrokerConfig, image: ClusterImage): TransactionCoordinatorConfig {
  return {
    statePartitions: () =>
      partitionsOf(image, TRANSACTION_STATE_TOPIC) ?? config.number('transaction.state.log.num.partitions'),
    timeoutMsMax: config.number('transaction.max.timeout.ms'),
    abortIntervalMs: config.number('transaction.abort.timed.out.transaction.cleanup.interval.ms'),
    expirationMs: config.number('transactional.id.expiration.ms'),
    expirationCheckIntervalMs: config.number('transaction.remove.expired.transaction.cleanup.interval.ms'),
    transactionVersion: () => image.features.get('transaction.version') ?? 0,
  };
}

function partitionsOf(image: ClusterImage, topic: string): number | undefined {
  return image.topics.get(topic)?.partitions.length;
}
