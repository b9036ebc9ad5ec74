import type { ClusterImage } from './image.ts';
import type { PartitionImage } from './partition-image.ts';
import type { NewMetadataRecord } from './records/metadata-record.ts';

/**
 * The records that rebuild an image: what a snapshot of the metadata log is made of.
 *
 * Invariant: replayed into an empty image they give an equal one, everything in the same order; metadata.version comes first, as in every metadata log.
 */
const METADATA_VERSION_FEATURE = 'metadata.version';

export function* imageRecords(image: ClusterImage): Iterable<NewMetadataRecord> {
  yield* featureRecords(image);
  yield* nodeRecords(image);
  for (const { name, topicId, partitions } of image.topics.values()) {
    yield { kind: 'topic', name, topicId };
    for (const partition of partitions) yield partitionRecord(topicId, partition);
  }
  for (const { resourceType, resourceName, configs } of image.allConfigs()) {
    for (const [name, value] of configs) yield { kind: 'config', resourceType, resourceName, name, value };
  }
  for (const { entity, values } of image.clientQuotas.entities()) {
    const named = [...entity].map(([entityType, entityName]) => ({ entityType, entityName }));
    for (const [key, value] of values) yield { kind: 'clientQuota', entity: named, key, value, remove: false };
  }
  if (image.nextProducerId > 0) {
    yield { kind: 'producerIds', brokerId: -1, brokerEpoch: -1, nextProducerId: image.nextProducerId };
  }
  for (const name of image.scramCredentials.users()) {
    for (const [mechanism, credential] of image.scramCredentials.of(name)) {
      yield { kind: 'userScramCredential', name, mechanism, ...credential };
    }
  }
}

function* featureRecords({ features }: ClusterImage): Iterable<NewMetadataRecord> {
  const metadataVersion = features.get(METADATA_VERSION_FEATURE);
  if (metadataVersion !== undefined) {
    yield { kind: 'featureLevel', name: METADATA_VERSION_FEATURE, featureLevel: metadataVersion };
  }
  for (const [name, featureLevel] of features) {
    if (name !== METADATA_VERSION_FEATURE) yield { kind: 'featureLevel', name, featureLevel };
  }
}

function* nodeRecords({ brokers, controllers }: ClusterImage): Iterable<NewMetadataRecord> {
  for (const { isFenced, isInControlledShutdown, ...registration } of brokers.values()) {
    yield { kind: 'registerBroker', ...registration, fenced: isFenced, inControlledShutdown: isInControlledShutdown };
  }
  for (const registration of controllers.values()) {
    yield { kind: 'registerController', ...registration, zkMigrationReady: false };
  }
}

function partitionRecord(topicId: string, image: PartitionImage): NewMetadataRecord {
  const { eligibleLeaderReplicas } = image;
  return {
    kind: 'partition',
    partitionId: image.partition,
    topicId,
    replicas: image.replicas,
    isr: image.inSyncReplicas,
    removingReplicas: image.removingReplicas,
    addingReplicas: image.addingReplicas,
    leader: image.leader,
    leaderRecoveryState: image.leaderRecoveryState,
    leaderEpoch: image.leaderEpoch,
    partitionEpoch: image.partitionEpoch,
    directories: image.directories,
    eligibleLeaderReplicas: eligibleLeaderReplicas.length > 0 ? eligibleLeaderReplicas : null,
  };
}
