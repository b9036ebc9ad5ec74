import type { SimRandom } from '../../ports/sim/random.ts';

/**
 * Damage done to bytes, drawn from a seeded stream: the same stream and bytes give the same damage.
 *
 * Blind flips alone die in the first length field, so most of it is aimed: numbers that decoders take for lengths and counts, ranges moved,
 * doubled and cut.
 */
const MUTATIONS_MAX = 4;
const INSERT_BYTES_MAX = 40;
const INTERESTING = [-1, 0, 1, 2, 127, 128, 255, 256, 0x7fff, 0x8000, 0x7fff_ffff, -0x8000_0000, -2] as const;
const VARINTS = ['00', '01', '7f', '8001', 'ffffffff0f', 'ffffffff1f', 'ffffffffffffffffff01', '80808080808080808080'];

export function mutate(random: SimRandom, bytes: Buffer): Buffer {
  let mutated: Buffer = Buffer.from(bytes);
  for (let i = 1 + random.integer(MUTATIONS_MAX); i > 0; i--) mutated = mutateOnce(random, mutated);
  return mutated;
}

function mutateOnce(random: SimRandom, bytes: Buffer): Buffer {
  const { length } = bytes;
  const at = random.integer(length + 1);
  const end = Math.min(length, at + 1 + random.integer(INSERT_BYTES_MAX));
  switch (random.integer(8)) {
    case 0:
      if (at < length) bytes[at] = bytes[at]! ^ (1 << random.integer(8));
      return bytes;
    case 1:
      if (at < length) bytes[at] = random.integer(256);
      return bytes;
    case 2:
      return overwrite(random, bytes, at);
    case 3:
      return overwrite(random, bytes, at);
    case 4: {
      const varint = Buffer.from(VARINTS[random.integer(VARINTS.length)]!, 'hex');
      return Buffer.concat([bytes.subarray(0, at), varint, bytes.subarray(Math.min(length, at + 1))]);
    }
    case 5:
      return Buffer.concat([bytes.subarray(0, at), random.bytes(random.integer(INSERT_BYTES_MAX)), bytes.subarray(at)]);
    case 6:
      return Buffer.concat([bytes.subarray(0, end), bytes.subarray(at)]);
    default:
      return random.chance(0.5) ? bytes.subarray(0, at) : Buffer.concat([bytes.subarray(0, at), bytes.subarray(end)]);
  }
}

/** A number of one of the wire's widths over what is there. */
function overwrite(random: SimRandom, bytes: Buffer, at: number): Buffer {
  const value = random.chance(0.3) ? bytes.length - at : INTERESTING[random.integer(INTERESTING.length)]!;
  const widths = [2, 4, 8].filter((width) => at + width <= bytes.length);
  if (widths.length === 0) return bytes;
  switch (widths[random.integer(widths.length)]) {
    case 2:
      bytes.writeInt16BE((value << 16) >> 16, at);
      break;
    case 4:
      bytes.writeInt32BE(value | 0, at);
      break;
    default:
      bytes.writeBigInt64BE(BigInt(value), at);
  }
  return bytes;
}
