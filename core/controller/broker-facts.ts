import { ZERO_UUID } from '../protocol/writer.ts';
import type { BrokerConfigRules } from './config-decisions.ts';
import { type ClusterImage, directoryIdOf, NO_LEADER, TOPIC_RESOURCE } from './image.ts';
import { type BrokerFacts, changePartition, type Election, type PartitionChange } from './partition-change.ts';
import { type PartitionImage, UNASSIGNED_DIRECTORY } from './partition-image.ts';
import type { BrokerRegistration } from './registration.ts';

/**
 * What the image says of brokers that elections ask for, and what becomes of partitions when one of them changes. Pure.
 *
 * Invariant: a broker that may not lead is in sync only where nobody else is: its records may be the only ones.
 */

/** One broker as it will be once the decision that is being made holds. */
export interface ChangedBroker {
  readonly brokerId: number;
  readonly isActive: boolean;
  /** Log dirs that it cannot use; left out: as its registration says. */
  readonly isLost?: (directoryId: string) => boolean;
}

export function factsOf(image: ClusterImage, changed: ChangedBroker | null = null): BrokerFacts {
  return {
    mayLead(brokerId, directoryId) {
      if (brokerId !== changed?.brokerId) {
        return image.isActive(brokerId) && !isLostIn(image.brokers.get(brokerId), directoryId);
      }
      return changed.isActive && !lostTo(image, changed)(directoryId);
    },
    defaultDirectory: (brokerId) => defaultDirectory(image.brokers.get(brokerId)),
  };
}

function lostTo(image: ClusterImage, changed: ChangedBroker): (directoryId: string) => boolean {
  return changed.isLost ?? ((directoryId) => isLostIn(image.brokers.get(changed.brokerId), directoryId));
}

/** The broker has log dirs, and this is none of them. */
function isLostIn(broker: BrokerRegistration | undefined, directoryId: string): boolean {
  if (broker === undefined || broker.logDirs.length === 0 || directoryId === ZERO_UUID) return false;
  return !broker.logDirs.includes(directoryId);
}

/** A broker with several log dirs chooses by itself, and says so afterwards. */
export function defaultDirectory(broker: BrokerRegistration | undefined): string {
  return broker?.logDirs.length === 1 ? broker.logDirs[0]! : UNASSIGNED_DIRECTORY;
}

/** Whether a topic's partitions may be led by a replica that was not in sync, when there is no other. */
export type UncleanAllowed = (topic: string) => boolean;

const UNCLEAN = 'unclean.leader.election.enable';

/** The topic's own setting, or the brokers'. */
export function uncleanAllowed(image: ClusterImage, rules: BrokerConfigRules): UncleanAllowed {
  return (topic) => {
    const own = image.configsOf(TOPIC_RESOURCE, topic).get(UNCLEAN) ?? rules.valueOf(UNCLEAN);
    return own.trim().toLowerCase() === 'true';
  };
}

export function electionFor(allowed: UncleanAllowed, topic: string): Election {
  return allowed(topic) ? 'unclean' : 'online';
}

/**
 * What its change means for partitions: it leaves the in-sync replicas where it cannot lead, others lead what it led, and what has no leader is led by it
 * where it is sure to have every committed record. At most `limit` records; when there are as many, more may be to come.
 */
export function leaderUpdates(
  image: ClusterImage,
  allowed: UncleanAllowed,
  changed: ChangedBroker,
  limit: number = Number.POSITIVE_INFINITY,
): PartitionChange[] {
  const records: PartitionChange[] = [];
  const facts = factsOf(image, changed);
  const isLost = lostTo(image, changed);
  const { brokerId } = changed;
  for (const { name, topicId, partitions } of image.topics.values()) {
    for (const partition of partitions) {
      if (records.length >= limit) return records;
      if (!partition.replicas.includes(brokerId)) continue;
      const canLead = changed.isActive && !isLost(directoryIdOf(partition, brokerId));
      if (!isAffected(partition, brokerId, canLead)) continue;
      const inSyncReplicas = canLead
        ? partition.inSyncReplicas
        : partition.inSyncReplicas.filter((id) => id !== brokerId);
      const target = { inSyncReplicas, election: electionFor(allowed, name) };
      const record = changePartition(facts, topicId, partition, target);
      if (record !== null) records.push(record);
    }
  }
  return records;
}

function isAffected({ leader, inSyncReplicas }: PartitionImage, brokerId: number, canLead: boolean): boolean {
  return canLead ? leader === NO_LEADER : inSyncReplicas.includes(brokerId);
}

/** Whether it leads a partition. */
export function leadsAny(image: ClusterImage, brokerId: number): boolean {
  for (const { partitions } of image.topics.values()) {
    if (partitions.some(({ leader }) => leader === brokerId)) return true;
  }
  return false;
}
