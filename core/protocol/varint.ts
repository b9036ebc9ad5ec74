/**
 * Zigzag varints written straight into a buffer that is known to have room: the inner loop of the batch builder.
 * Each `write…` returns the position behind what it wrote; each `…Bytes` says how many bytes that will be.
 */
const SMALL = 0x4000_0000;

function unsignedBytes(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  return value < 0x1000_0000 ? 4 : 5;
}

/** `value` is an int32. */
export function varintBytes(value: number): number {
  return unsignedBytes(((value << 1) ^ (value >> 31)) >>> 0);
}

export function writeVarint(buffer: Buffer, position: number, value: number): number {
  let rest = ((value << 1) ^ (value >> 31)) >>> 0;
  if (rest < 0x80) {
    buffer[position] = rest;
    return position + 1;
  }
  let at = position;
  while (rest > 0x7f) {
    buffer[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  buffer[at++] = rest;
  return at;
}

function zigzag64(value: number): bigint {
  return value >= 0 ? BigInt(value) * 2n : BigInt(value) * -2n - 1n;
}

/** `value` is a safe integer. */
export function varlongBytes(value: number): number {
  if (value >= -SMALL && value < SMALL) return varintBytes(value);
  let rest = zigzag64(value);
  let bytes = 1;
  while (rest > 0x7fn) {
    bytes += 1;
    rest >>= 7n;
  }
  return bytes;
}

export function writeVarlong(buffer: Buffer, position: number, value: number): number {
  if (value >= -SMALL && value < SMALL) return writeVarint(buffer, position, value);
  let rest = zigzag64(value);
  let at = position;
  while (rest > 0x7fn) {
    buffer[at++] = Number(rest & 0x7fn) | 0x80;
    rest >>= 7n;
  }
  buffer[at++] = Number(rest);
  return at;
}
