import { ErrorCode } from '../../protocol/errors.ts';
import { DescribeAcls } from '../../protocol/messages/29-describe-acls.ts';
import { handlerOf, NoResponse } from '../handler.ts';
import { hasUnknownCode, UNKNOWN_CODES } from '../security/acl-codes.ts';

/** DescribeAcls 1–3: there is no authorizer. */
export const describeAclsHandler = handlerOf(DescribeAcls, (_broker, request) => {
  const { resourceTypeFilter, patternTypeFilter, operation, permissionType } = request;
  if (hasUnknownCode({ resourceType: resourceTypeFilter, patternType: patternTypeFilter, operation, permissionType })) {
    return new NoResponse(UNKNOWN_CODES);
  }
  return {
    errorCode: ErrorCode.SECURITY_DISABLED,
    errorMessage: 'No Authorizer is configured on the broker',
    resources: [],
  };
});
