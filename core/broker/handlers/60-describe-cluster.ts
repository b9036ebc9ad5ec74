import { ErrorCode } from '../../protocol/errors.ts';
import { DescribeCluster } from '../../protocol/messages/60-describe-cluster.ts';
import { CLUSTER_OPERATIONS } from '../authorized-operations.ts';
import { handlerOf } from '../handler.ts';

/** DescribeCluster 0–2: v1 may ask for controllers, which have no listener of their own here. */
const BROKERS = 1;
const CONTROLLERS = 2;

export const describeClusterHandler = handlerOf(DescribeCluster, (broker, request, call) => {
  const { endpointType } = request;
  if (endpointType !== BROKERS) {
    const isKnown = endpointType === CONTROLLERS;
    return {
      errorCode: isKnown ? ErrorCode.MISMATCHED_ENDPOINT_TYPE : ErrorCode.UNSUPPORTED_ENDPOINT_TYPE,
      errorMessage: isKnown
        ? 'The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER'
        : `Unsupported endpoint type ${endpointType}`,
      clusterId: '',
      brokers: [],
    };
  }
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
