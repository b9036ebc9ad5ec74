import { Reader } from './reader.ts';
import { arrayCodec, type Codec, structCodec as codecOfStruct, type StructField } from './struct-codec.ts';
import { WireError } from './wire-error.ts';
import { type ExternalBytes, Writer, ZERO_UUID } from './writer.ts';

/**
 * A message is written once for all its versions, as data; from it come the codec of each version and the TypeScript types.
 *
 *     const HeartbeatRequest = message('HeartbeatRequest', { versions: '0-4', flexible: '4+' }, {
 *       groupId: string(),
 *       generationId: int32(),
 *       memberId: string(),
 *       groupInstanceId: string('3+', { nullable: '3+', default: null }),
 *     });
 *     type HeartbeatRequest = MessageOf<typeof HeartbeatRequest>;
 *
 * Version ranges: `'0+'`, `'3-5'`, `'7'`, `'none'`. A field without a range is in every version and must be given when encoding;
 * a field with a range may be left out, and its default is written (0, '', false, [], zero id, or what `default` says).
 * Decoding gives a field that its version does not have the same default. A field that the version does not have is not written, whatever its value.
 * `tag` makes it a tagged field of the flexible versions (KIP-482); unknown tags are skipped.
 */
export type Versions = `${number}+` | `${number}-${number}` | `${number}` | 'none';

/** What a field is made of: for whoever walks over a schema (tests, printers). */
export type Shape =
  | { readonly kind: 'primitive'; readonly name: PrimitiveName }
  | { readonly kind: 'array'; readonly element: Fields | AnyField }
  | { readonly kind: 'struct'; readonly fields: Fields };
export type PrimitiveName =
  | 'bool'
  | 'int8'
  | 'int16'
  | 'uint16'
  | 'int32'
  | 'uint32'
  | 'int64'
  | 'float64'
  | 'uuid'
  | 'string'
  | 'bytes'
  | 'records';

export interface Field<Out, In = Out, Required extends boolean = boolean> {
  readonly versions: Versions;
  readonly nullable: Versions | undefined;
  readonly tag: number | undefined;
  readonly defaultValue: Out;
  readonly shape: Shape;
  codec(version: number, flexible: boolean): Codec<Out>;
  /** Only for types: what encoding takes, and whether it may be left out. */
  readonly input?: In;
  readonly required?: Required;
}

// biome-ignore lint/suspicious/noExplicitAny: the shape of any field; the types come from inference
export type AnyField = Field<any, any, any>;
export type Fields = Readonly<Record<string, AnyField>>;

type OutOf<F> = F extends Field<infer Out, infer _In, infer _R> ? Out : never;
type InOf<F> = F extends Field<infer _Out, infer In, infer _R> ? In : never;
type RequiredKeys<S extends Fields> = {
  [K in keyof S]: S[K] extends Field<infer _O, infer _I, true> ? K : never;
}[keyof S];
type StructOut<S extends Fields> = { [K in keyof S]: OutOf<S[K]> };
type StructIn<S extends Fields> = { [K in RequiredKeys<S>]: InOf<S[K]> } & {
  [K in Exclude<keyof S, RequiredKeys<S>>]?: InOf<S[K]>;
};

/** The decoded form: every field present. */
export type MessageOf<M> = M extends Message<infer S> ? StructOut<S> : never;
/** What encoding takes: fields with a version range or a default may be left out. */
export type MessageInput<M> = M extends Message<infer S> ? StructIn<S> : never;

interface Options<T> {
  readonly nullable?: Versions;
  readonly default?: T | null;
  readonly tag?: number;
}
type Nulled<T, O> = O extends { nullable: Versions } ? T | null : T;

function range(versions: Versions): readonly [number, number] {
  if (versions === 'none') return [1, 0];
  if (versions.endsWith('+')) return [Number(versions.slice(0, -1)), 0x7fff];
  const [low, high] = versions.split('-');
  return [Number(low), Number(high ?? low)];
}

export function includes(versions: Versions | undefined, version: number): boolean {
  if (versions === undefined) return false;
  const [low, high] = range(versions);
  return version >= low && version <= high;
}

