import { Reader } from './reader.ts';
import { WireError } from './wire-error.ts';
import { Writer } from './writer.ts';

/**
 * The codec of a struct at one version, as a function made for it alone.
 *
 * Why made, as text: a loop over a list of fields is one place in which every field of every message is read, and an engine that has seen them all there can
 * no longer say what comes next. In a function of its own each field has a place of its own, and the object that is read is one literal: one hidden class.
 *
 * Invariant: names and defaults come from the schemas of this package, never from a peer. Fields are read in the order of the schema, tagged ones after all others.
 * A field that was not read gets its default; an empty array is a new one each time, default structs are frozen and shared.
 *
 * Functions are made when they are first called: most messages of most versions never are.
 */
export interface Codec<T> {
  write(writer: Writer, value: T): void;
  read(reader: Reader): T;
  /** The fewest bytes that an element of this type takes: the check against array counts that lie. */
  readonly bytesMin: number;
  /** The same as text, where it is one call: `r.int32()`, `w.int32(v)`. */
  readonly source?: { readonly read: string; readonly write: string };
}

export interface StructField {
  readonly name: string;
  readonly defaultValue: unknown;
  readonly tag: number | undefined;
  /** Null where the version does not have the field. */
  readonly codec: Codec<unknown> | null;
}

type Struct = Record<string, unknown>;
type PresentField = StructField & { readonly codec: Codec<unknown> };
type Tagged = PresentField & { readonly tag: number };

export function structCodec(fields: readonly StructField[], flexible: boolean): Codec<Struct> {
  const present = fields.filter((field): field is PresentField => field.codec !== null);
  const plain = present.filter((field) => field.tag === undefined);
  const tagged = present.filter((field): field is Tagged => field.tag !== undefined).sort((a, b) => a.tag - b.tag);
  const codec: Codec<Struct> = {
    bytesMin: plain.reduce((sum, field) => sum + field.codec.bytesMin, flexible ? 1 : 0),
    write(writer, value) {
      codec.write = writerOf(plain, tagged, flexible);
      codec.write(writer, value);
    },
    read(reader) {
      codec.read = readerOf(fields, tagged, flexible);
      return codec.read(reader);
    },
  };
  return codec;
}

function readerOf(fields: readonly StructField[], tagged: readonly Tagged[], flexible: boolean): Codec<Struct>['read'] {
  const properties = fields.map(({ name, codec, tag, defaultValue }, at) => {
    let value = Array.isArray(defaultValue) ? '[]' : `default${at}`;
    if (codec !== null && tag === undefined) value = codec.source?.read ?? `codec${at}.read(r)`;
    return `${JSON.stringify(name)}: ${value},`;
  });
  const byTag = new Map(tagged.map((field) => [field.tag, field]));
  const text = `
    ${constantsOf(fields)}
    return (r) => {
      const value = { ${properties.join(' ')} };
      ${flexible ? 'readTags(r, tagged, value);' : ''}
      return value;
    };`;
  return new Function('fields', 'tagged', 'readTags', text)(fields, byTag, readTags);
}

function writerOf(
  plain: readonly PresentField[],
  tagged: readonly Tagged[],
  flexible: boolean,
): Codec<Struct>['write'] {
  const steps = plain.map(({ name, codec }, at) => {
    const step = codec.source?.write ?? `codec${at}.write(w, v)`;
    return `v = value[${JSON.stringify(name)}]; if (v === undefined) v = default${at}; ${step};`;
  });
  const text = `
    ${constantsOf(plain)}
    return (w, value) => {
      let v;
      ${steps.join('\n')}
      ${flexible ? 'writeTags(w, tagged, value);' : ''}
    };`;
  return new Function('fields', 'tagged', 'writeTags', text)(plain, tagged, writeTags);
}

/** A name for each field's codec and default. */
function constantsOf(fields: readonly StructField[]): string {
  const lines = fields.map((_, at) => `const { codec: codec${at}, defaultValue: default${at} } = fields[${at}];`);
  return lines.join('\n');
}

/** A counted array; a loop of its own for each element type, for the same reason. */
export function arrayCodec(item: Codec<unknown>, nullable: boolean, flexible: boolean): Codec<unknown[] | null> {
  const count = flexible ? 'compactArrayCount' : 'arrayCount';
  const codec: Codec<unknown[] | null> = {
    bytesMin: flexible ? 1 : 4,
    write(writer, value) {
      codec.write = new Function(
        'item',
        `return (w, value) => {
          const list = value === null && ${!nullable} ? [] : value;
          const count = list === null ? -1 : list.length;
          w.${count}(count);
          for (let i = 0; i < count; i++) { const v = list[i]; ${item.source?.write ?? 'item.write(w, v)'}; }
        };`,
      )(item);
      codec.write(writer, value);
    },
    read(reader) {
      codec.read = new Function(
        'item',
        'nullOf',
        `return (r) => {
          const count = r.${count}(item.bytesMin);
          if (count === -1) return nullOf(r);
          const list = [];
          for (let i = 0; i < count; i++) list.push(${item.source?.read ?? 'item.read(r)'});
          return list;
        };`,
      )(item, nullable ? () => null : refuseNull);
      return codec.read(reader);
    },
  };
  return codec;
}

function refuseNull(reader: Reader): never {
  throw new WireError(`a null array where none is allowed before ${reader.position}`);
}

function isDefault(value: unknown, fallback: unknown): boolean {
  if (value === undefined || value === fallback) return true;
  if (Array.isArray(value)) return Array.isArray(fallback) && value.length === 0;
  if (value !== null && typeof value === 'object' && fallback !== null && typeof fallback === 'object') {
    if (value instanceof Uint8Array)
      return fallback instanceof Uint8Array && value.length === 0 && fallback.length === 0;
    for (const key in fallback) if (!isDefault((value as Struct)[key], (fallback as Struct)[key])) return false;
    return true;
  }
  return false;
}

function writeTags(w: Writer, tagged: readonly Tagged[], value: Struct): void {
  let count = 0;
  for (const field of tagged) if (!isDefault(value[field.name], field.defaultValue)) count += 1;
  w.unsignedVarint(count);
  if (count === 0) return;
  for (const field of tagged) {
    if (isDefault(value[field.name], field.defaultValue)) continue;
    const inner = new Writer(64);
    field.codec.write(inner, value[field.name]);
    w.unsignedVarint(field.tag);
    w.unsignedVarint(inner.length);
    w.external(inner.parts());
  }
}

function readTags(r: Reader, tagged: ReadonlyMap<number, Tagged>, value: Struct): void {
  const count = r.unsignedVarint();
  let previous = -1;
  for (let i = 0; i < count; i++) {
    const tag = r.unsignedVarint();
    if (tag <= previous) throw new WireError(`tag ${tag} after tag ${previous}`);
    previous = tag;
    const length = r.unsignedVarint();
    const field = tagged.get(tag);
    if (field === undefined) {
      r.skip(length);
      continue;
    }
    const body = new Reader(r.view(length));
    body.elementsLeft = r.elementsLeft;
    value[field.name] = field.codec.read(body);
    r.elementsLeft = body.elementsLeft;
  }
}
