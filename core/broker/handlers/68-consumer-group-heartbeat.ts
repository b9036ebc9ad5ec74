import { ConsumerGroupHeartbeat } from '../../protocol/messages/68-consumer-group-heartbeat.ts';
import { consumerGroupHeartbeat } from '../groups/consumer-group-requests.ts';
import { groupContext } from '../groups/request-context.ts';
import { handlerOf } from '../handler.ts';

/** ConsumerGroupHeartbeat 0–1: membership of the consumer protocol (KIP-848); v1 brings regular expressions and ids made by members. */
export const consumerGroupHeartbeatHandler = handlerOf(ConsumerGroupHeartbeat, (broker, request, call) =>
  consumerGroupHeartbeat(broker.groups, request, groupContext(call)),
);
