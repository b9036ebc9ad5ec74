// What every peer and its driver must do, with the real server: nothing lost, nothing twice, order kept in a partition (where the system does), and what was confirmed survives a killed server.
// Servers take seconds to start: these tests run when MQLAB_PEERS=1 asks for them; MQLAB_PEERS=NAME,NAME asks for some.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { Peer, PeerDriver, PeerTopic, RunningPeer } from './peer.ts';
import { PEERS } from './peers.ts';

const asked = process.env.MQLAB_PEERS ?? '';
const names = asked === '1' ? PEERS.map(({ name }) => name) : asked.split(',');
const consumeMsMax = 30_000;
/** Nothing more is expected; what comes within this time comes twice. */
const quietMs = 200;
/** These store what is on the way together in any order. */
const unordered: ReadonlySet<string> = new Set(['rocketmq']);
/**
 * How old topics are at least when the server is killed. RabbitMQ 3.10 answers the declaration of a quorum queue before it wrote down where the queue's log is: killed at once,
 * it comes back with a queue that cannot be consumed, whatever was confirmed.
 */
const topicAgeMs = 4_000;

test('names are unique, settings are said, drivers are there', () => {
  expect(new Set(PEERS.map(({ name }) => name)).size).toBe(PEERS.length);
  for (const { settings, driver } of PEERS) {
    expect(settings.length).toBeGreaterThan(0);
    expect(existsSync(driver)).toBe(true);
  }
});

for (const peer of PEERS) {
  const found = names.includes(peer.name) ? await peer.find() : null;
  const why = found === null ? 'MQLAB_PEERS=1 asks for it' : found.isThere ? null : found.why;
  if (why !== null) {
    describe.skip(`${peer.title}: ${why}`, () => void test('skipped', () => {}));
    continue;
  }
  describe(peer.title, () => conforms(peer));
}

function conforms(peer: Peer): void {
  const dataDir = mkdtempSync(join(tmpdir(), `mqlab-${peer.name}-`));
  const running: RunningPeer[] = [];
  const seen = (values: Values): Values =>
    unordered.has(peer.name) ? values.map((partition) => partition.toSorted()) : values;
  afterAll(async () => {
    for (const server of running) await server.stop();
    rmSync(dataDir, { recursive: true, force: true });
  });

  test('what was confirmed comes back once and in order, also after the server was killed', {
    timeout: 300_000,
  }, async () => {
    const driver = ((await import(peer.driver.href)) as { default: PeerDriver }).default;
    let server = await peer.start({ dataDir, flushBeforeAck: false });
    running.push(server);
    expect(server.startMs).toBeGreaterThan(0);
    const topics = [
      { name: 'first', partitions: 2 },
      { name: 'second', partitions: 2 },
    ];
    await driver.createTopics(server.address, topics);

    const first = await produce(driver, server, topics[0]!, 'all', 200);
    const unconfirmed = await produce(driver, server, topics[0]!, '0', 20, 200);
    expect(seen(await consume(driver, server, topics[0]!, 220))).toEqual(seen(joined(first, unconfirmed)));

    const second = await produce(driver, server, topics[1]!, '1', 200);
    await new Promise((resolve) => setTimeout(resolve, topicAgeMs));
    for (const pid of server.pids) process.kill(pid, 'SIGKILL');
    await server.stop();
    for (const pid of server.pids) expect(() => process.kill(pid, 0)).toThrow();

    server = await peer.start({ dataDir, flushBeforeAck: true });
    running.push(server);
    expect(seen(await consume(driver, server, topics[1]!, 200))).toEqual(seen(second));
    await driver.deleteTopics?.(server.address, topics);
    await driver.createTopics(server.address, [{ name: 'third', partitions: 1 }]);
    const third = await produce(driver, server, { name: 'third', partitions: 1 }, 'all', 50);
    expect(seen(await consume(driver, server, { name: 'third', partitions: 1 }, 50))).toEqual(seen(third));
    await server.stop();
    for (const pid of server.pids) expect(() => process.kill(pid, 0)).toThrow();
  });
}

/** By partition. */
type Values = readonly (readonly string[])[];

async function produce(
  driver: PeerDriver,
  server: RunningPeer,
  topic: PeerTopic,
  acks: '0' | '1' | 'all',
  count: number,
  from = 0,
): Promise<Values> {
  const sent: string[][] = Array.from({ length: topic.partitions }, () => []);
  const producer = await driver.openProducer({
    address: server.address,
    topics: [topic],
    acks,
    batchBytes: 16_384,
    lingerMs: 0,
  });
  const confirmed = Array.from({ length: count }, (_, i) => {
    const partition = i % topic.partitions;
    // The longest are beyond what one byte of length says.
    const text = `${topic.name} ${partition} ${from + i} ${'x'.repeat((i % 10) * 100)}`;
    sent[partition]!.push(text);
    return new Promise<void>((resolve, reject) =>
      producer.send(topic.name, partition, Buffer.from(text), (error) => (error === null ? resolve() : reject(error))),
    );
  });
  await Promise.all(confirmed);
  await producer.close();
  return sent;
}

/** Two consumers, each with its share, until `count` messages came. */
async function consume(driver: PeerDriver, server: RunningPeer, topic: PeerTopic, count: number): Promise<Values> {
  const got: string[][] = Array.from({ length: topic.partitions }, () => []);
  let left = count;
  let isAll = (): void => {};
  const all = new Promise<void>((resolve) => void (isAll = resolve));
  const onMessage = (value: Buffer): void => {
    const text = value.toString();
    got[Number(text.split(' ')[1])]!.push(text);
    if (--left === 0) isAll();
  };
  const consumers = await Promise.all(
    got.map((_, partition) =>
      driver.openConsumer({ address: server.address, assignment: [{ topic: topic.name, partition }], onMessage }),
    ),
  );
  const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
  await Promise.race([all, wait(consumeMsMax)]);
  await wait(quietMs);
  for (const consumer of consumers) await consumer.close();
  return got;
}

function joined(a: Values, b: Values): Values {
  return a.map((values, partition) => [...values, ...b[partition]!]);
}
