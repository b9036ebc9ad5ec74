/**
 * Shapes: small checkers of unknown JSON, each a function that adds what is wrong to a list of problems with the path
 * to it (`verdicts[3].runs: expected a whole number of at least 0, got "many"`). All problems are collected, not only
 * the first, so that one look at the message is enough.
 *
 * Leaves to others: what the data means (`load-run-data.ts` checks that names refer to something).
 */
export type Problems = string[];
export type Shape = (value: unknown, path: string, problems: Problems) => void;

/** A value for an error message: short, on one line. */
function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

function expectation(what: string, test: (value: unknown) => boolean): Shape {
  return (value, path, problems) => {
    if (!test(value)) problems.push(`${path}: expected ${what}, got ${shown(value)}`);
  };
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export const aString = expectation('a string', (value) => typeof value === 'string');
export const aWord = expectation('a non-empty string', (value) => typeof value === 'string' && value.trim() !== '');
export const aNumber = expectation('a finite number', (value) => typeof value === 'number' && Number.isFinite(value));
export const aCount = expectation(
  'a whole number of at least 0',
  (value) => Number.isSafeInteger(value) && (value as number) >= 0,
);
export const aBoolean = expectation('true or false', (value) => typeof value === 'boolean');
export const anInstant = expectation(
  'an ISO 8601 instant in UTC (2026-01-31T12:00:00.000Z)',
  (value) => typeof value === 'string' && /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(value) && !Number.isNaN(Date.parse(value)),
);

export function oneOf(...allowed: readonly string[]): Shape {
  return expectation(`one of ${allowed.join(' | ')}`, (value) => typeof value === 'string' && allowed.includes(value));
}

export function matching(pattern: RegExp, what: string): Shape {
  return expectation(what, (value) => typeof value === 'string' && pattern.test(value));
}

export function nullable(shape: Shape): Shape {
  return (value, path, problems) => {
    if (value !== null) shape(value, path, problems);
  };
}

export function listOf(shape: Shape, bounds: { readonly max?: number; readonly min?: number } = {}): Shape {
  return (value, path, problems) => {
    if (!Array.isArray(value)) {
      problems.push(`${path}: expected a list, got ${shown(value)}`);
      return;
    }
    if (bounds.max !== undefined && value.length > bounds.max)
      problems.push(`${path}: at most ${bounds.max} entries, got ${value.length}`);
    if (bounds.min !== undefined && value.length < bounds.min)
      problems.push(`${path}: at least ${bounds.min} entries, got ${value.length}`);
    value.forEach((entry, index) => {
      shape(entry, `${path}[${index}]`, problems);
    });
  };
}

/** A list of fixed length: `[x, y]`. */
export function tupleOf(...shapes: readonly Shape[]): Shape {
  return (value, path, problems) => {
    if (!Array.isArray(value) || value.length !== shapes.length) {
      problems.push(`${path}: expected ${shapes.length} entries, got ${shown(value)}`);
      return;
    }
    shapes.forEach((shape, index) => {
      shape(value[index], `${path}[${index}]`, problems);
    });
  };
}

/** An object used as a map from names; `nameShape` checks the names themselves. */
export function mapOf(shape: Shape, nameShape: Shape = aWord): Shape {
  return (value, path, problems) => {
    if (!isPlainObject(value)) {
      problems.push(`${path}: expected an object, got ${shown(value)}`);
      return;
    }
    for (const [name, entry] of Object.entries(value)) {
      nameShape(name, `${path} (name)`, problems);
      shape(entry, `${path}.${name}`, problems);
    }
  };
}

/** An object with these properties and no others: a misspelt optional property must not vanish silently. */
export function objectOf(
  required: Readonly<Record<string, Shape>>,
  optional: Readonly<Record<string, Shape>> = {},
): Shape {
  return (value, path, problems) => {
    if (!isPlainObject(value)) {
      problems.push(`${path}: expected an object, got ${shown(value)}`);
      return;
    }
    for (const [name, shape] of Object.entries(required)) shape(value[name], `${path}.${name}`, problems);
    for (const [name, entry] of Object.entries(value)) {
      if (Object.hasOwn(required, name)) continue;
      const shape = Object.hasOwn(optional, name) ? optional[name] : undefined;
      if (shape === undefined) {
        const allowed = [...Object.keys(required), ...Object.keys(optional)].join(', ');
        problems.push(`${path}.${name}: unknown property; allowed: ${allowed}`);
      } else if (entry !== undefined) shape(entry, `${path}.${name}`, problems);
    }
  };
}

/** Objects told apart by one property (`type`, `kind`). */
export function taggedBy(tag: string, shapes: Readonly<Record<string, Shape>>): Shape {
  return (value, path, problems) => {
    const name = isPlainObject(value) ? value[tag] : undefined;
    const shape = typeof name === 'string' && Object.hasOwn(shapes, name) ? shapes[name] : undefined;
    if (shape === undefined)
      problems.push(`${path}.${tag}: expected one of ${Object.keys(shapes).join(' | ')}, got ${shown(name ?? value)}`);
    else shape(value, path, problems);
  };
}

/** Dispatch on what the value looks like; `choose` returns the shape that must hold. */
export function chosenBy(choose: (value: unknown) => Shape): Shape {
  return (value, path, problems) => choose(value)(value, path, problems);
}
