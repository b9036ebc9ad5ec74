/**
 * Runs a lab: its scenarios on their targets, its figures, and from both the run data of its report.
 *
 * Invariant: rows, witnesses and figures come from what just ran, within the lab's time budget. Scenarios run in the simulator first,
 * `before` ahead of `after`, so that counterexamples found there are at hand for the fix and for real processes.
 *
 * Left to others: rendering (`@mqlab/reports`), flags and printing (the command line).
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import os from 'node:os';
import { thisMachine } from '@mqlab/bench/machine.ts';
import type { LabRunData, VerdictRow, Witness } from '@mqlab/reports/run-data.ts';
import { CampaignPool } from './campaign.ts';
import { claim } from './claims.ts';
import { CLIENT_NAMES, type ClientName } from './drivers/driver.ts';
import { clientTitle, clientVersion } from './drivers/versions.ts';
import { canonicalJson } from './history-text.ts';
import { type InputOptions, type InputRecord, readInput } from './input.ts';
import type { FigureVerdict, Lab, LabFigures, Profile, Scenario } from './lab.ts';
import { labModule, loadLabModule } from './registry.ts';
import { runScenario, type ScenarioResult, type SeededPlan } from './run-scenario.ts';
import { excerptOf, storyOf, timelineOf } from './story.ts';
import { openTarget } from './targets/open-target.ts';
import type { TargetKind } from './targets/target.ts';
import { type Conclusion, concludeClaim } from './verdict.ts';

export interface LabProgress {
  readonly lab: string;
  /** Scenario and target, or `figures`. */
  readonly part: string;
  readonly done: number;
  readonly of: number;
  readonly note: string;
}

export interface RunLabOptions {
  readonly profile: Profile;
  /** Default: sim and local. */
  readonly targets?: readonly TargetKind[];
  /** Default: each that the scenario names. */
  readonly clients?: readonly ClientName[];
  readonly seed?: number;
  readonly runs?: number;
  readonly input?: InputOptions;
  /** `redis`, `postgres`… */
  readonly options?: Readonly<Record<string, string>>;
  readonly bootstrap?: string;
  readonly workers?: number;
  /** Shared between labs: its workers have what they need loaded. Made and closed here when absent. */
  readonly pool?: CampaignPool;
  readonly budgetMs?: number;
  readonly onProgress?: (progress: LabProgress) => void;
  /** URL of the lab's module, where it is not one of the registry. */
  readonly module?: string;
}

export interface LabRun {
  readonly data: LabRunData;
  readonly results: readonly ScenarioResult[];
}

export const SEED_DEFAULT = 20_260_101;
const BUDGET_MS: Readonly<Record<Profile, number>> = { quick: 43_000, full: 900_000 };
/** Part of the budget that figures may count on. */
const FIGURES_SHARE = 0.35;
/** How late a campaign in the simulator may still begin a batch: a busy machine. */
const LATE_BUDGETS = 3;
/** What a job on real processes gets at least. */
const REAL_MS_MIN = 10_000;

