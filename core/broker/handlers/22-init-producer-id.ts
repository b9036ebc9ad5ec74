import { ErrorCode } from '../../protocol/errors.ts';
import { InitProducerId } from '../../protocol/messages/22-init-producer-id.ts';
import { handlerOf } from '../handler.ts';

/**
 * InitProducerId 0–5: a new producer id with epoch 0 for an idempotent producer; for a transactional one its id with a raised epoch, which fences whoever had
 * it before. v3 brings who the producer believes to be, so that it can go on after an error (KIP-360); v4 knows PRODUCER_FENCED.
 */
const FENCED_SINCE = 4;
const NONE = -1;

export const initProducerIdHandler = handlerOf(InitProducerId, async (broker, request, call) => {
  const { transactionalId, transactionTimeoutMs, producerId, producerEpoch } = request;
  const refuse = (errorCode: number) => ({ errorCode, producerId: NONE, producerEpoch: NONE });
  if ((producerId === NONE) !== (producerEpoch === NONE)) return refuse(ErrorCode.INVALID_REQUEST);
  if (transactionalId === null) {
    const newId = await broker.producerIds.take();
    if (newId === null) return refuse(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS);
    return { errorCode: ErrorCode.NONE, producerId: newId, producerEpoch: 0 };
  }
  const expected = producerId === NONE ? null : { producerId, producerEpoch };
  const answer = await broker.transactions.initProducerId(transactionalId, transactionTimeoutMs, expected);
  const isFenced = answer.errorCode === ErrorCode.PRODUCER_FENCED && call.apiVersion < FENCED_SINCE;
  return isFenced ? refuse(ErrorCode.INVALID_PRODUCER_EPOCH) : answer;
});
