/**
 * Seeded randomness. Every use draws from a stream of its own, named from the world's seed, so that a draw added in one
 * place shifts nothing elsewhere: a shrunk plan stays the same plan.
 */
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import type { Random } from '../random.ts';

export class SimRandom implements Random {
  readonly #generator;

  constructor(seed: number, stream: string) {
    this.#generator = xoroshiro128plus(deriveSeed(seed, stream));
  }

  integer(bound: number): number {
    if (!Number.isInteger(bound) || bound < 1 || bound > 2 ** 32) throw new RangeError(`random bound ${bound}`);
    return uniformInt(this.#generator, 0, bound - 1);
  }

  float(): number {
    const high = this.#generator.next() >>> 5;
    const low = this.#generator.next() >>> 6;
    return (high * 2 ** 26 + low) / 2 ** 53;
  }

  bytes(length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length);
    let at = 0;
    for (; at + 4 <= length; at += 4) bytes.writeInt32LE(this.#generator.next() | 0, at);
    for (; at < length; at += 1) bytes[at] = this.#generator.next() & 0xff;
    return bytes;
  }

  uuid(): Buffer {
    const bytes = this.bytes(16);
    bytes[6] = (bytes[6]! & 0x0f) | 0x40;
    bytes[8] = (bytes[8]! & 0x3f) | 0x80;
    return bytes;
  }

  /** True with the given probability; no draw when it is certain either way. */
  chance(probability: number): boolean {
    if (probability <= 0) return false;
    if (probability >= 1) return true;
    return this.float() < probability;
  }

  /** A float between the two, for latencies. */
  between(min: number, max: number): number {
    return max > min ? min + this.float() * (max - min) : min;
  }
}

/** FNV-1a of the stream's name over the seed, with a final mix: neighbouring seeds must not give neighbouring streams. */
export function deriveSeed(seed: number, stream: string): number {
  let hash = Math.imul(seed ^ 0x811c9dc5, 0x9e3779b1) ^ Math.floor(seed / 2 ** 32);
  for (let index = 0; index < stream.length; index += 1) hash = Math.imul(hash ^ stream.charCodeAt(index), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
