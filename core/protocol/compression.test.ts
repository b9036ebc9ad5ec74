import { gzipSync, zstdCompressSync } from 'node:zlib';
import { fc, test as property } from '@fast-check/vitest';
import { compressFrameSync } from 'lz4-napi';
import { compressSync } from 'snappy';
import { describe, expect, test } from 'vitest';
import { type CompressionType, compress, decompress } from './compression.ts';
import { CODECS } from './record-batch.ts';
import { WireError } from './wire-error.ts';

const MIB = 1024 * 1024;

describe.each(CODECS.map((type) => [type]))('%s', (type) => {
  property.prop([fc.uint8Array({ maxLength: 2000 }), fc.nat(200)])('gives back what it took', (bytes, repeats) => {
    const data = Buffer.concat(Array.from({ length: repeats }, () => bytes));
    const stored = compress(type, data);
    expect(Buffer.compare(decompress(type, stored, data.length), data)).toBe(0);
    expect(Buffer.compare(compress(type, data), stored)).toBe(0);
    if (data.length > 1) expect(() => decompress(type, stored, data.length - 1)).toThrow(WireError);
  });

  property.prop([fc.uint8Array({ maxLength: 100 })])('reads or refuses arbitrary bytes', (bytes) => {
    tryDecompress(type, Buffer.from(bytes));
  });

  property.prop([fc.uint8Array({ minLength: 50, maxLength: 300 }), fc.nat(), fc.nat(255), fc.nat()])(
    'reads or refuses damaged bytes; cut off it is refused',
    (data, at, byte, cut) => {
      const stored = Buffer.from(compress(type, data));
      if (type !== 'none' && type !== 'snappy') {
        expect(() => decompress(type, stored.subarray(0, cut % stored.length), MIB)).toThrow(WireError);
      }
      stored[at % stored.length] = byte;
      tryDecompress(type, stored);
    },
  );
});

function tryDecompress(type: CompressionType, bytes: Buffer): void {
  try {
    expect(decompress(type, bytes, MIB).length).toBeLessThanOrEqual(MIB);
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
  }
}

test('levels change the size, not the contents', () => {
  const data = Buffer.from(Array.from({ length: 20_000 }, (_, i) => `record ${i * 7919}`).join(','));
  for (const [type, low, high] of [['gzip', 1, 9] as const, ['zstd', 1, 12] as const]) {
    const fast = compress(type, data, low);
    const small = compress(type, data, high);
    expect(small.length).not.toBe(fast.length);
    expect(Buffer.compare(decompress(type, small, data.length), decompress(type, fast, data.length))).toBe(0);
  }
});

describe('bombs', () => {
  const zeros = Buffer.alloc(64 * MIB);
  const bombs: readonly (readonly [CompressionType, Buffer])[] = [
    ['gzip', gzipSync(zeros)],
    ['zstd', zstdCompressSync(zeros)],
    ['lz4', compressFrameSync(zeros)],
    ['snappy', compressSync(zeros)],
    ['snappy', compress('snappy', zeros)],
  ];
  test.each(bombs)('%s is refused without unpacking it', (type, bomb) => {
    const before = process.memoryUsage().rss;
    expect(() => decompress(type, bomb, MIB)).toThrow(WireError);
    expect(process.memoryUsage().rss - before).toBeLessThan(32 * MIB);
  });

  test('a snappy length that no block of its size can have is refused', () => {
    expect(() => decompress('snappy', Buffer.from('ffffffff0f00', 'hex'), 2 ** 40)).toThrow(WireError);
    expect(() => decompress('snappy', Buffer.from('80808004', 'hex'), 2 ** 40)).toThrow(WireError);
  });
});

describe('framings', () => {
  const data = Buffer.from('snappy '.repeat(20_000));

  test('snappy is written in xerial framing, in blocks of 32 KiB, and read bare too', () => {
    const framed = compress('snappy', data);
    expect(framed.subarray(0, 16).toString('hex')).toBe('82534e4150505900' + '00000001' + '00000001');
    let blocks = 0;
    for (let at = 16; at < framed.length; at += 4 + framed.readInt32BE(at)) blocks += 1;
    expect(blocks).toBe(Math.ceil(data.length / 32768));
    expect(Buffer.compare(decompress('snappy', compressSync(data), data.length), data)).toBe(0);
  });

  test('a snappy frame whose block reaches beyond it is refused', () => {
    const framed = compress('snappy', data);
    expect(() => decompress('snappy', framed.subarray(0, framed.length - 1), data.length)).toThrow(WireError);
    expect(() => decompress('snappy', Buffer.concat([framed, Buffer.from([0, 0])]), data.length)).toThrow(WireError);
  });

  test('lz4 is one frame of independent blocks; trailing bytes and a missing end are refused', () => {
    const frame = compress('lz4', data);
    expect(frame.readUInt32LE(0)).toBe(0x184d2204);
    expect(frame[4]! & 0x20).toBe(0x20);
    expect(() => decompress('lz4', frame.subarray(0, frame.length - 4), data.length)).toThrow(WireError);
    expect(() => decompress('lz4', Buffer.concat([frame, frame]), MIB)).toThrow(WireError);
    const withChecksums = compressFrameSync(data, { contentChecksum: true, blockChecksums: true });
    expect(Buffer.compare(decompress('lz4', withChecksums, data.length), data)).toBe(0);
  });
});
