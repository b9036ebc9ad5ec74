import { ErrorCode } from '../../protocol/errors.ts';
import { DescribeCluster } from '../../protocol/messages/60-describe-cluster.ts';
import { CLUSTER_OPERATIONS } from '../authorized-operations.ts';
import { handlerOf, nodeHandlerOf } from '../handler.ts';

/** DescribeCluster 0–2: brokers from brokers, controllers (v1+) from controllers (KIP-919). v2 may include fenced brokers. */
const BROKERS = 1;
const CONTROLLERS = 2;

export const describeClusterHandler = handlerOf(DescribeCluster, (broker, request, call) => {
  const { endpointType } = request;
  if (endpointType !== BROKERS) return refusal(endpointType, 'BROKER', 'CONTROLLER');
  const listed = request.includeFencedBrokers ? [...broker.image.brokers.values()] : broker.image.liveBrokers();
  return {
    errorCode: ErrorCode.NONE,
    endpointType,
    clusterId: broker.clusterId,
    controllerId: broker.nodeId,
    brokers: listed.flatMap(({ brokerId, rack, isFenced }) => {
      const endPoint = broker.endPointOf(brokerId, call.listenerName);
      return endPoint === null ? [] : [{ brokerId, host: endPoint.host, port: endPoint.port, rack, isFenced }];
    }),
    clusterAuthorizedOperations: request.includeClusterAuthorizedOperations ? CLUSTER_OPERATIONS : undefined,
  };
});

export const controllerDescribeClusterHandler = nodeHandlerOf(DescribeCluster, (node, request) => {
  const { endpointType } = request;
  if (endpointType !== CONTROLLERS) return refusal(endpointType, 'CONTROLLER', 'BROKER');
  return {
    errorCode: ErrorCode.NONE,
    endpointType,
    clusterId: node.clusterId,
    controllerId: node.quorum.leader.leaderId,
    brokers: node
      .controllers()
      .map(({ nodeId, host, port }) => ({ brokerId: nodeId, host, port, rack: null, isFenced: false })),
    clusterAuthorizedOperations: request.includeClusterAuthorizedOperations ? CLUSTER_OPERATIONS : undefined,
  };
});

function refusal(endpointType: number, here: string, wanted: string) {
  const isKnown = endpointType === CONTROLLERS || endpointType === BROKERS;
  return {
    errorCode: isKnown ? ErrorCode.MISMATCHED_ENDPOINT_TYPE : ErrorCode.UNSUPPORTED_ENDPOINT_TYPE,
    errorMessage: isKnown
      ? `The request was sent to an endpoint of type ${here}, but we wanted an endpoint of type ${wanted}`
      : `Unsupported endpoint type ${endpointType}`,
    clusterId: '',
    brokers: [],
  };
}
