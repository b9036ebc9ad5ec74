import { ErrorCode } from '../../protocol/errors.ts';
import { SaslHandshake } from '../../protocol/messages/17-sasl-handshake.ts';
import { nodeHandlerOf } from '../handler.ts';

/** SaslHandshake 0–1: out of place on a listener without SASL, as it is after authentication. No mechanism is named: there is none to choose. */
export const saslHandshakeHandler = nodeHandlerOf(SaslHandshake, () => ({
  errorCode: ErrorCode.ILLEGAL_SASL_STATE,
  mechanisms: [],
}));