export async function runLab(name: string, options: RunLabOptions): Promise<LabRun> {
  const module = options.module ?? labModule(name);
  const lab = await loadLabModule(module);
  const startedAt = new Date();
  const began = performance.now();
  const budgetMs = options.budgetMs ?? BUDGET_MS[options.profile];
  const seed = options.seed ?? SEED_DEFAULT;
  const inputOptions = options.input ?? {};
  const input = await readInput(inputOptions);
  const inputName = nameInput(input);
  const targets = options.targets ?? (options.bootstrap === undefined ? ['sim', 'local'] : ['external']);
  const userOptions = options.options ?? {};
  const workers = options.workers ?? Math.max(1, os.availableParallelism());
  const ownPool =
    options.pool === undefined && workers > 1 && targets.includes('sim') ? new CampaignPool(workers) : undefined;
  const pool = options.pool ?? ownPool;
  const report = (part: string, done: number, of: number, note: string): void =>
    options.onProgress?.({ lab: lab.name, part, done, of, note });

  const jobs = jobsOf(lab, targets, options.clients ?? CLIENT_NAMES, userOptions);
  const searchMs = lab.figures === undefined ? budgetMs : budgetMs * (1 - FIGURES_SHARE);
  const done = new Map<number, ScenarioResult>();
  const runJob = async (at: number): Promise<void> => {
    const { scenario, target, client } = jobs[at]!;
    const now = performance.now();
    const share = weightOf(jobs[at]!) / jobs.slice(at).reduce((sum, job) => sum + weightOf(job), 0);
    // What a job was promised and does not need is left to the next; too few runs are worse than a late end.
    const fairShare = now + Math.max(0, began + searchMs - now) * share;
    const deadline =
      target === 'sim' ? Math.max(fairShare, began + LATE_BUDGETS * budgetMs) : Math.max(fairShare, now + REAL_MS_MIN);
    const part = `${scenario.id} on ${target} with ${client}`;
    const result = await runScenario(scenario, {
      lab,
      module,
      target,
      client,
      profile: options.profile,
      seed,
      inputOptions,
      input,
      inputName,
      options: userOptions,
      workers,
      deadline,
      progress: (count, of, phase) => report(part, count, of, phase),
      ...(options.runs === undefined ? {} : { runs: options.runs }),
      ...(options.bootstrap === undefined ? {} : { bootstrap: options.bootstrap }),
      ...(pool === undefined ? {} : { pool }),
      firstPlans: firstPlansOf(scenario, [...done.values()]),
    });
    done.set(at, result);
    report(part, 1, 1, result.decision.because);
  };
  /** Real processes mostly wait (for sessions to end, for brokers to start): a few at a time, each with a broker of its own. */
  const runReal = async (lanes: number): Promise<void> => {
    const waiting = [...jobs.keys()].filter((at) => jobs[at]!.target !== 'sim');
    const lane = async (): Promise<void> => {
      for (let at = waiting.shift(); at !== undefined; at = waiting.shift()) await runJob(at);
    };
    await Promise.all(Array.from({ length: lanes }, lane));
  };
  let taken: LabFigures = { figures: {} };
  try {
    for (const [at, { target }] of jobs.entries()) if (target === 'sim') await runJob(at);
    await runReal(targets.includes('local') ? LOCAL_LANES : 1);
  } finally {
    await ownPool?.close();
  }
  const results = [...done.entries()].sort(([a], [b]) => a - b).map(([, result]) => result);
  if (lab.figures !== undefined) {
    report('figures', 0, 1, 'measuring');
    taken = await lab.figures({
      profile: options.profile,
      targets,
      seed,
      input,
      options: userOptions,
      open: (kind, broker) =>
        openTarget(kind, {
          seed,
          ...(broker === undefined ? {} : { broker }),
          ...(options.bootstrap === undefined ? {} : { bootstrap: options.bootstrap }),
        }),
      deadline: Math.max(performance.now() + budgetMs * FIGURES_SHARE * 0.5, began + budgetMs),
      progress: (text) => report('figures', 0, 1, text),
    });
    report('figures', 1, 1, `${Object.keys(taken.figures).length} figures`);
  }

  const rows = rowsOf(lab, results, taken, seed, inputFlags(inputOptions));
  const example = results.find((result) => result.witness !== null);
  const data: LabRunData = {
    schema: 'mqlab.lab-run/1',
    lab: lab.name,
    title: lab.title,
    question: lab.question,
    claims: lab.claims.map(claim),
    verdicts: rows,
    witnesses: witnessesOf(lab, results, inputFlags(inputOptions)),
    ...(taken.price === undefined ? {} : { price: taken.price }),
    ...(lab.clients === undefined ? {} : { clients: lab.clients }),
    ...(lab.code === undefined ? {} : { code: await lab.code() }),
    ...(example?.witness == null
      ? {}
      : {
          history: excerptOf(
            example.witness.history,
            `The counterexample of ${example.scenario.id} on ${example.target}.`,
          ),
        }),
    text: await readText(lab),
    machine: thisMachine(),
    versions: versionsOf(results),
    startedAt: startedAt.toISOString(),
    durationMs: Math.round(performance.now() - began),
    settings: {
      profile: options.profile,
      targets: targets.join(', '),
      seed: String(seed),
      workers: String(workers),
      input: `${inputOptions.file ?? 'flights of vega-datasets'} (${input.length} records, ${inputName})`,
    },
    figures: taken.figures,
    charts: taken.charts ?? {},
    tables: taken.tables ?? {},
    limits: [...lab.limits, ...(taken.limits ?? [])],
  };
  return { data, results };
}

interface Job {
  readonly scenario: Scenario;
  readonly target: TargetKind;
  readonly client: ClientName;
}

/** Local runs side by side. */
const LOCAL_LANES = 3;

/** Shares of the time: a campaign that is to find nothing runs all its plans, a search ends at its first find, real processes run few. */
function weightOf({ scenario, target }: Job): number {
  if (target !== 'sim') return 2;
  return scenario.expected === 'violated' ? 1 : 4;
}

/** The simulator first, then by the lab's own order; in the simulator there is only the own client. */
function jobsOf(
  lab: Lab,
  targets: readonly TargetKind[],
  clients: readonly ClientName[],
  servers: Readonly<Record<string, string>>,
): Job[] {
  const jobs: Job[] = [];
  for (const target of targets.toSorted((a, b) => Number(b === 'sim') - Number(a === 'sim'))) {
    for (const scenario of lab.scenarios as readonly Scenario[]) {
      if (!scenario.targets.includes(target)) continue;
      const { localWith } = scenario;
      if (target !== 'sim' && localWith !== undefined && !localWith.some((name) => name in servers)) continue;
      for (const client of scenario.clients) {
        if (!clients.includes(client) || (target === 'sim' && client !== 'mqlab')) continue;
        jobs.push({ scenario, target, client });
      }
    }
  }
  return jobs;
}

