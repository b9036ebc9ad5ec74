/**
 * The cluster's features (KIP-584). Clients change their behaviour on finalized ones, so only what works is in here: no transactions, no new
 * group protocol, no share groups yet.
 *
 * metadata.version 25 is Kafka 4.0: the level that the records in `controller/records/` are written at.
 */
export interface SupportedFeature {
  readonly name: string;
  readonly minVersion: number;
  readonly maxVersion: number;
}

export const METADATA_VERSION = 25;

export const SUPPORTED_FEATURES: readonly SupportedFeature[] = [
  { name: 'metadata.version', minVersion: METADATA_VERSION, maxVersion: METADATA_VERSION },
];

export const FINALIZED_FEATURES: ReadonlyMap<string, number> = new Map([['metadata.version', METADATA_VERSION]]);
