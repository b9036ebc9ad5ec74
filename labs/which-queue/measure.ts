/**
 * What is taken of each system: started on a folder of its own, warmed up, then all of them in turn, round by round; after that each with few and many topics, at a steady rate, and killed.
 *
 * Invariants: one system is under load at a time. A part that fails is named in the system's `problems`, and the other parts and systems go on.
 */
import { rmSync } from 'node:fs';
import { findSystems, newDataDir, Session, type System } from '@mqlab/bench/compare/session.ts';
import { inRound } from '@mqlab/bench/load/interleave.ts';
import { type Payload, randomTextPayload } from '@mqlab/bench/load/payload.ts';
import { loadPeer, type PeerLoadResult } from '@mqlab/bench/load/peer-load.ts';
import { usageOfAll } from '@mqlab/bench/load/process-usage.ts';
import type { Peer } from '@mqlab/bench/peers/peer.ts';
import { PEERS } from '@mqlab/bench/peers/peers.ts';
import { spreadOf } from '@mqlab/bench/statistics.ts';
import type { Profile } from '../kit/lab.ts';
import { measureCrash } from './crash.ts';
import { OWN } from './figures.ts';
import { LATENCY_RATE, PARTITIONS, RECORD_BYTES, type SystemMeasured, type WhichQueueMeasured } from './measured.ts';

interface Plan {
  readonly rounds: number;
  readonly measureMs: number;
  readonly warmupMs: number;
  /** Of a system, once. */
  readonly systemWarmupMs: number;
  readonly topics: readonly number[];
  readonly crashMessages: number;
  readonly crashSettleMs: number;
  /** Of this project only its own broker, which starts at once. */
  readonly ownOnly: boolean;
}

const PLANS: Readonly<Record<Profile, Plan>> = {
  quick: {
    rounds: 2,
    measureMs: 300,
    warmupMs: 150,
    systemWarmupMs: 300,
    topics: [8, 64],
    crashMessages: 2_000,
    crashSettleMs: 0,
    ownOnly: true,
  },
  full: {
    rounds: 5,
    measureMs: 3_000,
    warmupMs: 700,
    systemWarmupMs: 6_000,
    topics: [1, 64, 256, 1_000],
    crashMessages: 20_000,
    crashSettleMs: 5_000,
    ownOnly: false,
  },
};
const QUICK_ONLY =
  'the quick profile measures this project’s broker alone: --profile full measures every system that is installed';
/** Of each part of a system: thousands of queues may take a server minutes. */
const PART_MS_MAX = 120_000;
const SEED = 20_260_107;

export async function measureWhichQueue(
  profile: Profile,
  progress: (text: string) => void,
): Promise<WhichQueueMeasured> {
  const plan = PLANS[profile];
  const wanted = PEERS.filter(({ name }) => !plan.ownOnly || name === OWN);
  const { systems, skipped } = await findSystems(wanted);
  const absent = [
    ...PEERS.filter((peer) => !wanted.includes(peer)).map((peer) => ({ ...nameOf(peer), why: QUICK_ONLY })),
    ...skipped.map(({ name, why }) => ({ ...nameOf(PEERS.find((peer) => peer.name === name)!), why })),
  ];
  const runs = systems.map((system) => new SystemRun(system, plan, progress));
  try {
    for (const run of runs) await run.part('start', () => run.start());
    for (const run of runs) await run.part('warm-up', () => run.warmUp());
    for (let round = 0; round < plan.rounds; round++)
      for (const run of inRound(runs, round)) await run.part(`maximum, round ${round + 1}`, () => run.maximum());
    for (const run of runs) await run.part('latency', () => run.atRate());
    for (const run of runs)
      for (const topics of plan.topics) await run.part(`${topics} topics`, () => run.withTopics(topics));
  } finally {
    for (const run of runs) await run.end();
  }
  for (const run of runs) await run.part('kill −9', () => run.crash(), 'own server');
  return { systems: runs.map((run) => run.measured()), absent };
}

function nameOf({ name, title }: Peer): { readonly name: string; readonly title: string } {
  return { name, title };
}

/** One system through all parts. */
class SystemRun {
  private readonly system: System;
  private readonly plan: Plan;
  private readonly progress: (text: string) => void;
  private readonly payload: Payload = randomTextPayload(RECORD_BYTES, SEED);
  private session: Session | null = null;
  private startMs = Number.NaN;
  private isOut = false;
  private readonly rates: number[] = [];
  private readonly cpu: number[] = [];
  private readonly topics: { readonly topics: number; readonly recordsPerSecond: number[] }[] = [];
  private readonly problems: string[] = [];
  private latency: PeerLoadResult['latency'] = null;
  private crashed: SystemMeasured['crash'] = null;
  private rssBytesPeak: number | null = null;

