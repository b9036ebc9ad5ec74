/**
 * One lab, from its first plan to the run data of its report, in three phases: search in the simulator, reproduce on real processes, measure.
 *
 * Invariant: rows, witnesses and figures come from what just ran, within the lab's time budget. Scenarios run in the simulator first,
 * `before` ahead of `after`, so that counterexamples found there are at hand for the fix and for real processes.
 *
 * Left to others: which phases of which labs run side by side (`run-lab.ts`), the rows (`rows.ts`), rendering (`@mqlab/reports`).
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import os from 'node:os';
import { thisMachine } from '@mqlab/bench/machine.ts';
import type { LabRunData } from '@mqlab/reports/run-data.ts';
import type { CampaignPool } from './campaign.ts';
import { simulate } from './campaign-worker.ts';
import { claim } from './claims.ts';
import { CLIENT_NAMES, type ClientName } from './drivers/driver.ts';
import { clientVersion } from './drivers/versions.ts';
import { type InputOptions, type InputRecord, sharedInput } from './input.ts';
import type { FigureContext, Lab, LabFigures, Profile, Scenario } from './lab.ts';
import type { Lanes } from './lanes.ts';
import { labModule, loadLabModule } from './registry.ts';
import { inputFlags, rowsOf, witnessesOf } from './rows.ts';
import { runScenario, type ScenarioResult, type SeededPlan } from './run-scenario.ts';
import { excerptOf } from './story.ts';
import { openTarget } from './targets/open-target.ts';
import { externalAbilities, type NodeCommands, type TargetKind } from './targets/target.ts';

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
  /** External: commands of the user's that work on a node. */
  readonly nodeCommands?: NodeCommands;
  readonly workers?: number;
  readonly budgetMs?: number;
  /** For searching beyond what is promised. Default: its share of the budget. */
  readonly searchMsMax?: number;
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
/** What a phase may count on. */
const SHARES = { search: 0.15, real: 0.5, figures: 0.35 } as const;
/** How late a campaign in the simulator may still begin a batch that was promised: a busy machine. */
const LATE_BUDGETS = 6;
/** The user's cluster takes its own time to start a node again: what was promised is run all the same. */
const EXTERNAL_LATE_MS = 900_000;
/** What a job on real processes gets at least, and how much later it may still begin a run that was promised. */
const REAL_MS_MIN = 10_000;
const REAL_LATE_MS = 60_000;

/** One lab from its first plan to its report. The phases go in order; between phases of different labs the caller decides. */
export class LabRunner {
  readonly lab: Lab;
  readonly #module: string;
  readonly #options: RunLabOptions;
  readonly #input: readonly InputRecord[];
  readonly #inputName: string;
  readonly #seed: number;
  readonly #targets: readonly TargetKind[];
  readonly #workers: number;
  readonly #budgetMs: number;
  readonly #jobs: readonly Job[];
  readonly #done = new Map<number, ScenarioResult>();
  readonly #startedAt = new Date();
  #taken: LabFigures = { figures: {} };
  #observed: unknown;
  #simulated: unknown;
  #busyMs = 0;

  private constructor(lab: Lab, module: string, input: readonly InputRecord[], options: RunLabOptions) {
    this.lab = lab;
    this.#module = module;
    this.#options = options;
    this.#input = input;
    this.#inputName = nameInput(input);
    this.#seed = options.seed ?? SEED_DEFAULT;
    this.#targets = options.targets ?? (options.bootstrap === undefined ? ['sim', 'local'] : ['external']);
    this.#workers = options.workers ?? Math.max(1, os.availableParallelism());
    this.#budgetMs = options.budgetMs ?? BUDGET_MS[options.profile];
    this.#jobs = jobsOf(lab, this.#targets, options);
  }

  static async open(name: string, options: RunLabOptions): Promise<LabRunner> {
    const module = options.module ?? labModule(name);
    return new LabRunner(await loadLabModule(module), module, await sharedInput(options.input), options);
  }

  /** What `reproduce` has to do, in scenarios. */
  get realJobs(): number {
    if (this.lab.waitsLong === true) return Number.POSITIVE_INFINITY;
    return this.#jobsOn((target) => target !== 'sim').length;
  }

