// Kafka Streams with `exactly_once_v2` across crashes: WordCount.java counts real place names while the broker is killed twice by
// kill −9 and the application once. kafkajs writes the lines (idempotent) and reads the result (read_committed).
// What must hold: for each word the counts in the output, and in the changelog of the state store, are 1, 2, 3 … up to the number of
// its occurrences in the input: nothing lost, nothing twice, nothing out of order. Then dump-log reads the whole folder.
// Skipped, with a printed reason, where Java, Maven or the jars are not to be had.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import kafkajs, { type Admin } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ListOffsets } from '../../../protocol/messages/02-list-offsets.ts';
import { Wire } from '../../behaviours/wire.ts';
import { dumpFolder } from '../../foreign/data-folder.ts';
import { eventually, type ForeignBroker, freshName, owned, skipped, startBroker } from '../../foreign/harness.ts';
import { type JavaProcess, javaApplication, runJava } from '../java-application.ts';

const application = owned
  ? await javaApplication(import.meta.dirname)
  : { missing: 'an external broker cannot be killed' };
const missing = 'missing' in application ? application.missing : undefined;
// The judge comes with the application's jars, where it is not set already.
if ('classpath' in application) process.env.MQLAB_KAFKA_CLASSPATH ??= application.classpath;

const partitionCount = 2;
/** Enough that every kill meets all at work. */
const linesMax = 900;
const linesOfSend = 20;
/** The lines run at most so many words ahead of the counts. */
const leadWordsMax = 600;
const waitMsMax = 90_000;
/** At which share of the words is killed what. */
const plan = [
  { share: 0.2, victim: 'broker' },
  { share: 0.45, victim: 'application' },
  { share: 0.7, victim: 'broker' },
] as const;
const end = 'end';

/** Where earthquakes were: "M 2.0 - 4km W of Castaic, CA". */
function placeNames(): string[] {
  const path = new URL('../data/earthquakes.json', import.meta.resolve('vega-datasets'));
  const { features } = JSON.parse(readFileSync(fileURLToPath(path), 'utf8')) as {
    readonly features: readonly { readonly properties: { readonly title: string } }[];
  };
  return features.slice(0, linesMax).map(({ properties }) => properties.title);
}

/** As WordCount.java divides a line. */
function wordsOf(line: string): string[] {
  return line
    .toLowerCase()
    .split(/[^a-z]+/)
    .filter((word) => word !== '');
}

