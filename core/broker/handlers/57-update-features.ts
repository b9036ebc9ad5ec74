import { ErrorCode } from '../../protocol/errors.ts';
import { UpdateFeatures } from '../../protocol/messages/57-update-features.ts';
import { SUPPORTED_FEATURES } from '../features.ts';
import { nodeHandlerOf } from '../handler.ts';

/**
 * UpdateFeatures 0–2: the levels that the cluster uses, all or none. v0 knows no kind of change, only whether a downgrade is meant; v2 has no results of
 * single features.
 */
const UPGRADE = 1;
const SAFE_DOWNGRADE = 2;

export const updateFeaturesHandler = nodeHandlerOf(UpdateFeatures, async (node, request, call) => {
  const updates = request.featureUpdates.map(({ feature, maxVersionLevel, allowDowngrade, upgradeType }) => ({
    feature,
    level: maxVersionLevel,
    upgradeType: call.apiVersion > 0 ? upgradeType : allowDowngrade ? SAFE_DOWNGRADE : UPGRADE,
  }));
  const { validateOnly } = request;
  const outcome = await node.controller.updateFeatures(node.nodeId, SUPPORTED_FEATURES, updates, { validateOnly });
  if (outcome.errorCode !== ErrorCode.NONE) return { ...outcome, results: [] };
  return {
    ...outcome,
    results: updates.map(({ feature }) => ({ feature, errorCode: ErrorCode.NONE, errorMessage: 'NONE' })),
  };
});
