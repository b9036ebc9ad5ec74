// Two answers, field by field. First each is brought to a form in which only behaviour differs (RULES, each with its reason); what is left is a difference.
import type { Json } from '../foreign/wire-probe.ts';

export interface Difference {
  /** As in `topics[0].partitions[1].errorCode`, of the sorted answer. */
  readonly path: string;
  readonly ours: Json | undefined;
  readonly kafka: Json | undefined;
}

interface Rule {
  readonly fields: readonly string[];
  /** `alias`: a value stands for the first, second, … of its kind, zero values stay. `time`: only whether there is one. `presence`: only whether there is one. */
  readonly as: 'alias' | 'time' | 'presence';
  readonly kind?: string;
  readonly reason: string;
}

export const RULES: readonly Rule[] = [
  { fields: ['topicId'], as: 'alias', reason: 'topic ids are random' },
  { fields: ['memberId', 'leader'], as: 'alias', kind: 'memberId', reason: 'member ids are random' },
  {
    fields: ['producerId', 'currentTxnProducerId'],
    as: 'alias',
    kind: 'producerId',
    reason: 'ids are handed out in blocks',
  },
  { fields: ['sessionId'], as: 'alias', reason: 'session ids are random' },
  { fields: ['clusterId'], as: 'alias', reason: 'each cluster has its own' },
  { fields: ['clientInstanceId', 'subscriptionId'], as: 'alias', reason: 'random' },
  {
    fields: ['directoryId', 'replicaDirectoryId', 'logDir'],
    as: 'alias',
    kind: 'directory',
    reason: 'each broker has its own folder',
  },
  { fields: ['port'], as: 'alias', reason: 'free ports' },
  {
    fields: [
      'timestampMs',
      'maxTimestampMs',
      'logAppendTimeMs',
      'timestamp',
      'lastTimestamp',
      'transactionStartTimeMs',
      'lastFetchTimestamp',
      'lastCaughtUpTimestamp',
    ],
    as: 'time',
    reason: 'two clocks',
  },
  {
    fields: ['finalizedFeaturesEpoch', 'totalBytes', 'usableBytes'],
    as: 'time',
    reason: 'grows with each broker’s own metadata, or is the machine’s',
  },
  {
    fields: ['errorMessage', 'batchIndexErrorMessage', 'acknowledgeErrorMessage'],
    as: 'presence',
    reason: 'our words are our own; the codes are compared',
  },
];

const ruleOf = new Map(RULES.flatMap((rule) => rule.fields.map((field) => [field, rule])));
/** Given times are compared as they are; times of the clock are near now. */
const clockTimeMsMin = 1_750_000_000_000;
const nothing = new Set<Json>(['', 0, -1, 'AAAAAAAAAAAAAAAAAAAAAA']);

/** What one broker's random values stand for, over the whole run. */
export class Aliases {
  readonly #kinds = new Map<string, Map<Json, string>>();

  of(kind: string, value: Json): Json {
    if (value === null || nothing.has(value)) return value;
    let known = this.#kinds.get(kind);
    if (known === undefined) this.#kinds.set(kind, (known = new Map()));
    let alias = known.get(value);
    if (alias === undefined) known.set(value, (alias = `${kind} #${known.size + 1}`));
    return alias;
  }

