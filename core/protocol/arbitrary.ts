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
    const own = includes(field.versions, version);
    each[name] = own
      ? fc.oneof(arbitraryOf(field, version), fc.constant(field.defaultValue))
      : fc.constant(field.defaultValue);
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
