/** A worker's part of a campaign: some plans of one scenario, by number, or one given plan; and what figures need of the simulator. Loads the lab once and keeps it. */
import { isMainThread } from 'node:worker_threads';
import type { ClientName } from './drivers/driver.ts';
import { type InputOptions, sharedInput } from './input.ts';
import type { Lab, Profile } from './lab.ts';
import { loadLabModule, scenarioOf } from './registry.ts';
import { type PlanRun, runPlan } from './run-plan.ts';
import { planOf, seedOf } from './search.ts';
import type { NodeCommands, TargetKind } from './targets/target.ts';
import type { RunOutcome } from './verdict.ts';

/** What to run: plain data. */
export interface CampaignTask {
  /** URL of the module that exports the lab. */
  readonly module: string;
  readonly scenario: string;
  readonly target: TargetKind;
  readonly client: ClientName;
  readonly seed: number;
  readonly input: InputOptions;
  readonly options: Readonly<Record<string, string>>;
  readonly bootstrap?: string;
  /** External: commands of the user's that work on a node. */
  readonly nodeCommands?: NodeCommands;
}

/** What is kept of one run: small, so that thousands fit. */
export interface RunSummary {
  readonly index: number;
  readonly planSeed: number;
  readonly outcome: RunOutcome;
  readonly goals: readonly string[];
  readonly historyHash: string;
  readonly version: string;
  /** On real processes, of a run that broke something: it may not happen again. */
  readonly run?: PlanRun;
}

export interface CampaignBatch {
  readonly task: CampaignTask;
  readonly from: number;
  readonly until: number;
}

export interface OnePlan {
  readonly task: CampaignTask;
  readonly plan: unknown;
  readonly planSeed: number;
}

/** What a lab's figures need of the simulator. */
export interface SimulateTask {
  readonly module: string;
  readonly profile: Profile;
  readonly seed: number;
  readonly input: InputOptions;
  readonly options: Readonly<Record<string, string>>;
}

// Expected errors (a refused connection, a file that is not there) are made by the thousand, and nobody reads their stacks: a plan that
// breaks something is run again in the main thread.
if (!isMainThread) Error.stackTraceLimit = 0;

const labs = new Map<string, Promise<Lab>>();

function labOf(module: string): Promise<Lab> {
  let lab = labs.get(module);
  if (lab === undefined) labs.set(module, (lab = loadLabModule(module)));
  return lab;
}

export async function runBatch({ task, from, until }: CampaignBatch): Promise<RunSummary[]> {
  const lab = await labOf(task.module);
  const input = await sharedInput(task.input);
  const scenario = scenarioOf(lab, task.scenario);
  const { target, client, options } = task;
  const summaries: RunSummary[] = [];
  for (let index = from; index < until; index++) {
    const planSeed = seedOf(task.seed, index);
    const plan = planOf(scenario.plan, planSeed);
    const external = externalOf(task);
    let run: Awaited<ReturnType<typeof runPlan>>;
    try {
      run = await runPlan(scenario, plan, { target, client, seed: planSeed, input, options, ...external });
    } catch (error) {
      const where = `${lab.name}/${scenario.id} on ${target}, plan ${index} of seed ${task.seed}`;
      throw new Error(`${where}: ${(error as Error).message}\nplan ${JSON.stringify(plan)}`, { cause: error });
    }
    const { outcome, goals, historyHash, version } = run;
    const kept = target !== 'sim' && outcome.violations.length > 0 ? { run } : {};
    summaries.push({ index, planSeed, outcome, goals, historyHash, version, ...kept });
  }
  return summaries;
}

/** One given plan: a step of shrinking, or a counterexample made once more. */
export async function runOne({ task, plan, planSeed }: OnePlan): Promise<PlanRun> {
  const lab = await labOf(task.module);
  const input = await sharedInput(task.input);
  const { target, client, options } = task;
  return runPlan(scenarioOf(lab, task.scenario), plan, {
    target,
    client,
    seed: planSeed,
    input,
    options,
    ...externalOf(task),
  });
}

/** Undefined where the lab has nothing of the kind. */
export async function simulate({ module, input, ...settings }: SimulateTask): Promise<unknown> {
  const lab = await labOf(module);
  return lab.simulate?.({ ...settings, input: await sharedInput(input) });
}

function externalOf({ bootstrap, nodeCommands }: CampaignTask): Pick<CampaignTask, 'bootstrap' | 'nodeCommands'> {
  return {
    ...(bootstrap === undefined ? {} : { bootstrap }),
    ...(nodeCommands === undefined ? {} : { nodeCommands }),
  };
}

export default runBatch;
