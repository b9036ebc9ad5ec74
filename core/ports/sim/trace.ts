/**
 * A running 64-bit hash of everything that happens in a world: which event, when, in which process, and the bytes that cross a wire or
 * reach a disk. Two runs of one seed must end with the same hash; that is how a leak of real time or randomness shows.
 * Not cryptographic: it guards against accidents, at some ten nanoseconds an event.
 */
import { crc32 } from 'node:zlib';

export class Trace {
  #low = 0x243f6a88;
  #high = 0x85a308d3;
  readonly #float = new Float64Array(1);
  readonly #words = new Uint32Array(this.#float.buffer);

  number(value: number): void {
    this.#float[0] = value;
    this.word(this.#words[0]!);
    this.word(this.#words[1]!);
  }

  /** A 32-bit integer. */
  word(value: number): void {
    let low = Math.imul(this.#low ^ value, 0x9e3779b1);
    low ^= low >>> 15;
    let high = Math.imul((this.#high + value) ^ low, 0x85ebca77);
    high ^= high >>> 13;
    this.#low = low;
    this.#high = high;
  }

  bytes(value: Uint8Array): void {
    this.word(value.byteLength);
    this.word(crc32(value));
  }

  text(value: string): void {
    this.word(value.length);
    this.word(crc32(value));
  }

  /** 16 hexadecimal digits. */
  digest(): string {
    const hex = (word: number) => (word >>> 0).toString(16).padStart(8, '0');
    return hex(this.#high) + hex(this.#low);
  }
}
