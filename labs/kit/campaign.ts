/**
 * A campaign: many plans of one scenario, over the cores, until the first violation or the last plan.
 *
 * Invariant: what it says depends on the seed and on the number of plans done, never on the number of workers: plans go by number, and only the
 * unbroken row of finished ones from number 0 counts. A deadline may end that row early; then fewer runs are reported.
 */
import { Piscina } from 'piscina';
import {
  type CampaignBatch,
  type CampaignTask,
  type OnePlan,
  type RunSummary,
  runBatch,
  type SimulateTask,
} from './campaign-worker.ts';
import type { PlanRun } from './run-plan.ts';
import type { Coverage } from './verdict.ts';

export type { CampaignTask, RunSummary } from './campaign-worker.ts';

export interface CampaignOptions {
  /** To aim at. */
  readonly runs: number;
  /** Promised: done beyond the deadline too, as are more while a goal was not reached; up to `lateDeadline`. Default: `runs`. */
  readonly runsMin?: number;
  /** 1 runs here, in this thread. */
  readonly workers: number;
  /** On performance.now()'s scale: what was not promised does not begin after it. */
  readonly deadline?: number;
  /** Likewise: nothing begins after it. Default: the deadline. */
  readonly lateDeadline?: number;
  /** Plans that a worker takes at a time: few where the first violation is expected soon. */
  readonly batchPlans?: number;
  /** Goals to count. */
  readonly goals: readonly string[];
  readonly onProgress?: (runsDone: number) => void;
  /** Shared between campaigns; made and destroyed here when absent. */
  readonly pool?: CampaignPool;
}

export interface CampaignResult {
  readonly coverage: Coverage;
  /** The lowest plan number that broke something. */
  readonly violation: RunSummary | null;
  /** The run to show when nothing broke: the first that reached every goal, else the first. */
  readonly sample: RunSummary | null;
  readonly plansPerSecond: number;
}

const BATCH_PLANS = 8;

export class CampaignPool {
  // biome-ignore lint/suspicious/noExplicitAny: three kinds of tasks
  readonly #piscina: Piscina<CampaignBatch | OnePlan | SimulateTask, any>;
  readonly workers: number;

  constructor(workers: number) {
    this.workers = workers;
    this.#piscina = new Piscina({
      filename: new URL('./campaign-worker.ts', import.meta.url).href,
      // A thread that has nothing to do while one plan shrinks is needed again at once, and dear to start: it loads the labs and the broker.
      minThreads: workers,
      maxThreads: workers,
      maxQueue: workers * 4,
    });
  }

  run(task: CampaignTask, from: number, until: number): Promise<RunSummary[]> {
    return this.#piscina.run({ task, from, until });
  }

  runOne(task: CampaignTask, plan: unknown, planSeed: number): Promise<PlanRun> {
    return this.#piscina.run({ task, plan, planSeed }, { name: 'runOne' });
  }

  simulate(task: SimulateTask): Promise<unknown> {
    return this.#piscina.run(task, { name: 'simulate' });
  }

  close(): Promise<void> {
    return this.#piscina.destroy();
  }
}

export async function runCampaign(task: CampaignTask, options: CampaignOptions): Promise<CampaignResult> {
  // Real processes share this machine: one plan at a time.
  const workers = task.target === 'sim' ? options.workers : 1;
  const pool = workers > 1 ? (options.pool ?? new CampaignPool(workers)) : null;
  const deadline = options.deadline ?? Number.POSITIVE_INFINITY;
  const began = performance.now();
  const done = new Map<number, readonly RunSummary[]>();
  const batchPlans = task.target === 'sim' ? (options.batchPlans ?? BATCH_PLANS) : 1;
  const batches = Math.ceil(options.runs / batchPlans);
  const runsMin = options.runsMin ?? options.runs;
  const lateDeadline = options.lateDeadline ?? deadline;
  const missing = new Set(options.goals);
  let next = 0;
  let runsDone = 0;
  let firstBroken = Number.POSITIVE_INFINITY;

  const mayBegin = (): boolean => {
    if (next >= batches || next >= firstBroken) return false;
    // The first batch always runs: a campaign without a run says nothing.
    if (next === 0) return true;
    const isPromised = next * batchPlans < runsMin || missing.size > 0;
    return performance.now() < (isPromised ? lateDeadline : deadline);
  };
  const lane = async (): Promise<void> => {
    while (mayBegin()) {
      const batch = next++;
      const from = batch * batchPlans;
      const until = Math.min(options.runs, from + batchPlans);
      const summaries = pool === null ? await runBatch({ task, from, until }) : await pool.run(task, from, until);
      done.set(batch, summaries);
      runsDone += summaries.length;
      for (const { goals } of summaries) for (const goal of goals) missing.delete(goal);
      if (summaries.some((run) => run.outcome.violations.length > 0)) firstBroken = Math.min(firstBroken, batch);
      options.onProgress?.(runsDone);
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.max(1, workers) }, lane));
  } finally {
    if (pool !== null && options.pool === undefined) await pool.close();
  }

  const counted: RunSummary[] = [];
  for (let batch = 0; done.has(batch); batch++) counted.push(...done.get(batch)!);
  const seconds = Math.max(1e-9, (performance.now() - began) / 1000);
  return { ...summarise(counted, options.goals), plansPerSecond: runsDone / seconds };
}

function summarise(runs: readonly RunSummary[], goals: readonly string[]): Omit<CampaignResult, 'plansPerSecond'> {
  const violationAt = runs.findIndex((run) => run.outcome.violations.length > 0);
  const counted = violationAt < 0 ? runs : runs.slice(0, violationAt + 1);
  const has = (run: RunSummary, goal: string): boolean => run.goals.includes(goal);
  return {
    coverage: {
      runs: counted.length,
      invalid: violationAt < 0 ? 0 : 1,
      unknown: counted.filter((run) => run.outcome.status === 'unknown').length,
      legal: counted.filter((run) => run.outcome.legal.length > 0).length,
      exercised: goals.map((goal) => ({
        goal,
        reached: counted.filter((run) => has(run, goal)).length,
        of: counted.length,
      })),
    },
    violation: violationAt < 0 ? null : runs[violationAt]!,
    sample: counted.find((run) => goals.every((goal) => has(run, goal))) ?? counted[0] ?? null,
  };
}
