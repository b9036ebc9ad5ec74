/**
 * Compares systems: for each workload all of them are started, each on a fresh data folder, warmed up, and then measured in rounds, A B, B A, A B…; the next
 * round's topics are new, those of the last are gone.
 *
 * Why the servers run on through the rounds of a workload: a server on a virtual machine of its own needs a while until its code is compiled; a fresh one in each
 * round would be measured cold. How long a cold one takes is `start-up.ts`.
 *
 * Invariants: one system is under load at a time; a system that fails leaves the workload, with its reason in `failures`, and the others go on.
 */
import { inRound } from '../load/interleave.ts';
import { writeBack } from '../load/page-cache.ts';
import { type Payload, randomTextPayload } from '../load/payload.ts';
import { drainPeer, loadPeer, type PeerLoadResult } from '../load/peer-load.ts';
import { usageOfAll } from '../load/process-usage.ts';
import { spreadOf } from '../statistics.ts';
import { Recorder } from './recorder.ts';
import type { Sample } from './samples.ts';
import { Session, type System } from './session.ts';
import { measureStartUp, START_UP } from './start-up.ts';
import type { CompareWorkload } from './workload.ts';

export interface CompareOptions {
  readonly workloads: readonly CompareWorkload[];
  readonly systems: readonly System[];
  readonly pairs: number;
  readonly idleMs: number;
  readonly progress: (text: string) => void;
}

export interface CompareMeasured {
  readonly samples: readonly Sample[];
  /** What went wrong, a sentence each. */
  readonly failures: readonly string[];
}

const PAYLOAD_SEED = 20_260_105;

/** Where samples and reasons go. */
export interface Findings {
  readonly recorder: Recorder;
  readonly failures: string[];
}

export async function measureComparison(options: CompareOptions): Promise<CompareMeasured> {
  const findings: Findings = { recorder: new Recorder(), failures: [] };
  await measureStartUps(options, findings);
  for (const workload of options.workloads) await measureWorkload(options, workload, findings);
  return { samples: findings.recorder.samples, failures: findings.failures };
}

export async function measureStartUps(
  options: Pick<CompareOptions, 'systems' | 'pairs' | 'idleMs' | 'progress'>,
  { recorder, failures }: Findings,
): Promise<void> {
  const { systems, pairs, idleMs, progress } = options;
  const failed = new Set<System>();
  for (let pair = 0; pair < pairs; pair++)
    for (const system of inRound(systems, pair)) {
      if (failed.has(system)) continue;
      progress(`${START_UP}: ${system.peer.name}, round ${pair + 1} of ${pairs}`);
      try {
        const { firstAcknowledgedMs, rssBytesIdle, cpuPercentIdle } = await measureStartUp(system, idleMs);
        const add = (metric: string, value: number | null): void =>
          recorder.add('Start and rest', START_UP, metric, system, pair, value);
        add('start to first acknowledged produce', firstAcknowledgedMs);
        add('memory idle', rssBytesIdle);
        add('processor idle', cpuPercentIdle);
      } catch (error) {
        failed.add(system);
        failures.push(`${START_UP}, ${system.peer.name}: ${(error as Error).message}`);
      }
    }
}

export function measureWorkload(
  options: Pick<CompareOptions, 'systems' | 'pairs' | 'progress'>,
  workload: CompareWorkload,
  findings: Findings,
): Promise<void> {
  return new WorkloadComparison(options, workload, findings).run();
}

class WorkloadComparison {
  private readonly options: Pick<CompareOptions, 'systems' | 'pairs' | 'progress'>;
  private readonly workload: CompareWorkload;
  private readonly recorder: Recorder;
  private readonly failures: string[];
  private readonly payload: Payload;
  private readonly sessions = new Map<System, Session>();
  private readonly maxima = new Map<System, number[]>();

  constructor(
    options: Pick<CompareOptions, 'systems' | 'pairs' | 'progress'>,
    workload: CompareWorkload,
    findings: Findings,
  ) {
    this.options = options;
    this.workload = workload;
    this.recorder = findings.recorder;
    this.failures = findings.failures;
    this.payload = randomTextPayload(workload.recordBytes, PAYLOAD_SEED);
  }

