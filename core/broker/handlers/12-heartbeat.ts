import { Heartbeat } from '../../protocol/messages/12-heartbeat.ts';
import { handlerOf } from '../handler.ts';

/** Heartbeat 0–4: keeps a member's session, and tells it of a rebalance. */
export const heartbeatHandler = handlerOf(Heartbeat, (broker, request) => ({
  errorCode: broker.groups.heartbeat(request.groupId, request),
}));
