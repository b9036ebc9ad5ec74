import { AllocateProducerIds } from '../../protocol/messages/67-allocate-producer-ids.ts';
import { nodeHandlerOf } from '../handler.ts';

/** AllocateProducerIds 0, at controllers: ids that no other broker gets (KIP-730). */
export const allocateProducerIdsHandler = nodeHandlerOf(AllocateProducerIds, async (node, request) => {
  const { errorCode, first, count } = await node.controller.allocateProducerIds(request.brokerId, request.brokerEpoch);
  return { errorCode, producerIdStart: first, producerIdLen: count };
});
