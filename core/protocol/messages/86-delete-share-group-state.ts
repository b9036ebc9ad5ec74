import { api, array, int16, int32, string, uuid } from '../schema.ts';

/** DeleteShareGroupState: forgets a share partition's state (KIP-932). */
export const DeleteShareGroupState = api(
  86,
  'DeleteShareGroupState',
  { versions: '0', flexible: '0+' },
  {
    groupId: string(),
    topics: array({
      topicId: uuid(),
      partitions: array({
        partition: int32(),
      }),
    }),
  },
  {
    results: array({
      topicId: uuid(),
      partitions: array({
        partition: int32(),
        errorCode: int16(),
        errorMessage: string('0+', { nullable: '0+', default: null }),
      }),
    }),
  },
);
