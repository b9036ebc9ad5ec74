import { nativeCodec } from './native-codec.ts';
import { WireError } from './wire-error.ts';

/**
 * Snappy as Kafka's clients use it: blocks in the framing of the xerial library, or (from some clients) one bare block.
 *
 *     8 bytes  82 53 4e 41 50 50 59 00   magic
 *     i32      1                         version
 *     i32      1                         oldest version that can read this
 *     then for each block: i32 length, a snappy block of that length
 *
 * A snappy block begins with its decompressed length as a varint, and the library takes that much memory on trust. So the length is checked
 * against the limit, and against what a block of this size can hold at all: the densest element makes 64 bytes of 3.
 */
const MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const VERSION = 1;
const HEADER_BYTES = MAGIC.length + 8;
const snappy = nativeCodec<typeof import('snappy')>('snappy');
/** Java's writer uses blocks of 32 KiB; readers take memory by the block. */
const BLOCK_BYTES = 32 * 1024;
const EXPANSION_MAX = 22;

export function compressSnappy(bytes: Buffer): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  MAGIC.copy(header);
  header.writeInt32BE(VERSION, MAGIC.length);
  header.writeInt32BE(VERSION, MAGIC.length + 4);
  const parts: Buffer[] = [header];
  for (let at = 0; at < bytes.length; at += BLOCK_BYTES) {
    const block = snappy().compressSync(bytes.subarray(at, at + BLOCK_BYTES));
    const length = Buffer.allocUnsafe(4);
    length.writeInt32BE(block.length);
    parts.push(length, block);
  }
  return Buffer.concat(parts);
}

/** Throws WireError, or the library's error on a damaged block. */
export function decompressSnappy(bytes: Buffer, bytesMax: number): Buffer {
  if (bytes.length < HEADER_BYTES || MAGIC.compare(bytes, 0, MAGIC.length) !== 0)
    return decompressBlock(bytes, bytesMax);
  const parts: Buffer[] = [];
  let total = 0;
  let at = HEADER_BYTES;
  while (at < bytes.length) {
    if (bytes.length - at < 4) throw new WireError('snappy: cut off in front of a block');
    const length = bytes.readInt32BE(at);
    at += 4;
    if (length < 1 || length > bytes.length - at) throw new WireError(`snappy: a block of ${length} bytes`);
    const part = decompressBlock(bytes.subarray(at, at + length), bytesMax - total);
    parts.push(part);
    total += part.length;
    at += length;
  }
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts, total);
}

function decompressBlock(block: Buffer, bytesMax: number): Buffer {
  const length = declaredBytes(block);
  if (length > bytesMax) throw new WireError(`snappy: ${length} bytes, at most ${bytesMax} allowed`);
  if (length > block.length * EXPANSION_MAX) throw new WireError(`snappy: ${length} bytes declared by ${block.length}`);
  return snappy().uncompressSync(block, { asBuffer: true }) as Buffer;
}

function declaredBytes(block: Buffer): number {
  let value = 0;
  for (let i = 0; i < 5 && i < block.length; i++) {
    const byte = block[i]!;
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return value;
  }
  throw new WireError('snappy: no length in front of a block');
}
