import { api, array, int16, int32, int64, string } from '../schema.ts';

/** DeleteRecords: moves the start of a partition's log forward; offset −1 stands for the high watermark (KIP-107). */
export const DeleteRecords = api(
  21,
  'DeleteRecords',
  { versions: '0-2', flexible: '2+' },
  {
    topics: array({
      name: string(),
      partitions: array({
        partitionIndex: int32(),
        offset: int64(),
      }),
    }),
    timeoutMs: int32(),
  },
  {
    throttleTimeMs: int32('0+'),
    topics: array({
      name: string(),
      partitions: array({
        partitionIndex: int32(),
        lowWatermark: int64(),
        errorCode: int16(),
      }),
    }),
  },
);
