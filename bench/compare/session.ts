/** A peer that runs for a while, on a data folder of its own that goes away with it. */
import { randomFillSync } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LoadTarget } from '../load/peer-load.ts';
import type { Peer, PeerDriver, PeerTopic, RunningPeer } from '../peers/peer.ts';

/** A peer that was found on this machine. */
export interface System {
  readonly peer: Peer;
  readonly version: string;
}

export interface Skipped {
  readonly name: string;
  readonly why: string;
}

/** Which of these are here; the others with the reason. */
export async function findSystems(peers: readonly Peer[]): Promise<{ systems: System[]; skipped: Skipped[] }> {
  const systems: System[] = [];
  const skipped: Skipped[] = [];
  for (const peer of peers) {
    const found = await peer.find();
    if (found.isThere) systems.push({ peer, version: found.version });
    else skipped.push({ name: peer.name, why: found.why });
  }
  return { systems, skipped };
}

let topicsMade = 0;
/** Longer than Kafka's index.interval.bytes, so that the third append has written an index entry. */
const TOUCH_RECORD = randomFillSync(Buffer.alloc(5_000));
const TOUCHES = 3;
/** A server works off one connection's requests in turn, several connections' side by side. */
const TOUCHING_PRODUCERS = 4;

export class Session {
  readonly system: System;
  readonly running: RunningPeer;
  readonly driver: PeerDriver;
  readonly dataDir: string;
  private isStopped = false;
  /** An interrupted run leaves no gigabytes behind. */
  private readonly removeData = (): void => rmSync(this.dataDir, { recursive: true, force: true });

  private constructor(system: System, running: RunningPeer, driver: PeerDriver, dataDir: string) {
    this.system = system;
    this.running = running;
    this.driver = driver;
    this.dataDir = dataDir;
    process.once('exit', this.removeData);
  }

  /** `dataDir`: one that the caller keeps over several sessions. */
  static async open(system: System, flushBeforeAck: boolean, dataDir = newDataDir(system.peer.name)): Promise<Session> {
    const { default: driver } = (await import(system.peer.driver.href)) as { default: PeerDriver };
    try {
      return new Session(system, await system.peer.start({ dataDir, flushBeforeAck }), driver, dataDir);
    } catch (error) {
      rmSync(dataDir, { recursive: true, force: true });
      throw error;
    }
  }

  get target(): LoadTarget {
    return { driver: this.system.peer.driver, address: this.running.address, pids: this.running.pids };
  }

  async newTopics(count: number, partitions: number): Promise<PeerTopic[]> {
    const run = topicsMade++;
    const topics = Array.from({ length: count }, (_, index) => ({
      name: `bench-${process.pid}-${run}-${index}`,
      partitions,
    }));
    await this.driver.createTopics(this.running.address, topics);
    return topics;
  }

  async dropTopics(topics: readonly PeerTopic[]): Promise<void> {
    await this.driver.deleteTopics?.(this.running.address, topics);
  }

  /** One record in the topic's first partition, acknowledged. */
  produceOne(topic: PeerTopic): Promise<void> {
    return this.sendOneEach([{ ...topic, partitions: 1 }], Buffer.from('the first record'));
  }

  /**
   * A few records in every partition, acknowledged: what a partition costs once is over then. Kafka's first append flushes the partition's leader-epoch checkpoint
   * before the answer, and its first entry in an index takes space for it: 2 and 6 ms a partition here, which would be all that a short run over thousands of
   * partitions measures.
   */
  async touch(topics: readonly PeerTopic[]): Promise<void> {
    const perProducer = Math.ceil(topics.length / TOUCHING_PRODUCERS);
    const shares = Array.from({ length: TOUCHING_PRODUCERS }, (_, index) =>
      topics.slice(index * perProducer, (index + 1) * perProducer),
    ).filter((share) => share.length > 0);
    for (let round = 0; round < TOUCHES; round++)
      await Promise.all(shares.map((share) => this.sendOneEach(share, TOUCH_RECORD)));
  }

  private async sendOneEach(topics: readonly PeerTopic[], value: Buffer): Promise<void> {
    const { address } = this.running;
    const producer = await this.driver.openProducer({ address, topics, acks: '1', batchBytes: 16_384, lingerMs: 0 });
    const sendTo = (topic: string, partition: number): Promise<void> =>
      new Promise((resolve, reject) => {
        producer.send(topic, partition, value, (error) => (error === null ? resolve() : reject(error)));
      });
    try {
      await Promise.all(
        topics.flatMap(({ name, partitions }) =>
          Array.from({ length: partitions }, (_, partition) => sendTo(name, partition)),
        ),
      );
    } finally {
      await producer.close();
    }
  }

  /** Ends the server; `keepData` leaves its folder to the caller. */
  async close(keepData = false): Promise<void> {
    if (this.isStopped) return;
    this.isStopped = true;
    try {
      await this.running.stop();
    } finally {
      process.off('exit', this.removeData);
      if (!keepData) this.removeData();
    }
  }
}

export function newDataDir(name: string): string {
  return mkdtempSync(join(tmpdir(), `mqlab-bench-${name}-`));
}
