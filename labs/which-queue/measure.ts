/**
 * What is taken of each system: started on a folder of its own, warmed up, then all of them in turn, round by round; after that each at a steady rate, with few and many topics, and killed.
 *
 * Invariants: one system is under load at a time. A part that fails is named in the system's `problems`, and the other parts and systems go on.
 */
import { rmSync } from 'node:fs';
import { findSystems, newDataDir, Session, type System } from '@mqlab/bench/compare/session.ts';
import { touchFreeMemory } from '@mqlab/bench/compare/touch-memory.ts';
import { inRound } from '@mqlab/bench/load/interleave.ts';
import type { PeerLoadResult } from '@mqlab/bench/load/peer-load.ts';
import { usageOfAll } from '@mqlab/bench/load/process-usage.ts';
import type { Peer } from '@mqlab/bench/peers/peer.ts';
import { PEERS } from '@mqlab/bench/peers/peers.ts';
import { spreadOf } from '@mqlab/bench/statistics.ts';
import type { Profile } from '../kit/lab.ts';
import { within } from './bound.ts';
import { measureCrash } from './crash.ts';
import { OWN } from './figures.ts';
import { type LoadTimes, loadTopics } from './load.ts';
import { LATENCY_RATE, type SystemMeasured, type TopicsMeasured, type WhichQueueMeasured } from './measured.ts';
import { measureTopics, openPlace, type TopicsPlan } from './topics.ts';

interface Plan {
  readonly rounds: number;
  readonly window: LoadTimes;
  /** Of a system, once. */
  readonly systemWarmupMs: number;
  readonly topics: TopicsPlan;
  readonly crashMessages: number;
  readonly crashSettleMs: number;
  /** Of this project only its own broker, which starts at once. */
  readonly ownOnly: boolean;
}

const PLANS: Readonly<Record<Profile, Plan>> = {
  quick: {
    rounds: 2,
    window: { warmupMs: 150, measureMs: 300 },
    systemWarmupMs: 300,
    topics: {
      sizes: [8, 64],
      rounds: 3,
      window: { warmupMs: 100, measureMs: 300 },
      warmupMs: 300,
      readyMsMax: 30_000,
      windowMsMax: 10_000,
      forgets: false,
    },
    crashMessages: 2_000,
    crashSettleMs: 0,
    ownOnly: true,
  },
  full: {
    rounds: 5,
    window: { warmupMs: 700, measureMs: 3_000 },
    systemWarmupMs: 6_000,
    topics: {
      sizes: [64, 256, 1_000],
      rounds: 3,
      window: { warmupMs: 500, measureMs: 2_000 },
      warmupMs: 4_000,
      readyMsMax: 90_000,
      windowMsMax: 20_000,
      forgets: true,
    },
    crashMessages: 20_000,
    crashSettleMs: 5_000,
    ownOnly: false,
  },
};
const QUICK_ONLY =
  'the quick profile measures this project’s broker alone: --profile full measures every system that is installed';
/** Of each part of a system but the topics, which have bounds of their own. */
const PART_MS_MAX = 120_000;
const OUT_BEFORE = 'the system fell out before';

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
  if (profile === 'full') touchFreeMemory();
  const runs = systems.map((system) => new SystemRun(system, plan, progress));
  try {
    for (const run of runs) await run.part('start', () => run.start());
    for (const run of runs) await run.part('warm-up', () => run.warmUp());
    for (let round = 0; round < plan.rounds; round++)
      for (const run of inRound(runs, round)) await run.part(`maximum, round ${round + 1}`, () => run.maximum());
    for (const run of runs) await run.part('latency', () => run.atRate());
  } finally {
    for (const run of runs) await run.end();
  }
  // Alone on the machine: servers with thousands of partitions take the memory that the others had.
  for (const run of runs) await run.overTopics();
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
  private session: Session | null = null;
  private startMs = Number.NaN;
  private isOut = false;
  private readonly rates: number[] = [];
  private readonly cpu: number[] = [];
  private topics: readonly TopicsMeasured[] = [];
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
    try {
      await within(PART_MS_MAX, run());
    } catch (error) {
      // What is still under way would disturb everything after it: the server ends, and the system is out.
      this.problems.push(`${what}: ${(error as Error).message.split('\n')[0]}`);
      await this.end();
      this.isOut = true;
    }
  }

  async start(): Promise<void> {
    this.session = await Session.open(this.system, false);
    this.startMs = this.session.running.startMs;
  }

  async warmUp(): Promise<void> {
    await this.load('max', { ...this.plan.window, measureMs: this.plan.systemWarmupMs });
  }

  async maximum(): Promise<void> {
    const { recordsPerSecond, cpuSecondsPerGb, failed, failure } = await this.load('max');
    if (failed > 0) this.problems.push(`${failed} records failed (${failure})`);
    this.rates.push(recordsPerSecond);
    if (cpuSecondsPerGb !== null) this.cpu.push(cpuSecondsPerGb);
  }

  async atRate(): Promise<void> {
    const { latency, unfinished, failed } = await this.load(LATENCY_RATE);
    if (unfinished + failed === 0) this.latency = latency;
    else this.problems.push(`${LATENCY_RATE} records/s: ${unfinished + failed} not confirmed in time`);
  }

  async overTopics(): Promise<void> {
    const { topics } = this.plan;
    if (this.isOut) {
      this.topics = topics.sizes.map((size) => ({
        topics: size,
        recordsPerSecond: [],
        missed: OUT_BEFORE,
        failed: null,
      }));
      return;
    }
    this.topics = await measureTopics(
      topics,
      () => openPlace(this.system, topics),
      (text) => this.progress(`${this.system.peer.title}: ${text}`),
    );
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

  private async load(recordsPerSecond: number | 'max', times = this.plan.window): Promise<PeerLoadResult> {
    const session = this.session!;
    const topics = await session.newTopics(1, 1);
    try {
      return await loadTopics(session, topics, recordsPerSecond, times);
    } finally {
      await session.dropTopics(topics);
    }
  }
}
