// Spring Boot with Spring for Apache Kafka: KafkaTemplate (acks=all, idempotent, and transactional), listeners in groups, retries, the dead
// letter topic, and transactions of consume and produce. The application creates its topics, and kafkajs judges what it left.
// What must hold: each flight is shown once and in order, one that always fails goes to the dead letter topic with its reason, and what
// was sent in a transaction that failed is not read committed.
// Skipped, with a printed reason, where Java, Maven or the jars are not to be had.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import kafkajs, { type Admin } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { flights } from '../../foreign/flights.ts';
import { eventually, type ForeignBroker, freshName, owned, skipped, startBroker } from '../../foreign/harness.ts';
import { type JavaProcess, javaApplication, runJava } from '../java-application.ts';

// Topics and groups have fixed names: each run needs a broker of its own.
const application = owned
  ? await javaApplication(import.meta.dirname)
  : { missing: 'an external broker keeps earlier runs' };
const missing = 'missing' in application ? application.missing : undefined;
const waitMsMax = 60_000;

const kindOf = (n: number): string => (n % 100 === 57 ? ' lost' : n % 50 === 13 ? ' late' : '');
const landings = flights(300).map(({ n, key }) => ({ key, value: `${n}${kindOf(n)}` }));
const values = landings.map(({ value }) => value);
const lost = values.filter((value) => value.includes('lost'));
const late = values.filter((value) => value.includes('late'));

