/** A thread that plants one mutation before it loads anything else, and then runs plans by number until one breaks something. */
import { parentPort, workerData } from 'node:worker_threads';
import type { CampaignTask } from './campaign-worker.ts';
import type { Mutation } from './mutation.ts';
import { plantMutation } from './mutation-loader.ts';

export interface MutationJob {
  readonly mutation: Mutation;
  readonly task: CampaignTask;
  readonly from: number;
  readonly until: number;
}

/** What became of one plan. */
export interface MutationRun {
  readonly index: number;
  readonly planSeed: number;
  /** Names of certain violations. */
  readonly violations: readonly string[];
  /** The run did not come to its end. */
  readonly error?: string;
}

export type MutationMessage =
  | { readonly kind: 'run'; readonly run: MutationRun }
  | { readonly kind: 'end'; readonly isLoaded: boolean };

// The system's own: nothing of the broker is loaded yet.
const { mutation, task, from, until } = workerData as MutationJob;
const planted = plantMutation(mutation);
const { runBatch } = await import('./campaign-worker.ts');
const { seedOf } = await import('./search.ts');
const say = (message: MutationMessage): void => parentPort?.postMessage(message);

for (let index = from; index < until; index++) {
  const planSeed = seedOf(task.seed, index);
  let run: MutationRun = { index, planSeed, violations: [] };
  try {
    const [summary] = await runBatch({ task, from: index, until: index + 1 });
    run = { ...run, violations: summary!.outcome.violations };
  } catch (error) {
    run = { ...run, error: (error as Error).message };
  }
  say({ kind: 'run', run });
  if (run.violations.length > 0) break;
}
say({ kind: 'end', isLoaded: planted.isLoaded });
