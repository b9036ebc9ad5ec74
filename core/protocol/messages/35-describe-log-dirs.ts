import { api, array, bool, int16, int32, int64, string } from '../schema.ts';

/**
 * DescribeLogDirs: the log directories of a broker and how much each partition takes there (KIP-113).
 * v3 adds an error of the whole answer; v4 the disk's sizes (KIP-827); v5 whether the directory is cordoned (KIP-1066).
 */
export const DescribeLogDirs = api(
  35,
  'DescribeLogDirs',
  { versions: '1-5', flexible: '2+' },
  {
    topics: array(
      {
        topic: string(),
        partitions: array(int32()),
      },
      '0+',
      { nullable: '0+' },
    ),
  },
  {
    throttleTimeMs: int32('0+'),
    errorCode: int16('3+'),
    results: array({
      errorCode: int16(),
      logDir: string(),
      topics: array({
        name: string(),
        partitions: array({
          partitionIndex: int32(),
          partitionSize: int64(),
          offsetLag: int64(),
          isFutureKey: bool(),
        }),
      }),
      totalBytes: int64('4+', { default: -1 }),
      usableBytes: int64('4+', { default: -1 }),
      isCordoned: bool('5+'),
    }),
  },
);
