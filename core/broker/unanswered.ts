import { ErrorCode, errorOf } from '../protocol/errors.ts';
import { CreateTopics } from '../protocol/messages/19-create-topics.ts';
import { DeleteTopics } from '../protocol/messages/20-delete-topics.ts';
import { AlterConfigs } from '../protocol/messages/33-alter-configs.ts';
import { CreatePartitions } from '../protocol/messages/37-create-partitions.ts';
import { ElectLeaders } from '../protocol/messages/43-elect-leaders.ts';
import { AlterPartitionReassignments } from '../protocol/messages/45-alter-partition-reassignments.ts';
import { ListPartitionReassignments } from '../protocol/messages/46-list-partition-reassignments.ts';
import { AlterClientQuotas } from '../protocol/messages/49-alter-client-quotas.ts';
import { AlterUserScramCredentials } from '../protocol/messages/51-alter-user-scram-credentials.ts';
import { DescribeQuorum } from '../protocol/messages/55-describe-quorum.ts';
import { UpdateFeatures } from '../protocol/messages/57-update-features.ts';
import { UnregisterBroker } from '../protocol/messages/64-unregister-broker.ts';
import type { Api, Fields, RequestOf, ResponseInput } from '../protocol/schema.ts';

/**
 * What a client is told when no active controller answered its request in time: REQUEST_TIMED_OUT in the request's own shape, for each thing that it named, as a
 * Kafka broker tells it. Whether the request was carried out nobody knows.
 */
type Refusal = (request: never, apiVersion: number) => object;

const errorCode = ErrorCode.REQUEST_TIMED_OUT;
const problem = { errorCode, errorMessage: errorOf(errorCode).message };

const refusals = new Map<number, Refusal>();

function refuse<Req extends Fields, Res extends Fields>(
  api: Api<Req, Res>,
  refusal: (request: RequestOf<Api<Req, Res>>, apiVersion: number) => ResponseInput<Api<Req, Res>>,
): void {
  refusals.set(api.key, refusal as Refusal);
}

refuse(CreateTopics, ({ topics }) => ({ topics: topics.map(({ name }) => ({ name, ...problem })) }));
refuse(DeleteTopics, ({ topics, topicNames }, apiVersion) => ({
  responses:
    apiVersion >= 6
      ? topics.map((each) => ({ ...each, ...problem }))
      : topicNames.map((name) => ({ name, ...problem })),
}));
refuse(CreatePartitions, ({ topics }) => ({ results: topics.map(({ name }) => ({ name, ...problem })) }));
refuse(AlterConfigs, ({ resources }) => ({
  responses: resources.map(({ resourceType, resourceName }) => ({ resourceType, resourceName, ...problem })),
}));
refuse(ElectLeaders, ({ topicPartitions }) => ({
  errorCode,
  replicaElectionResults: (topicPartitions ?? []).map(({ topic, partitions }) => ({
    topic,
    partitionResult: partitions.map((partitionId) => ({ partitionId, ...problem })),
  })),
}));
refuse(AlterPartitionReassignments, ({ topics }) => ({
  ...problem,
  responses: topics.map(({ name, partitions }) => ({
    name,
    partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, ...problem })),
  })),
}));
refuse(ListPartitionReassignments, () => ({ ...problem, topics: [] }));
refuse(AlterClientQuotas, ({ entries }) => ({ entries: entries.map(({ entity }) => ({ entity, ...problem })) }));
refuse(AlterUserScramCredentials, ({ deletions, upsertions }) => ({
  results: [...new Set([...deletions, ...upsertions].map(({ name }) => name))].map((user) => ({ user, ...problem })),
}));
refuse(DescribeQuorum, () => ({ ...problem, topics: [], nodes: [] }));
refuse(UpdateFeatures, ({ featureUpdates }) => ({
  ...problem,
  results: featureUpdates.map(({ feature }) => ({ feature, ...problem })),
}));
refuse(UnregisterBroker, () => problem);

/** The answer's body; null of an API that is not the controller's. */
export function unanswered(apiKey: number, request: unknown, apiVersion: number): object | null {
  return refusals.get(apiKey)?.(request as never, apiVersion) ?? null;
}
