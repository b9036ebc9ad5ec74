import {
  AUTO_OFFSET_RESET,
  autoOffsetResetOf,
  boundedGroupValue,
  GROUP_CONFIGS,
  type GroupConfigDefinition,
} from '../controller/group-config.ts';
import { type ClusterImage, GROUP_RESOURCE } from '../controller/image.ts';
import type { GroupConfig, ShareAutoOffsetReset } from '../groups/group-config.ts';
import type { Settings } from './settings.ts';

/**
 * What holds for a group now: its own value, kept between the bounds that the broker has now, or the broker's, altered or given, or Kafka's default.
 * Nothing is cached, so an altered setting holds from the next look on.
 */
export class GroupSettings {
  private readonly image: ClusterImage;
  private readonly settings: Settings;

  constructor(image: ClusterImage, settings: Settings) {
    this.image = image;
    this.settings = settings;
  }

  /** As text, and within bounds. */
  value(groupId: string, definition: GroupConfigDefinition): string {
    const own = this.image.configsOf(GROUP_RESOURCE, groupId).get(definition.name);
    const { brokerSynonym } = definition;
    if (own === undefined) return brokerSynonym === null ? definition.defaultValue : this.settings.text(brokerSynonym);
    if (definition.type !== 'int') return own.trim();
    return String(boundedGroupValue(definition, Number(own), (name) => this.settings.text(name)));
  }

  groupConfig = (groupId: string): GroupConfig => {
    const text = (name: string): string => this.value(groupId, GROUP_CONFIGS.get(name)!);
    const number = (name: string): number => Number(text(name));
    return {
      consumerSessionTimeoutMs: number('consumer.session.timeout.ms'),
      consumerHeartbeatIntervalMs: number('consumer.heartbeat.interval.ms'),
      consumerAssignmentIntervalMs: number('consumer.assignment.interval.ms'),
      shareSessionTimeoutMs: number('share.session.timeout.ms'),
      shareHeartbeatIntervalMs: number('share.heartbeat.interval.ms'),
      shareAssignmentIntervalMs: number('share.assignment.interval.ms'),
      shareRecordLockDurationMs: number('share.record.lock.duration.ms'),
      shareDeliveryCountLimit: number('share.delivery.count.limit'),
      sharePartitionMaxRecordLocks: number('share.partition.max.record.locks'),
      shareAutoOffsetReset: resetOf(text(AUTO_OFFSET_RESET)),
      shareIsolationLevel: text('share.isolation.level') === 'read_committed' ? 'read_committed' : 'read_uncommitted',
      shareRenewAcknowledgeEnable: text('share.renew.acknowledge.enable').toLowerCase() === 'true',
    };
  };
}

function resetOf(text: string): ShareAutoOffsetReset {
  const reset = autoOffsetResetOf(text);
  if (typeof reset === 'number') return { kind: 'byDuration', durationMs: reset };
  return { kind: reset ?? 'latest' };
}