  async run(): Promise<void> {
    const { workload, options } = this;
    try {
      for (const system of options.systems)
        await this.guarded(system, 'start', async () => {
          this.sessions.set(system, await Session.open(system, workload.flushBeforeAck));
        });
      await this.eachInRound(0, 'warm-up', (session) => this.warmUp(session));
      const { recordsPerSecond } = workload;
      for (let pair = 0; pair < options.pairs; pair++)
        if (recordsPerSecond === 'max')
          await this.eachInRound(pair, 'maximum', (session) => this.maximum(session, pair));
        else
          await this.eachInRound(pair, 'rate', (session) =>
            this.atRate(session, pair, recordsPerSecond, ratePhrase(recordsPerSecond)),
          );
      for (let pair = 0; pair < options.pairs; pair++)
        await this.eachInRound(pair, 'latency', (session) => this.latencies(session, pair));
      for (const [system, session] of this.sessions) this.peakMemory(system, session);
    } finally {
      await this.closeAll();
    }
  }

  private async eachInRound(round: number, what: string, use: (session: Session) => Promise<void>): Promise<void> {
    const { options, workload } = this;
    for (const system of inRound(options.systems, round)) {
      const session = this.sessions.get(system);
      if (session === undefined) continue;
      options.progress(`${workload.name}: ${system.peer.name}, ${what}, round ${round + 1} of ${options.pairs}`);
      await this.guarded(system, what, () => use(session));
    }
  }

  /** A system that fails is out of this workload. */
  private async guarded(system: System, what: string, use: () => Promise<void>): Promise<void> {
    try {
      await use();
    } catch (error) {
      this.failures.push(`${this.workload.name}, ${system.peer.name}, ${what}: ${(error as Error).message}`);
      const session = this.sessions.get(system);
      this.sessions.delete(system);
      await session?.close().catch(() => {});
    }
  }

  private async warmUp(session: Session): Promise<void> {
    const { systemWarmupMs, backlogBytes, consumers } = this.workload;
    if (systemWarmupMs === 0) return;
    await this.withTopics(session, async (topics) => {
      const result = await this.load(session, topics, 'max', 0, { warmupMs: 0, measureMs: systemWarmupMs });
      const wanted = this.backlogRecords(result);
      if (backlogBytes > 0 && consumers > 0) await drainPeer(session.target, topics, consumers, wanted);
    });
  }

  private async maximum(session: Session, pair: number): Promise<void> {
    const { consumers, backlogBytes, warmupMs, measureMs } = this.workload;
    await this.withTopics(session, async (topics) => {
      const produced = await this.load(session, topics, 'max', 0, { warmupMs, measureMs });
      const { system } = session;
      this.add(system, pair, 'produce throughput', produced.bytesPerSecond);
      this.add(system, pair, 'produce rate', produced.recordsPerSecond);
      this.add(system, pair, 'produce processor time per GB', produced.cpuSecondsPerGb);
      this.add(system, pair, 'produce processor time per record', produced.cpuUsPerRecord);
      this.maxima.set(system, [...(this.maxima.get(system) ?? []), produced.recordsPerSecond]);
      this.noteFailed(system, 'maximum', produced);
      if (backlogBytes === 0 || consumers === 0) return;
      const drained = await drainPeer(session.target, topics, consumers, this.backlogRecords(produced));
      this.add(system, pair, 'drain throughput', drained.bytesPerSecond);
      this.add(system, pair, 'drain rate', drained.recordsPerSecond);
      this.add(system, pair, 'drain processor time per GB', drained.cpuSecondsPerGb);
      this.add(system, pair, 'drain processor time per record', drained.cpuUsPerRecord);
    });
  }

  private async latencies(session: Session, pair: number): Promise<void> {
    const { loadPercents, equalRates } = this.workload;
    const maxima = this.maxima.get(session.system);
    for (const percent of loadPercents) {
      if (maxima === undefined) break;
      const rate = Math.max(1, Math.round((spreadOf(maxima).median * percent) / 100));
      await this.atRate(session, pair, rate, `at ${percent} % of its maximum`);
    }
    for (const rate of equalRates) await this.atRate(session, pair, rate, ratePhrase(rate));
  }