/** What the same scenario showed in the simulator, or else the counterexamples that this one is the cure of. */
function firstPlansOf(scenario: Scenario, results: readonly ScenarioResult[]): SeededPlan[] {
  const { id, fixes, fixesAlso = [] } = scenario;
  const plans = [id, fixes, ...fixesAlso].flatMap((wanted) => {
    const found = results.find((result) => result.scenario.id === wanted && result.witness !== null);
    return found?.witness == null ? [] : [{ of: wanted, plan: found.witness.plan, seed: found.witness.seed }];
  });
  const own = plans.filter(({ of }) => of === id);
  return (own.length > 0 ? own : plans).map(({ plan, seed }) => ({ plan, seed }));
}

/** A short name of what the runs were fed with: part of replay tokens. */
export function nameInput(input: readonly InputRecord[]): string {
  const hash = createHash('sha256');
  for (const { key, value } of input) hash.update(`${key}\n${value}\n`);
  return hash.digest('hex').slice(0, 8);
}

function inputFlags(input: InputOptions): string {
  const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
  const file = input.file === undefined ? '' : ` --input ${quote(input.file)}`;
  return file + (input.key === undefined ? '' : ` --key ${quote(input.key)}`);
}

function rowsOf(
  lab: Lab,
  results: readonly ScenarioResult[],
  taken: LabFigures,
  seed: number,
  flags: string,
): VerdictRow[] {
  type Open = Omit<VerdictRow, 'claimVerdict' | 'scope'>;
  const open: Open[] = [];
  for (const result of results) {
    const { scenario, decision } = result;
    for (const id of scenario.claims) {
      open.push({
        lab: lab.name,
        claim: id,
        target: result.target,
        client: clientTitle(result.client),
        variant: scenario.variant,
        scenario: scenario.title,
        expected: scenario.expected,
        verdict: decision.verdict,
        runs: result.coverage.runs,
        seed: String(seed),
        replay: `npx mqlab lab run ${lab.name} --replay ${result.replay}${flags}`,
        historyHash: result.historyHash,
        version: result.version,
        exercised: result.coverage.exercised,
        findings: result.findings,
      });
    }
  }
  const figuresHash = createHash('sha256').update(canonicalJson(taken.figures)).digest('hex');
  for (const verdict of taken.verdicts ?? []) open.push(figureRow(lab, verdict, seed, flags, figuresHash));
  return open.map((row) => {
    const known = [...(taken.conclusions ?? []), ...lab.conclusions];
    const conclusion: Conclusion = known.find((each) => each.claim === row.claim) ?? {
      claim: row.claim,
      verdict: 'inconclusive',
      scope: 'the lab concludes nothing on this claim',
    };
    const { verdict, scope } = concludeClaim(
      conclusion,
      open.filter((other) => other.claim === row.claim),
    );
    return { ...row, claimVerdict: verdict, scope };
  });
}

function figureRow(
  lab: Lab,
  verdict: FigureVerdict,
  seed: number,
  flags: string,
  historyHash: string,
): Omit<VerdictRow, 'claimVerdict' | 'scope'> {
  return {
    lab: lab.name,
    ...verdict,
    seed: String(seed),
    replay: `npx mqlab lab run ${lab.name} --target ${verdict.target} --seed ${seed}${flags}`,
    historyHash,
    version: `mqlab ${clientVersion('mqlab')}`,
    exercised: [],
  };
}

function witnessesOf(lab: Lab, results: readonly ScenarioResult[], flags: string): Record<string, Witness> {
  const witnesses: Record<string, Witness> = {};
  for (const { scenario, target, client, witness } of results) {
    if (witness === null) continue;
    // The simulator's is the minimal one, and it comes first.
    const name = witnesses[scenario.id] === undefined ? scenario.id : `${scenario.id}-${target}-${client}`;
    const { processes, events } = timelineOf(witness.history, witness.finding);
    witnesses[name] = {
      title: scenario.witnessTitle ?? scenario.title,
      claim: scenario.claims[0]!,
      variant: scenario.variant,
      target,
      client: clientTitle(client),
      seed: String(witness.seed),
      replay: `npx mqlab lab run ${lab.name} --replay ${witness.replay}${flags}`,
      plan: scenario.describe(witness.plan),
      shrunkFrom: witness.shrunkFrom,
      story: storyOf(witness.history, witness.finding),
      processes,
      events,
      finding: { checker: witness.finding.name, detail: witness.finding.story },
    };
  }
  return witnesses;
}

async function readText(lab: Lab): Promise<Record<string, string>> {
  const texts: Record<string, string> = {};
  for (const [language, url] of Object.entries(lab.text)) texts[language] = await readFile(url, 'utf8');
  return texts;
}

function versionsOf(results: readonly ScenarioResult[]): Record<string, string> {
  const versions: Record<string, string> = { mqlab: clientVersion('mqlab') };
  for (const { client } of results) versions[client] = clientVersion(client);
  return versions;
}
