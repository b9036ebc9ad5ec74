import { ErrorCode } from '../protocol/errors.ts';
import { ACCEPTED, type Decision, type Outcome, refused } from './decision.ts';
import type { ClusterImage } from './image.ts';
import type { NewMetadataRecord } from './records/metadata-record.ts';

/**
 * Which feature levels the cluster uses (KIP-584, KIP-778, KIP-1022). All updates of a request are made, or none. Pure.
 *
 * A safe downgrade is one that loses nothing; here every level below the present one is, so an unsafe one is no more than that.
 */
export interface SupportedFeature {
  readonly name: string;
  readonly minVersion: number;
  readonly maxVersion: number;
}

export interface FeatureUpdate {
  readonly feature: string;
  readonly level: number;
  /** As on the wire: 1 upgrade, 2 safe downgrade, 3 unsafe downgrade; anything else is refused. */
  readonly upgradeType: number;
}

const UPGRADE = 1;
const UNSAFE_DOWNGRADE = 3;

export function updateFeatures(
  image: ClusterImage,
  controllerId: number,
  supported: readonly SupportedFeature[],
  updates: readonly FeatureUpdate[],
): Decision<Outcome> {
  const levels = new Map<string, number>();
  for (const { feature, level, upgradeType } of updates) {
    const current = levels.get(feature) ?? image.features.get(feature) ?? 0;
    const problem =
      problemOf(controllerId, supported, { feature, level, upgradeType }, current) ??
      unsupportedBy(image, feature, level);
    if (problem !== null) {
      const message = `The update failed for all features since the following feature had an error: Invalid update version ${level} for feature ${feature}. ${problem}`;
      return { records: [], response: refused(ErrorCode.INVALID_UPDATE_VERSION, message) };
    }
    levels.set(feature, level);
  }
  const records: NewMetadataRecord[] = [];
  for (const [name, featureLevel] of levels) {
    if ((image.features.get(name) ?? 0) !== featureLevel) records.push({ kind: 'featureLevel', name, featureLevel });
  }
  return { records, response: ACCEPTED };
}

/** Every broker and controller has to support it; those that named no features are not asked. */
function unsupportedBy(image: ClusterImage, feature: string, level: number): string | null {
  if (level === 0) return null;
  const nodes = [
    ...[...image.controllers.values()].map((each) => ({ name: `Controller ${each.controllerId}`, ...each })),
    ...[...image.brokers.values()].map((each) => ({ name: `Broker ${each.brokerId}`, ...each })),
  ];
  for (const { name, features } of nodes) {
    if (features.length === 0) continue;
    const range = features.find((each) => each.name === feature);
    if (range === undefined) return `${name} does not support this feature.`;
    const { minSupportedVersion, maxSupportedVersion } = range;
    if (level < minSupportedVersion || level > maxSupportedVersion) {
      return `${name} only supports versions ${minSupportedVersion}-${maxSupportedVersion}`;
    }
  }
  return null;
}

function problemOf(
  controllerId: number,
  supported: readonly SupportedFeature[],
  { feature, level, upgradeType }: FeatureUpdate,
  current: number,
): string | null {
  if (upgradeType < UPGRADE || upgradeType > UNSAFE_DOWNGRADE) {
    return 'The controller does not support the given upgrade type.';
  }
  if (level < 0) return 'A feature version cannot be less than 0.';
  const range = supported.find((each) => each.name === feature);
  if (range === undefined) {
    return level === 0 ? null : `Local controller ${controllerId} does not support this feature.`;
  }
  if (level < range.minVersion || level > range.maxVersion) {
    return `Local controller ${controllerId} only supports versions ${range.minVersion}-${range.maxVersion}`;
  }
  if (level < current && upgradeType === UPGRADE) {
    return "Can't downgrade the version of this feature without setting the upgrade type to either safe or unsafe downgrade.";
  }
  if (level > current && upgradeType !== UPGRADE) return "Can't downgrade to a newer version.";
  return null;
}