/** Makes the constructor of a primitive field. */
function primitive<T>(
  name: PrimitiveName,
  zero: T,
  codecOf: (nullable: boolean, flexible: boolean) => Codec<T | null>,
) {
  function make(): Field<T, T, true>;
  function make<const O extends Options<T>>(versions: Versions, options?: O): Field<Nulled<T, O>, Nulled<T, O>, false>;
  function make(versions: Versions = '0+', options: Options<T> = {}): Field<T | null, T | null> {
    return {
      versions,
      nullable: options.nullable,
      tag: options.tag,
      defaultValue: options.default === undefined ? zero : options.default,
      shape: { kind: 'primitive', name },
      codec: (version, flexible) => codecOf(includes(options.nullable, version), flexible),
    };
  }
  return make;
}

/** A type whose form is the same at every version: `method` of reader and writer. */
function fixed<T>(
  name: PrimitiveName,
  bytesMin: number,
  zero: T,
  write: (w: Writer, v: T) => void,
  read: (r: Reader) => T,
  method: keyof Reader & keyof Writer & string = name as keyof Reader & keyof Writer,
) {
  const source = { read: `r.${method}()`, write: `w.${method}(v)` };
  const codec = { write, read, bytesMin, source } as Codec<T | null>;
  return primitive<T>(name, zero, () => codec);
}

/** A type with a length in front, in the plain and the compact form; null is refused where the version does not allow it. */
function sized<T>(
  name: PrimitiveName,
  zero: T,
  plainBytesMin: number,
  write: (w: Writer, v: T | null) => void,
  read: (r: Reader) => T | null,
  writeCompact: (w: Writer, v: T | null) => void,
  readCompact: (r: Reader) => T | null,
) {
  const strict = (codec: Codec<T | null>): Codec<T | null> => ({
    bytesMin: codec.bytesMin,
    write: (w, v) => codec.write(w, v === null ? zero : v),
    read: (r) => {
      const value = codec.read(r);
      if (value === null) throw new WireError(`null where none is allowed before ${r.position}`);
      return value;
    },
  });
  const plain: Codec<T | null> = { write, read, bytesMin: plainBytesMin };
  const compact: Codec<T | null> = { write: writeCompact, read: readCompact, bytesMin: 1 };
  const plainStrict = strict(plain);
  const compactStrict = strict(compact);
  return primitive<T>(name, zero, (nullable, flexible) => {
    if (flexible) return nullable ? compact : compactStrict;
    return nullable ? plain : plainStrict;
  });
}

// biome-ignore format: one line a type
export const bool = fixed<boolean>('bool', 1, false, (w, v) => w.bool(v), (r) => r.bool());
// biome-ignore format: one line a type
export const int8 = fixed<number>('int8', 1, 0, (w, v) => w.int8(v), (r) => r.int8());
// biome-ignore format: one line a type
export const int16 = fixed<number>('int16', 2, 0, (w, v) => w.int16(v), (r) => r.int16());
// biome-ignore format: one line a type
export const uint16 = fixed<number>('uint16', 2, 0, (w, v) => w.uint16(v), (r) => r.uint16());
// biome-ignore format: one line a type
export const int32 = fixed<number>('int32', 4, 0, (w, v) => w.int32(v), (r) => r.int32());
// biome-ignore format: one line a type
export const uint32 = fixed<number>('uint32', 4, 0, (w, v) => w.uint32(v), (r) => r.uint32());
// biome-ignore format: one line a type
export const int64 = fixed<number>('int64', 8, 0, (w, v) => w.int64(v), (r) => r.int64());
/** Where all 64 bits matter (a hash), not only those of a safe integer. */
// biome-ignore format: one line a type
export const bits64 = fixed<bigint>('int64', 8, 0n, (w, v) => w.bigInt64(v), (r) => r.bigInt64(), 'bigInt64');
// biome-ignore format: one line a type
export const float64 = fixed<number>('float64', 8, 0, (w, v) => w.float64(v), (r) => r.float64());
// biome-ignore format: one line a type
export const uuid = fixed<string>('uuid', 16, ZERO_UUID, (w, v) => w.uuid(v), (r) => r.uuid());

export const string = sized<string>(
  'string',
  '',
  2,
  (w, v) => w.nullableString(v),
  (r) => r.nullableString(),
  (w, v) => w.compactNullableString(v),
  (r) => r.compactNullableString(),
);

/** Decoded as a view of the frame. */
export const bytes = sized<Buffer>(
  'bytes',
  Buffer.alloc(0),
  4,
  (w, v) => w.nullableBytes(v),
  (r) => r.nullableBytes(),
  (w, v) => w.compactNullableBytes(v),
  (r) => r.compactNullableBytes(),
);