  constructor(system: System, plan: Plan, progress: (text: string) => void) {
    this.system = system;
    this.plan = plan;
    this.progress = progress;
  }

  /** `own server`: it starts one of its own, so a system that is out can take part. */
  async part(what: string, run: () => Promise<void>, on: 'this server' | 'own server' = 'this server'): Promise<void> {
    if (this.isOut && on === 'this server') return;
    this.progress(`${this.system.peer.title}: ${what}`);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`not done in ${PART_MS_MAX / 1000} s`)), PART_MS_MAX);
    });
    const running = run();
    try {
      await Promise.race([running, late]);
    } catch (error) {
      // What is still under way would disturb everything after it: the server ends, and the system is out.
      running.catch(() => {});
      this.problems.push(`${what}: ${(error as Error).message.split('\n')[0]}`);
      await this.end();
      this.isOut = true;
    } finally {
      clearTimeout(timer);
    }
  }

  async start(): Promise<void> {
    this.session = await Session.open(this.system, false);
    this.startMs = this.session.running.startMs;
  }

  async warmUp(): Promise<void> {
    await this.load(1, 1, 'max', this.plan.systemWarmupMs);
  }

  async maximum(): Promise<void> {
    const { recordsPerSecond, cpuSecondsPerGb, failed, failure } = await this.load(1, 1, 'max');
    if (failed > 0) this.problems.push(`${failed} records failed (${failure})`);
    this.rates.push(recordsPerSecond);
    if (cpuSecondsPerGb !== null) this.cpu.push(cpuSecondsPerGb);
  }

  async atRate(): Promise<void> {
    const { latency, unfinished, failed } = await this.load(1, 1, LATENCY_RATE);
    if (unfinished + failed === 0) this.latency = latency;
    else this.problems.push(`${LATENCY_RATE} records/s: ${unfinished + failed} not confirmed in time`);
  }

  async withTopics(count: number): Promise<void> {
    const { recordsPerSecond } = await this.load(count, PARTITIONS, 'max');
    this.topics.push({ topics: count, recordsPerSecond: [recordsPerSecond] });
  }

  async crash(): Promise<void> {
    const dataDir = newDataDir(this.system.peer.name);
    try {
      this.crashed = await measureCrash({
        peer: this.system.peer,
        dataDir,
        messages: this.plan.crashMessages,
        settleMs: this.plan.crashSettleMs,
      });
    } finally {
      rmSync(dataDir, { recursive: true, force: true });
    }
  }

  async end(): Promise<void> {
    if (this.session === null) return;
    this.rssBytesPeak = usageOfAll(this.session.running.pids)?.rssBytesPeak ?? null;
    await this.session.close();
    this.session = null;
  }

  measured(): SystemMeasured {
    const { name, title, settings } = this.system.peer;
    return {
      name,
      title,
      version: this.system.version,
      settings,
      startMs: this.startMs,
      recordsPerSecond: this.rates,
      latency: this.latency,
      topics: this.topics,
      crash: this.crashed,
      cpuSecondsPerGb: this.cpu.length === 0 ? null : spreadOf(this.cpu).median,
      rssBytesPeak: this.rssBytesPeak,
      problems: this.problems,
    };
  }

  private async load(
    topicCount: number,
    partitions: number,
    recordsPerSecond: number | 'max',
    measureMs = this.plan.measureMs,
  ): Promise<PeerLoadResult> {
    const session = this.session!;
    const topics = await session.newTopics(topicCount, partitions);
    const setting = {
      topics,
      acks: 'all',
      keys: 'none',
      batchBytes: 65_536,
      // The client's own default where records are few, so that latency is not a batch's.
      lingerMs: recordsPerSecond === 'max' ? 5 : 0,
      producers: 1,
      consumers: 0,
      outstandingBytesMax: 4 * 1024 * 1024,
      recordsPerSecond,
      warmupMs: this.plan.warmupMs,
      measureMs,
      drainMsMax: 3_000,
    } as const;
    try {
      if (topicCount > 1) await session.touch(topics);
      return await loadPeer(session.target, setting, this.payload);
    } finally {
      await session.dropTopics(topics);
    }
  }
}
