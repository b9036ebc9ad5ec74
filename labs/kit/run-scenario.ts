/**
 * One scenario on one target with one client: search, shrink, decide.
 *
 * Invariant: the verdict comes from runs alone. In the simulator a violation is shrunk and the shrunk run is made once more: if its hash differs, the run is
 * not deterministic and that is an error, not a verdict. On real processes the plan that the simulator found goes first: what `sim` finds, `local` reproduces.
 */
import { type CampaignPool, type CampaignTask, type RunSummary, runCampaign } from './campaign.ts';
import { runOne } from './campaign-worker.ts';
import type { Finding } from './checkers/finding.ts';
import type { ClientName } from './drivers/driver.ts';
import type { History } from './history.ts';
import type { InputOptions } from './input.ts';
import type { Lab, Profile, Scenario } from './lab.ts';
import { replayToken } from './replay-token.ts';
import type { PlanRun } from './run-plan.ts';
import { planOf, shrink } from './search.ts';
import type { NodeCommands, TargetKind } from './targets/target.ts';
import { type Coverage, type Decision, decide } from './verdict.ts';

/** Plans where nothing is violated. */
export const RUNS_DEFAULT: Readonly<Record<Profile, Readonly<Record<TargetKind, number>>>> = {
  quick: { sim: 500, local: 2, external: 2 },
  full: { sim: 5000, local: 20, external: 20 },
};
/** In the quick profile a simulated scenario promises so many; more are run while there is time. */
const QUICK_RUNS_PROMISED = 100;
/** How often real processes get the chance to show what the simulator found: they are not deterministic. */
const BATCH_PLANS_SEARCHED = 2;
const REPRODUCTIONS_MAX = 6;
/** Of a plan that breaks nothing, on real processes, while a goal is missing: there timing decides whether one is met. */
const REPETITIONS_MAX = 3;

export interface ScenarioSettings {
  readonly lab: Lab;
  /** URL of the module that exports the lab. */
  readonly module: string;
  readonly target: TargetKind;
  readonly client: ClientName;
  readonly profile: Profile;
  readonly seed: number;
  readonly runs?: number;
  readonly inputOptions: InputOptions;
  readonly inputName: string;
  readonly options: Readonly<Record<string, string>>;
  readonly bootstrap?: string;
  readonly nodeCommands?: NodeCommands;
  readonly workers: number;
  readonly pool?: CampaignPool;
  /** On performance.now()'s scale: what is not promised ends here. */
  readonly deadline: number;
  /** What is promised ends here. */
  readonly lateDeadline: number;
  /** Run before all others: the shrunk plan of the `before` scenario, or what the simulator found. */
  readonly firstPlans?: readonly SeededPlan[];
  readonly progress: (done: number, of: number, phase: 'search' | 'shrink') => void;
}

export interface SeededPlan {
  readonly plan: unknown;
  readonly seed: number;
}

export interface ScenarioWitness extends SeededPlan {
  readonly history: History;
  readonly finding: Finding;
  readonly replay: string;
  /** Lines of the plan before shrinking. */
  readonly shrunkFrom: number;
}

export interface ScenarioResult {
  readonly scenario: Scenario;
  readonly target: TargetKind;
  readonly client: ClientName;
  readonly decision: Decision;
  readonly coverage: Coverage;
  readonly witness: ScenarioWitness | null;
  /** Replays the witness, or a run that reached every goal. */
  readonly replay: string;
  readonly historyHash: string;
  readonly version: string;
  readonly findings: readonly string[];
  readonly plansPerSecond: number;
}

