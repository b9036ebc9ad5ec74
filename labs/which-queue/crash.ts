/**
 * Confirmed messages against kill −9: sent until enough are confirmed, the server killed with more on their way, started again on the same folder, everything read.
 *
 * By identity, never by count: a duplicate must not hide a loss. What was not confirmed may be there or not.
 */
import type { Peer, PeerDriver, RunningPeer } from '@mqlab/bench/peers/peer.ts';
import type { CrashMeasured } from './measured.ts';

const TOPIC = { name: 'crash', partitions: 1 } as const;
/** A reader ends when nothing came for so long, and everything that was confirmed is there or this time is over. */
const QUIET_MS = 1_500;
const READ_MS_MAX = 20_000;
const SEND_MS_MAX = 20_000;

export interface CrashOptions {
  readonly peer: Peer;
  readonly dataDir: string;
  /** Confirmed before the kill. */
  readonly messages: number;
  /** Between the making of the topic and the first message: a new queue is not safe at once everywhere (RabbitMQ keeps its directory of quorum queues in memory for some seconds). */
  readonly settleMs: number;
}

export async function measureCrash(options: CrashOptions): Promise<CrashMeasured> {
  const { peer, dataDir } = options;
  const { default: driver } = (await import(peer.driver.href)) as { readonly default: PeerDriver };
  const confirmed = await sendUntilKilled(peer, driver, dataDir, options);
  const again = await peer.start({ dataDir, flushBeforeAck: false });
  try {
    const seen = await readAll(driver, again, confirmed);
    return judged(confirmed, seen);
  } finally {
    await again.stop();
  }
}

// #excerpt judged
/** `seen`: how often each was read. What was never confirmed may be there or not. */
export function judged(confirmed: ReadonlySet<string>, seen: ReadonlyMap<string, number>): CrashMeasured {
  const times = [...confirmed].map((id) => seen.get(id) ?? 0);
  return {
    confirmed: confirmed.size,
    lost: times.filter((count) => count === 0).length,
    twice: times.filter((count) => count > 1).length,
  };
}
// #end

async function sendUntilKilled(
  peer: Peer,
  driver: PeerDriver,
  dataDir: string,
  { messages, settleMs }: CrashOptions,
): Promise<ReadonlySet<string>> {
  const running = await peer.start({ dataDir, flushBeforeAck: false });
  const confirmed = new Set<string>();
  try {
    await driver.createTopics(running.address, [TOPIC]);
    await new Promise((resolve) => setTimeout(resolve, settleMs));
    const producer = await driver.openProducer({
      address: running.address,
      topics: [TOPIC],
      acks: 'all',
      batchBytes: 16_384,
      lingerMs: 0,
    });
    await new Promise<void>((resolve) => {
      let sent = 0;
      let isOver = false;
      const timer = setTimeout(() => end(), SEND_MS_MAX);
      const end = (): void => {
        if (isOver) return;
        isOver = true;
        clearTimeout(timer);
        // With messages on their way: what is confirmed later is confirmed all the same.
        killAll(running.pids);
        resolve();
      };
      const next = (): void => {
        if (isOver) return;
        const id = `m${sent++}`;
        producer.send(TOPIC.name, 0, Buffer.from(id), (error) => {
          if (error === null) confirmed.add(id);
          if (confirmed.size >= messages) end();
          else if (error !== null) end();
          else next();
        });
      };
      for (let i = 0; i < 64; i++) next();
    });
    await Promise.race([producer.close().catch(() => {}), new Promise((resolve) => setTimeout(resolve, 2_000))]);
  } finally {
    await running.stop();
  }
  return confirmed;
}

/** SIGKILL for each of a server's processes. */
export function killAll(pids: readonly number[]): void {
  for (const pid of pids)
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It is gone.
    }
}

async function readAll(
  driver: PeerDriver,
  running: RunningPeer,
  confirmed: ReadonlySet<string>,
): Promise<ReadonlyMap<string, number>> {
  const seen = new Map<string, number>();
  let missing = confirmed.size;
  let lastMs = performance.now();
  const consumer = await driver.openConsumer({
    address: running.address,
    assignment: [{ topic: TOPIC.name, partition: 0 }],
    onMessage: (value) => {
      const id = value.toString('latin1');
      const times = (seen.get(id) ?? 0) + 1;
      if (times === 1 && confirmed.has(id)) missing--;
      seen.set(id, times);
      lastMs = performance.now();
    },
  });
  const untilMs = performance.now() + READ_MS_MAX;
  while (performance.now() < untilMs) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    const quietMs = performance.now() - lastMs;
    // Shorter when nothing is missing: only a duplicate could still come.
    if (quietMs > (missing === 0 ? QUIET_MS / 3 : 4 * QUIET_MS)) break;
  }
  await consumer.close();
  return seen;
}
