/**
 * How a node's costs grow with its partitions, topics and connections: starts, memory, idle processor, open handles, throughput kept.
 *
 * Method: samples of all sizes in rounds, so that what else the machine does hits all alike; throughput of each number of topics is compared with the fewest
 * of the same round. Of a server that runs already (`bootstrap`) only the throughput is measured, while its topics grow: it cannot be had in several sizes at once.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { processUsage } from '../load/process-usage.ts';
import { QuietConnections } from './connections.ts';
import { makeTopics, topicNames } from './many-partitions.ts';
import type { ScalePlan } from './scale-plan.ts';
import { SpreadLoad, type SpreadSample } from './spread-load.ts';
import { ManyPartitions, type PartitionsSample } from './starts.ts';
import { delay, startTimed, type TimedNode } from './timed-node.ts';

export interface ScaleData {
  /** By number of partitions. */
  readonly starts: ReadonlyMap<number, readonly PartitionsSample[]>;
  /** By number of topics; sample i of each is of round i. */
  readonly throughput: ReadonlyMap<number, readonly SpreadSample[]>;
  readonly connections: readonly ConnectionsSample[];
}

export interface ConnectionsSample {
  readonly connections: number;
  /** null where there is no /proc. */
  readonly bytesPerConnection: number | null;
  readonly without: SpreadSample;
  readonly with: SpreadSample;
}

export interface ScaleParts {
  readonly plan: ScalePlan;
  readonly parts: ReadonlySet<'starts' | 'throughput' | 'connections'>;
  /** A server that runs already. */
  readonly bootstrap?: string | undefined;
  readonly progress: (text: string) => void;
}

export async function measureScale({ plan, parts, bootstrap, progress }: ScaleParts): Promise<ScaleData> {
  const isOurs = bootstrap === undefined;
  return {
    starts: isOurs && parts.has('starts') ? await measureStarts(plan, progress) : new Map(),
    throughput: !parts.has('throughput')
      ? new Map()
      : isOurs
        ? await measureThroughput(plan, progress)
        : await measureGrowing(plan, bootstrap, progress),
    connections: isOurs && parts.has('connections') ? await measureConnections(plan, progress) : [],
  };
}

async function measureStarts(plan: ScalePlan, progress: (text: string) => void): Promise<ScaleData['starts']> {
  const sizes: ManyPartitions[] = [];
  const samples = new Map<number, PartitionsSample[]>();
  try {
    for (const partitions of plan.partitions) {
      progress(`making ${partitions} partitions`);
      sizes.push(await ManyPartitions.make(partitions));
      samples.set(partitions, []);
    }
    // The first start makes the caches of the code, and warms this process's client.
    await sizes[0]!.sample({ ...plan, settleMs: 0, idleMs: 0 });
    for (let round = 0; round < plan.starts; round++) {
      for (const size of sizes) {
        progress(`starts with ${size.partitions} partitions, ${round + 1} of ${plan.starts}`);
        samples.get(size.partitions)!.push(await size.sample(plan));
      }
    }
  } finally {
    for (const size of sizes) size.remove();
  }
  return samples;
}

/** A node for each number of topics, all running, one under load at a time. */
async function measureThroughput(plan: ScalePlan, progress: (text: string) => void): Promise<ScaleData['throughput']> {
  const folder = mkdtempSync(join(tmpdir(), 'mqlab-scale-'));
  const nodes = new Map<number, TimedNode>();
  const load = new SpreadLoad();
  const samples = new Map<number, SpreadSample[]>();
  try {
    for (const topics of plan.topics) {
      progress(`making ${topics} topics`);
      const node = await startTimed(join(folder, String(topics)));
      nodes.set(topics, node);
      await makeTopics(node.bootstrap, topics);
      samples.set(topics, []);
      await load.run(node, topicNames(topics), plan);
    }
    for (let round = 0; round < plan.rounds; round++) {
      const order = round % 2 === 0 ? plan.topics : plan.topics.toReversed();
      for (const topics of order) {
        progress(`throughput over ${topics} topics, ${round + 1} of ${plan.rounds}`);
        samples.get(topics)!.push(await load.run(nodes.get(topics)!, topicNames(topics), plan));
      }
    }
  } finally {
    await load.close();
    for (const node of nodes.values()) await node.kill();
    rmSync(folder, { recursive: true, force: true });
  }
  return samples;
}

/** One server whose topics become more. */
async function measureGrowing(
  plan: ScalePlan,
  bootstrap: string,
  progress: (text: string) => void,
): Promise<ScaleData['throughput']> {
  const load = new SpreadLoad();
  const samples = new Map<number, SpreadSample[]>();
  try {
    let made = 0;
    for (const topics of plan.topics) {
      progress(`making ${topics} topics`);
      await makeTopics(bootstrap, topics, made);
      made = topics;
      await load.run({ bootstrap }, topicNames(topics), plan);
      samples.set(topics, []);
      for (let round = 0; round < plan.rounds; round++) {
        progress(`throughput over ${topics} topics, ${round + 1} of ${plan.rounds}`);
        samples.get(topics)!.push(await load.run({ bootstrap }, topicNames(topics), plan));
      }
    }
  } finally {
    await load.close();
  }
  return samples;
}

async function measureConnections(plan: ScalePlan, progress: (text: string) => void): Promise<ConnectionsSample[]> {
  const folder = mkdtempSync(join(tmpdir(), 'mqlab-scale-'));
  const load = new SpreadLoad();
  const quiet = new QuietConnections();
  const samples: ConnectionsSample[] = [];
  const node = await startTimed(join(folder, 'data'));
  try {
    await makeTopics(node.bootstrap, 1);
    const topics = topicNames(1);
    await load.run(node, topics, plan);
    for (let round = 0; round < plan.rounds; round++) {
      progress(`throughput beside ${plan.connections} connections, ${round + 1} of ${plan.rounds}`);
      const without = await load.run(node, topics, plan);
      await delay(plan.settleMs);
      const before = processUsage(node.pid);
      await quiet.open(node.bootstrap, plan.connections);
      await delay(plan.settleMs);
      const after = processUsage(node.pid);
      const bytesPerConnection =
        before === null || after === null ? null : (after.rssBytes - before.rssBytes) / plan.connections;
      samples.push({
        connections: plan.connections,
        bytesPerConnection,
        without,
        with: await load.run(node, topics, plan),
      });
      await quiet.close();
    }
  } finally {
    await quiet.close();
    await load.close();
    await node.kill();
    rmSync(folder, { recursive: true, force: true });
  }
  return samples;
}
