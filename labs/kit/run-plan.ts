/**
 * One run: a plan on a fresh target, its history, and what the checkers say of it.
 *
 * Invariant: a fresh target, recorder and seed for each run, so runs know nothing of each other; in the simulator plan and seed give the same
 * history, byte for byte.
 */
import { applyChecks } from './checkers/check.ts';
import { goalsReached } from './checkers/exercised.ts';
import { type CheckResult, INVARIANT_NAMES } from './checkers/finding.ts';
import { invariants } from './checkers/invariants.ts';
import type { ClientName } from './drivers/driver.ts';
import { type History, Recorder } from './history.ts';
import { historyHash } from './history-text.ts';
import type { InputRecord } from './input.ts';
import type { Scenario } from './lab.ts';
import { openTarget } from './targets/open-target.ts';
import type { InvariantViolation, NodeCommands, Target, TargetKind, TargetSettings } from './targets/target.ts';
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
  readonly nodeCommands?: NodeCommands;
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
  let recorder: Recorder | null = null;
  /** Seen before there was a history. */
  const early: InvariantViolation[] = [];
  let isBroken = false;
  const onInvariant = (violation: InvariantViolation): void => {
    isBroken = true;
    if (recorder === null) early.push(violation);
    else recorder.note('kit', { type: 'invariant', ...violation });
  };
  const target = await open(settings.target, targetSettings(scenario, plan, settings, onInvariant));
  try {
    const began = target.clock.monotonic();
    const history = new Recorder(() => target.clock.monotonic() - began);
    recorder = history;
    for (const violation of early) onInvariant(violation);
    const { client, seed, input, options } = settings;
    try {
      await target.run(() => scenario.run(plan, { target, client, recorder: history, seed, input, options }));
    } catch (error) {
      // What a cluster does that broke its promises is no news.
      if (!isBroken) throw error;
    }
    return judge(scenario, history, target.version);
  } finally {
    await target.close();
  }
}

function judge(scenario: Pick<Scenario, 'checks'>, recorder: Recorder, version: string): PlanRun {
  // What still runs in the background may not write into what is judged.
  const history: History = { operations: [...recorder.operations], overflowed: recorder.overflowed };
  const results = applyChecks([...scenario.checks, invariants], history);
  return {
    history,
    historyHash: historyHash(history),
    results,
    outcome: outcomeOf(results, history.overflowed),
    goals: [...goalsReached(history)].sort(),
    version,
  };
}

type TargetWishes<Plan> = Pick<
  Scenario<Plan>,
  'brokers' | 'controllers' | 'racks' | 'broker' | 'withoutBroker' | 'invariants' | 'diskBytes'
>;

function targetSettings<Plan>(
  scenario: TargetWishes<Plan>,
  plan: Plan,
  settings: RunSettings,
  onInvariant: (violation: InvariantViolation) => void,
): TargetSettings {
  const { controllers = 0, racks, withoutBroker, diskBytes } = scenario;
  const broker = typeof scenario.broker === 'function' ? scenario.broker(plan) : scenario.broker;
  const brokers = typeof scenario.brokers === 'function' ? scenario.brokers(plan) : (scenario.brokers ?? 1);
  const watched = scenario.invariants ?? (brokers > 1 || controllers > 0 ? INVARIANT_NAMES : []);
  const { bootstrap, nodeCommands, client } = settings;
  return {
    seed: settings.seed,
    client,
    brokers,
    controllers,
    ...(racks === undefined ? {} : { racks }),
    ...(diskBytes === undefined ? {} : { diskBytes }),
    ...(withoutBroker === true ? { withoutBroker: true } : {}),
    ...(broker === undefined ? {} : { broker }),
    ...(bootstrap === undefined ? {} : { bootstrap }),
    ...(nodeCommands === undefined ? {} : { nodeCommands }),
    ...(watched.length === 0
      ? {}
      : { onInvariant: (violation) => (watched.includes(violation.name) ? onInvariant(violation) : undefined) }),
  };
}
