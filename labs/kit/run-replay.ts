/**
 * Replays one run from its token.
 *
 * Invariant: in the simulator the history is the one that the token was made from, byte for byte. Fed with other records than the token
 * names, it refuses: that would be another run.
 */
import type { VerdictRow } from '@mqlab/reports/run-data.ts';
import { clientTitle } from './drivers/versions.ts';
import { historyText } from './history-text.ts';
import { InputError, type InputOptions, readInput } from './input.ts';
import { nameInput } from './lab-runner.ts';
import { loadLab, scenarioOf } from './registry.ts';
import { parseReplayToken, ReplayTokenError } from './replay-token.ts';
import { type PlanRun, runPlan } from './run-plan.ts';
import { storyOf } from './story.ts';
import type { NodeCommands } from './targets/target.ts';
import type { RunVerdict } from './verdict.ts';

export interface ReplayOptions {
  readonly input?: InputOptions;
  readonly options?: Readonly<Record<string, string>>;
  readonly bootstrap?: string;
  readonly nodeCommands?: NodeCommands;
}

export interface ReplayedRun {
  readonly run: PlanRun;
  /** One for each claim of the scenario. */
  readonly rows: readonly VerdictRow[];
  /** The plan's lines, then the story of what was found. */
  readonly lines: readonly string[];
  readonly historyText: string;
}

/** `name` is the lab that the user named: the token must be of it. */
export async function runReplay(name: string, token: string, options: ReplayOptions = {}): Promise<ReplayedRun> {
  const replay = parseReplayToken(token);
  if (replay.lab !== name) throw new ReplayTokenError(`it is of lab ${replay.lab}, not ${name}`);
  const lab = await loadLab(replay.lab);
  const scenario = scenarioOf(lab, replay.scenario);
  const input = await readInput(options.input);
  if (nameInput(input) !== replay.input) {
    throw new InputError('the token was made with other input records: give the same --input and --key');
  }
  const { target, client, seed, plan } = replay;
  const bootstrap = options.bootstrap === undefined ? {} : { bootstrap: options.bootstrap };
  const run = await runPlan(scenario, plan, {
    target,
    client,
    seed,
    input,
    options: options.options ?? {},
    ...bootstrap,
    ...(options.nodeCommands === undefined ? {} : { nodeCommands: options.nodeCommands }),
  });
  const { outcome } = run;
  const missed = scenario.exercised.filter((goal) => !run.goals.includes(goal));
  const verdict: RunVerdict =
    outcome.violations.length > 0
      ? 'violated'
      : missed.length > 0 || outcome.status === 'unknown'
        ? 'inconclusive'
        : outcome.legal.length > 0
          ? 'legal anomaly'
          : 'holds';
  const rows = scenario.claims.map(
    (claim): VerdictRow => ({
      lab: lab.name,
      claim,
      target,
      client: clientTitle(client),
      variant: scenario.variant,
      expected: scenario.expected,
      verdict,
      claimVerdict: 'inconclusive',
      scope: 'one replayed run decides no claim',
      runs: 1,
      seed: String(seed),
      replay: `npx mqlab lab run ${lab.name} --replay ${token}`,
      historyHash: run.historyHash,
      version: run.version,
      exercised: scenario.exercised.map((goal) => ({ goal, reached: run.goals.includes(goal) ? 1 : 0, of: 1 })),
      findings: [...outcome.violations, ...outcome.legal],
    }),
  );
  const findings = run.results.flatMap((result) => result.findings);
  const shown = findings.find((finding) => finding.certain && !finding.legal) ?? findings[0];
  const lines = [
    ...scenario.describe(plan).map((line) => `${line.kind}: ${line.text}`),
    ...(shown === undefined ? [] : storyOf(run.history, shown)),
  ];
  return { run, rows, lines, historyText: historyText(run.history) };
}
