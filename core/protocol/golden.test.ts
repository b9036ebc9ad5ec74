import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { sampleOf } from './arbitrary.ts';
import { ALL_APIS } from './messages/all.ts';
import { recordsOf } from './record.ts';
import { CODECS, RecordBatch } from './record-batch.ts';
import { type BatchOptions, buildBatch, type RecordInput } from './record-batch-builder.ts';
import { validateRecords } from './record-validation.ts';
import type { Fields, Message } from './schema.ts';

/**
 * Frames and batches as Apache Kafka 4.3.1 writes them.
 *
 * `messages/golden-frames.txt`: for every message and version the bytes of `sampleOf` (Kafka's own classes read them and write them alike).
 * `golden-batches.txt`: `BATCH` below, written by Kafka's Java client with each codec.
 */
function linesOf(file: string): string[][] {
  const text = readFileSync(new URL(file, import.meta.url), 'utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((line) => line.split(' '));
}

const MESSAGES = new Map<string, Message<Fields>>(
  ALL_APIS.flatMap(({ request, response }) => [
    [request.name, request],
    [response.name, response],
  ]),
);
const FRAMES = linesOf('./messages/golden-frames.txt');

test('every version of every message has its golden frame', () => {
  const wanted = [...MESSAGES.values()].reduce(
    (sum, { versionMin, versionMax }) => sum + versionMax - versionMin + 1,
    0,
  );
  expect(FRAMES.length).toBe(wanted);
});

test('every golden frame is written and read to the byte', () => {
  for (const [name, version, hex] of FRAMES) {
    const message = MESSAGES.get(name!)!;
    const value = sampleOf(message, Number(version));
    expect(message.encode(Number(version), value).toString('hex'), `${name} ${version}`).toBe(hex);
    expect(message.decode(Number(version), Buffer.from(hex!, 'hex')), `${name} ${version}`).toEqual(value);
  }
});

const records: RecordInput[] = Array.from({ length: 8 }, (_, i) => ({
  timestamp: 1_700_000_000_000 + i * 1000,
  key: i % 3 === 0 ? null : `key-${i}`,
  value: i === 4 ? null : `value ${i} `.repeat(i),
  headers:
    i % 2 === 0
      ? []
      : [
          { key: 'h', value: Buffer.from('x') },
          { key: 'n', value: null },
        ],
}));
const options: BatchOptions = {
  baseOffset: 70,
  producerId: 4000,
  producerEpoch: 2,
  baseSequence: 30,
  partitionLeaderEpoch: 6,
};

test.each(linesOf('./golden-batches.txt'))("a %s batch of Kafka's Java client is read", (codec, hex) => {
  const batch = new RecordBatch(Buffer.from(hex!, 'hex'));
  expect(batch.isCrcValid).toBe(true);
  expect(batch.compression).toBe(codec);
  expect(batch).toMatchObject({ ...options, lastOffset: 77, recordCount: 8 });
  expect(validateRecords(batch)).toMatchObject({
    kind: 'valid',
    maxTimestamp: 1_700_000_007_000,
    maxTimestampOffsetDelta: 7,
  });
  const ours = new RecordBatch(buildBatch({ ...options, records }));
  expect([...recordsOf(batch)]).toEqual([...recordsOf(ours)]);
});

test('an uncompressed batch is the same to the byte', () => {
  expect(buildBatch({ ...options, records }).toString('hex')).toBe(linesOf('./golden-batches.txt')[0]![1]);
  expect(CODECS.length).toBe(linesOf('./golden-batches.txt').length);
});
