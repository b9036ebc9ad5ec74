/**
 * Mutations put to the test: for each, plans of its scenario are run with the fault in the broker until a checker or an invariant sees it.
 *
 * Invariant: caught means that one of the names in `caughtBy` was a certain violation within `plansMax` plans. A run that only failed to end is not that, and says so.
 * Each mutation has a thread of its own that ends with it; plans go by number, so the same mutation is caught by the same plan again.
 */
import { Worker } from 'node:worker_threads';
import type { CampaignTask } from './campaign-worker.ts';
import { SEED_DEFAULT } from './lab-runner.ts';
import type { Mutation } from './mutation.ts';
import type { MutationJob, MutationMessage, MutationRun } from './mutation-worker.ts';
import { labModule } from './registry.ts';

export const PLANS_MAX_DEFAULT = 500;

export interface MutationOptions {
  readonly seed?: number;
  readonly plansMax?: number;
  /** Mutations at a time. */
  readonly workers: number;
  readonly onResult?: (result: MutationResult) => void;
}

export interface MutationResult {
  readonly id: string;
  readonly file: string;
  readonly why: string;
  readonly scenario: string;
  readonly status: 'caught' | 'other' | 'survived' | 'failed' | 'not loaded';
  /** What saw it: names of checkers and invariants. */
  readonly caughtBy: readonly string[];
  readonly wanted: readonly string[];
  /** Plans that were run, the one that caught it included. */
  readonly plans: number;
  /** Plans that did not come to an end. */
  readonly failed: number;
  /** Why the first of those did not. */
  readonly failure?: string;
  /** Seed of the plan that caught it. */
  readonly planSeed?: number;
  readonly seconds: number;
}

export async function runMutations(
  mutations: readonly Mutation[],
  options: MutationOptions,
): Promise<readonly MutationResult[]> {
  const results = new Map<string, MutationResult>();
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < mutations.length) {
      const mutation = mutations[next++]!;
      const result = await runMutation(mutation, options);
      results.set(mutation.id, result);
      options.onResult?.(result);
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, options.workers) }, lane));
  return mutations.map(({ id }) => results.get(id)!);
}

async function runMutation(mutation: Mutation, options: MutationOptions): Promise<MutationResult> {
  const { lab, id } = mutation.scenario;
  const task: CampaignTask = {
    module: lab === 'mutation' ? new URL('./testing/mutation-lab.ts', import.meta.url).href : labModule(lab),
    scenario: id,
    target: 'sim',
    client: 'mqlab',
    seed: options.seed ?? SEED_DEFAULT,
    input: {},
    options: {},
  };
  const began = performance.now();
  const runs: MutationRun[] = [];
  const isLoaded = await inWorker({ mutation, task, from: 0, until: options.plansMax ?? PLANS_MAX_DEFAULT }, (run) =>
    runs.push(run),
  );
  const last = runs.at(-1);
  const seen = last?.violations ?? [];
  const wanted: readonly string[] = mutation.caughtBy;
  const failures = runs.filter((run) => run.error !== undefined);
  const status = !isLoaded
    ? 'not loaded'
    : seen.some((name) => wanted.includes(name))
      ? 'caught'
      : seen.length > 0
        ? 'other'
        : failures.length > 0
          ? 'failed'
          : 'survived';
  return {
    id: mutation.id,
    file: mutation.file,
    why: mutation.why,
    scenario: `${lab}/${id}`,
    status,
    caughtBy: seen,
    wanted,
    plans: runs.length,
    failed: failures.length,
    ...(failures.length === 0 ? {} : { failure: failures[0]!.error! }),
    ...(seen.length === 0 ? {} : { planSeed: last!.planSeed }),
    seconds: Math.round((performance.now() - began) / 100) / 10,
  };
}

/** Resolves with whether the changed file was loaded. */
function inWorker(job: MutationJob, onRun: (run: MutationRun) => void): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./mutation-worker.ts', import.meta.url), { workerData: job });
    let isLoaded: boolean | null = null;
    worker.on('message', (message: MutationMessage) => {
      if (message.kind === 'run') onRun(message.run);
      else isLoaded = message.isLoaded;
    });
    worker.once('error', reject);
    worker.once('exit', (code) => {
      if (isLoaded === null) reject(new Error(`the thread of mutation ${job.mutation.id} ended with ${code}`));
      else resolve(isLoaded);
    });
  });
}

const MARKS: Readonly<Record<MutationResult['status'], string>> = {
  caught: 'caught',
  other: 'caught by another than was thought',
  survived: '**survived**',
  failed: '**not caught**: runs failed',
  'not loaded': '**its file was never loaded**',
};

/** A table for people. */
export function mutationsMarkdown(results: readonly MutationResult[]): string {
  const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
  const caught = results.filter((each) => each.status === 'caught').length;
  return [
    '# Planted faults',
    '',
    `${caught} of ${results.length} were caught by the checker that should see them.`,
    '',
    '| fault | what it does | file | scenario | outcome | seen by | plans |',
    '| --- | --- | --- | --- | --- | --- | --- |',
    ...results.map(
      (each) =>
        `| ${each.id} | ${cell(each.why)} | \`${each.file}\` | ${each.scenario} | ${MARKS[each.status]} | ${each.caughtBy.join(', ') || '–'} | ${each.plans} |`,
    ),
    '',
  ].join('\n');
}
