import { CLIENT_METRICS_CONFIGS } from '../../controller/client-metrics-config.ts';
import { BROKER_RESOURCE, CLIENT_METRICS_RESOURCE, GROUP_RESOURCE, TOPIC_RESOURCE } from '../../controller/image.ts';
import { TOPIC_CONFIGS } from '../../controller/topic-config.ts';
import { topicNameProblem } from '../../controller/topic-name.ts';
import { ErrorCode } from '../../protocol/errors.ts';
import { DescribeConfigs } from '../../protocol/messages/32-describe-configs.ts';
import { BROKER_CONFIGS } from '../config-definitions.ts';
import { brokerConfigEntry, type ConfigEntry, clientMetricsConfigEntry, topicConfigEntry } from '../config-entries.ts';
import { KNOWN_KAFKA_CONFIGS } from '../config-known.ts';
import { groupConfigEntries } from '../group-config-entries.ts';
import { handlerOf } from '../handler.ts';
import { BROKER_LOGGER_RESOURCE } from '../logger-decisions.ts';
import type { BrokerServices } from '../services.ts';
import { CONFIG_SOURCE } from '../settings.ts';

/** DescribeConfigs 1–4 of topics, brokers and groups: null keys ask for every setting, those with their default included. Broker '' is the default of all brokers. */
export const describeConfigsHandler = handlerOf(DescribeConfigs, (broker, request) => ({
  results: request.resources.map(({ resourceType, resourceName, configurationKeys }) => {
    const found = entriesOf(broker, resourceType, resourceName);
    if (!Array.isArray(found)) {
      const { errorCode, errorMessage } = found as Problem;
      return { errorCode, errorMessage, resourceType, resourceName, configs: [] };
    }
    const wanted = configurationKeys === null || configurationKeys.length === 0 ? null : new Set(configurationKeys);
    return {
      errorCode: ErrorCode.NONE,
      errorMessage: '',
      resourceType,
      resourceName,
      configs: (found as ConfigEntry[])
        .filter((entry) => wanted === null || wanted.has(entry.name))
        .map((entry) => ({
          ...entry,
          synonyms: request.includeSynonyms ? entry.synonyms : [],
          documentation: request.includeDocumentation ? entry.documentation : null,
        })),
    };
  }),
}));

interface Problem {
  readonly errorCode: number;
  readonly errorMessage: string;
}

function entriesOf(broker: BrokerServices, resourceType: number, resourceName: string): ConfigEntry[] | Problem {
  switch (resourceType) {
    case TOPIC_RESOURCE: {
      const nameProblem = topicNameProblem(resourceName);
      if (nameProblem !== null) return { errorCode: ErrorCode.INVALID_TOPIC_EXCEPTION, errorMessage: nameProblem };
      if (!broker.image.topics.has(resourceName)) {
        return {
          errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
          errorMessage: `The topic '${resourceName}' does not exist.`,
        };
      }
      const own = broker.image.configsOf(TOPIC_RESOURCE, resourceName);
      return [...TOPIC_CONFIGS.values()].map((definition) => topicConfigEntry(broker.settings, definition, own));
    }
    case BROKER_RESOURCE: {
      const all = [...BROKER_CONFIGS, ...KNOWN_KAFKA_CONFIGS];
      if (resourceName === '') {
        const defaults = broker.image.configsOf(BROKER_RESOURCE, '');
        return all.flatMap((definition) => {
          const value = defaults.get(definition.name);
          if (value === undefined) return [];
          return [brokerConfigEntry(definition, [{ value, source: CONFIG_SOURCE.DYNAMIC_DEFAULT_BROKER }])];
        });
      }
      const problem = brokerIdProblem(broker, resourceName, ' or empty string,');
      if (problem !== null) return problem;
      return all.flatMap((definition) => {
        const values = broker.settings.valuesOf(definition.name);
        return definition.isHidden === true && values.length === 0 ? [] : [brokerConfigEntry(definition, values)];
      });
    }
    case BROKER_LOGGER_RESOURCE: {
      if (resourceName === '') {
        return { errorCode: ErrorCode.INVALID_REQUEST, errorMessage: 'Broker id must not be empty' };
      }
      // What is logged here has no levels.
      return brokerIdProblem(broker, resourceName, '') ?? [];
    }
    case CLIENT_METRICS_RESOURCE: {
      if (resourceName === '') {
        return {
          errorCode: ErrorCode.INVALID_REQUEST,
          errorMessage: 'Client metrics subscription name must not be empty',
        };
      }
      const own = broker.image.configsOf(CLIENT_METRICS_RESOURCE, resourceName);
      return [...CLIENT_METRICS_CONFIGS.values()].map((definition) => clientMetricsConfigEntry(definition, own));
    }
    case GROUP_RESOURCE:
      return resourceName === ''
        ? { errorCode: ErrorCode.INVALID_REQUEST, errorMessage: 'Group name must not be empty' }
        : groupConfigEntries(broker.settings, broker.image, resourceName);
    default:
      return { errorCode: ErrorCode.INVALID_REQUEST, errorMessage: `Unsupported resource type ${resourceType}.` };
  }
}

function brokerIdProblem({ nodeId }: BrokerServices, resourceName: string, or: string): Problem | null {
  if (resourceName === String(nodeId)) return null;
  const errorMessage = /^[+-]?\d+$/.test(resourceName)
    ? `Unexpected broker id, expected ${nodeId}${or} but received ${resourceName}`
    : `Broker id must be an integer, but it is: ${resourceName}`;
  return { errorCode: ErrorCode.INVALID_REQUEST, errorMessage };
}
