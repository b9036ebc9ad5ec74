import { ShareGroupHeartbeat } from '../../protocol/messages/76-share-group-heartbeat.ts';
import { groupContext } from '../groups/request-context.ts';
import { shareGroupHeartbeat } from '../groups/share-group-requests.ts';
import { handlerOf } from '../handler.ts';
import { hasShareGroups, NO_SHARE_GROUPS } from '../shares/share-answers.ts';

/** ShareGroupHeartbeat 1: membership of a share group (KIP-932). */
export const shareGroupHeartbeatHandler = handlerOf(ShareGroupHeartbeat, (broker, request, call) =>
  !hasShareGroups(broker)
    ? { ...NO_SHARE_GROUPS, memberEpoch: 0, heartbeatIntervalMs: 0 }
    : shareGroupHeartbeat(broker.groups, request, groupContext(call)),
);
