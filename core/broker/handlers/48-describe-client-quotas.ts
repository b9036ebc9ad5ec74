import { matchingQuotas } from '../../controller/quota-decisions.ts';
import { ErrorCode } from '../../protocol/errors.ts';
import { DescribeClientQuotas } from '../../protocol/messages/48-describe-client-quotas.ts';
import { handlerOf } from '../handler.ts';

/** DescribeClientQuotas 0–1: the quotas of the entities that match the filter, as they were set. */
export const describeClientQuotasHandler = handlerOf(DescribeClientQuotas, (broker, request) => {
  const found = matchingQuotas(broker.image.clientQuotas, request.components, request.strict);
  if ('errorCode' in found) return { ...found, entries: null };
  return {
    errorCode: ErrorCode.NONE,
    errorMessage: '',
    entries: found.map(({ entity, values }) => ({
      entity: [...entity].map(([entityType, entityName]) => ({ entityType, entityName })),
      values: [...values].map(([key, value]) => ({ key, value })),
    })),
  };
});
