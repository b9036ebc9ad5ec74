// Registers with kafkajs the codecs that it leaves to its users: snappy, lz4 and zstd, from the same libraries that users take.
// Snappy is written as the Java client writes it (xerial blocks) and read in both framings, as librdkafka writes it raw.
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import kafkajs from 'kafkajs';
import lz4 from 'lz4-napi';
import { compressSync, uncompressSync } from 'snappy';
import type { Codec } from './flights.ts';

const xerialMagic = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0]);
const xerialHeaderBytes = 16;
const xerialBlockBytes = 32 * 1024;

interface Encoder {
  readonly buffer: Buffer;
}

export const compressionTypes: Readonly<Record<Codec, number>> = { none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 };

export function registerKafkajsCodecs(): void {
  const { CompressionCodecs, CompressionTypes } = kafkajs;
  CompressionCodecs[CompressionTypes.Snappy] = () => ({
    compress: async (encoder: Encoder) => xerial(encoder.buffer),
    decompress: async (bytes: Buffer) => unxerial(bytes),
  });
  CompressionCodecs[CompressionTypes.LZ4] = () => ({
    compress: async (encoder: Encoder) => lz4.compressFrameSync(encoder.buffer),
    decompress: async (bytes: Buffer) => lz4.decompressFrameSync(bytes),
  });
  CompressionCodecs[CompressionTypes.ZSTD] = () => ({
    compress: async (encoder: Encoder) => zstdCompressSync(encoder.buffer),
    decompress: async (bytes: Buffer) => zstdDecompressSync(bytes),
  });
}

function xerial(bytes: Buffer): Buffer {
  const header = Buffer.alloc(xerialHeaderBytes);
  xerialMagic.copy(header);
  header.writeInt32BE(1, 8);
  header.writeInt32BE(1, 12);
  const parts: Buffer[] = [header];
  for (let at = 0; at < bytes.length; at += xerialBlockBytes) {
    const block = compressSync(bytes.subarray(at, at + xerialBlockBytes));
    const length = Buffer.alloc(4);
    length.writeInt32BE(block.length);
    parts.push(length, block);
  }
  return Buffer.concat(parts);
}

function unxerial(bytes: Buffer): Buffer {
  if (!bytes.subarray(0, xerialMagic.length).equals(xerialMagic)) return uncompressSync(bytes) as Buffer;
  const parts: Buffer[] = [];
  for (let at = xerialHeaderBytes; at < bytes.length; ) {
    const length = bytes.readInt32BE(at);
    parts.push(uncompressSync(bytes.subarray(at + 4, at + 4 + length)) as Buffer);
    at += 4 + length;
  }
  return Buffer.concat(parts);
}
