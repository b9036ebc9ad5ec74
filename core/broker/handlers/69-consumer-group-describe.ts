import { ConsumerGroupDescribe } from '../../protocol/messages/69-consumer-group-describe.ts';
import { GROUP_OPERATIONS } from '../authorized-operations.ts';
import { describeConsumerGroups } from '../groups/consumer-group-requests.ts';
import { handlerOf } from '../handler.ts';

/** ConsumerGroupDescribe 0–1: groups of the consumer protocol only; v1 tells which members speak the classic one. */
export const consumerGroupDescribeHandler = handlerOf(ConsumerGroupDescribe, (broker, request) =>
  describeConsumerGroups(broker.groups, request, GROUP_OPERATIONS),
);
