/**
 * Run data: what a lab run or a benchmark run hands over to the reports, as plain JSON (versioned by `schema`).
 * Reports are a pure function of it: everything a reader sees and that a run decided stands here, and every figure is
 * named once in `figures` and quoted by that name from the text.
 *
 * Invariants, checked by `load-run-data.ts`:
 *   - every verdict names a claim of `claims`; the rows of one claim agree on `claimVerdict`;
 *   - every witness, price row and chart names only figures, claims and processes that are there;
 *   - numbers are finite (an absent value is null or left out, never NaN).
 *
 * This file leaves the reading and writing of files to `load-run-data.ts`, and claim texts to whoever runs the lab.
 */
import type { ChartSpec, FigureLabel, TimelineEvent, Tone } from './chart-spec.ts';

export const labRunSchema = 'mqlab.lab-run/1';
export const benchRunSchema = 'mqlab.bench-run/1';

/** Where a run happened. */
export type Machine = {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  /** Operating system and its release: `Linux 6.12.9`. */
  readonly kernel: string;
  readonly node: string;
};

/**
 * A figure. Units that the renderer scales and formats itself: `ms`, `s`, `us`, `ns`, `bytes`, `bytes/s`, `records/s`,
 * `%` (value 0–100), `ratio` (printed as `1.8×`), `count` (no unit printed). Any other unit is printed as it stands.
 */
export type Figure = {
  readonly value: number;
  readonly unit: string;
  readonly label: FigureLabel;
  /** How many measurements stand behind `value` (their median unless `source` says otherwise). */
  readonly samples?: number;
  readonly min?: number;
  readonly max?: number;
  /** For derived: the formula in words; for borrowed and given: from where. */
  readonly source?: string;
};

export type ClaimKind = 'M' | 'B' | 'F';

/** A claim's words, brought along so that a report needs no list of its own. */
export type ClaimText = {
  readonly id: string;
  /** May hold more than one: `MB`. */
  readonly kinds: readonly ClaimKind[];
  /** Heading under which the index lists it: `4 Producer`. */
  readonly group: string;
  readonly text: string;
};

/** What a run found. `measured` is for figure claims: the figure was taken. */
export type RunVerdict = 'holds' | 'violated' | 'legal anomaly' | 'inconclusive' | 'measured';

/** What becomes of the claim. */
export type ClaimVerdict =
  | 'confirmed'
  | 'refuted'
  | 'outdated'
  | 'conditional'
  | 'not measurable here'
  | 'inconclusive';

/** A "sometimes" goal: how many of the runs reached it. A fault that never fired while it could harm proves nothing. */
export type ExercisedGoal = { readonly goal: string; readonly reached: number; readonly of: number };

export type VerdictRow = {
  readonly lab: string;
  readonly claim: string;
  /** `sim`, `local`, `external`. */
  readonly target: string;
  /** Client with version: `kafkajs 2.2.4`. */
  readonly client: string;
  readonly variant: 'before' | 'after';
  /** One of RunVerdict: what the lab says must come out. */
  readonly expected: RunVerdict;
  readonly verdict: RunVerdict;
  readonly claimVerdict: ClaimVerdict;
  /** Where the verdict is true, in one sentence: versions, settings, faults. */
  readonly scope: string;
  readonly runs: number;
  /** As text: seeds may exceed what a JSON number holds. */
  readonly seed: string;
  /** The one command that replays it. */
  readonly replay: string;
  readonly historyHash: string;
  /** Version of the broker under test: `mqlab 0.1.0`, `Apache Kafka 4.1.0`. */
  readonly version: string;
  readonly exercised: readonly ExercisedGoal[];
  /** Names of what the checkers found: `LOST-WRITE`, `KEY-ORDER`. */
  readonly findings?: readonly string[];
  /** What was tried, where a claim has several variants of one kind. */
  readonly scenario?: string;
};

/** A shrunk, replayable counterexample. */
export type Witness = {
  readonly title: string;
  readonly claim: string;
  readonly variant: 'before' | 'after';
  readonly target: string;
  readonly client: string;
  readonly seed: string;
  readonly replay: string;
  /** The shrunk plan, an operation or a fault a line. */
  readonly plan: readonly PlanOperation[];
  /** Size before shrinking, if it was shrunk. */
  readonly shrunkFrom?: number;
  /** At most five lines. */
  readonly story: readonly string[];
  /** Lanes from left to right. */
  readonly processes: readonly string[];
  readonly events: readonly TimelineEvent[];
  readonly finding: { readonly checker: string; readonly detail: string };
};

