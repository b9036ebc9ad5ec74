/**
 * Starts of a node with many partitions: after a clean end, and after kill −9 with a record in flight to no partition: each acknowledged one must be there.
 *
 * The folder is made once and used again: its partitions hold as many records as there were kills.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { acknowledgeOne, countRecords, makeTopics, topicNames, topicsFor, writeToEach } from './many-partitions.ts';
import { PARTITIONS_PER_TOPIC, type ScalePlan } from './scale-plan.ts';
import { type IdleCost, idleCost, startTimed, type TimedNode } from './timed-node.ts';

const FIRST_TOPIC = 'first';

export interface StartSample {
  readonly readyMs: number;
  /** From the start of the process. */
  readonly acknowledgedMs: number;
}

export interface PartitionsSample {
  readonly clean: StartSample;
  readonly afterKill: StartSample;
  readonly idle: IdleCost | null;
  /** Acknowledged before the kill and not there after it. */
  readonly recordsLost: number;
}

export class ManyPartitions {
  readonly partitions: number;
  private readonly topics: readonly string[];
  private readonly folder: string;
  private recordsEach = 0;

  private constructor(partitions: number) {
    this.partitions = partitions;
    this.topics = topicNames(topicsFor(partitions));
    this.folder = mkdtempSync(join(tmpdir(), 'mqlab-scale-'));
  }

  static async make(partitions: number): Promise<ManyPartitions> {
    const made = new ManyPartitions(partitions);
    const node = await startTimed(made.dataDir);
    try {
      await makeTopics(node.bootstrap, made.topics.length);
      await made.write(node);
    } finally {
      await node.stop();
    }
    return made;
  }

  private get dataDir(): string {
    return join(this.folder, 'data');
  }

  async sample(plan: ScalePlan): Promise<PartitionsSample> {
    // An empty node begins without a folder each time.
    if (this.partitions === 0) rmSync(this.dataDir, { recursive: true, force: true });
    const node = await startTimed(this.dataDir);
    let clean: StartSample;
    let idle: IdleCost | null;
    try {
      clean = await this.acknowledged(node);
      idle = await idleCost(node.pid, plan.settleMs, plan.idleMs);
      await this.write(node);
    } finally {
      await node.kill();
    }
    const again = await startTimed(this.dataDir);
    try {
      const afterKill = await this.acknowledged(again);
      const found = this.topics.length === 0 ? 0 : await countRecords(again.bootstrap, this.topics);
      const recordsLost = this.topics.length * PARTITIONS_PER_TOPIC * this.recordsEach - found;
      return { clean, afterKill, idle, recordsLost };
    } finally {
      await again.stop();
    }
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  private async acknowledged(node: TimedNode): Promise<StartSample> {
    await acknowledgeOne(node.bootstrap, FIRST_TOPIC);
    return { readyMs: node.startMs, acknowledgedMs: performance.now() - node.startedAtMs };
  }

  private async write(node: TimedNode): Promise<void> {
    if (this.topics.length === 0) return;
    await writeToEach(node.bootstrap, this.topics);
    this.recordsEach++;
  }
}
