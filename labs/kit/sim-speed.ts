/**
 * How fast the simulator goes: plans of one scenario, one after the other in this thread, and what they took of the processor.
 *
 * Invariant: the plans are those of a campaign with the same seed, checks and hash of the history included. Time is this process's processor time, so that work of others
 * on the machine counts little; plans that only warm the engine up come first and count nothing. Nothing is judged here but that no plan broke anything.
 */
import { spreadOf } from '@mqlab/bench/statistics.ts';
import { loadLab, scenarioOf } from './registry.ts';
import { runPlan } from './run-plan.ts';
import { planOf, seedOf } from './search.ts';
import { openTarget } from './targets/open-target.ts';
import type { SimTarget } from './targets/sim-target.ts';

/** Three brokers, their clients and an operator, three to ten faults of nodes: the plan that is meant where plans a second are named. */
export const STANDARD = { lab: 'replication', scenario: 'storm' } as const;
/** Plans between two looks at the clock: a sample. */
const PLANS_PER_SAMPLE = 25;
const STANDARD_PLAN_MS = 10_000;

export interface SimSpeedOptions {
  readonly lab: string;
  readonly scenario: string;
  readonly seed: number;
  readonly plans: number;
  readonly warmupPlans: number;
  readonly onProgress?: (done: number, of: number) => void;
}

export interface SimSpeed {
  readonly lab: string;
  readonly scenario: string;
  readonly seed: number;
  readonly plans: number;
  readonly warmupPlans: number;
  /** Plans a second of one core: median, least and most of the samples. */
  readonly plansPerSecond: { readonly median: number; readonly min: number; readonly max: number };
  /** Had each plan taken ten virtual seconds, at as much work in each. */
  readonly plansOf10VirtualSecondsPerSecond: number;
  readonly eventsPerSecond: number;
  readonly eventsPerPlan: number;
  readonly virtualMsPerPlan: number;
  readonly processorMsPerPlan: number;
  /** Numbers of plans that broke something. */
  readonly violations: readonly number[];
}

export async function measureSimSpeed(options: SimSpeedOptions): Promise<SimSpeed> {
  const { lab, scenario: id, seed, plans, warmupPlans, onProgress } = options;
  const scenario = scenarioOf(await loadLab(lab), id);
  const violations: number[] = [];
  const samples: number[] = [];
  let events = 0;
  let virtualMs = 0;
  let processorMs = 0;
  let sampleBegan = process.cpuUsage();
  let sampled = 0;
  // As in a campaign's workers: nobody reads the stacks of expected errors.
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  for (let index = 0; index < warmupPlans + plans; index++) {
    const isCounted = index >= warmupPlans;
    if (index === warmupPlans) sampleBegan = process.cpuUsage();
    const planSeed = seedOf(seed, index);
    let target: SimTarget | undefined;
    const { outcome } = await runPlan(scenario, planOf(scenario.plan, planSeed), {
      target: 'sim',
      client: 'mqlab',
      seed: planSeed,
      input: [],
      options: {},
      open: async (kind, settings) => (target = (await openTarget(kind, settings)) as SimTarget),
    });
    if (outcome.violations.length > 0) violations.push(index);
    onProgress?.(index + 1, warmupPlans + plans);
    if (!isCounted) continue;
    events += target!.world.eventCount;
    virtualMs += target!.world.timeMs;
    sampled++;
    if (sampled < PLANS_PER_SAMPLE && index < warmupPlans + plans - 1) continue;
    const { user, system } = process.cpuUsage(sampleBegan);
    const ms = (user + system) / 1000;
    samples.push((sampled * 1000) / ms);
    processorMs += ms;
    sampled = 0;
    sampleBegan = process.cpuUsage();
  }
  Error.stackTraceLimit = stackTraceLimit;
  const { median, min, max } = spreadOf(samples);
  return {
    lab,
    scenario: id,
    seed,
    plans,
    warmupPlans,
    plansPerSecond: { median, min, max },
    plansOf10VirtualSecondsPerSecond: (virtualMs / STANDARD_PLAN_MS / processorMs) * 1000,
    eventsPerSecond: (events / processorMs) * 1000,
    eventsPerPlan: events / plans,
    virtualMsPerPlan: virtualMs / plans,
    processorMsPerPlan: processorMs / plans,
    violations,
  };
}