export type PlanOperation = { readonly kind: 'operation' | 'fault'; readonly text: string };

export type TableCell =
  | string
  | number
  | null
  | { readonly text: string; readonly tone: Tone }
  /** Quotes a figure by name; printed with its unit and, when it has one, its spread. */
  | { readonly figure: string };

export type TableColumn = { readonly name: string; readonly unit?: string; readonly align?: 'left' | 'right' };

export type Table = {
  readonly title: string;
  readonly columns: readonly TableColumn[];
  readonly rows: readonly (readonly TableCell[])[];
  readonly note?: string;
};

/** One line of "its price": both sides are names of figures. */
export type PriceRow = { readonly metric: string; readonly before: string; readonly after: string };

/** A client as it was used: shown with the settings that matter, its own defaults included. */
export type ClientSettings = {
  readonly name: string;
  readonly version: string;
  readonly settings: Readonly<Record<string, string>>;
};

/** The piece of code that decides it: quoted as `{{code:NAME}}`. */
export type CodeExcerpt = { readonly path: string; readonly language: string; readonly text: string };

export type HistoryOperation = {
  readonly process: string;
  readonly type: 'invoke' | 'ok' | 'fail' | 'info';
  readonly timeMs: number;
  /** `send`, `poll`, `commit`, `effect`… */
  readonly operation: string;
  readonly value: string;
};

export type HistoryExcerpt = {
  /** Which run, which part. */
  readonly note: string;
  readonly total: number;
  readonly operations: readonly HistoryOperation[];
};

type RunBase = {
  readonly machine: Machine;
  /** `mqlab`, and every client and peer system, by name. */
  readonly versions: Readonly<Record<string, string>>;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  readonly durationMs?: number;
  /** Profile, targets, sizes: whatever must be the same for the same result. */
  readonly settings: Readonly<Record<string, string>>;
  readonly figures: Readonly<Record<string, Figure>>;
  readonly charts: Readonly<Record<string, ChartSpec>>;
  /** One called `summary` stands first in the page of a benchmark. */
  readonly tables: Readonly<Record<string, Table>>;
  /** What this run cannot show, a sentence each. */
  readonly limits: readonly string[];
};

export type LabRunData = RunBase & {
  readonly schema: typeof labRunSchema;
  /** File name of the report: lower case, digits and dashes (`duplicate-write`). */
  readonly lab: string;
  readonly title: string;
  /** The interview question. */
  readonly question: string;
  readonly claims: readonly ClaimText[];
  readonly verdicts: readonly VerdictRow[];
  readonly witnesses: Readonly<Record<string, Witness>>;
  /** Scenarios of the lab without a witness in this run: another target, another client, or nothing was broken. A text may name them all the same. */
  readonly witnessesAbsent?: readonly string[];
  readonly price?: readonly PriceRow[];
  readonly clients?: readonly ClientSettings[];
  readonly code?: Readonly<Record<string, CodeExcerpt>>;
  readonly history?: HistoryExcerpt;
  /** The lab's words: its Markdown template by language (`en`), so that the data file alone makes the report. */
  readonly text: Readonly<Record<string, string>>;
};

/** One benchmark result: a metric of a workload (or of a micro-benchmark) on a system. */
export type BenchResult = {
  /** Heading under which results stand together: `record batch`, `log`, a workload's family. */
  readonly group: string;
  readonly workload: string;
  readonly metric: string;
  /** As for figures. */
  readonly unit: string;
  readonly betterIs: 'higher' | 'lower';
  readonly system: string;
  readonly version: string;
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly samples: number;
  /** For a comparison: interleaved pairs with Kafka, and the ratio to it. */
  readonly pairs?: number;
  readonly ratioToKafka?: number;
};

export type BenchRunData = RunBase & {
  readonly schema: typeof benchRunSchema;
  readonly kind: 'micro' | 'compare' | 'load';
  /** File name of the page: `micro`, `compare`. */
  readonly bench: string;
  readonly title: string;
  /** What was asked and how it was measured: Markdown without typed results. */
  readonly about: string;
  /** The one command that runs it again. */
  readonly replay: string;
  readonly results: readonly BenchResult[];
};

export type RunData = LabRunData | BenchRunData;
