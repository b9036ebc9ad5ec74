/**
 * Settings as data: a table of Kafka's property names with type, default and limits, from which come the parser and the TypeScript type.
 *
 * Invariant: what `parseSettings` returns has every setting of the table, valid. An unknown name, or a value outside its limits, is refused
 * with the name and what is allowed. Values may be native or text, as they come from a properties file or a command line.
 */
export class ConfigError extends Error {
  readonly setting: string;

  constructor(setting: string, message: string) {
    super(message);
    this.name = 'ConfigError';
    this.setting = setting;
  }
}

export interface Setting<T> {
  readonly defaultValue: T;
  /** What is allowed, for people. */
  readonly allowed: string;
  /** undefined when the value is not allowed. */
  parse(value: unknown): T | undefined;
}

// biome-ignore lint/suspicious/noExplicitAny: the value type of any setting; the types come from inference
export type Settings = Readonly<Record<string, Setting<any>>>;
export type ValuesOf<S extends Settings> = { readonly [K in keyof S]: S[K] extends Setting<infer T> ? T : never };
/** What a user writes: any subset of the names, values native or text. */
export type InputOf<S extends Settings> = { readonly [K in keyof S]?: unknown };

function parseInteger(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? value : undefined;
  if (typeof value !== 'string' || !/^\s*[+-]?\d{1,16}\s*$/.test(value)) return undefined;
  return Number(value);
}

export function integer(defaultValue: number, min: number, max = 0x7fff_ffff): Setting<number> {
  return {
    defaultValue,
    allowed: `an integer from ${min} to ${max}`,
    parse(value) {
      const number = parseInteger(value);
      return number === undefined || number < min || number > max ? undefined : number;
    },
  };
}

export function flag(defaultValue: boolean): Setting<boolean> {
  return {
    defaultValue,
    allowed: 'true or false',
    parse(value) {
      if (typeof value === 'boolean') return value;
      const text = typeof value === 'string' ? value.trim().toLowerCase() : '';
      return text === 'true' ? true : text === 'false' ? false : undefined;
    },
  };
}

export function text<T extends string | null>(defaultValue: T): Setting<string | T> {
  return {
    defaultValue,
    allowed: 'a text that is not empty',
    parse: (value) => (typeof value === 'string' && (value !== '' || defaultValue === '') ? value : undefined),
  };
}

export function choice<const T extends string>(defaultValue: T, values: readonly T[]): Setting<T> {
  return {
    defaultValue,
    allowed: `one of ${values.join(', ')}`,
    parse: (value) => values.find((each) => each === String(value).trim()),
  };
}

export function list(defaultValue: readonly string[], countMin = 0): Setting<readonly string[]> {
  return {
    defaultValue,
    allowed: `a list with commas${countMin > 0 ? `, at least ${countMin}` : ''}`,
    parse(value) {
      const items = Array.isArray(value) ? value : typeof value === 'string' ? value.split(',') : undefined;
      if (items === undefined || items.some((item) => typeof item !== 'string')) return undefined;
      const trimmed = items.map((item: string) => item.trim()).filter((item) => item !== '');
      return trimmed.length < countMin ? undefined : trimmed;
    },
  };
}

export function parseSettings<S extends Settings>(settings: S, input: Readonly<Record<string, unknown>>): ValuesOf<S> {
  const values: Record<string, unknown> = {};
  for (const [name, setting] of Object.entries(settings)) values[name] = setting.defaultValue;
  for (const [name, value] of Object.entries(input)) {
    if (value === undefined) continue;
    const setting = Object.hasOwn(settings, name) ? settings[name] : undefined;
    if (setting === undefined) throw unknownSetting(name, Object.keys(settings));
    const parsed = setting.parse(value);
    if (parsed === undefined) {
      throw new ConfigError(name, `${name}: ${JSON.stringify(value)} is not allowed; allowed: ${setting.allowed}`);
    }
    values[name] = parsed;
  }
  return values as ValuesOf<S>;
}

function unknownSetting(name: string, known: readonly string[]): ConfigError {
  const near = known.filter((each) => editDistance(each, name) <= 3);
  const hint = near.length > 0 ? `did you mean ${near.join(' or ')}?` : `known: ${[...known].sort().join(', ')}`;
  return new ConfigError(name, `unknown setting ${JSON.stringify(name)}; ${hint}`);
}

function editDistance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 3) return 4;
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = a[i - 1] === b[j - 1] ? 0 : 1;
      row.push(Math.min(previous[j]! + 1, row[j - 1]! + 1, previous[j - 1]! + change));
    }
    previous = row;
  }
  return previous[b.length]!;
}