type RecordsField = Field<Buffer | null, RecordsInput, false>;

/** Record batches, back to back: decoded as a view of the frame; encoded from parts that are not copied (buffers, file slices). */
export type RecordsInput = Uint8Array | readonly (Uint8Array | ExternalBytes)[] | null;

/** Nullable unless `nullable` says otherwise; where it is not, null is written as no bytes. */
export function records(
  versions: Versions = '0+',
  options: { readonly tag?: number; readonly nullable?: Versions } = {},
): RecordsField {
  const nullableVersions = options.nullable ?? '0+';
  return {
    versions,
    nullable: nullableVersions,
    tag: options.tag,
    defaultValue: null,
    shape: { kind: 'primitive', name: 'records' },
    codec: (version, flexible) => recordsCodec(includes(nullableVersions, version), flexible),
  };
}

function recordsCodec(nullable: boolean, flexible: boolean): Codec<Buffer | null> {
  const codec: Codec<RecordsInput> = {
    bytesMin: flexible ? 1 : 4,
    write(w, value) {
      if (value === null && nullable) return flexible ? w.unsignedVarint(0) : w.int32(-1);
      const parts = value instanceof Uint8Array ? [value] : (value ?? []);
      let length = 0;
      for (const part of parts) length += part.length;
      if (flexible) w.unsignedVarint(length + 1);
      else w.int32(length);
      w.external(parts);
    },
    read(r) {
      const value = flexible ? r.compactNullableBytes() : r.nullableBytes();
      if (value === null && !nullable) throw new WireError(`null records before ${r.position}`);
      return value;
    },
  };
  return codec as Codec<Buffer | null>;
}

/** An array of structs (given their fields) or of a primitive field. */
export function array<S extends Fields>(element: S): Field<StructOut<S>[], readonly StructIn<S>[], true>;
export function array<S extends Fields, const O extends Options<never[]>>(
  element: S,
  versions: Versions,
  options?: O,
): Field<Nulled<StructOut<S>[], O>, Nulled<readonly StructIn<S>[], O>, false>;
export function array<T>(element: Field<T, T, true>): Field<T[], readonly T[], true>;
export function array<T, const O extends Options<never[]>>(
  element: Field<T, T, true>,
  versions: Versions,
  options?: O,
): Field<Nulled<T[], O>, Nulled<readonly T[], O>, false>;
export function array(
  element: Fields | AnyField,
  versions: Versions = '0+',
  options: Options<never[]> = {},
  // biome-ignore lint/suspicious/noExplicitAny: the overloads above say the types
): any {
  return {
    versions,
    nullable: options.nullable,
    tag: options.tag,
    defaultValue: options.default === undefined ? [] : options.default,
    shape: { kind: 'array', element },
    codec(version: number, flexible: boolean): Codec<unknown[] | null> {
      const item = isField(element) ? element.codec(version, flexible) : structCodec(element, version, flexible);
      const nullable = includes(options.nullable, version);
      return arrayCodec(item, nullable, flexible);
    },
  };
}

/** A nested struct; where nullable, an int8 (−1 null, 1 present) stands in front. */
export function struct<S extends Fields>(fields: S): Field<StructOut<S>, StructIn<S>, true>;
export function struct<S extends Fields, const O extends Options<null>>(
  fields: S,
  versions: Versions,
  options?: O,
): Field<Nulled<StructOut<S>, O>, Nulled<StructIn<S>, O>, false>;
export function struct(
  fields: Fields,
  versions: Versions = '0+',
  options: Options<null> = {},
): Field<Record<string, unknown> | null> {
  return {
    versions,
    nullable: options.nullable,
    tag: options.tag,
    defaultValue: options.default === undefined ? defaultsOf(fields) : options.default,
    shape: { kind: 'struct', fields },
    codec(version, flexible) {
      const inner = structCodec(fields, version, flexible);
      if (!includes(options.nullable, version)) return inner as Codec<Record<string, unknown> | null>;
      return {
        bytesMin: 1,
        write(w, value) {
          w.int8(value === null ? -1 : 1);
          if (value !== null) inner.write(w, value);
        },
        read: (r) => (r.int8() < 0 ? null : inner.read(r)),
      };
    },
  };
}

