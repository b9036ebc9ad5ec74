import { ErrorCode } from '../../protocol/errors.ts';
import { SaslAuthenticate } from '../../protocol/messages/36-sasl-authenticate.ts';
import { handlerOf } from '../handler.ts';

/** SaslAuthenticate 0–2: out of place on a listener without SASL, where every client is authenticated as ANONYMOUS from the start. */
export const saslAuthenticateHandler = handlerOf(SaslAuthenticate, () => ({
  errorCode: ErrorCode.ILLEGAL_SASL_STATE,
  errorMessage: 'SaslAuthenticate request received after successful authentication',
  authBytes: Buffer.alloc(0),
}));
