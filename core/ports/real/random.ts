/**
 * The real randomness: the system's generator, read in blocks so that a draw costs no system call.
 */
import { randomFillSync } from 'node:crypto';
import type { Random } from '../random.ts';

const BLOCK_BYTES = 4096;

export function realRandom(): Random {
  const block = Buffer.alloc(BLOCK_BYTES);
  let used = BLOCK_BYTES;

  function nextUint32(): number {
    if (used === BLOCK_BYTES) {
      randomFillSync(block);
      used = 0;
    }
    const value = block.readUInt32LE(used);
    used += 4;
    return value;
  }

  function bytes(length: number): Buffer {
    return randomFillSync(Buffer.allocUnsafe(length));
  }

  return {
    integer(bound) {
      if (!Number.isInteger(bound) || bound < 1 || bound > 2 ** 32) throw new RangeError(`random bound ${bound}`);
      // Values at and above the largest multiple of the bound would favour small results: draw again.
      const limit = 2 ** 32 - (2 ** 32 % bound);
      let value = nextUint32();
      while (value >= limit) value = nextUint32();
      return value % bound;
    },
    float: () => ((nextUint32() >>> 5) * 2 ** 26 + (nextUint32() >>> 6)) / 2 ** 53,
    bytes,
    uuid: () => stampUuid(bytes(16)),
  };
}

/** Sets the version 4 and variant bits (RFC 9562) in place. */
export function stampUuid(bytes: Buffer): Buffer {
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytes;
}
