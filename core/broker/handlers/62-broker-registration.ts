import { BrokerRegistration } from '../../protocol/messages/62-broker-registration.ts';
import { nodeHandlerOf } from '../handler.ts';

/** BrokerRegistration 0–4, at controllers: a broker begins a life in this cluster (KIP-631); it is fenced until it asks for more. */
export const brokerRegistrationHandler = nodeHandlerOf(BrokerRegistration, async (node, request) => {
  const { brokerId, clusterId, incarnationId, listeners, features, rack, logDirs } = request;
  const { errorCode, errorMessage, brokerEpoch } = await node.controller.registerBroker({
    brokerId,
    clusterId,
    incarnationId,
    endPoints: listeners,
    features,
    rack,
    logDirs,
  });
  if (errorCode !== 0) node.onLog(`broker ${brokerId} is not registered: ${errorMessage}`);
  return { errorCode, brokerEpoch };
});
