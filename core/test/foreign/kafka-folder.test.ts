// A whole data folder of Apache Kafka 4.3.1, metadata log included (core/log/test/kafka-written): opened here, served, written on; then Apache Kafka's dump-log
// reads all of it.
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { OffsetFetch } from '../../protocol/messages/09-offset-fetch.ts';
import { ListTransactions } from '../../protocol/messages/66-list-transactions.ts';
import { batchOf, fetch, findCoordinator, produce, Wire } from '../behaviours/wire.ts';
import { type ForeignBroker, owned, skipped, startBroker } from './harness.ts';
import { dataFiles, dumpLog, kafkaClasspath } from './java.ts';

const sample = fileURLToPath(new URL('../../log/test/kafka-written', import.meta.url));
const classpath = kafkaClasspath();

describe.skipIf(!owned)('a folder of Apache Kafka', { timeout: 60_000 }, () => {
  const directory = mkdtempSync(join(tmpdir(), 'mqlab-folder-'));
  let broker: ForeignBroker;

  beforeAll(async () => {
    cpSync(sample, directory, { recursive: true });
    broker = await startBroker({ set: { 'log.dirs': directory, 'node.id': 1 } });
  });
  afterAll(async () => {
    await broker?.dispose();
    rmSync(directory, { recursive: true, force: true });
  });

  test('its records, committed offsets and transactional ids are served, and it is written on', async () => {
    const wire = await Wire.open(broker);
    await findCoordinator(wire, 'sample-group');
    const { groups } = await wire.ask(OffsetFetch, 8, { groups: [{ groupId: 'sample-group', topics: null }] });
    const committed = groups[0]!.topics.flatMap(({ name, partitions }) =>
      partitions.map((each) => [name, each.committedOffset, each.metadata]),
    );
    expect(committed).toEqual([['sample-transactions', 20, expect.stringMatching(/^by the consumer/)]]);
    const { transactionStates } = await wire.ask(ListTransactions, 1, {
      stateFilters: [],
      producerIdFilters: [],
      durationFilter: -1,
    });
    expect(
      transactionStates.map(({ transactionalId, transactionState }) => [transactionalId, transactionState]).sort(),
    ).toEqual([
      ['other', 'CompleteAbort'],
      ['sample', 'CompleteCommit'],
    ]);
    const read = await fetch(wire, 'sample-transactions', 20, { isolationLevel: 1 });
    expect([read.errorCode, read.highWatermark]).toEqual([0, 41]);
    expect([24, 32, 37]).toEqual(expect.arrayContaining(read.abortedTransactions!.map((each) => each.firstOffset)));
    for (const [topic, offset] of [
      ['sample-transactions', 41],
      ['sample-compacted', 27],
      ['sample-indexed', 40],
    ] as const) {
      expect(await produce(wire, topic, batchOf(['ours']))).toMatchObject({ errorCode: 0, baseOffset: offset });
    }
    wire.close();
    expect(await broker.stop()).toBe(0);
    expect(broker.stderr()).not.toMatch(/was cut|rebuilt|could not/);
  });

  test('dump-log reads what both wrote', async (context) => {
    if ('missing' in classpath)
      return context.skip(skipped('a folder of Apache Kafka, dump-log', classpath.missing) && classpath.missing);
    const files = dataFiles(directory);
    const [logs, offsets] = await Promise.all([
      // Offsets that compaction took are gaps, which dump-log complains about.
      dumpLog([...files.logs.filter((file) => !file.includes('compacted')), ...files.snapshots], '--deep-iteration'),
      dumpLog(files.offsets, '--offsets-decoder'),
    ]);
    expect(logs.complaints).toEqual([]);
    expect(offsets.complaints).toEqual([]);
    expect(logs.records).toBeGreaterThan(80);
  });
});
