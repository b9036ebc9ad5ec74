import { UnregisterBroker } from '../../protocol/messages/64-unregister-broker.ts';
import { nodeHandlerOf } from '../handler.ts';

/** UnregisterBroker 0: a broker is no part of the cluster any more. One that unregisters itself is back after its next start. */
export const unregisterBrokerHandler = nodeHandlerOf(UnregisterBroker, async (node, { brokerId }) => {
  const { errorCode, errorMessage } = await node.controller.unregisterBroker(brokerId);
  return { errorCode, errorMessage: errorMessage ?? '' };
});