export async function runScenario(scenario: Scenario, settings: ScenarioSettings): Promise<ScenarioResult> {
  const { lab, target, client } = settings;
  const runs = settings.runs ?? scenario.runs?.[settings.profile]?.[target] ?? RUNS_DEFAULT[settings.profile][target];
  const isQuickSearch = settings.profile === 'quick' && target === 'sim' && settings.runs === undefined;
  const promised = isQuickSearch ? Math.min(runs, QUICK_RUNS_PROMISED) : runs;
  const tokenOf = ({ plan, seed }: SeededPlan): string =>
    replayToken({
      lab: lab.name,
      scenario: scenario.id,
      variant: scenario.variant,
      target,
      client,
      seed,
      input: settings.inputName,
      plan,
    });
  const task: CampaignTask = {
    module: settings.module,
    scenario: scenario.id,
    target,
    client,
    seed: settings.seed,
    input: settings.inputOptions,
    options: settings.options,
    ...(settings.bootstrap === undefined ? {} : { bootstrap: settings.bootstrap }),
    ...(settings.nodeCommands === undefined ? {} : { nodeCommands: settings.nodeCommands }),
  };
  const { pool } = settings;
  // A thread holds one simulated world at a time, so where labs search side by side each world is a worker's.
  const run = ({ plan, seed }: SeededPlan): Promise<PlanRun> =>
    target === 'sim' && pool !== undefined ? pool.runOne(task, plan, seed) : runOne({ task, plan, planSeed: seed });
  const base = { scenario, target, client };

  /** First plans that broke nothing: they count like any other. */
  const clean: { readonly made: PlanRun; readonly plan: SeededPlan }[] = [];
  const cleanCoverage = (): Coverage => {
    const empty = { runs: 0, invalid: 0, unknown: 0, legal: 0, exercised: scenario.exercised.map(noneReached) };
    return clean.reduce<Coverage>((sum, one) => withRun(sum, one.made), empty);
  };
  const isSought = scenario.expected === 'violated';
  // Real processes are slow: there, the first plans are among the runs that were promised, and no more than those.
  const firstPlans = (settings.firstPlans ?? []).slice(0, target === 'sim' ? undefined : Math.max(1, runs));
  for (const first of firstPlans) {
    const attempts = target === 'sim' ? 1 : isSought ? REPRODUCTIONS_MAX : REPETITIONS_MAX;
    for (let attempt = 1; attempt <= attempts; attempt++) {
      const made = await run(first);
      if (made.outcome.violations.length === 0) {
        clean.push({ made, plan: first });
        // What more is needed, random plans bring; only where none are promised is this one run again.
        if (!isSought && (clean.length < runs || cleanCoverage().exercised.every(({ reached }) => reached > 0))) break;
        continue;
      }
      const finding = certainFinding(made);
      const coverage = coverageOf(made, attempt, scenario.exercised);
      const replay = tokenOf(first);
      const shrunkFrom = scenario.describe(first.plan).length;
      return {
        ...base,
        decision: decide(coverage, attempt),
        coverage,
        witness: { ...first, history: made.history, finding, replay, shrunkFrom },
        replay,
        historyHash: made.historyHash,
        version: made.version,
        findings: made.outcome.violations,
        plansPerSecond: 0,
      };
    }
  }
  if (target !== 'sim' && !isSought && clean.length >= runs && clean.length > 0) {
    const { made, plan } = clean[0]!;
    const coverage = cleanCoverage();
    return {
      ...base,
      decision: decide(coverage, runs),
      coverage,
      witness: null,
      replay: tokenOf(plan),
      historyHash: made.historyHash,
      version: made.version,
      findings: clean.flatMap((one) => [...one.made.outcome.legal, ...one.made.outcome.uncertain]),
      plansPerSecond: 0,
    };
  }

  const campaign = await runCampaign(task, {
    runs,
    runsMin: promised,
    workers: settings.workers,
    deadline: settings.deadline,
    lateDeadline: settings.lateDeadline,
    goals: scenario.exercised,
    ...(scenario.expected === 'violated' ? { batchPlans: BATCH_PLANS_SEARCHED } : {}),
    onProgress: (done) => settings.progress(done, runs, 'search'),
    ...(pool === undefined ? {} : { pool }),
  });
  const { violation, plansPerSecond } = campaign;
  const coverage = clean.reduce((sum, one) => withRun(sum, one.made), campaign.coverage);
  if (violation === null) {
    const sample = campaign.sample!;
    const shown = { plan: planOf(scenario.plan, sample.planSeed), seed: sample.planSeed };
    return {
      ...base,
      decision: decide(coverage, promised),
      coverage,
      witness: null,
      replay: tokenOf(shown),
      historyHash: sample.historyHash,
      version: sample.version,
      findings: [...sample.outcome.legal, ...sample.outcome.uncertain],
      plansPerSecond,
    };
  }
  const witness = await shrinkViolation(scenario, violation, settings, run, tokenOf);
  return {
    ...base,
    decision: decide(coverage, coverage.runs),
    coverage,
    witness: witness.witness,
    replay: witness.witness.replay,
    historyHash: witness.made.historyHash,
    version: witness.made.version,
    findings: witness.made.outcome.violations,
    plansPerSecond,
  };
}

