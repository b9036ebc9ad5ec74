import { BrokerHeartbeat } from '../../protocol/messages/63-broker-heartbeat.ts';
import { nodeHandlerOf } from '../handler.ts';

/** BrokerHeartbeat 0–2, at controllers: a broker is alive, and learns whether it is fenced and may stop (KIP-631). */
export const brokerHeartbeatHandler = nodeHandlerOf(BrokerHeartbeat, (node, request) =>
  node.controller.heartbeat(request),
);
