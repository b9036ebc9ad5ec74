import { ErrorCode } from '../protocol/errors.ts';
import { ZERO_UUID } from '../protocol/writer.ts';
import { leaderUpdates, type UncleanAllowed } from './broker-facts.ts';
import { ACCEPTED, CHANGES_PER_BATCH_MAX, type Decision, type Outcome, refused } from './decision.ts';
import { type ClusterImage, directoryIdOf } from './image.ts';
import { UNASSIGNED_DIRECTORY } from './partition-image.ts';
import type { NewMetadataRecord } from './records/metadata-record.ts';
import type { BrokerRegistration, FeatureRange } from './registration.ts';

/**
 * Brokers and controllers that enter the cluster, and brokers that leave it for good (KIP-631, KIP-919). Pure.
 *
 * Invariant: a new life of a broker begins fenced and leads nothing: what the last one led it leads again in a new leader epoch, once it is unfenced, since
 * its log may have lost its end meanwhile, and who read that end must be able to tell (KIP-320).
 */
export interface BrokerToRegister {
  readonly brokerId: number;
  /** null: not asked for, the broker is this node. */
  readonly clusterId?: string | null;
  readonly incarnationId: string;
  readonly endPoints: readonly {
    readonly name: string;
    readonly host: string;
    readonly port: number;
    readonly securityProtocol?: number;
  }[];
  /** What it supports; left out: all that is finalized. */
  readonly features?: readonly FeatureRange[];
  readonly rack: string | null;
  /** The ids of its log dirs that it can use. */
  readonly logDirs: readonly string[];
  /** false: it can use all of its log dirs, so that what lies in another one is gone, and is to be made anew. Left out: nobody knows. */
  readonly hasOfflineLogDirs?: boolean;
}

export interface RegisteredBroker extends Outcome {
  readonly brokerEpoch: number;
}

/** What the decision needs to know beside the image. */
export interface RegistrationContext {
  readonly clusterId: string | null;
  /** The epoch of a new life: the offset of its record. */
  readonly nextEpoch: number;
  /** The broker that is registered was heard of a moment ago. */
  readonly hasSession: boolean;
}

const PLAINTEXT_PROTOCOL = 0;
const METADATA_VERSION_FEATURE = 'metadata.version';
/** What is supported by who names no range of metadata.version. */
const METADATA_VERSION_MIN = 1;
/** Ids below are Kafka's marks for log dirs that are not known. */
const RESERVED_DIRECTORIES = 100;

export function registerBroker(
  image: ClusterImage,
  allowed: UncleanAllowed,
  broker: BrokerToRegister,
  context: RegistrationContext,
): Decision<RegisteredBroker> {
  const problem = registrationProblem(image, broker, context);
  if (problem !== null) return { records: [], response: { ...problem, brokerEpoch: -1 } };
  const existing = image.brokers.get(broker.brokerId);
  const isSameLife = existing?.incarnationId === broker.incarnationId;
  const brokerEpoch = isSameLife ? existing.brokerEpoch : context.nextEpoch;
  const response = { ...ACCEPTED, brokerEpoch };
  const changes = leaderUpdates(
    image,
    allowed,
    {
      brokerId: broker.brokerId,
      isActive: isSameLife && image.isActive(broker.brokerId),
      isLost: (directoryId) => directoryId !== ZERO_UUID && !broker.logDirs.includes(directoryId),
    },
    CHANGES_PER_BATCH_MAX,
  );
  const forgotten =
    broker.hasOfflineLogDirs === false
      ? forgottenDirectories(image, broker, CHANGES_PER_BATCH_MAX - changes.length)
      : [];
  if (changes.length + forgotten.length >= CHANGES_PER_BATCH_MAX) {
    return { records: [...changes, ...forgotten], response, isPartial: true };
  }
  const record: NewMetadataRecord = {
    kind: 'registerBroker',
    brokerId: broker.brokerId,
    incarnationId: broker.incarnationId,
    brokerEpoch,
    endPoints: broker.endPoints.map((each) => ({
      ...each,
      securityProtocol: each.securityProtocol ?? PLAINTEXT_PROTOCOL,
    })),
    features: broker.features ?? [],
    rack: broker.rack,
    fenced: isSameLife ? existing.isFenced : true,
    inControlledShutdown: isSameLife && existing.isInControlledShutdown,
    logDirs: broker.logDirs,
  };
  return { records: [record, ...changes, ...forgotten], response };
}

/** Where a replica lay in a log dir that is not there any more, its broker is to choose again. */
function forgottenDirectories(
  image: ClusterImage,
  { brokerId, logDirs }: BrokerToRegister,
  limit: number,
): NewMetadataRecord[] {
  const records: NewMetadataRecord[] = [];
  const chosen = logDirs.length === 1 ? logDirs[0]! : UNASSIGNED_DIRECTORY;
  for (const { topicId, partitions } of image.topics.values()) {
    for (const partition of partitions) {
      if (records.length >= limit) return records;
      const directoryId = directoryIdOf(partition, brokerId);
      if (!partition.replicas.includes(brokerId) || directoryId === ZERO_UUID || logDirs.includes(directoryId))
        continue;
      const directories = partition.replicas.map((id, i) =>
        id === brokerId ? chosen : (partition.directories[i] ?? UNASSIGNED_DIRECTORY),
      );
      records.push({ kind: 'partitionChange', partitionId: partition.partition, topicId, directories });
    }
  }
  return records;
}

