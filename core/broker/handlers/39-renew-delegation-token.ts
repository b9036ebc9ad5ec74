import { ErrorCode } from '../../protocol/errors.ts';
import { RenewDelegationToken } from '../../protocol/messages/39-renew-delegation-token.ts';
import { handlerOf } from '../handler.ts';

/** RenewDelegationToken 1–2: not over a connection whose client did not log in, so never here. */
export const renewDelegationTokenHandler = handlerOf(RenewDelegationToken, () => ({
  errorCode: ErrorCode.DELEGATION_TOKEN_REQUEST_NOT_ALLOWED,
  expiryTimestampMs: -1,
}));
