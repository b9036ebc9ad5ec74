/**
 * Search: plans by number, and the shrinking of the first that breaks something.
 *
 * Invariant: plan number i of a seed is the same whoever makes it and in whatever order: its own seed is derived from both. Shrinking runs
 * candidates one after the other and keeps what still shows the first violation that was found (checks stand in order of importance), so seed
 * and number decide the witness too.
 * It is bounded by a count of runs, not by time.
 *
 * Left to others: what a run is (`run-plan.ts`), many runs on many cores (`campaign.ts`).
 */
import fc from 'fast-check';
import { smallerPlans } from './smaller-plans.ts';
import type { RunOutcome } from './verdict.ts';

export const SHRINK_RUNS_MAX = 600;

/** The seed of plan number `index`: 32 bits, well mixed. */
export function seedOf(seed: number, index: number): number {
  let x = (Math.imul(index + 1, 0x9e3779b9) ^ seed) | 0;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}

/** fast-check wants a signed 32-bit seed. */
function generatorSeed(planSeed: number): number {
  return planSeed | 0;
}

/** The plan that a plan seed makes. */
export function planOf<Plan>(arbitrary: fc.Arbitrary<Plan>, planSeed: number): Plan {
  const [plan] = fc.sample(arbitrary, { seed: generatorSeed(planSeed), numRuns: 1 });
  return plan!;
}

export interface Shrunk<Plan> {
  readonly plan: Plan;
  /** Plans that were looked at, one that came again included. */
  readonly runs: number;
  /** It stopped at the bound: the plan is small, and perhaps not minimal. */
  readonly isBounded: boolean;
}

export interface ShrinkOptions<Plan> {
  readonly arbitrary: fc.Arbitrary<Plan>;
  readonly planSeed: number;
  /** The same for the same plan: it is asked once for each. */
  readonly run: (plan: Plan) => Promise<RunOutcome>;
  /** Candidates when nothing single can shrink any more. Default: `smallerPlans`. */
  readonly smaller?: (plan: Plan) => Iterable<unknown>;
  readonly runsMax?: number;
  readonly onRun?: (runs: number) => void;
}

/** The smallest plan that still shows the first violation of the plan of `planSeed`; null when that one shows none. */
export async function shrink<Plan>(options: ShrinkOptions<Plan>): Promise<Shrunk<Plan> | null> {
  const runsMax = options.runsMax ?? SHRINK_RUNS_MAX;
  let wanted: string | null = null;
  let runs = 0;
  /** By plan: both ways of shrinking come back to plans that were tried. They count each time, so that the bound falls where it would. */
  const known = new Map<string, RunOutcome>();
  const outcomeOf = async (plan: Plan): Promise<RunOutcome> => {
    runs++;
    options.onRun?.(runs);
    const text = JSON.stringify(plan);
    const outcome = known.get(text) ?? (await options.run(plan));
    known.set(text, outcome);
    return outcome;
  };
  const property = fc.asyncProperty(options.arbitrary, async (plan) => {
    if (runs >= runsMax) return true;
    const { violations } = await outcomeOf(plan);
    wanted ??= violations[0] ?? null;
    return wanted === null || !violations.some((name) => name === wanted);
  });
  const details = await fc.check(property, { seed: generatorSeed(options.planSeed), numRuns: 1 });
  if (!details.failed) return null;
  let plan = details.counterexample![0];
  for (let isSmaller = true; isSmaller; ) {
    isSmaller = false;
    for (const candidate of (options.smaller ?? smallerPlans)(plan) as Iterable<Plan>) {
      if (runs >= runsMax) return { plan, runs, isBounded: true };
      const { violations } = await outcomeOf(candidate);
      if (!violations.some((name) => name === wanted)) continue;
      plan = candidate;
      isSmaller = true;
      break;
    }
  }
  return { plan, runs, isBounded: false };
}

export interface Counterexample<Plan> extends Shrunk<Plan> {
  readonly index: number;
  readonly planSeed: number;
}

export interface SearchOptions<Plan> {
  readonly arbitrary: fc.Arbitrary<Plan>;
  /** `planSeed` is the run's seed too: shrunk plans keep it. */
  readonly run: (plan: Plan, planSeed: number) => Promise<RunOutcome>;
  readonly seed: number;
  readonly runs: number;
  readonly onProgress?: (index: number) => void;
}

/** The first plan of a seed that breaks something, shrunk; null when none of `runs` does. For one thread. */
export async function searchCounterexample<Plan>(options: SearchOptions<Plan>): Promise<Counterexample<Plan> | null> {
  for (let index = 0; index < options.runs; index++) {
    const planSeed = seedOf(options.seed, index);
    const outcome = await options.run(planOf(options.arbitrary, planSeed), planSeed);
    options.onProgress?.(index);
    if (outcome.violations.length === 0) continue;
    const run = (plan: Plan): Promise<RunOutcome> => options.run(plan, planSeed);
    const shrunk = await shrink({ arbitrary: options.arbitrary, planSeed, run });
    if (shrunk === null)
      throw new Error(`plan ${index} of seed ${options.seed} broke something only once: the run is not deterministic`);
    return { ...shrunk, index, planSeed };
  }
  return null;
}