  private async atRate(session: Session, pair: number, rate: number, where: string): Promise<void> {
    const { warmupMs, measureMs, consumers } = this.workload;
    await this.withTopics(session, async (topics) => {
      const result = await this.load(session, topics, rate, consumers, { warmupMs, measureMs });
      const { system } = session;
      for (const [name, summary] of [
        ['acknowledged', result.latency],
        ['end to end', result.endToEnd],
      ] as const) {
        if (summary === null) continue;
        this.add(system, pair, `${name} p50 ${where}`, summary.p50Ms);
        this.add(system, pair, `${name} p99 ${where}`, summary.p99Ms);
        this.add(system, pair, `${name} p99.9 ${where}`, summary.p999Ms);
        this.add(system, pair, `${name} p99.99 ${where}`, summary.p9999Ms);
      }
      this.add(system, pair, `lateness of the generator p99 ${where}`, result.lateness?.p99Ms ?? null);
      this.add(system, pair, `rate reached ${where}`, result.recordsPerSecond);
      this.add(system, pair, `produce processor time per record ${where}`, result.cpuUsPerRecord);
      this.noteFailed(system, where, result);
    });
  }

  private async withTopics(
    session: Session,
    use: (topics: Awaited<ReturnType<Session['newTopics']>>) => Promise<void>,
  ): Promise<void> {
    const topics = await session.newTopics(this.workload.topics, this.workload.partitions);
    try {
      if (this.workload.topics > 1) await session.touch(topics);
      await use(topics);
    } finally {
      await session.dropTopics(topics);
    }
  }

  private async load(
    session: Session,
    topics: Awaited<ReturnType<Session['newTopics']>>,
    recordsPerSecond: number | 'max',
    consumers: number,
    times: { readonly warmupMs: number; readonly measureMs: number },
  ): Promise<PeerLoadResult> {
    const { acks, keys, batchBytes, lingerMs, producers, outstandingBytesMax, drainMsMax } = this.workload;
    const setting = { topics, acks, keys, batchBytes, lingerMs, producers, consumers, outstandingBytesMax, drainMsMax };
    await writeBack();
    return loadPeer(session.target, { ...setting, recordsPerSecond, ...times }, this.payload);
  }

  private backlogRecords(produced: PeerLoadResult): number {
    const stored = produced.recordsSent - produced.failed - produced.unfinished;
    return Math.min(stored, Math.ceil(this.workload.backlogBytes / this.workload.recordBytes));
  }

  private add(system: System, pair: number, metric: string, value: number | null): void {
    this.recorder.add(`Workload ${this.workload.name}`, this.workload.name, metric, system, pair, value);
  }

  private noteFailed(system: System, where: string, result: PeerLoadResult): void {
    const { failed, unfinished, failure, endToEnd, recordsSent, recordsConsumed } = result;
    const missing = endToEnd === null ? 0 : Math.max(0, recordsSent - failed - unfinished - recordsConsumed);
    if (failed === 0 && unfinished === 0 && missing === 0) return;
    const first = failure === null ? '' : ` (${failure})`;
    this.failures.push(
      `${this.workload.name}, ${system.peer.name}, ${where}: ${failed} records failed, ${unfinished} not answered and ${missing} not received in time${first}`,
    );
  }

  private peakMemory(system: System, session: Session): void {
    this.add(system, 0, 'memory peak', usageOfAll(session.running.pids)?.rssBytesPeak ?? null);
  }

  private async closeAll(): Promise<void> {
    for (const [system, session] of this.sessions) {
      await session.close();
      const transfer = session.running.transfer?.() ?? null;
      this.add(system, 0, 'bytes by sendfile', transfer?.bytesBySendfile ?? null);
      this.add(system, 0, 'bytes by copy', transfer?.bytesByCopy ?? null);
    }
  }
}

function ratePhrase(rate: number): string {
  return `at ${rate.toLocaleString('en-US')}/s`;
}
