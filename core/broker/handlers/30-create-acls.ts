import { ErrorCode } from '../../protocol/errors.ts';
import { CreateAcls } from '../../protocol/messages/30-create-acls.ts';
import { handlerOf, NoResponse } from '../handler.ts';
import { hasUnknownCode, NO_AUTHORIZER, UNKNOWN_CODES } from '../security/acl-codes.ts';

/** CreateAcls 1–3: there is no authorizer. */
export const createAclsHandler = handlerOf(CreateAcls, (_broker, request) => {
  if (request.creations.some((each) => hasUnknownCode({ ...each, patternType: each.resourcePatternType }))) {
    return new NoResponse(UNKNOWN_CODES);
  }
  return {
    results: request.creations.map(() => ({ errorCode: ErrorCode.SECURITY_DISABLED, errorMessage: NO_AUTHORIZER })),
  };
});
