import { ErrorCode } from '../protocol/errors.ts';
import { CLIENT_METRICS_CONFIGS, checkClientMetricsConfigs } from './client-metrics-config.ts';
import { type ConfigDefinition, parseConfig } from './config-definition.ts';
import { ACCEPTED, type Decision, type Outcome, refused } from './decision.ts';
import { checkGroupConfigs, GROUP_CONFIGS } from './group-config.ts';
import {
  BROKER_RESOURCE,
  CLIENT_METRICS_RESOURCE,
  type ClusterImage,
  GROUP_RESOURCE,
  type ResourceType,
  TOPIC_RESOURCE,
} from './image.ts';
import type { NewMetadataRecord } from './records/metadata-record.ts';
import { checkTopicConfigs, TOPIC_CONFIGS } from './topic-config.ts';
import { topicNameProblem } from './topic-name.ts';

/**
 * Decisions about the settings of topics, brokers and groups, pure. Legacy AlterConfigs replaces all settings of a resource; IncrementalAlterConfigs changes single ones.
 */
export const CONFIG_OPERATION = { SET: 0, DELETE: 1, APPEND: 2, SUBTRACT: 3 } as const;

export interface ConfigChange {
  readonly name: string;
  /** One of CONFIG_OPERATION, as it came from the wire. */
  readonly operation: number;
  readonly value: string | null;
}

export interface ResourceChange {
  readonly resourceType: number;
  readonly resourceName: string;
  readonly changes: readonly ConfigChange[];
}

/** The settings of brokers that may change while they run; the broker's room knows them. */
export interface BrokerConfigRules {
  definition(name: string): ConfigDefinition | undefined;
  /** null, or why the setting cannot be given this value at run time. */
  dynamicProblem(name: string, value: string): string | null;
  /** What holds for a setting now. */
  valueOf(name: string): string;
  /** Whether clients can be matched by it. */
  isExpression(text: string): boolean;
}

export interface AlteredResource extends Outcome {
  readonly resourceType: number;
  readonly resourceName: string;
}

export function alterConfigs(
  image: ClusterImage,
  resources: readonly ResourceChange[],
  rules: BrokerConfigRules,
  mode: 'incremental' | 'replace',
): Decision<readonly AlteredResource[]> {
  const records: NewMetadataRecord[] = [];
  const keyOf = (resource: ResourceChange) => `${resource.resourceType}:${resource.resourceName}`;
  const counts = new Map<string, number>();
  for (const resource of resources) counts.set(keyOf(resource), (counts.get(keyOf(resource)) ?? 0) + 1);
  const response = resources.map((resource) => {
    const outcome =
      counts.get(keyOf(resource))! > 1
        ? refused(ErrorCode.INVALID_REQUEST, 'Each resource may be named once.')
        : alterResource(image, resource, rules, mode, records);
    return { ...outcome, resourceType: resource.resourceType, resourceName: resource.resourceName };
  });
  return { records, response };
}

function alterResource(
  image: ClusterImage,
  resource: ResourceChange,
  rules: BrokerConfigRules,
  mode: 'incremental' | 'replace',
  records: NewMetadataRecord[],
): Outcome {
  const { resourceType, resourceName } = resource;
  if (!isResourceType(resourceType)) {
    return refused(ErrorCode.INVALID_REQUEST, `Unknown resource type ${resourceType}`);
  }
  const missing = missingResource(image, resourceType, resourceName);
  if (missing !== null) return missing;
  const names = resource.changes.map((change) => change.name);
  if (new Set(names).size !== names.length) return refused(ErrorCode.INVALID_REQUEST, 'A config is named twice.');
  const before = image.configsOf(resourceType, resourceName);
  const after = new Map(mode === 'replace' ? [] : before);
  for (const change of resource.changes) {
    const definition = definitionOf(resourceType, change.name, rules);
    if (
      resourceType === CLIENT_METRICS_RESOURCE &&
      definition === undefined &&
      change.operation === CONFIG_OPERATION.SET
    ) {
      return refused(ErrorCode.INVALID_REQUEST, `Unknown client metrics configuration: ${change.name}`);
    }
    const problem = applyChange(after, change, definition);
    if (problem !== null) return problem;
    const value = after.get(change.name);
    if (resourceType === BROKER_RESOURCE && value !== undefined) {
      // Of brokers, what cannot be set now and what is no value are one error, as in Kafka.
      const parsed = parseConfig(definition!, value);
      const valueProblem = parsed.ok ? rules.dynamicProblem(change.name, value) : parsed.message;
      if (valueProblem !== null) return refused(ErrorCode.INVALID_REQUEST, valueProblem);
    }
  }
  if (resourceType === TOPIC_RESOURCE) {
    const problem = checkTopicConfigs(after);
    if (problem !== null) return refused(ErrorCode.INVALID_CONFIG, problem);
  }
  if (resourceType === GROUP_RESOURCE) {
    const problem = checkGroupConfigs(after, rules.valueOf);
    if (problem !== null) return refused(ErrorCode.INVALID_CONFIG, problem);
  }
  if (resourceType === CLIENT_METRICS_RESOURCE) {
    const problem = checkClientMetricsConfigs(after, rules.isExpression);
    if (problem !== null) {
      const errorCode = problem.kind === 'config' ? ErrorCode.INVALID_CONFIG : ErrorCode.INVALID_REQUEST;
      return refused(errorCode, problem.message);
    }
  }
  for (const [name, value] of after) {
    if (before.get(name) !== value) records.push({ kind: 'config', resourceType, resourceName, name, value });
  }
  for (const name of before.keys()) {
    if (!after.has(name)) records.push({ kind: 'config', resourceType, resourceName, name, value: null });
  }
  return ACCEPTED;
}