describe.skipIf(missing !== undefined && skipped('Kafka Streams', missing))('Kafka Streams, exactly_once_v2', () => {
  const [applicationId, input, output] = ['wordcount', 'lines', 'counts'].map(freshName) as [string, string, string];
  const changelog = `${applicationId}-counts-changelog`;
  const lines = placeNames();
  const wordCount = lines.reduce((sum, line) => sum + wordsOf(line).length, 0);
  let stateDir = '';
  let broker: ForeignBroker;
  let kafka: kafkajs.Kafka;
  let admin: Admin;
  let counting: JavaProcess | undefined;
  let stderr = '';
  /** The application was killed with a transaction open. */
  let abandoned = false;

  beforeAll(async () => {
    stateDir = mkdtempSync(join(tmpdir(), 'mqlab-streams-'));
    broker = await startBroker({ steady: true, set: { 'group.min.session.timeout.ms': 1000 } });
    kafka = new kafkajs.Kafka({
      brokers: [broker.bootstrap],
      logLevel: kafkajs.logLevel.NOTHING,
      retry: { initialRetryTime: 50, maxRetryTime: 500, retries: 200 },
    });
    admin = kafka.admin();
    await admin.connect();
    await admin.createTopics({ topics: [input, output].map((topic) => ({ topic, numPartitions: partitionCount })) });
  });

  afterAll(async () => {
    await counting?.end('SIGKILL');
    await admin?.disconnect().catch(() => {});
    await broker?.dispose();
    if (stateDir !== '') rmSync(stateDir, { recursive: true, force: true });
  });

  function startCounting(): void {
    counting = runJava(application, 'WordCount', [broker.bootstrap, applicationId, stateDir, input, output]);
  }

  async function stopCounting(signal: 'SIGTERM' | 'SIGKILL'): Promise<number | null> {
    const stopped = counting!;
    const code = await stopped.end(signal);
    stderr += stopped.stderr();
    const replaced = stopped.lines.filter((line) => line.startsWith('replaced '));
    if (replaced.length > 0) process.stderr.write(`Kafka Streams: ${replaced.join('; ')}\n`);
    return code;
  }

  /** What stands in the output, markers and aborted counts included: nearly the words that were counted. */
  async function counted(): Promise<number> {
    const offsets = await admin.fetchTopicOffsets(output).catch(() => []);
    return offsets.reduce((sum, { high }) => sum + Number(high), 0);
  }

  async function produce(): Promise<void> {
    const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
    await producer.connect();
    let words = 0;
    for (let from = 0; from < lines.length; from += linesOfSend) {
      const some = lines.slice(from, from + linesOfSend);
      await producer.send({ topic: input, messages: some.map((value, i) => ({ key: String(from + i), value })) });
      words += some.reduce((sum, line) => sum + wordsOf(line).length, 0);
      await eventually('the counts come after', async () => (await counted()) > words - leadWordsMax, waitMsMax);
    }
    await producer.disconnect();
  }

  /** Whether the output holds counts of a transaction that has not ended. */
  async function isTransactionOpen(): Promise<boolean> {
    const wire = await Wire.open(broker);
    try {
      const partitions = Array.from({ length: partitionCount }, (_, i) => ({ partitionIndex: i, timestamp: -1 }));
      const ends = async (isolationLevel: number): Promise<string> => {
        const topics = [{ name: output, partitions }];
        const answer = await wire.ask(ListOffsets, 7, { replicaId: -1, isolationLevel, topics });
        return answer.topics[0]!.partitions.map(({ offset }) => String(offset)).join();
      };
      // The last stable offsets first: what is written between the two questions is open too.
      return (await ends(1)) !== (await ends(0));
    } finally {
      wire.close();
    }
  }

  async function kill(): Promise<void> {
    for (const { share, victim } of plan) {
      await eventually(`${share} of the words`, async () => (await counted()) >= share * wordCount, waitMsMax);
      await eventually('an open transaction', isTransactionOpen, waitMsMax);
      if (victim === 'broker') {
        await broker.kill();
        await broker.restart();
      } else {
        // Again, should the last transaction have ended in the moment before the kill.
        for (let lives = 1; lives <= 5; lives++) {
          await stopCounting('SIGKILL');
          abandoned = await isTransactionOpen();
          startCounting();
          if (abandoned) break;
          await eventually('an open transaction', isTransactionOpen, waitMsMax);
        }
      }
    }
  }

  /** Reads the topics, committed records only; `take` sees each record once, and `done` says when it is enough. */
  async function readCommitted(
    topics: readonly string[],
    take: (topic: string, key: string, value: Buffer) => void,
    done: () => boolean,
  ): Promise<() => Promise<void>> {
    const reader = kafka.consumer({ groupId: freshName('reader'), readUncommitted: false, maxWaitTimeInMs: 100 });
    await reader.connect();
    await reader.subscribe({ topics: [...topics], fromBeginning: true });
    const seen = new Set<string>();
    await reader.run({
      eachMessage: async ({ topic, partition, message }) => {
        const at = `${topic}-${partition}@${message.offset}`;
        if (seen.has(at)) return;
        seen.add(at);
        take(topic, String(message.key), message.value!);
      },
    });
    await eventually(`what is committed in ${topics.join(', ')}`, done, waitMsMax);
    return () => reader.disconnect();
  }

  /** A last record in each partition: whoever reads it, read all before. */
  async function mark(topics: readonly string[]): Promise<void> {
    const producer = kafka.producer();
    await producer.connect();
    for (const topic of topics) {
      const messages = Array.from({ length: partitionCount }, (_, partition) => ({ partition, key: end, value: end }));
      await producer.send({ topic, messages });
    }
    await producer.disconnect();
  }

  test('each word is counted once through two kills of the broker and one of the application', {
    timeout: 240_000,
  }, async () => {
    const phases: string[] = [];
    let since = performance.now();
    const phase = (name: string): void => {
      phases.push(`${name} ${((performance.now() - since) / 1000).toFixed(1)} s`);
      since = performance.now();
    };
    startCounting();
    await eventually('the application runs', () => counting!.lines.includes('RUNNING'), waitMsMax);
    phase('started');
    await Promise.all([produce(), kill()]);
    phase('written and killed');

    const sequences = new Map<string, Map<string, bigint[]>>([output, changelog].map((topic) => [topic, new Map()]));
    const linesRead: string[] = [];
    let countsRead = 0;
    let ends = 0;
    const take = (topic: string, key: string, value: Buffer): void => {
      if (key === end && String(value) === end) ends++;
      else if (topic === input) linesRead.push(String(value));
      else {
        const words = sequences.get(topic)!;
        if (!words.has(key)) words.set(key, []);
        words.get(key)!.push(value.readBigInt64BE());
        if (topic === output) countsRead++;
      }
    };
    const topics = [input, output, changelog];
    const stopReading = await readCommitted(topics, take, () => countsRead >= wordCount);
    phase('counted');
    expect(await stopCounting('SIGTERM')).toBe(143);
    await mark(topics);
    await eventually('the end of each partition', () => ends === topics.length * partitionCount, waitMsMax);
    await stopReading();
    phase('read');

    expect([...linesRead].sort()).toEqual([...lines].sort());
    const expected = new Map<string, number>();
    for (const word of lines.flatMap(wordsOf)) expected.set(word, (expected.get(word) ?? 0) + 1);
    for (const [topic, words] of sequences) {
      expect([...words.keys()].sort(), topic).toEqual([...expected.keys()].sort());
      const wrong = [...words].flatMap(([word, counts]) => {
        const at = counts.findIndex((count, i) => count !== BigInt(i + 1));
        if (at === -1 && counts.length === expected.get(word)) return [];
        return `${word}: ${counts.length} counts of ${expected.get(word)}, first wrong: ${counts.slice(Math.max(0, at - 2), at + 2)}`;
      });
      expect(wrong, topic).toEqual([]);
    }

    await admin.disconnect();
    expect(await broker.stop()).toBe(0);
    const folder = await dumpFolder(broker.dataDir);
    phase('dumped');
    const aborts = folder.records.match(/endTxnMarker: ABORT/g)?.length ?? 0;
    const commits = folder.records.match(/endTxnMarker: COMMIT/g)?.length ?? 0;
    process.stderr.write(
      `Kafka Streams: ${lines.length} lines, ${wordCount} words, ${expected.size} different; markers: ${commits} commits, ${aborts} aborts; ${phases.join(', ')}; ${JSON.stringify(folder.files)}\n`,
    );
    expect(folder.complaints).toEqual([]);
    expect(folder.transactionState).toContain('"transactionStatus":4');
    // What the killed application left open, its next life ended.
    expect(abandoned).toBe(true);
    expect(aborts, stderr.slice(-2000)).toBeGreaterThan(0);
  });
});
