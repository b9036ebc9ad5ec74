import { api, array, int16, int32, int64, string, uuid } from '../schema.ts';

/** InitializeShareGroupState: from the group coordinator to the share coordinator: begin to keep a share partition's state (KIP-932). */
export const InitializeShareGroupState = api(
  83,
  'InitializeShareGroupState',
  { versions: '0', flexible: '0+' },
  {
    groupId: string(),
    topics: array({
      topicId: uuid(),
      partitions: array({
        partition: int32(),
        stateEpoch: int32(),
        startOffset: int64(),
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
