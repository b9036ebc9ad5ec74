/**
 * What a setting is: name, type, default, what values it takes. One small kit for the settings of brokers and of topics.
 *
 * Invariant: values travel as text, as Kafka's properties and its wire have them; `parseConfig` is the one place where text becomes a value.
 */
export type ConfigType = 'boolean' | 'int' | 'short' | 'long' | 'double' | 'string' | 'list' | 'password' | 'class';

export interface ConfigDefinition {
  readonly name: string;
  readonly type: ConfigType;
  /** As text; null = not set. */
  readonly defaultValue: string | null;
  readonly min?: number;
  readonly max?: number;
  /** Numbers between them that are none of its values. */
  readonly noneOf?: readonly number[];
  /** For strings and lists. */
  readonly oneOf?: readonly string[];
  /** For strings and lists: what the whole of it looks like, and that in words. */
  readonly pattern?: { readonly test: RegExp; readonly words: string };
  readonly documentation?: string;
}

export type ConfigValue = boolean | number | string | readonly string[];
export type ParsedConfig =
  | { readonly ok: true; readonly value: ConfigValue }
  | { readonly ok: false; readonly message: string };

const BOUNDS: Readonly<Partial<Record<ConfigType, readonly [number, number]>>> = {
  short: [-32768, 32767],
  int: [-2147483648, 2147483647],
  long: [-(2 ** 63), 2 ** 63],
  double: [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY],
};

/** Kafka's numbers for types in DescribeConfigs. */
export const CONFIG_TYPE_CODES: Readonly<Record<ConfigType, number>> = {
  boolean: 1,
  string: 2,
  int: 3,
  short: 4,
  long: 5,
  double: 6,
  list: 7,
  class: 8,
  password: 9,
};

/** The text of each setting that was parsed last: settings are asked for far more often than they change. */
const lastParsed = new WeakMap<ConfigDefinition, { readonly text: string; readonly parsed: ParsedConfig }>();

/** i64 values beyond 2^53 (Kafka's "never" is 2^63−1) come out as 2^53−1, which is as far away. */
export function parseConfig(definition: ConfigDefinition, text: string): ParsedConfig {
  const last = lastParsed.get(definition);
  if (last !== undefined && last.text === text) return last.parsed;
  const parsed = parseText(definition, text);
  lastParsed.set(definition, { text, parsed });
  return parsed;
}

function parseText(definition: ConfigDefinition, text: string): ParsedConfig {
  const raw = text.trim();
  const invalid = (): ParsedConfig => ({
    ok: false,
    message: `Invalid value ${raw === '' ? "''" : raw} for configuration ${definition.name}: ${allowedValues(definition)}`,
  });
  switch (definition.type) {
    case 'boolean': {
      const lower = raw.toLowerCase();
      if (lower !== 'true' && lower !== 'false') return invalid();
      return { ok: true, value: lower === 'true' };
    }
    case 'int':
    case 'short':
    case 'long':
    case 'double': {
      const pattern = definition.type === 'double' ? /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/ : /^[+-]?\d+$/;
      if (!pattern.test(raw)) return invalid();
      const value = Number(raw);
      const [low, high] = BOUNDS[definition.type]!;
      if (value < Math.max(low, definition.min ?? low) || value > Math.min(high, definition.max ?? high)) {
        return invalid();
      }
      if (definition.noneOf?.includes(value)) return invalid();
      const clamped = Math.max(-Number.MAX_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, value));
      return { ok: true, value: clamped };
    }
    case 'list': {
      if (definition.pattern !== undefined && !definition.pattern.test.test(raw)) return invalid();
      const values = raw === '' ? [] : raw.split(',').map((each) => each.trim());
      if (definition.oneOf !== undefined && !values.every((each) => definition.oneOf!.includes(each))) return invalid();
      return { ok: true, value: values };
    }
    case 'string':
      if (definition.oneOf !== undefined && !definition.oneOf.includes(raw)) return invalid();
      if (definition.pattern !== undefined && !definition.pattern.test.test(raw)) return invalid();
      return { ok: true, value: raw };
    case 'password':
    case 'class':
      return { ok: true, value: raw };
  }
}

/** For people: what the setting takes. */
export function allowedValues(definition: ConfigDefinition): string {
  const { type, min, max, noneOf, oneOf, pattern } = definition;
  if (pattern !== undefined) return pattern.words;
  if (oneOf !== undefined) return `${type === 'list' ? 'a list of' : 'one of'} ${oneOf.join(', ')}`;
  if (type === 'boolean') return 'true or false';
  if (type === 'string' || type === 'list' || type === 'password' || type === 'class') return `a ${type}`;
  const kind = type === 'double' ? 'a number' : `an integer (${type})`;
  const but = noneOf === undefined ? '' : `, but not ${noneOf.join(', ')}`;
  if (min !== undefined && max !== undefined) return `${kind} from ${min} to ${max}${but}`;
  if (min !== undefined) return `${kind}, at least ${min}`;
  return max === undefined ? kind : `${kind}, at most ${max}`;
}

/** The known name nearest to a misspelt one, or null when none is near. */
export function nearestName(name: string, names: Iterable<string>): string | null {
  let best: string | null = null;
  let bestDistance = Math.max(2, Math.floor(name.length / 4)) + 1;
  for (const candidate of names) {
    if (Math.abs(candidate.length - name.length) >= bestDistance) continue;
    const distance = editDistance(name, candidate);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substituted = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substituted, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}
