import { DescribeConfigs } from '../../protocol/messages/32-describe-configs.ts';
import { IncrementalAlterConfigs } from '../../protocol/messages/44-incremental-alter-configs.ts';
import { ListConfigResources } from '../../protocol/messages/74-list-config-resources.ts';
import type { AdminCalls } from './admin-calls.ts';

/** Settings of topics, brokers, groups, subscriptions to client metrics and loggers: read, and changed one by one (KIP-339). */
export const RESOURCE_TYPES = {
  topic: 2,
  broker: 4,
  'broker-logger': 8,
  'client-metrics': 16,
  group: 32,
} as const;

export type ResourceType = keyof typeof RESOURCE_TYPES;

export interface ConfigResource {
  readonly type: ResourceType;
  /** Of a broker: its id, or empty for what holds on all brokers. */
  readonly name: string;
}

export interface ConfigEntry {
  readonly name: string;
  readonly value: string | null;
  readonly readOnly: boolean;
  readonly isSensitive: boolean;
  /** Kafka's config source: 1 topic, 2 broker, 3 all brokers, 4 static, 5 default, 6 logger, 7 client metrics, 8 group. */
  readonly source: number;
}

const OPERATIONS = { set: 0, delete: 1, append: 2, subtract: 3 } as const;

export interface ConfigChange {
  readonly name: string;
  readonly operation: keyof typeof OPERATIONS;
  /** Not with `delete`. */
  readonly value?: string;
}

export interface ConfigChanges extends ConfigResource {
  readonly changes: readonly ConfigChange[];
}

/** By `type:name`. */
export async function describeConfigs(
  calls: AdminCalls,
  resources: readonly ConfigResource[],
): Promise<ReadonlyMap<string, readonly ConfigEntry[]>> {
  const described = new Map<string, readonly ConfigEntry[]>();
  for (const resource of resources) {
    const body = {
      resources: [
        { resourceType: RESOURCE_TYPES[resource.type], resourceName: resource.name, configurationKeys: null },
      ],
    };
    await calls.retrying('describe configs', async () => {
      const owner = ownerOf(resource);
      const response = await (owner === null
        ? calls.atAny(DescribeConfigs, body)
        : calls.atBroker(owner, DescribeConfigs, body));
      for (const result of response.results) {
        calls.check(result.errorCode, `${resource.type} ${resource.name}`, result.errorMessage);
        const entries = result.configs.map(({ name, value, readOnly, isSensitive, configSource }) => ({
          name,
          value,
          readOnly,
          isSensitive,
          source: configSource,
        }));
        described.set(`${resource.type}:${resource.name}`, entries);
      }
    });
  }
  return described;
}

/** All changes of a resource, or none of them. */
export async function alterConfigs(
  calls: AdminCalls,
  resources: readonly ConfigChanges[],
  validateOnly: boolean,
): Promise<void> {
  for (const resource of resources) {
    const configs = resource.changes.map(({ name, operation, value }) => ({
      name,
      configOperation: OPERATIONS[operation],
      value: value ?? null,
    }));
    const body = {
      resources: [{ resourceType: RESOURCE_TYPES[resource.type], resourceName: resource.name, configs }],
      validateOnly,
    };
    await calls.retrying('alter configs', async () => {
      const owner = ownerOf(resource);
      const response = await (owner === null
        ? calls.atController(IncrementalAlterConfigs, body)
        : calls.atBroker(owner, IncrementalAlterConfigs, body));
      for (const each of response.responses)
        calls.check(each.errorCode, `${resource.type} ${resource.name}`, each.errorMessage);
    });
  }
}

export function listConfigResources(calls: AdminCalls, type: ResourceType): Promise<readonly string[]> {
  return calls.retrying('list config resources', async () => {
    const response = await calls.atAny(ListConfigResources, { resourceTypes: [RESOURCE_TYPES[type]] });
    calls.check(response.errorCode, `resources of type ${type}`);
    return response.configResources
      .filter(({ resourceType }) => resourceType === RESOURCE_TYPES[type])
      .map(({ resourceName }) => resourceName)
      .sort();
  });
}

/** The broker that itself knows these settings; null for those of the cluster. */
function ownerOf({ type, name }: ConfigResource): number | null {
  return (type === 'broker' || type === 'broker-logger') && name !== '' ? Number(name) : null;
}