  /** The scenarios in the simulator, `before` ahead of `after`, and what the figures need of it: on all cores. */
  search(pool: CampaignPool | undefined): Promise<void> {
    return this.#phase(async (began) => {
      const simulated = pool === undefined ? undefined : this.#simulate(pool);
      const jobs = this.#jobsOn((target) => target === 'sim');
      const searchMs = Math.min(this.#budgetMs * SHARES.search, this.#options.searchMsMax ?? Number.POSITIVE_INFINITY);
      for (const [done, at] of jobs.entries()) {
        const left = jobs.slice(done).reduce((sum, job) => sum + weightOf(this.#jobs[job]!), 0);
        // What a job was promised and does not need is left to the next; too few runs are worse than a late end.
        const leftMs = Math.max(0, began + searchMs - performance.now());
        const fairShare = performance.now() + (leftMs * weightOf(this.#jobs[at]!)) / left;
        await this.#run(at, fairShare, this.#promisedUntil(began + LATE_BUDGETS * this.#budgetMs), pool);
      }
      await (simulated ?? this.#simulate());
    });
  }

  /** Observations, and the scenarios on real processes, which mostly wait (for sessions to end, for brokers to start): side by side, each with a broker of its own. */
  reproduce(lanes: Lanes): Promise<void> {
    const jobs = this.#jobsOn((target) => target !== 'sim');
    const realMs = Math.max(REAL_MS_MIN, (this.#budgetMs * SHARES.real) / Math.max(1, jobs.length));
    const runAll = async (): Promise<void> => {
      await Promise.all([
        lanes.run(() => this.#observe()),
        ...jobs.map((at) =>
          lanes.run(() => {
            const deadline = performance.now() + realMs;
            const isOthers = this.#jobs[at]!.target === 'external';
            const late = deadline + (isOthers ? EXTERNAL_LATE_MS : REAL_LATE_MS);
            return this.#run(at, deadline, this.#promisedUntil(late));
          }),
        ),
      ]);
    };
    return this.#phase(runAll);
  }

  /** What the user asked for by number is run, however long it takes. */
  #promisedUntil(lateDeadline: number): number {
    return this.#options.runs === undefined ? lateDeadline : Number.POSITIVE_INFINITY;
  }

  /** The figures: nothing else should run meanwhile. */
  measure(): Promise<void> {
    return this.#phase(async (began) => {
      const { lab } = this;
      if (lab.figures === undefined) return;
      this.#report('figures', 0, 0, 'measuring');
      this.#taken = await lab.figures(this.#figureContext('figures', began));
      this.#report('figures', 1, 1, `${Object.keys(this.#taken.figures).length} figures`);
    });
  }

  async #simulate(pool?: CampaignPool): Promise<void> {
    if (this.lab.simulate === undefined) return;
    const { profile, options = {}, input = {} } = this.#options;
    const task = { module: this.#module, profile, seed: this.#seed, input, options };
    this.#simulated = await (pool === undefined ? simulate(task) : pool.simulate(task));
    this.#report('figures of the simulator', 1, 1, 'taken');
  }

  async #observe(): Promise<void> {
    if (this.lab.observe === undefined) return;
    this.#observed = await this.lab.observe(this.#figureContext('observations', performance.now()));
    this.#report('observations', 1, 1, 'taken');
  }

  #figureContext(part: string, began: number): FigureContext {
    const { profile, options, bootstrap } = this.#options;
    return {
      profile,
      targets: this.#targets,
      seed: this.#seed,
      input: this.#input,
      options: options ?? {},
      open: (kind, broker, cluster = {}) =>
        openTarget(kind, {
          seed: this.#seed,
          ...cluster,
          ...(broker === undefined ? {} : { broker }),
          ...(bootstrap === undefined ? {} : { bootstrap }),
        }),
      deadline: began + this.#budgetMs * SHARES.figures,
      progress: (text) => this.#report(part, 0, 0, text),
      observed: this.#observed,
      simulated: this.#simulated,
    };
  }

  /** Everything that ran, as the run data of the lab's report. */
  async result(): Promise<LabRun> {
    const { lab } = this;
    const taken = this.#taken;
    const results = [...this.#done.entries()].sort(([a], [b]) => a - b).map(([, result]) => result);
    const inputOptions = this.#options.input ?? {};
    const flags = inputFlags(inputOptions);
    const example = results.find((result) => result.witness !== null);
    const witnesses = witnessesOf(lab, results, flags);
    const data: LabRunData = {
      schema: 'mqlab.lab-run/1',
      lab: lab.name,
      title: lab.title,
      question: lab.question,
      claims: lab.claims.map(claim),
      verdicts: rowsOf(lab, results, taken, { profile: this.#options.profile, seed: this.#seed, flags }),
      witnesses,
      witnessesAbsent: lab.scenarios.map(({ id }) => id).filter((id) => witnesses[id] === undefined),
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
      versions: versionsOf(lab),
      startedAt: this.#startedAt.toISOString(),
      durationMs: Math.round(this.#busyMs),
      settings: {
        profile: this.#options.profile,
        targets: this.#targets.join(', '),
        seed: String(this.#seed),
        workers: String(this.#workers),
        input: `${inputOptions.file ?? 'flights of vega-datasets'} (${this.#input.length} records, ${this.#inputName})`,
      },
      figures: taken.figures,
      charts: taken.charts ?? {},
      tables: taken.tables ?? {},
      limits: [...lab.limits, ...(taken.limits ?? [])],
    };
    return { data, results };
  }

  #jobsOn(wanted: (target: TargetKind) => boolean): number[] {
    return [...this.#jobs.keys()].filter((at) => wanted(this.#jobs[at]!.target));
  }

  async #phase(body: (began: number) => Promise<void>): Promise<void> {
    const began = performance.now();
    await body(began);
    this.#busyMs += performance.now() - began;
  }

  async #run(at: number, deadline: number, lateDeadline: number, pool?: CampaignPool): Promise<void> {
    const { scenario, target, client } = this.#jobs[at]!;
    const { runs, bootstrap, nodeCommands } = this.#options;
    const part = `${scenario.id} on ${target} with ${client}`;
    const result = await runScenario(scenario, {
      lab: this.lab,
      module: this.#module,
      target,
      client,
      profile: this.#options.profile,
      seed: this.#seed,
      inputOptions: this.#options.input ?? {},
      inputName: this.#inputName,
      options: this.#options.options ?? {},
      workers: this.#workers,
      deadline,
      lateDeadline,
      progress: (count, of, phase) => this.#report(part, count, of, phase),
      ...(runs === undefined ? {} : { runs }),
      ...(bootstrap === undefined ? {} : { bootstrap }),
      ...(nodeCommands === undefined ? {} : { nodeCommands }),
      ...(pool === undefined ? {} : { pool }),
      firstPlans: firstPlansOf(scenario, [...this.#done.values()]),
    });
    this.#done.set(at, result);
    this.#report(part, 1, 1, result.decision.because);
  }

  #report(part: string, done: number, of: number, note: string): void {
    this.#options.onProgress?.({ lab: this.lab.name, part, done, of, note });
  }
}

interface Job {
  readonly scenario: Scenario;
  readonly target: TargetKind;
  readonly client: ClientName;
}

/** Shares of the time: a campaign that is to find nothing runs all its plans, a search ends at its first find, real processes run few. */
function weightOf({ scenario, target }: Job): number {
  if (target !== 'sim') return 2;
  return scenario.expected === 'violated' ? 1 : 4;
}

/** The simulator first, then by the lab's own order; in the simulator there is only the own client. */
function jobsOf(lab: Lab, targets: readonly TargetKind[], options: RunLabOptions): Job[] {
  const clients = options.clients ?? CLIENT_NAMES;
  const servers = options.options ?? {};
  const jobs: Job[] = [];
  for (const target of targets.toSorted((a, b) => Number(b === 'sim') - Number(a === 'sim'))) {
    for (const scenario of lab.scenarios as readonly Scenario[]) {
      if (!scenario.targets.includes(target)) continue;
      const { localWith } = scenario;
      if (target !== 'sim' && localWith !== undefined && !localWith.some((name) => name in servers)) continue;
      for (const client of scenario.clients) {
        if (!clients.includes(client) || (target === 'sim' && client !== 'mqlab')) continue;
        if (target === 'external' && !canAll(scenario, client, options)) continue;
        // What breaks is shown with every client; that the cure holds, with one, unless there is time or somebody asks.
        const isRepeat = scenario.variant === 'after' && client !== scenario.clients[0];
        if (target === 'local' && isRepeat && options.profile === 'quick' && options.clients === undefined) continue;
        jobs.push({ scenario, target, client });
      }
    }
  }
  return jobs;
}

/** On the user's cluster a scenario runs only when everything that it does to nodes and links is possible there. */
function canAll({ needs = [] }: Scenario, client: ClientName, { nodeCommands = {} }: RunLabOptions): boolean {
  const abilities = externalAbilities(nodeCommands, client);
  return needs.every((ability) => abilities.includes(ability));
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

async function readText(lab: Lab): Promise<Record<string, string>> {
  const texts: Record<string, string> = {};
  for (const [language, url] of Object.entries(lab.text)) texts[language] = await readFile(url, 'utf8');
  return texts;
}

/** Of every client that the lab is about: its text may name one that did not run this time. */
function versionsOf(lab: Lab): Record<string, string> {
  const clients = new Set<ClientName>(['mqlab', ...lab.scenarios.flatMap((scenario) => scenario.clients)]);
  return Object.fromEntries([...clients].map((client) => [client, clientVersion(client)]));
}
