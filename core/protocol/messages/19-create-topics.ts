import { api, array, bool, int8, int16, int32, string, uuid } from '../schema.ts';

/**
 * CreateTopics: new topics, with counts or with an assignment by hand, which then replaces both counts (they are −1).
 * v4 lets the broker's defaults stand for −1 (KIP-464); v5 answers counts and configs (KIP-525); v6 may throttle (KIP-599);
 * v7 answers the topic's id (KIP-516).
 */
export const CreateTopics = api(
  19,
  'CreateTopics',
  { versions: '2-7', flexible: '5+' },
  {
    topics: array({
      name: string(),
      numPartitions: int32(),
      replicationFactor: int16(),
      assignments: array({
        partitionIndex: int32(),
        brokerIds: array(int32()),
      }),
      configs: array({
        name: string(),
        value: string('0+', { nullable: '0+' }),
      }),
    }),
    timeoutMs: int32('0+', { default: 60000 }),
    validateOnly: bool('1+'),
  },
  {
    throttleTimeMs: int32('2+'),
    topics: array({
      name: string(),
      topicId: uuid('7+'),
      errorCode: int16(),
      errorMessage: string('1+', { nullable: '0+', default: null }),
      topicConfigErrorCode: int16('5+', { tag: 0 }),
      numPartitions: int32('5+', { default: -1 }),
      replicationFactor: int16('5+', { default: -1 }),
      configs: array(
        {
          name: string(),
          value: string('5+', { nullable: '5+' }),
          readOnly: bool(),
          configSource: int8('5+', { default: -1 }),
          isSensitive: bool(),
        },
        '5+',
        { nullable: '5+' },
      ),
    }),
  },
);
