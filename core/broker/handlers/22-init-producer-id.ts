import { ErrorCode } from '../../protocol/errors.ts';
import { InitProducerId } from '../../protocol/messages/22-init-producer-id.ts';
import { handlerOf } from '../handler.ts';

/**
 * InitProducerId 0–5: a new producer id with epoch 0 for an idempotent producer.
 *
 * There is no transaction coordinator yet: a transactional id is refused with an error that no client retries, rather than with
 * COORDINATOR_NOT_AVAILABLE, on which a producer would wait until its time is over.
 */
export const initProducerIdHandler = handlerOf(InitProducerId, (broker, request) => {
  if (request.transactionalId !== null) return { errorCode: ErrorCode.INVALID_REQUEST, producerEpoch: -1 };
  return broker.producerIds.take().then((producerId) => ({ errorCode: ErrorCode.NONE, producerId, producerEpoch: 0 }));
});