function registrationProblem(
  image: ClusterImage,
  broker: BrokerToRegister,
  { clusterId, hasSession }: RegistrationContext,
): Outcome | null {
  const wanted = broker.clusterId ?? null;
  if (clusterId !== null && wanted !== null && wanted !== clusterId) {
    return refused(ErrorCode.INCONSISTENT_CLUSTER_ID, `Expected cluster ID ${clusterId}, but got cluster ID ${wanted}`);
  }
  const existing = image.brokers.get(broker.brokerId);
  if (existing !== undefined && hasSession && existing.incarnationId !== broker.incarnationId) {
    return refused(ErrorCode.DUPLICATE_BROKER_REGISTRATION, 'Another broker is registered with that broker id.');
  }
  if (broker.endPoints.length === 0) return invalid('No listeners specified in request');
  const names = broker.endPoints.map(({ name }) => name);
  if (new Set(names).size < names.length) return invalid('Duplicate listener name in request');
  return logDirsProblem(image.brokers, broker) ?? featuresProblem(image.features, broker.features ?? null);
}

function logDirsProblem(
  brokers: ReadonlyMap<number, BrokerRegistration>,
  { brokerId, logDirs }: BrokerToRegister,
): Outcome | null {
  if (logDirs.length === 0) return invalid('No directories specified in request');
  if (logDirs.some(isReserved)) return invalid('Reserved directory ID in request');
  if (new Set(logDirs).size < logDirs.length) return invalid('Duplicate directory ID in request');
  for (const other of brokers.values()) {
    const shared = other.brokerId === brokerId ? undefined : logDirs.find((id) => other.logDirs.includes(id));
    if (shared !== undefined) {
      return invalid(`Broker ${other.brokerId} is already registered with directory ${shared}`);
    }
  }
  return null;
}

function isReserved(directoryId: string): boolean {
  const bytes = Buffer.from(directoryId, 'base64url');
  return bytes.subarray(0, bytes.length - 1).every((byte) => byte === 0) && bytes.at(-1)! < RESERVED_DIRECTORIES;
}

/** Every finalized level has to be within what the broker supports. */
function featuresProblem(
  finalized: ReadonlyMap<string, number>,
  supported: readonly FeatureRange[] | null,
): Outcome | null {
  if (supported === null) return null;
  for (const [name, level] of finalized) {
    const fallback = name === METADATA_VERSION_FEATURE ? METADATA_VERSION_MIN : 0;
    const range = supported.find((each) => each.name === name);
    const min = range?.minSupportedVersion ?? fallback;
    const max = range?.maxSupportedVersion ?? fallback;
    if (level >= min && level <= max) continue;
    return refused(
      ErrorCode.UNSUPPORTED_VERSION,
      `Unable to register because the broker does not support finalized version ${level} of ${name}. The broker wants a version between ${min} and ${max}, inclusive.`,
    );
  }
  return null;
}

function invalid(errorMessage: string): Outcome {
  return refused(ErrorCode.INVALID_REGISTRATION, errorMessage);
}

/** A broker leaves the cluster for good: it leads nothing any more, and is in sync nowhere but where nobody else is. */
export function unregisterBroker(image: ClusterImage, allowed: UncleanAllowed, brokerId: number): Decision<Outcome> {
  const broker = image.brokers.get(brokerId);
  if (broker === undefined) {
    const response = refused(ErrorCode.BROKER_ID_NOT_REGISTERED, `Broker ID ${brokerId} is not currently registered`);
    return { records: [], response };
  }
  const records = leaderUpdates(image, allowed, { brokerId, isActive: false }, CHANGES_PER_BATCH_MAX);
  if (records.length >= CHANGES_PER_BATCH_MAX) return { records, response: ACCEPTED, isPartial: true };
  const gone = { kind: 'unregisterBroker', brokerId, brokerEpoch: broker.brokerEpoch } as const;
  return { records: [...records, gone], response: ACCEPTED };
}

export interface ControllerToRegister {
  readonly controllerId: number;
  readonly incarnationId: string;
  readonly listeners: readonly {
    readonly name: string;
    readonly host: string;
    readonly port: number;
    readonly securityProtocol: number;
  }[];
  readonly features: readonly FeatureRange[];
}

export function registerController(controller: ControllerToRegister): Decision<Outcome> {
  const { controllerId, incarnationId, listeners, features } = controller;
  const record = {
    kind: 'registerController',
    controllerId,
    incarnationId,
    zkMigrationReady: false,
    endPoints: listeners,
    features,
  } as const;
  return { records: [record], response: ACCEPTED };
}
