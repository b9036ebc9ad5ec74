import { fc, test as property } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import { Reader } from './reader.ts';
import { varintBytes, varlongBytes, writeVarint, writeVarlong } from './varint.ts';
import { WireError } from './wire-error.ts';
import { Writer } from './writer.ts';

const INT32_EDGES = [
  0,
  -1,
  1,
  63,
  64,
  -64,
  -65,
  8191,
  8192,
  2 ** 30 - 1,
  2 ** 30,
  -(2 ** 30),
  -(2 ** 30) - 1,
  2 ** 31 - 1,
  -(2 ** 31),
];
const SAFE_EDGES = [
  ...INT32_EDGES,
  2 ** 31,
  2 ** 32,
  -(2 ** 31) - 1,
  2 ** 42,
  Number.MAX_SAFE_INTEGER,
  -Number.MAX_SAFE_INTEGER,
];

/** Zigzag and LEB128 by the book, as a second opinion. */
function byTheBook(value: number): Buffer {
  let rest = BigInt.asUintN(64, (BigInt(value) << 1n) ^ (BigInt(value) >> 63n));
  const bytes: number[] = [];
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return Buffer.from([...bytes, Number(rest)]);
}

function checkVarlong(value: number): void {
  const writer = new Writer();
  writer.varlong(value);
  const bytes = writer.toBuffer();
  expect(bytes).toEqual(byTheBook(value));
  expect(new Reader(bytes).varlong()).toBe(value);
  const direct = Buffer.alloc(10);
  expect(writeVarlong(direct, 0, value)).toBe(varlongBytes(value));
  expect(direct.subarray(0, bytes.length)).toEqual(bytes);
}

function checkVarint(value: number): void {
  const writer = new Writer();
  writer.varint(value);
  const bytes = writer.toBuffer();
  expect(bytes).toEqual(byTheBook(value));
  expect(new Reader(bytes).varint()).toBe(value);
  const direct = Buffer.alloc(5);
  expect(writeVarint(direct, 0, value)).toBe(varintBytes(value));
  expect(direct.subarray(0, bytes.length)).toEqual(bytes);
}

test('varints at their edges', () => {
  for (const value of INT32_EDGES) checkVarint(value);
  for (const value of SAFE_EDGES) checkVarlong(value);
});

property.prop([fc.integer()])('any int32 as varint', checkVarint);
property.prop([fc.maxSafeInteger()])('any safe integer as varlong', checkVarlong);

property.prop([fc.nat(0xffff_ffff)])('any uint32 as unsigned varint', (value) => {
  const writer = new Writer();
  writer.unsignedVarint(value);
  expect(new Reader(writer.toBuffer()).unsignedVarint()).toBe(value);
});

property.prop([fc.maxSafeInteger()])('any safe integer as int64', (value) => {
  const writer = new Writer();
  writer.int64(value);
  const bytes = writer.toBuffer();
  expect(bytes.readBigInt64BE()).toBe(BigInt(value));
  expect(new Reader(bytes).int64()).toBe(value);
});

test('numbers beyond what they may be are refused', () => {
  const hex = (text: string) => new Reader(Buffer.from(text, 'hex'));
  expect(() => hex('ffffffff1f').unsignedVarint()).toThrow(WireError);
  expect(() => hex('8080808080').unsignedVarint()).toThrow(WireError);
  expect(() => hex('ffffffffffffffffff01').varlong()).toThrow(WireError);
  expect(() => hex('8080808080808080808080').varlong()).toThrow(WireError);
  expect(() => hex('7fffffffffffffff').int64()).toThrow(WireError);
  expect(() => hex('').varint()).toThrow(WireError);
  expect(() => hex('80').varlong()).toThrow(WireError);
  expect(() => hex('000561').nullableString()).toThrow(WireError);
  expect(() => hex('fffe').nullableString()).toThrow(WireError);
  expect(() => hex('80000000').nullableBytes()).toThrow(WireError);
  expect(() => hex('80000000').arrayCount(1)).toThrow(WireError);
});

property.prop([fc.array(fc.uint8Array({ maxLength: 700 }), { maxLength: 8 })])(
  'copied and external parts keep their order and length',
  (parts) => {
    const writer = new Writer(16);
    for (const [i, part] of parts.entries()) {
      if (i % 2 === 0) writer.raw(part);
      else writer.external([part]);
    }
    const length = writer.length;
    const bytes = writer.toBuffer();
    expect(bytes.length).toBe(length);
    expect(bytes).toEqual(Buffer.concat(parts));
  },
);
