import { ErrorCode } from '../../protocol/errors.ts';
import { CreateDelegationToken } from '../../protocol/messages/38-create-delegation-token.ts';
import { handlerOf } from '../handler.ts';
import { ANONYMOUS_USER } from '../quotas/quotas.ts';

const USER_TYPE = 'User';
const NEVER_MS = -1;

/** CreateDelegationToken 1–3: not over a connection whose client did not log in, so never here. The answer says for whom the token would have been. */
export const createDelegationTokenHandler = handlerOf(CreateDelegationToken, (_broker, request) => {
  const { ownerPrincipalType, ownerPrincipalName } = request;
  const hasOwner = ownerPrincipalName !== null && ownerPrincipalName !== '';
  return {
    errorCode: ErrorCode.DELEGATION_TOKEN_REQUEST_NOT_ALLOWED,
    principalType: hasOwner ? (ownerPrincipalType ?? USER_TYPE) : USER_TYPE,
    principalName: hasOwner ? ownerPrincipalName : ANONYMOUS_USER,
    tokenRequesterPrincipalType: USER_TYPE,
    tokenRequesterPrincipalName: ANONYMOUS_USER,
    issueTimestampMs: NEVER_MS,
    expiryTimestampMs: NEVER_MS,
    maxTimestampMs: NEVER_MS,
    tokenId: '',
    hmac: Buffer.alloc(0),
  };
});
