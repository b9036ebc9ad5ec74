// 2,000 connections, most of them idle, some in the middle of a frame, some waiting for records, and 1,000 partitions: one broker carries them, in bounded
// memory, and still answers at once who wants something.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Produce } from '../../protocol/messages/00-produce.ts';
import { Fetch } from '../../protocol/messages/01-fetch.ts';
import { Metadata } from '../../protocol/messages/03-metadata.ts';
import { CreateTopics } from '../../protocol/messages/19-create-topics.ts';
import {
  batchOf,
  createTopic,
  fetch,
  fetchBody,
  headerBytes,
  produce,
  produceBody,
  requestBytes,
  Wire,
} from '../behaviours/wire.ts';
import { type ForeignBroker, freshName, skipped, startBroker } from '../foreign/harness.ts';

const CONNECTIONS = 2000;
const PARTITIONS = 1000;
/** A descriptor for each connection and partition, and some. */
const DESCRIPTORS_MIN = 4096;
/** How many connect at a time: a listener's backlog is bounded. */
const CONNECTING = 200;
const mib = 1024 * 1024;

function whyNot(): string | null {
  if (process.platform !== 'linux') return 'needs /proc';
  const limit = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'));
  const descriptors = Number(limit?.[1] ?? 0);
  return descriptors >= DESCRIPTORS_MIN ? null : `${descriptors} open files are allowed, ${DESCRIPTORS_MIN} needed`;
}
const reason = whyNot();

describe.skipIf(reason !== null && skipped('scale', reason))('scale', { timeout: 60_000 }, () => {
  let broker: ForeignBroker;
  let wire: Wire;
  let topic: string;
  const others: Wire[] = [];

  beforeAll(async () => {
    broker = await startBroker({ set: { 'log.cleaner.enable': false } });
    wire = await Wire.open(broker);
    topic = freshName('busy');
    await createTopic(wire, topic);
  });
  afterAll(async () => {
    for (const each of others) each.close();
    wire?.close();
    await broker?.dispose();
  });

  const residentBytes = (): number => {
    const match = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${broker.pid}/status`, 'utf8'));
    return Number(match![1]) * 1024;
  };

  async function open(count: number): Promise<Wire[]> {
    const opened: Wire[] = [];
    while (opened.length < count) {
      const some = Array.from({ length: Math.min(CONNECTING, count - opened.length) }, () => Wire.open(broker));
      opened.push(...(await Promise.all(some)));
    }
    others.push(...opened);
    return opened;
  }

  /** Produces, reads and asks for metadata ten times. The median, and the longest, of the three together in ms. */
  async function work(): Promise<{ medianMs: number; longestMs: number }> {
    const times: number[] = [];
    for (let i = 0; i < 10; i++) {
      const began = performance.now();
      const { errorCode, baseOffset } = await produce(wire, topic, batchOf(['work']));
      expect(errorCode).toBe(0);
      expect((await fetch(wire, topic, baseOffset)).highWatermark).toBe(baseOffset + 1);
      expect((await wire.ask(Metadata, 9, { topics: [{ name: topic }] })).topics[0]!.errorCode).toBe(0);
      times.push(performance.now() - began);
    }
    times.sort((a, b) => a - b);
    return { medianMs: times[5]!, longestMs: times[9]! };
  }

  test(`${PARTITIONS} partitions`, async () => {
    const before = residentBytes();
    const names = Array.from({ length: 10 }, (_, i) => freshName(`wide-${i}`));
    const made = await wire.ask(CreateTopics, 7, {
      timeoutMs: 30_000,
      topics: names.map((name) => ({
        name,
        numPartitions: PARTITIONS / 10,
        replicationFactor: 1,
        assignments: [],
        configs: [],
      })),
    });
    expect(made.topics.map(({ errorCode }) => errorCode)).toEqual(names.map(() => 0));
    // One batch to each of them, in one request.
    const topicData = names.map((name) => ({
      name,
      partitionData: Array.from({ length: PARTITIONS / 10 }, (_, index) => ({ index, records: batchOf(['first']) })),
    }));
    const stored = await wire.ask(Produce, 9, { acks: -1, timeoutMs: 30_000, topicData });
    const answers = stored.responses.flatMap(({ partitionResponses }) => partitionResponses);
    expect([answers.length, answers.filter(({ errorCode }) => errorCode !== 0)]).toEqual([PARTITIONS, []]);
    const { topics } = await wire.ask(Metadata, 9, { topics: null });
    expect(topics.flatMap(({ partitions }) => partitions).length).toBe(PARTITIONS + 1);
    expect(residentBytes() - before).toBeLessThan(80 * mib);
    const { medianMs } = await work();
    expect(medianMs).toBeLessThan(500);
  });

  test(`${CONNECTIONS} connections`, async () => {
    const before = residentBytes();
    // Idle; idle behind a request of half a MB; in the middle of a frame that claims 100 MB; waiting for records that do not come.
    const share = CONNECTIONS / 4;
    await open(share);
    const large = Buffer.concat(requestBytes(Produce, 9, produceBody('no-such-topic', Buffer.alloc(500_000)), 1));
    for (const each of await open(share)) {
      each.write(large);
      await each.frame();
    }
    const claim = Buffer.alloc(4);
    claim.writeInt32BE(100_000_000);
    for (const each of await open(share)) each.write(claim, headerBytes(0, 9));
    const waiting = fetchBody([{ topic, offset: 1_000_000 }], { maxWaitMs: 60_000 });
    const { logStartOffset, highWatermark } = await fetch(wire, topic, 0);
    expect(logStartOffset).toBe(0);
    const parked = fetchBody([{ topic, offset: highWatermark }], { maxWaitMs: 60_000, minBytes: 1_000_000_000 });
    for (const [i, each] of (await open(share)).entries()) each.send(Fetch, 12, i === 0 ? waiting : parked);
    const { medianMs, longestMs } = await work();
    const grownBytes = residentBytes() - before;
    expect(medianMs).toBeLessThan(500);
    expect(longestMs).toBeLessThan(3000);
    expect(grownBytes).toBeLessThan(150 * mib);
    console.log(
      `${CONNECTIONS} connections, ${PARTITIONS} partitions: ${Math.round(residentBytes() / mib)} MiB ` +
        `(${Math.round(grownBytes / 1024 / CONNECTIONS)} KiB a connection); median ${medianMs.toFixed(1)} ms, longest ${longestMs.toFixed(1)} ms`,
    );
    for (const each of others) each.close();
    others.length = 0;
    expect((await work()).medianMs).toBeLessThan(500);
  });
});
