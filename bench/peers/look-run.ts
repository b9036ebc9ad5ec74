// A first look at peers and their drivers: `node bench/peers/look-run.ts NAME…`. One process produces 1 KiB messages in a closed loop, then consumes them.
// It is no comparison (no pairs, no medians: that is `mqlab bench compare`) but shows whether a driver or its server is what limits: their processor time, side by side.
import { randomFillSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PeerDriver, PeerTopic, RunningPeer } from './peer.ts';
import { PEERS } from './peers.ts';

const produceMs = 4_000;
const warmMs = 1_500;
const outstandingCount = 1_000;
const partitions = 4;
const poolBytes = 4 * 1024 * 1024;
const valueBytes = 1024;
const policies = [
  { acks: '0', flushBeforeAck: false },
  { acks: 'all', flushBeforeAck: false },
  { acks: 'all', flushBeforeAck: true },
] as const;

const pool = randomFillSync(Buffer.alloc(poolBytes));
const values = Array.from({ length: poolBytes / valueBytes }, (_, i) =>
  pool.subarray(i * valueBytes, (i + 1) * valueBytes),
);

for (const name of process.argv.slice(2)) {
  const peer = PEERS.find((one) => one.name === name);
  if (peer === undefined) throw new Error(`${name} is none of ${PEERS.map((one) => one.name).join(', ')}`);
  const found = await peer.find();
  if (!found.isThere) {
    console.log(`${name}: skipped: ${found.why}`);
    continue;
  }
  const driver = ((await import(peer.driver.href)) as { default: PeerDriver }).default;
  for (const flushBeforeAck of [false, true]) {
    const dataDir = mkdtempSync(join(tmpdir(), `mqlab-look-${name}-`));
    const server = await peer.start({ dataDir, flushBeforeAck });
    console.log(
      `${name} ${found.version}, flush before ack ${flushBeforeAck}: started in ${server.startMs.toFixed(0)} ms`,
    );
    try {
      for (const policy of policies.filter((one) => one.flushBeforeAck === flushBeforeAck))
        await look(driver, server, policy.acks);
    } finally {
      await server.stop();
      rmSync(dataDir, { recursive: true, force: true });
    }
  }
}

async function look(driver: PeerDriver, server: RunningPeer, acks: '0' | 'all'): Promise<void> {
  const topic = { name: `look-${acks}`, partitions };
  await driver.createTopics(server.address, [topic]);
  const producer = await driver.openProducer({
    address: server.address,
    topics: [topic],
    acks,
    batchBytes: 65_536,
    lingerMs: 0,
  });
  let outstanding = 0;
  let sent = 0;
  let settledCount = 0;
  let failure: Error | null = null;
  const settled = (error: Error | null): void => {
    outstanding--;
    settledCount++;
    failure ??= error;
  };
  const run = async (ms: number): Promise<void> => {
    const end = performance.now() + ms;
    while (performance.now() < end && failure === null) {
      // Without answers nothing says what the server can take: a turn sends few, as its socket empties between turns.
      for (let i = acks === '0' ? outstandingCount - 100 : outstanding; i < outstandingCount; i++) {
        outstanding++;
        producer.send(topic.name, sent % partitions, values[sent++ % values.length]!, settled);
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  await run(warmMs);
  const produced = await measured(server, async () => {
    const before = settledCount;
    await run(produceMs);
    return settledCount - before;
  });
  while (outstanding > 0 && failure === null) await new Promise((resolve) => setTimeout(resolve, 5));
  await producer.close();
  if (failure !== null) throw failure;
  const consumed = await measured(server, () => consumeAll(driver, server, topic, sent));
  print(`acks ${acks}: produce`, produced.count, produced);
  print(`acks ${acks}: consume`, sent, consumed);
  await driver.deleteTopics?.(server.address, [topic]);
}

async function consumeAll(driver: PeerDriver, server: RunningPeer, topic: PeerTopic, count: number): Promise<number> {
  let left = count;
  let isAll = (): void => {};
  const all = new Promise<void>((resolve) => void (isAll = resolve));
  const consumer = await driver.openConsumer({
    address: server.address,
    assignment: Array.from({ length: partitions }, (_, partition) => ({ topic: topic.name, partition })),
    onMessage: () => {
      if (--left === 0) isAll();
    },
  });
  await Promise.race([all, new Promise((resolve) => setTimeout(resolve, 30_000).unref())]);
  await consumer.close();
  return count - left;
}

interface Measured {
  readonly count: number;
  readonly seconds: number;
  readonly driverSeconds: number;
  readonly serverSeconds: number;
}

async function measured(server: RunningPeer, action: () => Promise<number>): Promise<Measured> {
  const [startedAt, driver, before] = [performance.now(), process.cpuUsage(), serverSeconds(server)];
  const count = await action();
  const { user, system } = process.cpuUsage(driver);
  return {
    count,
    seconds: (performance.now() - startedAt) / 1000,
    driverSeconds: (user + system) / 1e6,
    serverSeconds: serverSeconds(server) - before,
  };
}

/** utime and stime of /proc/PID/stat, in ticks of 10 ms. */
function serverSeconds({ pids }: RunningPeer): number {
  const ticks = pids.map((pid) => {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
    return Number(fields[11]) + Number(fields[12]);
  });
  return ticks.reduce((sum, one) => sum + one, 0) / 100;
}

function print(what: string, of: number, { count, seconds, driverSeconds, serverSeconds }: Measured): void {
  const each = (part: number): string => `${((part / count) * 1e6).toFixed(1)} µs`;
  console.log(
    `  ${what}: ${Math.round(count / seconds)} messages/s (${count} of ${of}); processor time of a message: driver ${each(driverSeconds)}, server ${each(serverSeconds)}`,
  );
}
