import { ErrorCode } from '../../protocol/errors.ts';
import { DeleteAcls } from '../../protocol/messages/31-delete-acls.ts';
import { handlerOf, NoResponse } from '../handler.ts';
import { hasUnknownCode, NO_AUTHORIZER, UNKNOWN_CODES } from '../security/acl-codes.ts';

/** DeleteAcls 1–3: there is no authorizer. */
export const deleteAclsHandler = handlerOf(DeleteAcls, (_broker, request) => {
  const isUnknown = request.filters.some(({ resourceTypeFilter, patternTypeFilter, operation, permissionType }) =>
    hasUnknownCode({ resourceType: resourceTypeFilter, patternType: patternTypeFilter, operation, permissionType }),
  );
  if (isUnknown) return new NoResponse(UNKNOWN_CODES);
  return {
    filterResults: request.filters.map(() => ({
      errorCode: ErrorCode.SECURITY_DISABLED,
      errorMessage: NO_AUTHORIZER,
      matchingAcls: [],
    })),
  };
});
