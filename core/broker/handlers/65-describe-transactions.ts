import { ErrorCode } from '../../protocol/errors.ts';
import { DescribeTransactions } from '../../protocol/messages/65-describe-transactions.ts';
import { handlerOf } from '../handler.ts';

/** DescribeTransactions 0: where transactional ids stand, and the partitions of their transactions (KIP-664). */
export const describeTransactionsHandler = handlerOf(DescribeTransactions, (broker, request) => ({
  transactionStates: request.transactionalIds.map((transactionalId) => {
    const found = broker.transactions.describe(transactionalId);
    if (typeof found === 'number') {
      return {
        errorCode: found,
        transactionalId,
        transactionState: '',
        transactionTimeoutMs: 0,
        transactionStartTimeMs: 0,
        producerId: 0,
        producerEpoch: 0,
        topics: [],
      };
    }
    return {
      errorCode: ErrorCode.NONE,
      transactionalId,
      transactionState: found.state,
      transactionTimeoutMs: found.timeoutMs,
      transactionStartTimeMs: found.startTimestampMs,
      producerId: found.producerId,
      producerEpoch: found.producerEpoch,
      topics: [...found.partitions].map(([topic, partitions]) => ({ topic, partitions: [...partitions] })),
    };
  }),
}));