function isResourceType(type: number): type is ResourceType {
  return (
    type === TOPIC_RESOURCE || type === BROKER_RESOURCE || type === GROUP_RESOURCE || type === CLIENT_METRICS_RESOURCE
  );
}

function definitionOf(
  resourceType: ResourceType,
  name: string,
  rules: BrokerConfigRules,
): ConfigDefinition | undefined {
  switch (resourceType) {
    case TOPIC_RESOURCE:
      return TOPIC_CONFIGS.get(name);
    case BROKER_RESOURCE:
      return rules.definition(name);
    case GROUP_RESOURCE:
      return GROUP_CONFIGS.get(name);
    case CLIENT_METRICS_RESOURCE:
      return CLIENT_METRICS_CONFIGS.get(name);
  }
}

function missingResource(image: ClusterImage, resourceType: ResourceType, resourceName: string): Outcome | null {
  if (resourceType === TOPIC_RESOURCE) {
    if (resourceName === '') return refused(ErrorCode.INVALID_REQUEST, 'Default topic resources are not allowed.');
    const nameProblem = topicNameProblem(resourceName);
    if (nameProblem !== null) return refused(ErrorCode.INVALID_TOPIC_EXCEPTION, nameProblem);
    return image.topics.has(resourceName)
      ? null
      : refused(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `The topic '${resourceName}' does not exist.`);
  }
  if (resourceType === GROUP_RESOURCE) {
    // A group may be configured before it exists.
    return resourceName === '' ? refused(ErrorCode.INVALID_REQUEST, 'Default group resources are not allowed.') : null;
  }
  if (resourceType === CLIENT_METRICS_RESOURCE) {
    return resourceName === '' ? refused(ErrorCode.INVALID_REQUEST, "Subscription name can't be empty") : null;
  }
  if (resourceName === '') return null; // the default of all brokers
  const id = Number(resourceName);
  return Number.isInteger(id) && image.brokers.has(id)
    ? null
    : refused(ErrorCode.INVALID_REQUEST, `'${resourceName}' is the id of no broker.`);
}

/** Changes `configs`, or says why not. */
function applyChange(
  configs: Map<string, string>,
  change: ConfigChange,
  definition: ConfigDefinition | undefined,
): Outcome | null {
  const { name, operation, value } = change;
  if (operation === CONFIG_OPERATION.DELETE) {
    configs.delete(name);
    return null;
  }
  if (definition === undefined) return refused(ErrorCode.INVALID_CONFIG, `Unknown config name: ${name}`);
  if (value === null) return refused(ErrorCode.INVALID_REQUEST, `Null value not supported for: ${name}`);
  if (operation === CONFIG_OPERATION.SET) {
    configs.set(name, value);
    return null;
  }
  if (operation !== CONFIG_OPERATION.APPEND && operation !== CONFIG_OPERATION.SUBTRACT) {
    return refused(ErrorCode.INVALID_REQUEST, `Unknown config operation ${operation}.`);
  }
  if (definition.type !== 'list' || CLIENT_METRICS_CONFIGS.has(name)) {
    return refused(ErrorCode.INVALID_CONFIG, `Can't APPEND to or SUBTRACT from ${name}: it is no list.`);
  }
  const current = listOf(configs.get(name) ?? definition.defaultValue ?? '');
  const given = listOf(value);
  const next =
    operation === CONFIG_OPERATION.APPEND
      ? [...current, ...given.filter((each) => !current.includes(each))]
      : current.filter((each) => !given.includes(each));
  configs.set(name, next.join(','));
  return null;
}

function listOf(text: string): string[] {
  return text
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '');
}
