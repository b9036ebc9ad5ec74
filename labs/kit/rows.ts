/**
 * What a lab's results say, as rows: a verdict for each claim of each scenario, with the command that replays it, and the witnesses.
 *
 * Invariant: pure; a claim's verdict is concluded from all of its rows.
 */
import { createHash } from 'node:crypto';
import type { VerdictRow, Witness } from '@mqlab/reports/run-data.ts';
import { clientTitle, clientVersion } from './drivers/versions.ts';
import { canonicalJson } from './history-text.ts';
import type { InputOptions } from './input.ts';
import type { FigureVerdict, Lab, LabFigures, Profile } from './lab.ts';
import type { ScenarioResult } from './run-scenario.ts';
import { storyOf, timelineOf } from './story.ts';
import { type Conclusion, concludeClaim } from './verdict.ts';

/** The flags that feed a replay with the same records. */
export function inputFlags(input: InputOptions): string {
  const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
  const file = input.file === undefined ? '' : ` --input ${quote(input.file)}`;
  return file + (input.key === undefined ? '' : ` --key ${quote(input.key)}`);
}

/** What the commands of rows must say for the same to come out. */
export interface RowSettings {
  readonly profile: Profile;
  readonly seed: number;
  /** Of the input. */
  readonly flags: string;
}

export function rowsOf(
  lab: Lab,
  results: readonly ScenarioResult[],
  taken: LabFigures,
  { profile, seed, flags }: RowSettings,
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
  // A token holds its whole run; figures depend on the profile.
  const figureFlags = `${profile === 'quick' ? '' : ` --profile ${profile}`} --seed ${seed}${flags}`;
  for (const verdict of taken.verdicts ?? []) open.push(figureRow(lab, verdict, seed, figureFlags, figuresHash));
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
    replay: `npx mqlab lab run ${lab.name} --target ${verdict.target}${flags}`,
    historyHash,
    version: `mqlab ${clientVersion('mqlab')}`,
    exercised: [],
  };
}

export function witnessesOf(lab: Lab, results: readonly ScenarioResult[], flags: string): Record<string, Witness> {
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
