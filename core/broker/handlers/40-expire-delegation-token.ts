import { ErrorCode } from '../../protocol/errors.ts';
import { ExpireDelegationToken } from '../../protocol/messages/40-expire-delegation-token.ts';
import { handlerOf } from '../handler.ts';

/** ExpireDelegationToken 1–2: not over a connection whose client did not log in, so never here. */
export const expireDelegationTokenHandler = handlerOf(ExpireDelegationToken, () => ({
  errorCode: ErrorCode.DELEGATION_TOKEN_REQUEST_NOT_ALLOWED,
  expiryTimestampMs: -1,
}));
