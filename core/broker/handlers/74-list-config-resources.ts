import { type ClusterImage, GROUP_RESOURCE, type ResourceType, TOPIC_RESOURCE } from '../../controller/image.ts';
import { ErrorCode } from '../../protocol/errors.ts';
import { ListConfigResources } from '../../protocol/messages/74-list-config-resources.ts';
import { handlerOf } from '../handler.ts';

/**
 * ListConfigResources 0–1: which resources could be described. v0 asks for client metrics subscriptions alone (KIP-714); v1 for any types, and by an empty
 * list for all (KIP-1142). Topics and brokers are told with or without settings, subscriptions and groups only with one of their own.
 */
const BROKER = 4;
const BROKER_LOGGER = 8;
const CLIENT_METRICS = 16;
const ALL_TYPES: readonly number[] = [TOPIC_RESOURCE, BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP_RESOURCE];

export const listConfigResourcesHandler = handlerOf(ListConfigResources, ({ image }, { resourceTypes }, call) => {
  const asked = call.apiVersion === 0 ? [CLIENT_METRICS] : [...new Set(resourceTypes)];
  const wanted = asked.length === 0 ? ALL_TYPES : asked;
  if (wanted.some((type) => !ALL_TYPES.includes(type))) {
    return { errorCode: ErrorCode.UNSUPPORTED_VERSION, configResources: [] };
  }
  return {
    errorCode: ErrorCode.NONE,
    configResources: wanted.flatMap((resourceType) =>
      namesOf(image, resourceType).map((resourceName) => ({ resourceName, resourceType })),
    ),
  };
});

function namesOf(image: ClusterImage, resourceType: number): string[] {
  switch (resourceType) {
    case TOPIC_RESOURCE:
      return [...image.topics.keys()];
    case BROKER:
    case BROKER_LOGGER:
      return image.liveBrokers().map(({ brokerId }) => String(brokerId));
    default:
      return image.configuredNames(resourceType as ResourceType);
  }
}
