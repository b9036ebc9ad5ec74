import { nativeCodec } from './native-codec.ts';
import { WireError } from './wire-error.ts';

/**
 * One LZ4 frame, as Kafka uses it since message format v1 (KIP-57).
 *
 *     u32 LE   magic 0x184D2204
 *     u8 FLG   7–6 version = 1, 5 independent blocks, 4 block checksums, 3 content size, 2 content checksum, 0 dictionary
 *     u8 BD    6–4 largest block: 4 = 64 KiB, 5 = 256 KiB, 6 = 1 MiB, 7 = 4 MiB
 *     [u64 content size] [u32 dictionary] u8 header checksum
 *     blocks:  u32 LE length (top bit: not compressed), data, [u32 checksum]
 *     u32      0: the end, [u32 content checksum]
 *
 * The library decodes what it is given into as much memory as that takes, and accepts a frame without an end. So the frame is walked first:
 * all blocks must lie inside it, the end must be there, and what the blocks can hold at most (255 bytes for each byte, and no more than the
 * largest block) must stay within the limit, but for the last block's slack.
 */
const MAGIC = 0x184d2204;
const EXPANSION_MAX = 255;
const lz4 = nativeCodec<typeof import('lz4-napi')>('lz4-napi');

export function compressLz4(bytes: Buffer): Buffer {
  return lz4().compressFrameSync(bytes);
}

/** Throws WireError, or the library's error on a damaged block. */
export function decompressLz4(bytes: Buffer, bytesMax: number): Buffer {
  checkFrame(bytes, bytesMax);
  const content = lz4().decompressFrameSync(bytes);
  if (content.length > bytesMax) throw new WireError(`lz4: ${content.length} bytes, at most ${bytesMax} allowed`);
  return content;
}

function checkFrame(bytes: Buffer, bytesMax: number): void {
  if (bytes.length < 7 || bytes.readUInt32LE(0) !== MAGIC) throw new WireError('lz4: no frame');
  const flags = bytes[4]!;
  if (flags >> 6 !== 1) throw new WireError(`lz4: frame version ${flags >> 6}`);
  const checksumBytes = flags & 0x10 ? 4 : 0;
  const trailerBytes = flags & 0x04 ? 4 : 0;
  const sizeCode = (bytes[5]! >> 4) & 7;
  if (sizeCode < 4) throw new WireError(`lz4: block size ${sizeCode}`);
  const blockBytesMax = 1 << (8 + 2 * sizeCode);
  let at = 7 + (flags & 0x08 ? 8 : 0) + (flags & 0x01 ? 4 : 0);
  let contentBytesMax = 0;
  for (;;) {
    if (bytes.length - at < 4) throw new WireError('lz4: a frame without an end');
    const word = bytes.readUInt32LE(at);
    at += 4;
    if (word === 0) break;
    const length = word & 0x7fff_ffff;
    if (length > blockBytesMax || length + checksumBytes > bytes.length - at)
      throw new WireError(`lz4: a block of ${length} bytes`);
    const isPlain = word >>> 31 === 1;
    contentBytesMax += isPlain ? length : Math.min(blockBytesMax, length * EXPANSION_MAX);
    if (contentBytesMax - blockBytesMax > bytesMax) throw new WireError(`lz4: more than ${bytesMax} bytes`);
    at += length + checksumBytes;
  }
  if (bytes.length - at !== trailerBytes) throw new WireError(`lz4: ${bytes.length - at} bytes behind the end`);
}
