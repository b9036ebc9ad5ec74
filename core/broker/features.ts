import type { FeatureRange } from '../controller/registration.ts';

/**
 * The cluster's features (KIP-584). Clients change their behaviour on finalized ones, so only what works is in here.
 *
 * transaction.version 2 is KIP-890: ending a transaction raises the epoch, and partitions enter a transaction by being written.
 *
 * group.version 1 is KIP-848, the consumer group protocol.
 *
 * share.version 1 is KIP-932, share groups.
 *
 * metadata.version 25 is Kafka 4.0: the level that the records in `controller/records/` are written at.
 */
export interface SupportedFeature {
  readonly name: string;
  readonly minVersion: number;
  readonly maxVersion: number;
}

export const METADATA_VERSION = 25;
export const TRANSACTION_VERSION = 2;
export const GROUP_VERSION = 1;
export const SHARE_VERSION = 1;

export const SUPPORTED_FEATURES: readonly SupportedFeature[] = [
  { name: 'metadata.version', minVersion: METADATA_VERSION, maxVersion: METADATA_VERSION },
  { name: 'transaction.version', minVersion: 0, maxVersion: TRANSACTION_VERSION },
  { name: 'group.version', minVersion: 0, maxVersion: GROUP_VERSION },
  { name: 'share.version', minVersion: 0, maxVersion: SHARE_VERSION },
];

export const FINALIZED_FEATURES: ReadonlyMap<string, number> = new Map([
  ['metadata.version', METADATA_VERSION],
  ['transaction.version', TRANSACTION_VERSION],
  ['group.version', GROUP_VERSION],
  ['share.version', SHARE_VERSION],
]);

/** As brokers register them. */
export function supportedRanges(): FeatureRange[] {
  return SUPPORTED_FEATURES.map(({ name, minVersion, maxVersion }) => ({
    name,
    minSupportedVersion: minVersion,
    maxSupportedVersion: maxVersion,
  }));
}

/**
 * The same of a node that is alone: it takes its folder as it is. Levels that a newer Kafka has finalized there bind nobody else, and what they allow is
 * simply not done.
 */
export function rangesFor(finalized: ReadonlyMap<string, number>): FeatureRange[] {
  const ranges = new Map(supportedRanges().map((each) => [each.name, each]));
  for (const [name, level] of finalized) {
    const known = ranges.get(name);
    ranges.set(name, {
      name,
      minSupportedVersion: Math.min(known?.minSupportedVersion ?? 0, level),
      maxSupportedVersion: Math.max(known?.maxSupportedVersion ?? 0, level),
    });
  }
  return [...ranges.values()];
}
