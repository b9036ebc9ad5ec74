import { type AlteredResource, CONFIG_OPERATION, type ResourceChange } from '../controller/config-decisions.ts';
import { ACCEPTED, type Outcome, refused } from '../controller/decision.ts';
import { ErrorCode } from '../protocol/errors.ts';

/**
 * Alterations of the levels of a broker's loggers (KIP-412): of this process alone, never in the metadata. There are no loggers here that could be altered:
 * what the broker logs has no levels. So every name is unknown, and what is wrong beside that is told as Kafka tells it.
 */
export const BROKER_LOGGER_RESOURCE = 8;

export function alterLoggers(nodeId: number, resource: ResourceChange): AlteredResource {
  const { resourceType, resourceName } = resource;
  return { ...outcomeOf(nodeId, resource), resourceType, resourceName };
}

function outcomeOf(nodeId: number, { resourceName, changes }: ResourceChange): Outcome {
  if (!/^[+-]?\d+$/.test(resourceName)) {
    return refused(ErrorCode.INVALID_REQUEST, `Node id must be an integer, but it is: ${resourceName}`);
  }
  if (Number(resourceName) !== nodeId) {
    return refused(ErrorCode.INVALID_REQUEST, `Unexpected node id. Expected ${nodeId}, but received ${resourceName}`);
  }
  for (const { name, operation } of changes) {
    if (operation === CONFIG_OPERATION.SET || operation === CONFIG_OPERATION.DELETE) {
      return refused(ErrorCode.INVALID_CONFIG, `Logger ${name} does not exist!`);
    }
    return refused(ErrorCode.INVALID_REQUEST, `Operation ${operation} is not allowed for the BROKER_LOGGER resource`);
  }
  return ACCEPTED;
}
