import { api, array, int16, int32, int64, records, string, struct, uuid } from '../schema.ts';

/**
 * Produce: one record batch for each of some partitions.
 * v3 brings transactional ids and batches of format v2; v5 the log start offset; v7 zstd (KIP-110); v8 errors of single records (KIP-467);
 * v10 the current leader beside error 6 (KIP-951); v11 TRANSACTION_ABORTABLE and v12 partitions that join the transaction by themselves (KIP-890);
 * v13 topic ids in place of names (KIP-516).
 * The broker names 0 as its lowest version, although it answers none below 3: librdkafka looks for it (KAFKA-18659).
 */
export const Produce = api(
  0,
  'Produce',
  { versions: '3-13', flexible: '9+', advertisedFrom: 0 },
  {
    transactionalId: string('3+', { nullable: '3+', default: null }),
    acks: int16(),
    timeoutMs: int32(),
    topicData: array({
      name: string('0-12'),
      topicId: uuid('13+'),
      partitionData: array({
        index: int32(),
        records: records(),
      }),
    }),
  },
  {
    responses: array({
      name: string('0-12'),
      topicId: uuid('13+'),
      partitionResponses: array({
        index: int32(),
        errorCode: int16(),
        baseOffset: int64(),
        logAppendTimeMs: int64('2+', { default: -1 }),
        logStartOffset: int64('5+', { default: -1 }),
        recordErrors: array(
          {
            batchIndex: int32(),
            batchIndexErrorMessage: string('8+', { nullable: '8+', default: null }),
          },
          '8+',
        ),
        errorMessage: string('8+', { nullable: '8+', default: null }),
        currentLeader: struct(
          {
            leaderId: int32('10+', { default: -1 }),
            leaderEpoch: int32('10+', { default: -1 }),
          },
          '10+',
          { tag: 0 },
        ),
      }),
    }),
    throttleTimeMs: int32('1+'),
    nodeEndpoints: array(
      {
        nodeId: int32(),
        host: string(),
        port: int32(),
        rack: string('10+', { nullable: '10+', default: null }),
      },
      '10+',
      { tag: 0 },
    ),
  },
);
