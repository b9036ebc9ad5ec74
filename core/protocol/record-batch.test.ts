import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import type { CompressionType } from './compression.ts';
import { ErrorCode } from './errors.ts';
import { type Record, recordsOf } from './record.ts';
import { BATCH_HEADER_BYTES, batchesIn, CODECS, RecordBatch, writeBatchHeader } from './record-batch.ts';
import { buildBatch, RecordBatchBuilder } from './record-batch-builder.ts';
import { validateRecords } from './record-validation.ts';
import { WireError } from './wire-error.ts';

const blob = fc.option(
  fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes)),
  { freq: 4 },
);
const input = fc.record({
  timestamp: fc.oneof(fc.nat(), fc.integer({ min: 0, max: 2 ** 52 })),
  key: blob,
  value: blob,
  headers: fc.array(fc.record({ key: fc.string({ unit: 'binary', maxLength: 10 }), value: blob }), { maxLength: 3 }),
});
const codec = fc.constantFrom<CompressionType>(...CODECS);

/** The records, or undefined when the batch was refused; other errors fail the test. */
function tryRecords(bytes: Buffer): Record[] | undefined {
  try {
    return [...batchesIn(bytes)].flatMap((batch) => [...recordsOf(batch, 1 << 20)]);
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}

property.prop([fc.array(input, { minLength: 1, maxLength: 20 }), codec, fc.nat(1e12)])(
  'what a builder wrote is read again, for all codecs',
  (records, compression, baseOffset) => {
    const bytes = buildBatch({ records, compression, baseOffset, producerId: 7, producerEpoch: 2, baseSequence: 5 });
    const batch = new RecordBatch(bytes);
    expect(batch.isCrcValid).toBe(true);
    expect(batch).toMatchObject({ compression, baseOffset, producerId: 7, producerEpoch: 2, baseSequence: 5 });
    expect(batch.bytes).toBe(bytes.length);
    expect(batch.maxTimestamp).toBe(Math.max(...records.map(({ timestamp }) => timestamp)));
    expect([...recordsOf(batch)]).toEqual(records.map((record, i) => ({ ...record, offset: baseOffset + i })));
    expect(validateRecords(batch)).toMatchObject({ kind: 'valid', maxTimestamp: batch.maxTimestamp });
  },
);

property.prop([fc.array(input, { minLength: 1, maxLength: 8 }), codec, fc.nat(), fc.nat(255)])(
  'a damaged batch fails its CRC; its records are read or refused, never more',
  (records, compression, at, byte) => {
    const bytes = buildBatch({ records, compression });
    const position = 21 + (at % (bytes.length - 21));
    const isChanged = bytes[position] !== byte;
    bytes[position] = byte;
    expect(new RecordBatch(bytes).isCrcValid).toBe(!isChanged);
    tryRecords(bytes);
    validateRecords(new RecordBatch(bytes), { decompressedBytesMax: 1 << 20 });
  },
);

property.prop([fc.array(input, { minLength: 1, maxLength: 8 }), codec, fc.nat()])(
  'cut off behind its header, a batch is refused or left out',
  (records, compression, cut) => {
    const bytes = buildBatch({ records, compression });
    const part = bytes.subarray(0, cut % bytes.length);
    expect([...batchesIn(part)]).toEqual([]);
    if (part.length >= BATCH_HEADER_BYTES) expect(() => [...recordsOf(new RecordBatch(part))]).toThrow(WireError);
  },
);

property.prop([fc.uint8Array({ minLength: 0, maxLength: 300 }), codec, fc.integer({ min: -2, max: 2000 })])(
  'arbitrary record bytes are read or refused',
  (data, compression, recordCount) => {
    const bytes = Buffer.concat([Buffer.alloc(BATCH_HEADER_BYTES), data]);
    writeBatchHeader(bytes, 0, data.length, {
      baseOffset: 0,
      partitionLeaderEpoch: 0,
      compression,
      lastOffsetDelta: recordCount - 1,
      baseTimestamp: 0,
      maxTimestamp: 0,
      producerId: -1,
      producerEpoch: -1,
      baseSequence: -1,
      recordCount,
    });
    tryRecords(bytes);
  },
);

describe('the builder', () => {
  test('stops at bytesMax, but takes the first record whatever its size', () => {
    const builder = new RecordBatchBuilder({ bytesMax: 200 });
    expect(builder.tryAppend(1, null, Buffer.alloc(500))).toBe(true);
    expect(builder.tryAppend(1, null, null)).toBe(false);
    expect(builder.recordCount).toBe(1);
    const small = new RecordBatchBuilder({ bytesMax: 200 });
    while (small.tryAppend(1, null, Buffer.alloc(20)));
    expect(small.bytes).toBeLessThanOrEqual(200);
    expect(small.bytes).toBeGreaterThan(170);
    expect(small.build().length).toBe(small.bytes);
  });

  test('keeps gaps, the last offset and the delete horizon of a compacted batch', () => {
    const builder = new RecordBatchBuilder({ baseOffset: 100, deleteHorizonMs: 5000, compression: 'lz4' });
    builder.appendWithOffset(103, 1000, Buffer.from('k'), null);
    expect(() => builder.appendWithOffset(103, 1000, null, null)).toThrow(RangeError);
    const batch = new RecordBatch(builder.build(9));
    expect(batch).toMatchObject({ lastOffset: 109, recordCount: 1, hasDeleteHorizon: true, baseTimestamp: 5000 });
    expect([...recordsOf(batch)]).toMatchObject([{ offset: 103, timestamp: 1000 }]);
    const empty = new RecordBatch(new RecordBatchBuilder({ baseOffset: 3 }).build(4));
    expect(empty.lastOffset).toBe(7);
    expect([...recordsOf(empty)]).toEqual([]);
    expect(() => new RecordBatchBuilder().build()).toThrow(RangeError);
  });

  test('log append time stands for all records', () => {
    const batch = new RecordBatch(buildBatch({ records: [{ timestamp: 1 }, { timestamp: 2 }], logAppendTimeMs: 77 }));
    expect([...recordsOf(batch)].map(({ timestamp }) => timestamp)).toEqual([77, 77]);
  });
});

describe('validation', () => {
  const twoRecords = () => buildBatch({ records: [{ timestamp: 10, key: 'a' }, { timestamp: 20 }] });

  test('names the records without a key when the topic is compacted', () => {
    expect(validateRecords(new RecordBatch(twoRecords()), { isCompacted: true })).toMatchObject({
      kind: 'invalid',
      errorCode: ErrorCode.INVALID_RECORD,
      recordErrors: [{ batchIndex: 1 }],
    });
  });

  test('refuses timestamps out of bounds', () => {
    const batch = new RecordBatch(twoRecords());
    expect(validateRecords(batch, { timestampMin: 10, timestampMax: 20 }).kind).toBe('valid');
    expect(validateRecords(batch, { timestampMax: 19 })).toMatchObject({
      errorCode: ErrorCode.INVALID_TIMESTAMP,
      recordErrors: [{ batchIndex: 1 }],
    });
  });

  test('refuses a count that differs from the offsets, gaps, and bytes left over', () => {
    const countLies = twoRecords();
    countLies.writeInt32BE(1, 57);
    expect(validateRecords(new RecordBatch(countLies))).toMatchObject({ errorCode: ErrorCode.INVALID_RECORD });
    countLies.writeInt32BE(0, 23);
    expect(validateRecords(new RecordBatch(countLies))).toMatchObject({ errorCode: ErrorCode.CORRUPT_MESSAGE });
    expect(() => [...recordsOf(new RecordBatch(countLies))]).toThrow(WireError);
    const builder = new RecordBatchBuilder();
    builder.appendWithOffset(1, 0, null, null);
    builder.appendWithOffset(2, 0, null, null);
    const gap = builder.build();
    gap.writeInt32BE(1, 23);
    expect(validateRecords(new RecordBatch(gap))).toMatchObject({ errorCode: ErrorCode.INVALID_RECORD });
  });

  test('tells a wrong largest timestamp from the right one', () => {
    const batch = new RecordBatch(twoRecords());
    batch.setMaxTimestamp(99);
    expect(batch.isCrcValid).toBe(true);
    expect(validateRecords(batch)).toMatchObject({ kind: 'valid', maxTimestamp: 20, maxTimestampOffsetDelta: 1 });
  });
});
