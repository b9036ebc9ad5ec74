/**
 * One run: a plan on a fresh target, its history, and what the checkers say of it.
 *
 * Invariant: a fresh target, recorder and seed for each run, so runs know nothing of each other; in the simulator plan and seed give the same
 * history, byte for byte.
 */
import { applyChecks } from './checkers/check.ts';
import { goalsReached } from './checkers/exercised.ts';
import type { CheckResult } from './checkers/finding.ts';
import type { ClientName } from './drivers/driver.ts';
import { type History, Recorder } from './history.ts';
import { historyHash } from './history-text.ts';
import type { InputRecord } from './input.ts';
import type { Scenario } from './lab.ts';
import { openTarget } from './targets/open-target.ts';
import type { Target, TargetKind, TargetSettings } from './targets/target.ts';
import { outcomeOf, type RunOutcome } from './verdict.ts';

export type OpenTarget = (kind: TargetKind, settings: TargetSettings) => Promise<Target>;

export interface RunSettings {
  readonly target: TargetKind;
  readonly client: ClientName;
  readonly seed: number;
  readonly input: readonly InputRecord[];
  readonly options: Readonly<Record<string, string>>;
  /** For the external target. */
  readonly bootstrap?: string;
  /** Default: the kit's own. */
  readonly open?: OpenTarget;
}

export interface PlanRun {
  readonly history: History;
  readonly historyHash: string;
  readonly results: readonly CheckResult[];
  readonly outcome: RunOutcome;
  /** Goals that the run reached. */
  readonly goals: readonly string[];
  /** The broker's name and version. */
  readonly version: string;
}

export async function runPlan<Plan>(scenario: Scenario<Plan>, plan: Plan, settings: RunSettings): Promise<PlanRun> {
  const open = settings.open ?? openTarget;
  const target = await open(settings.target, {
    seed: settings.seed,
    ...(scenario.withoutBroker === true ? { withoutBroker: true } : {}),
    ...(scenario.broker === undefined ? {} : { broker: scenario.broker }),
    ...(settings.bootstrap === undefined ? {} : { bootstrap: settings.bootstrap }),
  });
  try {
    const began = target.clock.monotonic();
    const recorder = new Recorder(() => target.clock.monotonic() - began);
    const { client, seed, input, options } = settings;
    await target.run(() => scenario.run(plan, { target, client, recorder, seed, input, options }));
    // What still runs in the background may not write into what is judged.
    const history: History = { operations: [...recorder.operations], overflowed: recorder.overflowed };
    const results = applyChecks(scenario.checks, history);
    return {
      history,
      historyHash: historyHash(history),
      results,
      outcome: outcomeOf(results, history.overflowed),
      goals: [...goalsReached(history)].sort(),
      version: target.version,
    };
  } finally {
    await target.close();
  }
}
