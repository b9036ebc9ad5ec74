import type { MetadataRecord } from './records/metadata-record.ts';

/**
 * Brokers and controllers as the metadata log says they registered (KIP-631, KIP-919).
 *
 * Invariant: a broker is fenced from its registration on until the controller says otherwise; its epoch names one life of it, and no other broker's.
 */
export interface EndPointRegistration {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly securityProtocol: number;
}

export interface FeatureRange {
  readonly name: string;
  readonly minSupportedVersion: number;
  readonly maxSupportedVersion: number;
}

export interface BrokerRegistration {
  readonly brokerId: number;
  readonly incarnationId: string;
  readonly brokerEpoch: number;
  readonly endPoints: readonly EndPointRegistration[];
  readonly features: readonly FeatureRange[];
  readonly rack: string | null;
  /** It leads nothing, and clients are not told of it. */
  readonly isFenced: boolean;
  /** It is about to stop: it goes on leading what nobody has taken over yet, and is given nothing new. */
  readonly isInControlledShutdown: boolean;
  readonly logDirs: readonly string[];
}

export interface ControllerRegistration {
  readonly controllerId: number;
  readonly incarnationId: string;
  readonly endPoints: readonly EndPointRegistration[];
  readonly features: readonly FeatureRange[];
}

type RecordOf<Kind> = Extract<MetadataRecord, { kind: Kind }>;

/** In a record: the broker is fenced, or is not any more. */
export const FENCE = 1;
export const UNFENCE = -1;
export const ENTER_CONTROLLED_SHUTDOWN = 1;

export function registeredBroker(record: RecordOf<'registerBroker'>): BrokerRegistration {
  return {
    brokerId: record.brokerId,
    incarnationId: record.incarnationId,
    brokerEpoch: record.brokerEpoch,
    endPoints: record.endPoints,
    features: record.features,
    rack: record.rack,
    isFenced: record.fenced,
    isInControlledShutdown: record.inControlledShutdown,
    logDirs: record.logDirs,
  };
}

export function changedBroker(
  before: BrokerRegistration,
  record: RecordOf<'brokerRegistrationChange'>,
): BrokerRegistration {
  return {
    ...before,
    isFenced: record.fenced === 0 ? before.isFenced : record.fenced > 0,
    isInControlledShutdown: before.isInControlledShutdown || record.inControlledShutdown > 0,
    logDirs: record.logDirs.length > 0 ? record.logDirs : before.logDirs,
  };
}

export function registeredController(record: RecordOf<'registerController'>): ControllerRegistration {
  const { controllerId, incarnationId, endPoints, features } = record;
  return { controllerId, incarnationId, endPoints, features };
}
