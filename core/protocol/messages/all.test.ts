import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { messageArbitrary } from '../arbitrary.ts';
import { ERRORS, ErrorCode, errorOf } from '../errors.ts';
import type { Message } from '../schema.ts';
import { WireError } from '../wire-error.ts';
import { ALL_APIS, apiOf } from './all.ts';

const MESSAGES = ALL_APIS.flatMap(({ request, response }) => [request, response]);

test('keys and names are unique, and every version range is sound', () => {
  expect(new Set(ALL_APIS.map(({ key }) => key)).size).toBe(ALL_APIS.length);
  expect(new Set(ALL_APIS.map(({ name }) => name)).size).toBe(ALL_APIS.length);
  for (const each of ALL_APIS) {
    expect(apiOf(each.key)).toBe(each);
    expect(each.request.versionMin).toBeLessThanOrEqual(each.request.versionMax);
    expect(each.advertisedVersionMin).toBeLessThanOrEqual(each.request.versionMin);
    expect(each.response.versionMax).toBe(each.request.versionMax);
  }
});

test('error codes are unique, and unknown ones count as UNKNOWN_SERVER_ERROR', () => {
  expect(new Set(ERRORS.map(({ code }) => code)).size).toBe(ERRORS.length);
  expect(errorOf(ErrorCode.NOT_LEADER_OR_FOLLOWER)).toMatchObject({ name: 'NOT_LEADER_OR_FOLLOWER', retriable: true });
  expect(errorOf(9999).name).toBe('UNKNOWN_SERVER_ERROR');
});

/** Decodes, or is refused with a WireError; anything else fails the test. */
function tryDecode(message: Message<never>, version: number, bytes: Buffer): unknown {
  try {
    return message.decode(version, bytes);
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}

describe.each(MESSAGES.map((message) => [message.name, message] as const))('%s', (_name, message) => {
  const arbitrary = messageArbitrary(message);

  test('survives encode and decode at every version', () => {
    fc.assert(
      fc.property(arbitrary, ({ version, value }) => {
        const bytes = message.encode(version, value);
        expect(message.decode(version, bytes)).toEqual(value);
        expect(message.encode(version, message.decode(version, bytes) as never)).toEqual(bytes);
      }),
      { numRuns: 30 },
    );
  });

  test('cut off, it is refused; damaged, it is decoded or refused', () => {
    const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(arbitrary, damage, fc.nat(), ({ version, value }, changes, cut) => {
        const bytes = message.encode(version, value);
        if (bytes.length === 0) return;
        expect(tryDecode(message as Message<never>, version, bytes.subarray(0, cut % bytes.length))).toBeUndefined();
        for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
        tryDecode(message as Message<never>, version, bytes);
      }),
      { numRuns: 20 },
    );
  });
});

test('arbitrary bytes are decoded or refused', () => {
  const any = fc.tuple(fc.constantFrom(...MESSAGES), fc.nat(), fc.uint8Array({ maxLength: 200 }));
  fc.assert(
    fc.property(any, ([message, pick, bytes]) => {
      const version = message.versionMin + (pick % (message.versionMax - message.versionMin + 1));
      tryDecode(message as Message<never>, version, Buffer.from(bytes));
    }),
    { numRuns: 1500 },
  );
});

test('a count or length that lies is refused before memory is taken for it', () => {
  // Metadata v9: 2^32 − 2 topics in a compact array; v1: 2^31 − 1; Produce v3: record data of 2^31 − 1 bytes
  const metadata = apiOf(3)!.request as Message<never>;
  expect(tryDecode(metadata, 9, Buffer.from('ffffffff0f', 'hex'))).toBeUndefined();
  expect(tryDecode(metadata, 1, Buffer.from('7fffffff', 'hex'))).toBeUndefined();
  const produce = apiOf(0)!.request as Message<never>;
  const lie = Buffer.from(`ffff${'0001'}${'00000000'}${'00000001'}000161${'00000001'}${'00000000'}7fffffff`, 'hex');
  expect(tryDecode(produce, 3, lie)).toBeUndefined();
});

test('all arrays of one frame together take memory in proportion to the frame', () => {
  // 2 MB of empty topics: the densest object that a Metadata request can ask for
  const count = 1_000_000;
  const frame = Buffer.alloc(4 + 2 * count);
  frame.writeInt32BE(count, 0);
  const before = process.memoryUsage().heapUsed;
  const { topics } = apiOf(3)!.request.decode(0, frame) as unknown as { topics: unknown[] };
  expect(topics.length).toBe(count);
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(150 * frame.length);
});