async function shrinkViolation(
  scenario: Scenario,
  violation: RunSummary,
  settings: ScenarioSettings,
  run: (plan: SeededPlan) => Promise<PlanRun>,
  tokenOf: (plan: SeededPlan) => string,
): Promise<{ witness: ScenarioWitness; made: PlanRun }> {
  const seed = violation.planSeed;
  const original = planOf(scenario.plan, seed);
  const { plan, made } =
    // Real processes are slow and not deterministic: their counterexample stays as it was found.
    violation.run === undefined
      ? await shrunkRun(scenario, original, seed, settings, run, tokenOf)
      : { plan: original, made: violation.run };
  const replay = tokenOf({ plan, seed });
  const shrunkFrom = scenario.describe(original).length;
  return { witness: { plan, seed, history: made.history, finding: certainFinding(made), replay, shrunkFrom }, made };
}

/** The smallest plan, and its run made once more: a simulated world gives the same again. */
async function shrunkRun(
  scenario: Scenario,
  original: unknown,
  seed: number,
  settings: ScenarioSettings,
  run: (plan: SeededPlan) => Promise<PlanRun>,
  tokenOf: (plan: SeededPlan) => string,
): Promise<{ plan: unknown; made: PlanRun }> {
  const shrunk = await shrink({
    arbitrary: scenario.plan,
    planSeed: seed,
    ...(scenario.smaller === undefined ? {} : { smaller: scenario.smaller }),
    run: async (plan) => (await run({ plan, seed })).outcome,
    onRun: (runs) => settings.progress(runs, 0, 'shrink'),
  });
  if (shrunk === null) throw notDeterministic(scenario, tokenOf({ plan: original, seed }));
  const { plan } = shrunk;
  const made = await run({ plan, seed });
  if (made.outcome.violations.length === 0) throw notDeterministic(scenario, tokenOf({ plan, seed }));
  return { plan, made };
}

function notDeterministic(scenario: Scenario, token: string): Error {
  return new Error(`${scenario.id}: one plan gave two histories, so the run is not deterministic; replay ${token}`);
}

/** The finding with the smallest evidence among those that decide. */
function certainFinding(made: PlanRun): Finding {
  const findings = made.results.flatMap((result) => result.findings).filter((f) => f.certain && !f.legal);
  return findings.reduce((least, f) => (f.operations.length < least.operations.length ? f : least));
}

function coverageOf(made: PlanRun, runs: number, goals: readonly string[]): Coverage {
  return {
    runs,
    invalid: made.outcome.status === 'invalid' ? 1 : 0,
    unknown: made.outcome.status === 'unknown' ? 1 : 0,
    legal: made.outcome.legal.length > 0 ? 1 : 0,
    exercised: goals.map((goal) => ({ goal, reached: made.goals.includes(goal) ? 1 : 0, of: runs })),
  };
}

function noneReached(goal: string): { goal: string; reached: number; of: number } {
  return { goal, reached: 0, of: 0 };
}

/** The coverage with one more run that broke nothing. */
function withRun(coverage: Coverage, { outcome, goals }: PlanRun): Coverage {
  return {
    runs: coverage.runs + 1,
    invalid: coverage.invalid,
    unknown: coverage.unknown + (outcome.status === 'unknown' ? 1 : 0),
    legal: coverage.legal + (outcome.legal.length > 0 ? 1 : 0),
    exercised: coverage.exercised.map(({ goal, reached, of }) => ({
      goal,
      reached: reached + (goals.includes(goal) ? 1 : 0),
      of: of + 1,
    })),
  };
}
