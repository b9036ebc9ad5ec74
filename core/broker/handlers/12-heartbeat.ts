import { Heartbeat } from '../../protocol/messages/12-heartbeat.ts';
import { handlerOf } from '../handler.ts';

/** Heartbeat 0–4. */
export const heartbeatHandler = handlerOf(Heartbeat, (broker, request) => ({
  errorCode: broker.groups.heartbeat(request.groupId, request),
}));
