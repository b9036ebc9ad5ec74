import { api, array, int16, int32, string, struct, uuid } from '../schema.ts';

const topicPartitions = {
  topicId: uuid(),
  partitions: array(int32()),
};

/**
 * ConsumerGroupHeartbeat: membership, subscription and assignment of the consumer group protocol in one API (KIP-848).
 * Member epoch 0 joins, −1 leaves, −2 leaves for a while as a static member; null fields mean "as before".
 * v1 adds the regular expression, and lets the member make its own id (KIP-1082).
 */
export const ConsumerGroupHeartbeat = api(
  68,
  'ConsumerGroupHeartbeat',
  { versions: '0-1', flexible: '0+' },
  {
    groupId: string(),
    memberId: string(),
    memberEpoch: int32(),
    instanceId: string('0+', { nullable: '0+', default: null }),
    rackId: string('0+', { nullable: '0+', default: null }),
    rebalanceTimeoutMs: int32('0+', { default: -1 }),
    subscribedTopicNames: array(string(), '0+', { nullable: '0+', default: null }),
    subscribedTopicRegex: string('1+', { nullable: '1+', default: null }),
    serverAssignor: string('0+', { nullable: '0+', default: null }),
    topicPartitions: array(
      {
        topicId: uuid(),
        partitions: array(int32()),
      },
      '0+',
      { nullable: '0+', default: null },
    ),
  },
  {
    throttleTimeMs: int32('0+'),
    errorCode: int16(),
    errorMessage: string('0+', { nullable: '0+', default: null }),
    memberId: string('0+', { nullable: '0+', default: null }),
    memberEpoch: int32(),
    heartbeatIntervalMs: int32(),
    assignment: struct(
      {
        topicPartitions: array(topicPartitions),
      },
      '0+',
      { nullable: '0+', default: null },
    ),
  },
);
