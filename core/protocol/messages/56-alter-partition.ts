import { api, array, int8, int16, int32, int64, uuid } from '../schema.ts';

/**
 * AlterPartition: a leader asks the controller to change the in-sync replicas (KIP-497).
 * v2 names topics by id (KIP-841); v3 adds broker epochs, so that a broker that restarted is not taken for its former self (KIP-903).
 */
export const AlterPartition = api(
  56,
  'AlterPartition',
  { versions: '2-3', flexible: '0+' },
  {
    brokerId: int32(),
    brokerEpoch: int64('0+', { default: -1 }),
    topics: array({
      topicId: uuid(),
      partitions: array({
        partitionIndex: int32(),
        leaderEpoch: int32(),
        newIsr: array(int32(), '0-2'),
        newIsrWithEpochs: array(
          {
            brokerId: int32(),
            brokerEpoch: int64('3+', { default: -1 }),
          },
          '3+',
        ),
        leaderRecoveryState: int8('1+'),
        partitionEpoch: int32(),
      }),
    }),
  },
  {
    throttleTimeMs: int32('0+'),
    errorCode: int16(),
    topics: array({
      topicId: uuid(),
      partitions: array({
        partitionIndex: int32(),
        errorCode: int16(),
        leaderId: int32(),
        leaderEpoch: int32(),
        isr: array(int32()),
        leaderRecoveryState: int8('1+'),
        partitionEpoch: int32(),
      }),
    }),
  },
);