export function isField(element: Fields | AnyField): element is AnyField {
  return typeof (element as AnyField).codec === 'function';
}

/** Frozen, since all values that leave the struct at its default share it. */
function defaultsOf(fields: Fields): Record<string, unknown> {
  const value: Record<string, unknown> = {};
  for (const [name, { defaultValue }] of Object.entries(fields)) {
    value[name] = Array.isArray(defaultValue) ? Object.freeze([...defaultValue]) : defaultValue;
  }
  return Object.freeze(value);
}

function structCodec(fields: Fields, version: number, flexible: boolean): Codec<Record<string, unknown>> {
  return codecOfStruct(
    Object.entries(fields).map(([name, field]): StructField => {
      const { defaultValue, tag } = field;
      const isPresent = includes(field.versions, version) && (tag === undefined || flexible);
      return { name, defaultValue, tag, codec: isPresent ? field.codec(version, flexible) : null };
    }),
    flexible,
  );
}

/** A message of all its versions. Codecs are compiled on first use and kept. */
export class Message<S extends Fields> {
  readonly name: string;
  readonly fields: S;
  readonly versionMin: number;
  readonly versionMax: number;
  private readonly flexibleMin: number;
  private readonly flexibleMax: number;
  private readonly codecs = new Map<number, Codec<Record<string, unknown>>>();

  constructor(name: string, versions: Versions, flexible: Versions, fields: S) {
    this.name = name;
    this.fields = fields;
    [this.versionMin, this.versionMax] = range(versions);
    [this.flexibleMin, this.flexibleMax] = range(flexible);
  }

  isFlexible(version: number): boolean {
    return version >= this.flexibleMin && version <= this.flexibleMax;
  }

  private codec(version: number): Codec<Record<string, unknown>> {
    let codec = this.codecs.get(version);
    if (codec === undefined) {
      if (version < this.versionMin || version > this.versionMax) {
        throw new RangeError(`${this.name} has versions ${this.versionMin}–${this.versionMax}, not ${version}`);
      }
      codec = structCodec(this.fields, version, this.isFlexible(version));
      this.codecs.set(version, codec);
    }
    return codec;
  }

  write(writer: Writer, version: number, value: StructIn<S>): void {
    this.codec(version).write(writer, value as Record<string, unknown>);
  }

  /** Throws WireError. Leaves bytes behind the message unread: who wants none checks `reader.remaining`. */
  read(reader: Reader, version: number): StructOut<S> {
    return this.codec(version).read(reader) as StructOut<S>;
  }

  encode(version: number, value: StructIn<S>): Buffer {
    const writer = new Writer();
    this.write(writer, version, value);
    return writer.toBuffer();
  }

  decode(version: number, buffer: Buffer): StructOut<S> {
    return this.read(new Reader(buffer), version);
  }
}

export function message<S extends Fields>(
  name: string,
  shape: { readonly versions: Versions; readonly flexible: Versions },
  fields: S,
): Message<S> {
  return new Message(name, shape.versions, shape.flexible, fields);
}

/** A request and its response under one key. Both have the same versions. */
export interface Api<Req extends Fields = Fields, Res extends Fields = Fields> {
  readonly key: number;
  readonly name: string;
  /** The lowest version that ApiVersions names; below `request.versionMin` only where clients look for it. */
  readonly advertisedVersionMin: number;
  readonly request: Message<Req>;
  readonly response: Message<Res>;
}

export function api<Req extends Fields, Res extends Fields>(
  key: number,
  name: string,
  shape: { readonly versions: Versions; readonly flexible: Versions; readonly advertisedFrom?: number },
  request: Req,
  response: Res,
): Api<Req, Res> {
  return {
    key,
    name,
    advertisedVersionMin: shape.advertisedFrom ?? range(shape.versions)[0],
    request: message(`${name}Request`, shape, request),
    response: message(`${name}Response`, shape, response),
  };
}

export type RequestOf<A> = A extends Api<infer Req, infer _Res> ? StructOut<Req> : never;
export type RequestInput<A> = A extends Api<infer Req, infer _Res> ? StructIn<Req> : never;
export type ResponseOf<A> = A extends Api<infer _Req, infer Res> ? StructOut<Res> : never;
export type ResponseInput<A> = A extends Api<infer _Req, infer Res> ? StructIn<Res> : never;
