import { expect, test } from 'vitest';
import { ErrorCode } from '../protocol/errors.ts';
import { buildBatch } from '../protocol/record-batch-builder.ts';
import type { Log } from './log.ts';
import { batch, T0, TestFolder } from './test/fixture.ts';

const send = (log: Log, sequence: number, count = 1, epoch = 0) =>
  log.append(
    batch(
      Array.from({ length: count }, (_, index) => `${sequence + index}`),
      T0,
      { producerId: 7, producerEpoch: epoch, baseSequence: sequence },
    ),
    0,
  );

test('the last five batches answer a retry with their first offset, across kill and restart', async () => {
  using folder = new TestFolder();
  let log = folder.log();
  for (let index = 0; index < 6; index++) expect(send(log, index * 2, 2)).toMatchObject({ firstOffset: index * 2 });
  for (const isClean of [false, false]) {
    for (let index = 1; index < 6; index++) {
      expect(send(log, index * 2, 2)).toMatchObject({ firstOffset: index * 2, isDuplicate: true });
    }
    expect(send(log, 0, 2).errorCode).toBe(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER);
    expect(log.logEndOffset).toBe(12);
    log.closeFiles();
    log = folder.log({}, { isClean });
  }
  await log.close();
  // A snapshot keeps the last batch only.
  log = folder.log();
  expect(send(log, 10, 2)).toMatchObject({ firstOffset: 10, isDuplicate: true });
  expect(send(log, 12)).toMatchObject({ firstOffset: 12, isDuplicate: false });
  await log.close();
});

test('gaps, epochs and the wrap of sequences', async () => {
  using folder = new TestFolder();
  const log = folder.log();
  expect(send(log, 0).kind).toBe('appended');
  expect(send(log, 2).errorCode).toBe(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER);
  expect(send(log, 1, 1, 1).errorCode).toBe(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER);
  expect(send(log, 0, 1, 1).kind).toBe('appended');
  expect(send(log, 1, 1, 0).errorCode).toBe(ErrorCode.INVALID_PRODUCER_EPOCH);
  const other = (sequence: number, count: number) =>
    log.append(batch(Array(count).fill('x'), T0, { producerId: 8, producerEpoch: 0, baseSequence: sequence }), 0);
  expect(other(0x7fff_fffe, 1).kind).toBe('appended'); // Unknown producers may begin anywhere.
  expect(other(0x7fff_ffff, 3).kind).toBe('appended');
  expect(other(0x7fff_ffff, 3)).toMatchObject({ isDuplicate: true });
  expect(other(2, 1).kind).toBe('appended');
  await log.close();
});

const marker = (type: 0 | 1, producerId = 9) =>
  buildBatch({
    isControl: true,
    isTransactional: true,
    producerId,
    producerEpoch: 0,
    records: [{ timestamp: T0, key: Buffer.from([0, 0, 0, type]), value: Buffer.from([0, 0, 0, 0, 0, 7]) }],
  });

test('open transactions hold the last stable offset back; aborted ones are indexed', async () => {
  using folder = new TestFolder();
  let log = folder.log();
  const inTransaction = (sequence: number, producerId = 9) =>
    log.append(batch(['t'], T0, { producerId, producerEpoch: 0, baseSequence: sequence, isTransactional: true }), 0);
  log.append(batch(['plain']), 0);
  inTransaction(0);
  log.append(batch(['plain']), 0);
  log.updateHighWatermark(log.logEndOffset);
  expect(log.lastStableOffset).toBe(1);
  expect(log.append(batch(['no'], T0, { producerId: 9, producerEpoch: 0, baseSequence: 1 }), 0).errorCode).toBe(
    ErrorCode.INVALID_TXN_STATE,
  );
  expect(log.append(marker(0), 0, 'coordinator').kind).toBe('appended');
  expect(log.lastStableOffset).toBe(1);
  log.updateHighWatermark(log.logEndOffset);
  expect(log.lastStableOffset).toBe(4);
  const aborted = [{ producerId: 9, firstOffset: 1, lastOffset: 3, lastStableOffset: 4 }];
  expect(log.abortedTransactions(0, 4)).toEqual(aborted);
  expect(log.abortedTransactions(4, 9)).toEqual([]);
  inTransaction(0, 10);
  log.closeFiles();
  log = folder.log({}, { isClean: false, highWatermark: 5 });
  expect(log.lastStableOffset).toBe(4);
  expect(log.abortedTransactions(0, 4)).toEqual(aborted);
  expect(log.append(marker(1, 10), 0, 'coordinator').kind).toBe('appended');
  await log.close();
  log = folder.log({}, { highWatermark: 6 });
  expect(log.lastStableOffset).toBe(6);
  expect(log.abortedTransactions(0, 6)).toEqual(aborted);
  await log.close();
});

test('idle producers are forgotten, those in a transaction are not', async () => {
  using folder = new TestFolder();
  const log = folder.log();
  send(log, 0);
  log.append(batch(['t'], T0, { producerId: 9, producerEpoch: 0, baseSequence: 0, isTransactional: true }), 0);
  log.producers.removeExpired(T0 + 999, 1000);
  expect(log.producers.entries.size).toBe(2);
  log.producers.removeExpired(T0 + 1000, 1000);
  expect([...log.producers.entries.keys()]).toEqual([9]);
  await log.close();
});
