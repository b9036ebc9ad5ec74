import { expect, test } from 'vitest';
import { ErrorCode } from '../protocol/errors.ts';
import { RecordBatch } from '../protocol/record-batch.ts';
import { buildBatch } from '../protocol/record-batch-builder.ts';
import type { AppendOrigin } from './append-result.ts';
import { validateBatch } from './append-validation.ts';
import { DEFAULT_LOG_CONFIG, type LogConfig } from './log-config.ts';
import { batch, readAll, T0, TestFolder } from './test/fixture.ts';

const check = (bytes: Buffer, config: Partial<LogConfig> = {}, origin: AppendOrigin = 'client') =>
  validateBatch(bytes, origin, { ...DEFAULT_LOG_CONFIG, ...config }, T0);

/** A batch with `change` made to its header, and a CRC that fits again. */
const changed = (change: (bytes: Buffer) => void, bytes = batch(['a', 'b'])): Buffer => {
  change(bytes);
  bytes.writeUInt32BE(new RecordBatch(bytes).computeCrc(), 17);
  return bytes;
};

test('one sound batch passes untouched', () => {
  const bytes = batch(['a', 'b']);
  const before = Buffer.from(bytes);
  expect(check(bytes)).toMatchObject({ kind: 'valid', logAppendTimeMs: -1 });
  expect(bytes).toEqual(before);
});

test.each<[string, () => Buffer, number, Partial<LogConfig>?]>([
  ['nothing', () => Buffer.alloc(0), ErrorCode.INVALID_RECORD],
  ['two batches', () => Buffer.concat([batch(['a']), batch(['b'])]), ErrorCode.INVALID_RECORD],
  ['a cut batch', () => batch(['a']).subarray(0, -1), ErrorCode.INVALID_RECORD],
  ['magic 1', () => changed((b) => b.writeInt8(1, 16)), ErrorCode.INVALID_RECORD],
  [
    'a wrong CRC',
    () => {
      const b = batch(['a']);
      b[b.length - 1]! ^= 1;
      return b;
    },
    ErrorCode.CORRUPT_MESSAGE,
  ],
  ['a count that does not fit the delta', () => changed((b) => b.writeInt32BE(3, 57)), ErrorCode.INVALID_RECORD],
  [
    'a count that does not fit the records',
    () =>
      changed((b) => {
        b.writeInt32BE(3, 57);
        b.writeInt32BE(2, 23);
      }),
    ErrorCode.INVALID_RECORD,
  ],
  ['a base offset', () => changed((b) => b.writeBigInt64BE(4n, 0)), ErrorCode.INVALID_RECORD],
  ['a control batch', () => changed((b) => b.writeInt16BE(0x20, 21)), ErrorCode.INVALID_RECORD],
  ['a codec that is none', () => changed((b) => b.writeInt16BE(7, 21)), ErrorCode.INVALID_RECORD],
  ['a producer without a sequence', () => changed((b) => b.writeBigInt64BE(4n, 43)), ErrorCode.INVALID_RECORD],
  [
    'a batch above max.message.bytes',
    () => batch(['a'.repeat(100)]),
    ErrorCode.MESSAGE_TOO_LARGE,
    { maxMessageBytes: 100 },
  ],
  [
    'a batch above segment.bytes',
    () => batch(['a'.repeat(100)]),
    ErrorCode.RECORD_LIST_TOO_LARGE,
    { segmentBytes: 100 },
  ],
  ['a timestamp from the future', () => batch(['a'], T0 + 3_600_001), ErrorCode.INVALID_TIMESTAMP],
  [
    'a timestamp from long ago',
    () => batch(['a'], T0 - 11),
    ErrorCode.INVALID_TIMESTAMP,
    { messageTimestampBeforeMaxMs: 10 },
  ],
  [
    'log append time from a producer',
    () => buildBatch({ logAppendTimeMs: T0, records: [{ timestamp: T0, key: null, value: null }] }),
    ErrorCode.INVALID_TIMESTAMP,
  ],
  [
    'a broken compressed block',
    () => changed((b) => b.writeInt16BE(1, 21)),
    ErrorCode.INVALID_RECORD,
    { cleanupPolicy: ['compact'] },
  ],
])('%s is refused', (_what, make, errorCode, config) => {
  expect(check(make(), config)).toMatchObject({ kind: 'rejected', errorCode });
});

test('a compacted topic names the records without a key', () => {
  const bytes = buildBatch({
    compression: 'gzip',
    records: [
      { timestamp: T0, key: Buffer.from('k'), value: null },
      { timestamp: T0, key: null, value: Buffer.from('v') },
    ],
  });
  expect(check(bytes, { cleanupPolicy: ['compact', 'delete'] })).toMatchObject({
    errorCode: ErrorCode.INVALID_RECORD,
    recordErrors: [{ batchIndex: 1 }],
  });
  expect(check(bytes, { cleanupPolicy: ['compact'] }, 'coordinator').kind).toBe('valid');
});

test('log append time is written into the batch and answered', () => {
  const bytes = batch(['a', 'b'], 5);
  const result = check(bytes, { messageTimestampType: 'LogAppendTime' });
  expect(result).toMatchObject({ kind: 'valid', logAppendTimeMs: T0 });
  const view = new RecordBatch(bytes);
  expect([view.isLogAppendTime, view.maxTimestamp, view.isCrcValid]).toEqual([true, T0, true]);
});

test.each(['uncompressed', 'gzip', 'snappy', 'lz4', 'zstd'] as const)(
  'compression.type=%s packs anew what came otherwise',
  async (type) => {
    using folder = new TestFolder();
    const log = folder.log({ compressionType: type });
    for (const compression of ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const) {
      log.append(
        batch(['x', 'y'], T0, { compression, producerId: 3, producerEpoch: 0, baseSequence: log.logEndOffset }),
        0,
      );
    }
    expect(
      readAll(log)
        .map((record) => record.value)
        .join(''),
    ).toBe('xyxyxyxyxy');
    const bytes = Buffer.alloc(log.size);
    log.segments[0]!.file.readInto(bytes, 0);
    expect(new RecordBatch(bytes).compression).toBe(type === 'uncompressed' ? 'none' : type);
    await log.close();
  },
);
