import { describeScramCredentials } from '../../controller/scram-decisions.ts';
import { ErrorCode } from '../../protocol/errors.ts';
import { DescribeUserScramCredentials } from '../../protocol/messages/50-describe-user-scram-credentials.ts';
import { handlerOf } from '../handler.ts';

/** DescribeUserScramCredentials 0: mechanisms and iterations of users' credentials; null or nobody means all. */
export const describeUserScramCredentialsHandler = handlerOf(DescribeUserScramCredentials, (broker, request) => ({
  errorCode: ErrorCode.NONE,
  errorMessage: '',
  results: describeScramCredentials(broker.image.scramCredentials, request.users?.map(({ name }) => name) ?? null).map(
    (each) => ({ ...each, errorMessage: each.errorMessage ?? '' }),
  ),
}));
