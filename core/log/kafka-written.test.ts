import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { realFiles } from '../ports/real/files.ts';
import { realRandom } from '../ports/real/random.ts';
import { recordsOf } from '../protocol/record.ts';
import { batchesIn } from '../protocol/record-batch.ts';
import type { Log } from './log.ts';
import { DEFAULT_LOG_CONFIG } from './log-config.ts';
import { LogManager } from './log-manager.ts';
import { batch, ManualClock, readAll } from './test/fixture.ts';

/** Partition folders that Apache Kafka wrote (`test/kafka-written/README.md`): read, recovered, and written on. */
const SAMPLE = fileURLToPath(new URL('test/kafka-written', import.meta.url));
const TOPICS = [
  'sample-transactions',
  'sample-compacted',
  'sample-indexed',
  '__consumer_offsets',
  '__transaction_state',
];

async function open(isClean: boolean) {
  const directory = mkdtempSync(join(tmpdir(), 'mqlab-kafka-written-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  cpSync(SAMPLE, directory, { recursive: true });
  if (isClean) writeFileSync(join(directory, '.kafka_cleanshutdown'), '{"version":0,"brokerEpoch":9}');
  // What is not covered by a recovery point is checked batch by batch.
  else rmSync(join(directory, 'recovery-point-offset-checkpoint'));
  const problems: string[] = [];
  const manager = await LogManager.open({
    files: realFiles(),
    clock: new ManualClock(),
    random: realRandom(),
    logDirs: [directory],
    nodeId: 1,
    clusterId: 'sample-cluster',
    configOf: (topic) => ({
      ...DEFAULT_LOG_CONFIG,
      indexIntervalBytes: topic === 'sample-indexed' ? 300 : 4096,
      cleanupPolicy: /^__|compacted/.test(topic) ? ['compact'] : ['delete'],
    }),
    onProblem: (message) => problems.push(message),
  });
  const log = (topic: string) => manager.get(topic, 0)!;
  return { directory, manager, log, problems };
}

const values = (log: Log) => readAll(log).map(({ value }) => value);
const bytesOf = (folder: string, pattern: RegExp) =>
  readdirSync(folder)
    .filter((name) => pattern.test(name))
    .map((name) => [name, readFileSync(join(folder, name)).toString('hex')]);

for (const isClean of [true, false]) {
  test(`${isClean ? 'after its clean stop' : 'recovered'}: every record, transaction, producer and index is Kafka’s`, async () => {
    const { directory, manager, log, problems } = await open(isClean);
    const transactions = log('sample-transactions');
    expect([transactions.logStartOffset, transactions.logEndOffset, transactions.highWatermark]).toEqual([0, 41, 41]);
    expect(transactions.lastStableOffset).toBe(41);
    expect(values(transactions).slice(0, 20)).toEqual(
      ['none', 'gzip', 'snappy', 'lz4', 'zstd'].flatMap((codec) => [0, 1, 2, 3].map((n) => `${codec}-${n}`)),
    );
    expect(values(transactions).slice(20)).toHaveLength(15);
    expect(
      transactions.abortedTransactions(0, 41).map(({ firstOffset, lastOffset }) => [firstOffset, lastOffset]),
    ).toEqual([
      [24, 27],
      [32, 35],
      [37, 38],
    ]);
    expect(transactions.producers.entries.size).toBe(7);
    expect(values(log('sample-compacted'))).toEqual(['1=5', '2=5', '3=5', 'null', 'tail', 'tail2']);
    expect(log('sample-indexed').offsetForTimestamp(1_700_000_039_000)?.offset).toBe(27);
    expect(log('__consumer_offsets').logEndOffset).toBe(6);
    await manager.close();
    expect(problems).toEqual([]);
    for (const topic of TOPICS) {
      const [ours, theirs] = [join(directory, `${topic}-0`), join(SAMPLE, `${topic}-0`)];
      expect(bytesOf(ours, /\.(log|index|timeindex)$/), topic).toEqual(bytesOf(theirs, /\.(log|index|timeindex)$/));
      expect(bytesOf(ours, /\.txnindex$/).filter(([, hex]) => hex !== '')).toEqual(bytesOf(theirs, /\.txnindex$/));
    }
  });
}

test('written on: sequences go on where Kafka’s producers stopped, and a later start finds both', async () => {
  const { manager, log, directory, problems } = await open(true);
  const indexed = log('sample-indexed');
  const [producer] = [...indexed.producers.entries.values()];
  const { producerId, producerEpoch, lastSequence } = producer!;
  const next = { producerId, producerEpoch, baseSequence: lastSequence + 1 };
  expect(indexed.append(batch(['again'], undefined, { ...next, baseSequence: lastSequence }), 0)).toMatchObject({
    isDuplicate: true,
  });
  expect(indexed.append(batch(['gap'], undefined, { ...next, baseSequence: lastSequence + 5 }), 0).errorCode).not.toBe(
    0,
  );
  expect(indexed.append(batch(['ours'], undefined, next), 1)).toMatchObject({ errorCode: 0, firstOffset: 40 });
  indexed.roll();
  expect(indexed.append(batch(['ours too']), 1)).toMatchObject({ errorCode: 0, firstOffset: 41 });
  expect(indexed.epochs.entries).toEqual([
    { epoch: 0, startOffset: 0 },
    { epoch: 1, startOffset: 40 },
  ]);
  await manager.close();
  const again = await LogManager.open({
    files: realFiles(),
    clock: new ManualClock(),
    random: realRandom(),
    logDirs: [directory],
    nodeId: 1,
    clusterId: 'sample-cluster',
    configOf: () => DEFAULT_LOG_CONFIG,
    onProblem: (message) => problems.push(message),
  });
  expect(values(again.get('sample-indexed', 0)!).slice(39)).toEqual([
    expect.stringMatching(/^39:x/),
    'ours',
    'ours too',
  ]);
  await again.close();
  expect(problems).toEqual([]);
});

test('commits, tombstones and markers carry the keys that Kafka gave them', async () => {
  const { manager, log } = await open(true);
  const read = log('__consumer_offsets').read(0, { maxBytes: 1e6, maxOffset: 6, minOneBatch: true });
  if (read.kind === 'rejected' || read.slice === null) throw new Error('nothing to read');
  const bytes = Buffer.alloc(read.slice.length);
  read.slice.file.readInto(bytes, read.slice.position);
  const types = [...batchesIn(bytes)].flatMap((each) =>
    each.isControl ? ['marker'] : [...recordsOf(each)].map(({ key }) => String(key!.readInt16BE(0))),
  );
  // 1 a commit (the transactional one first, with its marker), 2 the group's membership.
  expect(types).toEqual(['2', '2', '1', '1', 'marker', '2']);
  await manager.close();
});
