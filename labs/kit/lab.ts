/**
 * What a lab is: a question, the claims that answer it, and the scenarios that put them to the test.
 *
 * Invariant: data and functions, no state. A scenario's `run` writes what happened into the recorder and judges nothing; checkers judge.
 * Everything random comes from the plan or from `context.seed`, so that plan and seed replay the run. A scenario
 * ends by healing all faults and by a final read with a fresh client (`finish-run.ts` does both).
 *
 * A lab is a folder `labs/<name>/`: `lab.ts` exports it as `lab`, its words stand in `text.en.md` beside it.
 */
import type { ChartSpec } from '@mqlab/reports/chart-spec.ts';
import type {
  ClientSettings,
  CodeExcerpt,
  Figure,
  PlanOperation,
  PriceRow,
  RunVerdict,
  Table,
} from '@mqlab/reports/run-data.ts';
import type { Arbitrary } from 'fast-check';
import type { Check } from './checkers/check.ts';
import type { InvariantName } from './checkers/finding.ts';
import type { ClientName } from './drivers/driver.ts';
import type { Recorder } from './history.ts';
import type { InputRecord } from './input.ts';
import type { Ability, Target, TargetKind, TargetSettings } from './targets/target.ts';
import type { Conclusion } from './verdict.ts';

export type Profile = 'quick' | 'full';
export type Variant = 'before' | 'after';

/** What one run of a scenario gets. */
export interface RunContext {
  readonly target: Target;
  readonly client: ClientName;
  readonly recorder: Recorder;
  /** Of this run; differs from run to run. */
  readonly seed: number;
  /** Real records, cycled through by index: `input[i % input.length]`. */
  readonly input: readonly InputRecord[];
  /** What the user gave for this lab: `redis`, `postgres`… */
  readonly options: Readonly<Record<string, string>>;
}

export interface Scenario<Plan = unknown> {
  /** Unique within the lab: part of replay tokens. */
  readonly id: string;
  readonly title: string;
  readonly claims: readonly string[];
  readonly variant: Variant;
  readonly targets: readonly TargetKind[];
  readonly clients: readonly ClientName[];
  readonly expected: RunVerdict;
  /** Plans: plain data (JSON) without `undefined`, `NaN` or classes. Shrinks towards fewer operations and faults. */
  readonly plan: Arbitrary<Plan>;
  /** Candidates for the last part of shrinking, where several things change at once; `smallerPlans` otherwise. */
  readonly smaller?: (plan: Plan) => Iterable<unknown>;
  /** An operation or a fault a line. */
  readonly describe: (plan: Plan) => readonly PlanOperation[];
  readonly checks: readonly Check[];
  /** Goals that some run must reach: fault kinds as `fault:KIND` and the names noted as `reach`. */
  readonly exercised: readonly string[];
  readonly run: (plan: Plan, context: RunContext) => Promise<void>;
  /** Plans to run where nothing is violated; `RUNS_DEFAULT` of run-scenario.ts otherwise. */
  readonly runs?: Partial<Readonly<Record<Profile, Partial<Readonly<Record<TargetKind, number>>>>>>;
  /** Id of the `before` scenario that this one cures, with the same type of plan: its counterexample is run first. */
  readonly fixes?: string;
  /** More of them, where one cure is for several. */
  readonly fixesAlso?: readonly string[];
  /** On real processes only when the user named one of these servers (`redis`, `postgres`): otherwise the simulator says it all. */
  readonly localWith?: readonly string[];
  /** The scenario is about the application alone: no broker is started. */
  readonly withoutBroker?: boolean;
  /** Faults without which it says nothing: it runs on the user's cluster only where the user gave commands for them. */
  readonly needs?: readonly Ability[];
  /** Default: 1. A plan may say it. */
  readonly brokers?: number | ((plan: Plan) => number);
  /** Controllers of their own; 0, the default: the brokers are the controllers. */
  readonly controllers?: number;
  /** Racks of the brokers in order, from the first again when there are fewer. */
  readonly racks?: readonly string[];
  /** The size of each node's disk. Without it disks are as large as they are, and on real processes `fill-disk` is not possible. */
  readonly diskBytes?: number;
  /** Invariants that are watched in the simulator after every step. Default: all of them in a cluster, none of a single broker. */
  readonly invariants?: readonly InvariantName[];
  /** Settings of every broker under test. A plan may say them. */
  readonly broker?: Readonly<Record<string, string>> | ((plan: Plan) => Readonly<Record<string, string>>);
  /** Why it is so and where it broke, in a sentence: the head of a witness. */
  readonly witnessTitle?: string;
}

/** What figures are taken with. */
export interface FigureContext {
  readonly profile: Profile;
  readonly targets: readonly TargetKind[];
  readonly seed: number;
  readonly input: readonly InputRecord[];
  readonly options: Readonly<Record<string, string>>;
  /** Opens a target for measuring; the caller closes it. */
  readonly open: (
    kind: TargetKind,
    broker?: Readonly<Record<string, string>>,
    cluster?: Pick<TargetSettings, 'brokers' | 'controllers' | 'racks'>,
  ) => Promise<Target>;
  /** Time by which figures should be done, on performance.now()'s scale. */
  readonly deadline: number;
  readonly progress: (text: string) => void;
  /** What the lab's `observe` resolved with. */
  readonly observed?: unknown;
  /** What the lab's `simulate` resolved with. */
  readonly simulated?: unknown;
}

/** What `simulate` has of it: the simulator and no clock. */
export type SimulateContext = Pick<FigureContext, 'profile' | 'seed' | 'input' | 'options'>;

/** Verdict of a claim that is decided by figures and not by search. */
export interface FigureVerdict {
  readonly claim: string;
  readonly target: TargetKind;
  readonly client: string;
  readonly variant: Variant;
  readonly expected: RunVerdict;
  readonly verdict: RunVerdict;
  readonly runs: number;
}

export interface LabFigures {
  readonly figures: Readonly<Record<string, Figure>>;
  readonly charts?: Readonly<Record<string, ChartSpec>>;
  readonly tables?: Readonly<Record<string, Table>>;
  readonly price?: readonly PriceRow[];
  readonly verdicts?: readonly FigureVerdict[];
  /** What becomes of claims that figures decide; stands in place of the lab's own conclusion. */
  readonly conclusions?: readonly Conclusion[];
  readonly limits?: readonly string[];
}

export interface Lab {
  readonly name: string;
  readonly title: string;
  /** The interview question. */
  readonly question: string;
  readonly claims: readonly string[];
  // biome-ignore lint/suspicious/noExplicitAny: scenarios of one lab have plans of different types
  readonly scenarios: readonly Scenario<any>[];
  readonly conclusions: readonly Conclusion[];
  /** `text.en.md` beside the lab: `new URL('./text.en.md', import.meta.url)`. */
  readonly text: Readonly<Record<string, URL>>;
  /** On real processes it waits for long (for polls or sessions that end): it is searched before others, so that nobody waits for it at the end. */
  readonly waitsLong?: boolean;
  /** What mostly waits and does not care who else is busy: runs beside scenarios on real processes, before `figures`. */
  readonly observe?: (context: FigureContext) => Promise<unknown>;
  /** What figures need of the simulator alone: taken in a worker beside the searches, so plain data in and out, and the same wherever it runs. */
  readonly simulate?: (context: SimulateContext) => Promise<unknown>;
  /** Runs alone. */
  readonly figures?: (context: FigureContext) => Promise<LabFigures>;
  readonly clients?: readonly ClientSettings[];
  readonly code?: () => Promise<Readonly<Record<string, CodeExcerpt>>>;
  readonly limits: readonly string[];
}
