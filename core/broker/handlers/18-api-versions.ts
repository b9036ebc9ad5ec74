import { ErrorCode } from '../../protocol/errors.ts';
import { ApiVersions } from '../../protocol/messages/18-api-versions.ts';
import { SUPPORTED_FEATURES } from '../features.ts';
import { nodeHandlerOf } from '../handler.ts';
import type { NodeServices } from '../services.ts';

type AnyApi = NodeServices['apis'][number];

/**
 * ApiVersions 0–4: the APIs that have a handler, and the features. A version that is unknown is answered by the dispatch.
 * v3+ brings the client's name and version, which must look like ones (KIP-511).
 */
const SOFTWARE_PATTERN = /^[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?$/;

export const apiVersionsHandler = nodeHandlerOf(ApiVersions, (node, request, call) => {
  const isNamed =
    SOFTWARE_PATTERN.test(request.clientSoftwareName) && SOFTWARE_PATTERN.test(request.clientSoftwareVersion);
  if (call.apiVersion >= 3 && isNamed) {
    node.clientInformation.told(call, request.clientSoftwareName, request.clientSoftwareVersion);
  }
  if (call.apiVersion >= 3 && !isNamed) return { errorCode: ErrorCode.INVALID_REQUEST, apiKeys: [] };
  return {
    errorCode: ErrorCode.NONE,
    apiKeys: rangesOf(node.apis),
    // Clients of v3 cannot read a range that begins with 0 (KAFKA-17011).
    supportedFeatures: SUPPORTED_FEATURES.filter(({ minVersion }) => call.apiVersion > 3 || minVersion > 0),
    // Rises with every change: clients believe the newest that they have seen.
    finalizedFeaturesEpoch: Math.max(0, node.quorum.lastAppliedOffset - 1),
    finalizedFeatures: [...node.image.features].map(([name, level]) => ({
      name,
      maxVersionLevel: level,
      minVersionLevel: level,
    })),
  };
});

interface ApiRange {
  readonly apiKey: number;
  readonly minVersion: number;
  readonly maxVersion: number;
}

/** Asked for with every connection, and always the same for a node's role. */
const ranges = new WeakMap<readonly AnyApi[], readonly ApiRange[]>();

function rangesOf(apis: readonly AnyApi[]): readonly ApiRange[] {
  let known = ranges.get(apis);
  if (known === undefined) {
    known = apis.map(({ key, advertisedVersionMin, request }) => ({
      apiKey: key,
      minVersion: advertisedVersionMin,
      maxVersion: request.versionMax,
    }));
    ranges.set(apis, known);
  }
  return known;
}
