import type { Reader } from './reader.ts';
import type { Writer } from './writer.ts';

/**
 * The functions that read and write one struct at one version, made from source text.
 *
 * Why text: one function for all structs would see every shape there is, and the engine then builds objects and finds properties the slow way.
 * A function for each makes its object in one literal. The text holds field names of this room's schemas and positions in lists, and nothing from outside.
 *
 * Invariant: fields are read and written in the order given, which is that of the wire.
 */
export interface StructField {
  readonly name: string;
  readonly defaultValue: unknown;
  /** null: the version does not have the field, or has it as a tag. */
  readonly codec: { write(writer: Writer, value: unknown): void; read(reader: Reader): unknown } | null;
}

type Struct = Record<string, unknown>;

/** A field that is not read gets its default: an array of its own, or the shared frozen value. */
export function structReader(fields: readonly StructField[]): (reader: Reader) => Struct {
  const entries = fields.map(({ name, defaultValue, codec }, i) => {
    const value = codec !== null ? `c${i}.read(reader)` : Array.isArray(defaultValue) ? '[]' : `d${i}`;
    return `${JSON.stringify(name)}: ${value}`;
  });
  return made(fields, `(reader) => ({ ${entries.join(', ')} })`) as (reader: Reader) => Struct;
}

/** A field that is left out is written as its default. */
export function structWriter(fields: readonly StructField[]): (writer: Writer, value: Struct) => void {
  const statements = fields.flatMap(({ name, codec }, i) =>
    codec === null
      ? []
      : [`given = value[${JSON.stringify(name)}]; c${i}.write(writer, given === undefined ? d${i} : given);`],
  );
  return made(fields, `(writer, value) => { let given; ${statements.join(' ')} }`) as ReturnType<typeof structWriter>;
}

function made(fields: readonly StructField[], source: string): unknown {
  const bound = fields.map((_, i) => `const c${i} = fields[${i}].codec, d${i} = fields[${i}].defaultValue;`);
  return new Function('fields', `'use strict'; ${bound.join(' ')} return ${source};`)(fields);
}
