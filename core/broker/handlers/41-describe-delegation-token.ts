import { ErrorCode } from '../../protocol/errors.ts';
import { DescribeDelegationToken } from '../../protocol/messages/41-describe-delegation-token.ts';
import { handlerOf } from '../handler.ts';

/** DescribeDelegationToken 1–3: not over a connection whose client did not log in, so never here. */
export const describeDelegationTokenHandler = handlerOf(DescribeDelegationToken, () => ({
  errorCode: ErrorCode.DELEGATION_TOKEN_REQUEST_NOT_ALLOWED,
  tokens: [],
}));
