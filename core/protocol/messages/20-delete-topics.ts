import { api, array, int16, int32, string, uuid } from '../schema.ts';

/**
 * DeleteTopics: by name, since v6 by name or id (KIP-516).
 * v3 may answer TOPIC_DELETION_DISABLED; v5 adds error messages and may throttle (KIP-599).
 */
export const DeleteTopics = api(
  20,
  'DeleteTopics',
  { versions: '1-6', flexible: '4+' },
  {
    topics: array(
      {
        name: string('6+', { nullable: '6+', default: null }),
        topicId: uuid(),
      },
      '6+',
    ),
    topicNames: array(string(), '0-5'),
    timeoutMs: int32(),
  },
  {
    throttleTimeMs: int32('1+'),
    responses: array({
      name: string('0+', { nullable: '6+' }),
      topicId: uuid('6+'),
      errorCode: int16(),
      errorMessage: string('5+', { nullable: '5+', default: null }),
    }),
  },
);
