// Batches of a hostile producer against a log: each is stored or refused, and whatever they were, what is on the disk is sound: every record can be read,
// every index is the one that a rebuild makes, and the next start finds nothing to mend.
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { zstdCompressSync } from 'node:zlib';
import { fc, test as property } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import type { Log } from '../../log/log.ts';
import type { LogConfig } from '../../log/log-config.ts';
import { T0, TestFolder } from '../../log/test/fixture.ts';
import { SimRandom } from '../../ports/sim/random.ts';
import { ErrorCode } from '../../protocol/errors.ts';
import { recordsOf } from '../../protocol/record.ts';
import { BATCH_HEADER_BYTES, batchesIn, RecordBatch, writeBatchHeader } from '../../protocol/record-batch.ts';
import { hostileBatch } from './hostile-batch.ts';

const CONFIGS: readonly Partial<LogConfig>[] = [
  {},
  { cleanupPolicy: ['compact'] },
  { messageTimestampType: 'LogAppendTime' },
  { compressionType: 'zstd' },
  { compressionType: 'uncompressed', messageTimestampBeforeMaxMs: 10_000 },
];
const BATCHES = 50;
const INDEX = /\.(index|timeindex)$/;
const ANSWERS: ReadonlySet<number> = new Set([
  ErrorCode.NONE,
  ErrorCode.CORRUPT_MESSAGE,
  ErrorCode.INVALID_RECORD,
  ErrorCode.INVALID_TIMESTAMP,
  ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
  ErrorCode.DUPLICATE_SEQUENCE_NUMBER,
  ErrorCode.INVALID_PRODUCER_EPOCH,
  ErrorCode.INVALID_TXN_STATE,
  ErrorCode.MESSAGE_TOO_LARGE,
  ErrorCode.RECORD_LIST_TOO_LARGE,
]);

/** Reads everything that is stored; throws on what cannot be read. Returns the offset behind the last batch. */
function rescan(log: Log, nowMs: number, config: Partial<LogConfig>): number {
  let nextOffset = 0;
  for (const { file } of log.segments) {
    const bytes = Buffer.alloc(file.size);
    file.readInto(bytes, 0);
    let end = 0;
    for (const batch of batchesIn(bytes)) {
      expect([batch.baseOffset, batch.isCrcValid, batch.isControl]).toEqual([nextOffset, true, false]);
      const records = [...recordsOf(batch)];
      expect(records.length).toBe(batch.recordCount);
      expect(batch.recordCount).toBe(batch.lastOffsetDelta + 1);
      expect(batch.maxTimestamp).toBe(Math.max(...records.map(({ timestamp }) => timestamp)));
      expect(batch.maxTimestamp).toBeLessThanOrEqual(nowMs + 3_600_000);
      if (config.cleanupPolicy !== undefined) expect(records.every(({ key }) => key !== null)).toBe(true);
      nextOffset = batch.nextOffset;
      end += batch.bytes;
    }
    expect(end).toBe(bytes.length);
  }
  return nextOffset;
}

const indexesOf = (log: Log) => readdirSync(log.directory).filter((name) => INDEX.test(name));

property.prop([fc.integer(), fc.constantFrom(...CONFIGS)], { numRuns: 15 })(
  'hostile batches never reach the log',
  async (seed, config) => {
    using folder = new TestFolder();
    const random = new SimRandom(seed, 'appends');
    const all = { ...config, segmentBytes: 4000, indexIntervalBytes: 200 };
    const log = folder.log(all);
    for (let i = 0; i < BATCHES; i++) {
      const before = log.logEndOffset;
      const result = log.append(hostileBatch(random, T0), 0);
      expect(ANSWERS).toContain(result.errorCode);
      if (result.kind === 'rejected') expect(log.logEndOffset).toBe(before);
    }
    const end = rescan(log, T0, config);
    expect(end).toBe(log.logEndOffset);
    await log.close();
    const written = new Map(indexesOf(log).map((name) => [name, readFileSync(`${log.directory}/${name}`)]));
    for (const name of written.keys()) rmSync(`${log.directory}/${name}`);
    const again = folder.log(all, { isClean: false });
    expect([again.logEndOffset, folder.problems]).toEqual([end, []]);
    await again.close();
    for (const [name, bytes] of written) {
      expect([name, readFileSync(`${log.directory}/${name}`).equals(bytes)]).toEqual([name, true]);
    }
  },
);

test('a block that unpacks to more than a request could carry is refused, and takes no such memory', async () => {
  using folder = new TestFolder();
  const log = folder.log();
  const block = zstdCompressSync(Buffer.alloc(256 * 1024 * 1024));
  const bytes = Buffer.concat([Buffer.alloc(BATCH_HEADER_BYTES), block]);
  const header = { baseOffset: 0, partitionLeaderEpoch: -1, compression: 'zstd', lastOffsetDelta: 0 } as const;
  const time = { baseTimestamp: T0, maxTimestamp: T0 };
  const nobody = { producerId: -1, producerEpoch: -1, baseSequence: -1 };
  writeBatchHeader(bytes, 0, block.length, { ...header, ...time, ...nobody, recordCount: 1 });
  const before = process.memoryUsage().rss;
  expect(new RecordBatch(bytes).isCrcValid).toBe(true);
  expect(log.append(bytes, 0).errorCode).toBe(ErrorCode.INVALID_RECORD);
  expect(process.memoryUsage().rss - before).toBeLessThan(350 * 1024 * 1024);
  expect(log.logEndOffset).toBe(0);
  await log.close();
});