  /** An id that is told beside its name. */
  name(kind: string, value: Json, name: string): void {
    if (value === null || nothing.has(value)) return;
    const known = this.#kinds.get(kind) ?? new Map<Json, string>();
    this.#kinds.set(kind, known);
    if (!known.has(value))
      known.set(
        value,
        `${kind} of ${name} (#${[...known.values()].filter((each) => each.includes(` of ${name} (`)).length + 1})`,
      );
  }
}

/** Answers in which the order says something. Elsewhere Kafka's order is that of its hash tables. */
const ordered = new Set(['Fetch', 'ShareFetch', 'DescribeTopicPartitions']);
/** Fields that name an element among its neighbours. */
const keys = [
  'apiKey',
  'name',
  'topic',
  'topicName',
  'partitionIndex',
  'partition',
  'partitionId',
  'index',
  'groupId',
  'resourceName',
  'transactionalId',
  'key',
  'feature',
  'user',
  'nodeId',
  'brokerId',
  'replicaId',
  'groupInstanceId',
  'mechanism',
];
const timesEvenIfSmall = new Set(['finalizedFeaturesEpoch', 'totalBytes', 'usableBytes']);

export function normalised(api: string, answer: Json, aliases: Aliases): Json {
  return aliased(arranged(answer, ordered.has(api)), aliases);
}

/** Lists whose elements have names of their own become objects by that name; others are sorted, where the order says nothing. */
function arranged(value: Json, isOrdered: boolean): Json {
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) {
    const list = value.map((each) => arranged(each, isOrdered));
    if (isOrdered) return list;
    return (
      byName(list) ??
      list
        .map((each) => ({ key: sortKey(each), each }))
        .sort(bySortKey)
        .map(({ each }) => each)
    );
  }
  const entries = Object.entries(value as Record<string, Json>);
  return Object.fromEntries(
    entries.map(([name, each]) => [name, arranged(each, isOrdered || name === 'records' || name === 'replicas')]),
  );
}

function byName(list: readonly Json[]): Json | undefined {
  const [first] = list;
  if (!isObject(first)) return undefined;
  for (const key of keys) {
    if (!(key in first)) continue;
    const names = list.map((each) => (isObject(each) ? each[key] : undefined));
    if (names.some((name) => typeof name !== 'string' && typeof name !== 'number')) continue;
    if (new Set(names).size !== names.length) continue;
    const entries = names.map((name, i): [string, Json] => [String(name), list[i]!]);
    return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
  }
  return undefined;
}

const bySortKey = (a: { key: string }, b: { key: string }): number => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0);

/** Numbers have one width; random values do not count. */
function sortKey(value: Json): string {
  return JSON.stringify(value, (name, each: Json) => {
    if (ruleOf.has(name)) return undefined;
    return typeof each === 'number' ? String(each + 1e9).padStart(16, '0') : each;
  });
}

function aliased(value: Json, aliases: Aliases): Json {
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map((each) => aliased(each, aliases));
  const object = value as Record<string, Json>;
  const name = object.name ?? object.topic ?? object.topicName;
  if (typeof object.topicId === 'string' && typeof name === 'string' && name !== '') {
    aliases.name('topicId', object.topicId, name);
  }
  const entries = Object.entries(object).map(([field, each]): [string, Json] => [field, ruled(field, each, aliases)]);
  return Object.fromEntries(entries);
}

function ruled(field: string, value: Json, aliases: Aliases): Json {
  const rule = ruleOf.get(field);
  if (rule === undefined || (value !== null && typeof value === 'object')) return aliased(value, aliases);
  switch (rule.as) {
    case 'alias':
      return aliases.of(rule.kind ?? field, value);
    case 'time': {
      const isTime =
        typeof value === 'number' && (value > clockTimeMsMin || (value > 0 && timesEvenIfSmall.has(field)));
      return isTime ? 'a time' : value;
    }
    case 'presence':
      return value === null || value === '' ? null : 'some words';
  }
}

export function differences(ours: Json | undefined, kafka: Json | undefined, path = ''): Difference[] {
  if (ours === kafka) return [];
  if (Array.isArray(ours) && Array.isArray(kafka)) {
    const found: Difference[] = [];
    for (let i = 0; i < Math.max(ours.length, kafka.length); i++) {
      found.push(...differences(ours[i], kafka[i], `${path}[${i}]`));
    }
    return found;
  }
  if (isObject(ours) && isObject(kafka)) {
    const names = new Set([...Object.keys(kafka), ...Object.keys(ours)]);
    return [...names].flatMap((name) => differences(ours[name], kafka[name], path === '' ? name : `${path}.${name}`));
  }
  return [{ path, ours, kafka }];
}

function isObject(value: Json | undefined): value is { readonly [name: string]: Json } {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}
