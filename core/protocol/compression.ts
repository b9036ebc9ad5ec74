import { constants, gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { compressLz4, decompressLz4 } from './lz4-frame.ts';
import { compressSnappy, decompressSnappy } from './snappy-block.ts';
import { WireError } from './wire-error.ts';

/**
 * The five codecs of a record batch, in the framings that other Kafka clients read and write:
 * gzip as one member, snappy in xerial's framing, lz4 as one LZ4 frame, zstd as one frame.
 *
 * Invariant: `decompress` never returns more than `bytesMax`, and takes little more memory than that before it refuses (lz4: one block of
 * 4 MiB more). Damaged input is a WireError. The same input and level always give the same bytes.
 */
export type CompressionType = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd';

const CHUNK_BYTES = 64 * 1024;

/** `level` counts for gzip (−1, 1 to 9; −1 is the default) and zstd (up to 22; 3 is the default); the others have one level. */
export function compress(type: CompressionType, bytes: Uint8Array, level?: number): Buffer {
  switch (type) {
    case 'none':
      return asBuffer(bytes);
    case 'gzip':
      return gzipSync(bytes, { level: level ?? -1, chunkSize: CHUNK_BYTES });
    case 'snappy':
      return compressSnappy(asBuffer(bytes));
    case 'lz4':
      return compressLz4(asBuffer(bytes));
    case 'zstd':
      return zstdCompressSync(bytes, {
        chunkSize: CHUNK_BYTES,
        params: { [constants.ZSTD_c_compressionLevel]: level ?? constants.ZSTD_CLEVEL_DEFAULT },
      });
  }
}

/** Throws WireError when `bytes` are damaged or hold more than `bytesMax`. For `none` the same memory comes back. */
export function decompress(type: CompressionType, bytes: Uint8Array, bytesMax: number): Buffer {
  switch (type) {
    case 'none':
      if (bytes.length > bytesMax) throw new WireError(`${bytes.length} bytes, at most ${bytesMax} allowed`);
      return asBuffer(bytes);
    case 'gzip':
      return guarded(type, () => gunzipSync(bytes, { maxOutputLength: atLeastOne(bytesMax), chunkSize: CHUNK_BYTES }));
    case 'snappy':
      return guarded(type, () => decompressSnappy(asBuffer(bytes), bytesMax));
    case 'lz4':
      return guarded(type, () => decompressLz4(asBuffer(bytes), bytesMax));
    case 'zstd':
      return guarded(type, () =>
        zstdDecompressSync(bytes, { maxOutputLength: atLeastOne(bytesMax), chunkSize: CHUNK_BYTES }),
      );
  }
}

/** zlib takes no limit of 0; a byte more does no harm. */
function atLeastOne(bytesMax: number): number {
  return Math.max(1, bytesMax);
}

function guarded(type: CompressionType, run: () => Buffer): Buffer {
  try {
    return run();
  } catch (error) {
    if (error instanceof WireError) throw error;
    throw new WireError(`${type}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
