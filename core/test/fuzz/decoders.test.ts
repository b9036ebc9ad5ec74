// Every request decoder, at every version, over damaged frames and over noise: it decodes or throws WireError, and what it gives is no larger than the
// frame can hold. Frames are those that Apache Kafka's own classes wrote.
import { readFileSync } from 'node:fs';
import { fc, test as property } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import { SimRandom } from '../../ports/sim/random.ts';
import { readRequestHeader } from '../../protocol/header.ts';
import { ALL_APIS } from '../../protocol/messages/all.ts';
import { Reader } from '../../protocol/reader.ts';
import type { Api } from '../../protocol/schema.ts';
import { WireError } from '../../protocol/wire-error.ts';
import { mutate } from './mutate.ts';

const APIS = new Map<string, Api>(ALL_APIS.map((api) => [api.request.name, api]));

interface Golden {
  readonly api: Api;
  readonly version: number;
  readonly body: Buffer;
}

const frames = readFileSync(new URL('../../protocol/messages/golden-frames.txt', import.meta.url), 'utf8');
const GOLDEN = frames
  .trimEnd()
  .split('\n')
  .map((line) => line.split(' '))
  .filter(([name]) => APIS.has(name!))
  .map(([name, version, hex]): Golden => {
    return { api: APIS.get(name!)!, version: Number(version), body: Buffer.from(hex!, 'hex') };
  });

const NOISE_BYTES_MAX = 300;

/** Array elements, and bytes of strings and blobs, in a decoded value. */
function sizeOf(value: unknown): { elements: number; bytes: number } {
  const size = { elements: 0, bytes: 0 };
  const visit = (each: unknown): void => {
    if (typeof each === 'string') size.bytes += each.length;
    else if (each instanceof Uint8Array) size.bytes += each.length;
    else if (Array.isArray(each)) {
      size.elements += each.length;
      each.forEach(visit);
    } else if (each !== null && typeof each === 'object') Object.values(each).forEach(visit);
  };
  visit(value);
  return size;
}

/** Default texts, ids, stand for fields that are not in the frame. */
const DEFAULT_BYTES = 200;

function decodes({ api, version }: Golden, bytes: Buffer): boolean {
  try {
    const reader = new Reader(bytes);
    const size = sizeOf(api.request.read(reader, version));
    // An id of 16 bytes is a text of 22 characters.
    if (size.elements > bytes.length || size.bytes > 2 * bytes.length + DEFAULT_BYTES * (1 + size.elements)) {
      throw new Error(`${bytes.length} bytes became ${JSON.stringify(size)}`);
    }
    return true;
  } catch (error) {
    if (error instanceof WireError) return false;
    throw new Error(`${api.request.name} v${version}, ${bytes.toString('hex')}: ${error}`, { cause: error });
  }
}

property.prop([fc.integer()], { numRuns: 8 })('damaged requests are decoded or refused', (seed) => {
  const random = new SimRandom(seed, 'decoders');
  const outcomes = [0, 0];
  for (const golden of GOLDEN) {
    for (let i = 0; i < 4; i++) {
      const isDecoded = decodes(golden, mutate(random, golden.body));
      outcomes[isDecoded ? 0 : 1]!++;
    }
    decodes(golden, random.bytes(random.integer(NOISE_BYTES_MAX)));
  }
  // The damage is neither fatal each time nor none.
  for (const count of outcomes) expect(count).toBeGreaterThan(GOLDEN.length / 2);
});

property.prop([fc.integer()], { numRuns: 200 })('damaged headers are read or refused', (seed) => {
  const random = new SimRandom(seed, 'headers');
  const whole = Buffer.from('0012000400000007000477697265000000', 'hex');
  for (let i = 0; i < 20; i++) {
    try {
      readRequestHeader(new Reader(mutate(random, whole)), () => (random.chance(0.5) ? 2 : 1));
    } catch (error) {
      expect(error).toBeInstanceOf(WireError);
    }
  }
});

test('each request is refused wherever it is cut', () => {
  const wrong: string[] = [];
  for (const golden of GOLDEN) {
    for (let cut = 0; cut < golden.body.length; cut++) {
      if (decodes(golden, golden.body.subarray(0, cut))) wrong.push(`${golden.api.name} v${golden.version} at ${cut}`);
    }
  }
  expect(wrong).toEqual([]);
});

test('the elements of one request, nested and tagged ones too, draw on one allowance', () => {
  for (const { api, version, body } of GOLDEN) {
    const reader = new Reader(body);
    const { elements } = sizeOf(api.request.read(reader, version));
    for (const elementsLeft of [elements, elements - 1]) {
      if (elementsLeft < 0) continue;
      const bounded = new Reader(body);
      bounded.elementsLeft = elementsLeft;
      const read = () => api.request.read(bounded, version);
      if (elementsLeft === elements) expect(read).not.toThrow();
      else expect(read, `${api.name} v${version}`).toThrow(WireError);
    }
  }
});
