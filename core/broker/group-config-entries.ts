import { CONFIG_TYPE_CODES } from '../controller/config-definition.ts';
import { GROUP_CONFIGS } from '../controller/group-config.ts';
import { type ClusterImage, GROUP_RESOURCE } from '../controller/image.ts';
import { brokerConfigDefinition } from './config.ts';
import type { ConfigEntry } from './config-entries.ts';
import { CONFIG_SOURCE, type Settings } from './settings.ts';

/** The settings of a group as DescribeConfigs tells them: its own, then what stands behind them. A group need not exist to be described. */
export function groupConfigEntries(settings: Settings, image: ClusterImage, groupId: string): ConfigEntry[] {
  const own = image.configsOf(GROUP_RESOURCE, groupId);
  return [...GROUP_CONFIGS.values()].map((definition) => {
    const { name, brokerSynonym } = definition;
    const synonyms: { name: string; value: string; source: number }[] = [];
    const ownValue = own.get(name);
    if (ownValue !== undefined) synonyms.push({ name, value: ownValue, source: CONFIG_SOURCE.DYNAMIC_GROUP });
    for (const each of brokerSynonym === null ? [] : settings.valuesOf(brokerSynonym)) {
      synonyms.push({ name: brokerSynonym!, ...each });
    }
    const lastName = brokerSynonym ?? name;
    const lastValue =
      (brokerSynonym === null ? null : brokerConfigDefinition(brokerSynonym)?.defaultValue) ?? definition.defaultValue;
    synonyms.push({ name: lastName, value: lastValue, source: CONFIG_SOURCE.DEFAULT });
    return {
      name,
      value: synonyms[0]!.value,
      readOnly: false,
      configSource: synonyms[0]!.source,
      isSensitive: false,
      synonyms,
      configType: CONFIG_TYPE_CODES[definition.type],
      documentation: definition.documentation ?? null,
    };
  });
}
