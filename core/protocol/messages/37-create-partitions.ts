import { api, array, bool, int16, int32, string } from '../schema.ts';

/** CreatePartitions: raises a topic's partition count (KIP-195). v3 may throttle (KIP-599). */
export const CreatePartitions = api(
  37,
  'CreatePartitions',
  { versions: '0-3', flexible: '2+' },
  {
    topics: array({
      name: string(),
      count: int32(),
      assignments: array(
        {
          brokerIds: array(int32()),
        },
        '0+',
        { nullable: '0+' },
      ),
    }),
    timeoutMs: int32(),
    validateOnly: bool(),
  },
  {
    throttleTimeMs: int32('0+'),
    results: array({
      name: string(),
      errorCode: int16(),
      errorMessage: string('0+', { nullable: '0+', default: null }),
    }),
  },
);