describe.skipIf(missing !== undefined && skipped('Spring Kafka', missing))('Spring Kafka', () => {
  let folder = '';
  let broker: ForeignBroker;
  let kafka: kafkajs.Kafka;
  let admin: Admin;
  let spring: JavaProcess;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'mqlab-spring-'));
    broker = await startBroker();
    kafka = new kafkajs.Kafka({ brokers: [broker.bootstrap], logLevel: kafkajs.logLevel.NOTHING });
    admin = kafka.admin();
    await admin.connect();
    const file = join(folder, 'flights.txt');
    writeFileSync(file, landings.map(({ key, value }) => `${key}\t${value}\n`).join(''));
    spring = runJava(application, 'flights.FlightsApplication', [
      `--spring.config.location=file:${join(import.meta.dirname, 'application.properties')}`,
      `--spring.kafka.bootstrap-servers=${broker.bootstrap}`,
      `--flights=${file}`,
    ]);
  });

  afterAll(async () => {
    await spring?.end('SIGKILL');
    await admin?.disconnect().catch(() => {});
    await broker?.dispose();
    if (folder !== '') rmSync(folder, { recursive: true, force: true });
  });

  /** What the application said, line by line, split at tabs; `kind` is the first word. */
  function said(kind: string): string[][] {
    return spring.lines.filter((line) => line.startsWith(`${kind}\t`)).map((line) => line.split('\t').slice(1));
  }

  async function saidEnough(kind: string, count: number): Promise<string[][]> {
    const enough = eventually(`${count} × ${kind}`, () => said(kind).length >= count, waitMsMax);
    await enough.catch((error: Error) => {
      throw new Error(
        `${error.message}; said ${said(kind).length}\n${spring.lines.slice(-5)}\n${spring.stderr().slice(-3000)}`,
      );
    });
    return said(kind);
  }

  /** The values in a topic, up to a last record in each partition that this test adds. */
  async function read(topic: string, readUncommitted: boolean): Promise<string[]> {
    const end = freshName('end');
    const producer = kafka.producer();
    await producer.connect();
    await producer.send({ topic, messages: [0, 1].map((partition) => ({ partition, key: 'end', value: end })) });
    await producer.disconnect();
    const reader = kafka.consumer({ groupId: freshName('reader'), readUncommitted, maxWaitTimeInMs: 50 });
    const got: string[] = [];
    let ends = 0;
    await reader.connect();
    await reader.subscribe({ topics: [topic], fromBeginning: true });
    await reader.run({
      eachMessage: async ({ message }) => {
        if (String(message.value) === end) ends++;
        else if (String(message.key) !== 'end') got.push(String(message.value));
      },
    });
    await eventually(`the end of ${topic}`, () => ends === 2, waitMsMax);
    await reader.disconnect();
    return got.sort();
  }

  test('KafkaTemplate announces, and the listener shows each flight once, in order', { timeout: 90_000 }, async () => {
    const shown = await saidEnough('shown', values.length - lost.length);
    expect(shown.map(([, , value]) => value).sort()).toEqual(values.filter((value) => !lost.includes(value)).sort());
    for (const partition of ['0', '1']) {
      const offsets = shown.filter(([at]) => at === partition).map(([, offset]) => Number(offset));
      expect(offsets.length).toBeGreaterThan(0);
      expect(offsets).toEqual([...offsets].sort((a, b) => a - b));
    }
    const ends = (await admin.fetchTopicOffsets('landings')).map(({ high }) => Number(high));
    const sum = ends.reduce((total, end) => total + (end * (end - 1)) / 2, 0);
    await eventually('announced', () => spring.lines.includes(`announced ${values.length} ${sum}`), waitMsMax);
  });

  test('what always fails goes to the dead letter topic with its reason', { timeout: 90_000 }, async () => {
    const dead = await saidEnough('lost', lost.length);
    expect(dead.map(([topic, value]) => [topic, value]).sort()).toEqual(
      lost.map((value) => ['landings', value]).sort(),
    );
    for (const [, value, why] of dead) expect(why).toContain(`not on the board: ${value}`);
    const ends = await admin.fetchTopicOffsets('landings-dlt');
    expect(ends.reduce((sum, { high }) => sum + Number(high), 0)).toBe(lost.length);
  });

  test('executeInTransaction: all of a shift or nothing', { timeout: 90_000 }, async () => {
    await eventually('shifts', () => spring.lines.includes('shifts'), waitMsMax);
    expect(spring.lines).toContain('shift failed: nobody came to the night shift');
    const hours = (name: string) => Array.from({ length: 8 }, (_, hour) => `${name} ${hour}`);
    expect(await read('shifts', false)).toEqual(hours('day'));
    expect(await read('shifts', true)).toEqual([...hours('day'), ...hours('night')]);
  });

  test('KafkaTransactionManager: a flight is booked twice with its offset, or not at all', {
    timeout: 90_000,
  }, async () => {
    const ends = (await admin.fetchTopicOffsets('landings')).map(({ partition, high }) => ({
      partition,
      offset: high,
    }));
    const byPartition = (a: { partition: number }, b: { partition: number }) => a.partition - b.partition;
    await eventually(
      'all is booked',
      async () => {
        const [of] = await admin.fetchOffsets({ groupId: 'bookings', topics: ['landings'] });
        const booked = of!.partitions.map(({ partition, offset }) => ({ partition, offset }));
        // A transaction's marker behind the last record is not in this topic: the ends are those of the records.
        return JSON.stringify(booked.sort(byPartition)) === JSON.stringify(ends.sort(byPartition));
      },
      waitMsMax,
    );
    const booked = values.flatMap((value) => [`airport ${value}`, `airline ${value}`]).sort();
    expect(await read('bookings', false)).toEqual(booked);
    const half = late.map((value) => `airport ${value}`);
    expect(await read('bookings', true)).toEqual([...booked, ...half].sort());
  });

  test('the application goes in peace: its groups are empty and all is committed', { timeout: 90_000 }, async () => {
    expect(await spring.end('SIGTERM')).toBe(143);
    const { groups } = await admin.describeGroups(['board', 'lost', 'bookings']);
    expect(groups.map(({ state }) => state)).toEqual(['Empty', 'Empty', 'Empty']);
    const ends = (await admin.fetchTopicOffsets('landings')).map(({ high }) => high).sort();
    const [committed] = await admin.fetchOffsets({ groupId: 'board', topics: ['landings'] });
    expect(committed!.partitions.map(({ offset }) => offset).sort()).toEqual(ends);
  });
});
