import { NotControllerError } from '../../controller/controller.ts';
import { ErrorCode } from '../../protocol/errors.ts';
import { Envelope } from '../../protocol/messages/58-envelope.ts';
import { frameOf } from '../envelope.ts';
import { nodeHandlerOf } from '../handler.ts';

/** Envelope 0, at controllers: a client's request that a broker forwards (KIP-590). What is in it is answered as if it had come here. */
export const envelopeHandler = nodeHandlerOf(Envelope, async (node, { requestData }, call) => {
  const refused = (errorCode: number) => ({ responseData: null, errorCode });
  if (!node.controller.isActive) return refused(ErrorCode.NOT_CONTROLLER);
  try {
    const reply = await node.handleForwarded(Buffer.from(requestData), call.connection);
    if (reply.kind !== 'send') return refused(ErrorCode.INVALID_REQUEST);
    return { responseData: frameOf(reply.parts), errorCode: ErrorCode.NONE };
  } catch (error) {
    if (!(error instanceof NotControllerError)) throw error;
    return refused(ErrorCode.NOT_CONTROLLER);
  }
});
