/** A peer that runs for a while, on a data folder of its own that goes away with it. */
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

export class Session {
  readonly system: System;
  readonly running: RunningPeer;
  readonly driver: PeerDriver;
  private readonly dataDir: string;
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

  /** One record there and acknowledged. */
  async produceOne(topic: PeerTopic): Promise<void> {
    const producer = await this.driver.openProducer({
      address: this.running.address,
      topics: [topic],
      acks: '1',
      batchBytes: 16_384,
      lingerMs: 0,
    });
    try {
      await new Promise<void>((resolve, reject) => {
        producer.send(topic.name, 0, Buffer.from('the first record'), (error) =>
          error === null ? resolve() : reject(error),
        );
      });
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
