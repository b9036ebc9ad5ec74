import fc from 'fast-check';
import { type AnyField, type Fields, includes, isField, type Message, type PrimitiveName } from './schema.ts';

/**
 * For tests only: arbitrary messages made from their schema.
 *
 * Invariant: what is made for a version holds, in each field that the version does not have, the field's default; so that decoding what
 * was encoded must give exactly the same value.
 */
const INTEGERS = { int8: 0x7f, int16: 0x7fff, int32: 0x7fff_ffff, int64: Number.MAX_SAFE_INTEGER } as const;

function integer(max: number): fc.Arbitrary<number> {
  const min = max === Number.MAX_SAFE_INTEGER ? -max : -max - 1;
  return fc.oneof(fc.integer({ min, max }), fc.constantFrom(min, -1, 0, 1, max));
}

const text = fc.oneof(
  { weight: 8, arbitrary: fc.string({ unit: 'binary', maxLength: 12 }) },
  { weight: 1, arbitrary: fc.constantFrom('x'.repeat(127), 'x'.repeat(128), 'é'.repeat(300)) },
);
const blob = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes));

const PRIMITIVES: Readonly<Record<PrimitiveName, fc.Arbitrary<unknown>>> = {
  bool: fc.boolean(),
  int8: integer(INTEGERS.int8),
  int16: integer(INTEGERS.int16),
  uint16: fc.nat(0xffff),
  int32: integer(INTEGERS.int32),
  uint32: fc.nat(0xffff_ffff),
  int64: integer(INTEGERS.int64),
  float64: fc.double({ noNaN: true }),
  uuid: fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes).toString('base64url')),
  string: text,
  bytes: blob,
  records: blob,
};

function arbitraryOf(field: AnyField, version: number): fc.Arbitrary<unknown> {
  const { shape } = field;
  const present = (): fc.Arbitrary<unknown> => {
    switch (shape.kind) {
      case 'primitive':
        return PRIMITIVES[shape.name];
      case 'struct':
        return structOf(shape.fields, version);
      case 'array': {
        const { element } = shape;
        const item = isField(element) ? arbitraryOf(element, version) : structOf(element, version);
        return fc.array(item, { maxLength: 3 });
      }
    }
  };
  return includes(field.nullable, version) ? fc.option(present(), { freq: 4 }) : present();
}

function structOf(fields: Fields, version: number): fc.Arbitrary<Record<string, unknown>> {
  const each: Record<string, fc.Arbitrary<unknown>> = {};
  for (const [name, field] of Object.entries(fields)) {
    const fallback = fc.constant(field.defaultValue);
    if (!includes(field.versions, version)) {
      each[name] = fallback;
      continue;
    }
    const mayBeDefault = field.defaultValue !== null || includes(field.nullable, version);
    const own = arbitraryOf(field, version);
    each[name] = mayBeDefault ? fc.oneof(own, fallback) : own;
  }
  return fc.record(each);
}

/** A version of the message, and a value for it. */
export function messageArbitrary<S extends Fields>(
  message: Message<S>,
): fc.Arbitrary<{ readonly version: number; readonly value: Parameters<Message<S>['encode']>[1] }> {
  return fc.integer({ min: message.versionMin, max: message.versionMax }).chain((version) =>
    structOf(message.fields, version).map((value) => ({
      version,
      value: value as Parameters<Message<S>['encode']>[1],
    })),
  );
}

/**
 * One fixed value of a message: numbers count up, strings are the fields' names, every array has two elements, every nullable is there.
 * The frames in `messages/golden-frames.txt` hold it, as Apache Kafka encodes it.
 */
export function sampleOf<S extends Fields>(message: Message<S>, version: number): Parameters<Message<S>['encode']>[1] {
  let count = 0;
  const primitive = (name: PrimitiveName, fieldName: string): unknown => {
    count += 1;
    switch (name) {
      case 'bool':
        return true;
      case 'int8':
        return count % 128;
      case 'int16':
      case 'uint16':
      case 'int32':
      case 'uint32':
        return count;
      case 'int64':
        return count * 0x1_0000_0001;
      case 'float64':
        return count / 2;
      case 'uuid':
        return Buffer.alloc(16, count).toString('base64url');
      case 'string':
        return `${fieldName}-${count}`;
      case 'bytes':
      case 'records':
        return Buffer.from([count % 256]);
    }
  };
  const sample = (field: AnyField, name: string): unknown => {
    const { shape } = field;
    if (shape.kind === 'primitive') return primitive(shape.name, name);
    if (shape.kind === 'struct') return sampleStruct(shape.fields);
    const { element } = shape;
    return [0, 1].map(() => (isField(element) ? sample(element, name) : sampleStruct(element)));
  };
  const sampleStruct = (fields: Fields): Record<string, unknown> =>
    Object.fromEntries(
      Object.entries(fields).map(([name, field]) => [
        name,
        includes(field.versions, version) ? sample(field, name) : field.defaultValue,
      ]),
    );
  return sampleStruct(message.fields) as Parameters<Message<S>['encode']>[1];
}
