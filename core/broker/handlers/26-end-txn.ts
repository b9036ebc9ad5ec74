import { ErrorCode } from '../../protocol/errors.ts';
import { EndTxn } from '../../protocol/messages/26-end-txn.ts';
import { handlerOf } from '../handler.ts';

/**
 * EndTxn 0–5: decides a transaction. The answer leaves when the decision is in the log; the markers follow. v2 knows PRODUCER_FENCED; v5 raises the epoch and
 * answers it, again on a retry (KIP-890).
 */
const FENCED_SINCE = 2;
const RAISES_EPOCH_SINCE = 5;

export const endTxnHandler = handlerOf(EndTxn, async (broker, request, { apiVersion }) => {
  const { transactionalId, producerId, producerEpoch, committed } = request;
  const producer = { producerId, producerEpoch };
  const version = apiVersion >= RAISES_EPOCH_SINCE ? 2 : 0;
  const answer = await broker.transactions.endTransaction(transactionalId, producer, committed, version);
  const isFenced = answer.errorCode === ErrorCode.PRODUCER_FENCED && apiVersion < FENCED_SINCE;
  return isFenced ? { ...answer, errorCode: ErrorCode.INVALID_PRODUCER_EPOCH } : answer;
});
