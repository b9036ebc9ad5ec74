/**
 * From what the checkers said about many runs to one verdict, from verdicts to what becomes of a claim, and to exit codes.
 *
 * Invariant: no verdict is `holds` unless the faults of the scenario fired while they could harm and each of its "sometimes" goals was
 * reached; one certain violation in one run is enough for `violated`. A claim is decided only by runs that came out as the lab expects:
 * anything else leaves it `inconclusive` and says why.
 */
import type { ClaimVerdict, ExercisedGoal, RunVerdict, VerdictRow } from '@mqlab/reports/run-data.ts';
import type { CheckerName, CheckResult } from './checkers/finding.ts';

export type {
  ClaimVerdict,
  ExercisedGoal,
  RunVerdict,
} from '@mqlab/reports/run-data.ts';

/** What one run amounts to. */
export interface RunOutcome {
  readonly status: 'valid' | 'invalid' | 'unknown';
  /** Names of certain violations. */
  readonly violations: readonly CheckerName[];
  /** Names of findings that Kafka allows. */
  readonly legal: readonly CheckerName[];
  /** Names of findings that an unknown outcome could explain. */
  readonly uncertain: readonly CheckerName[];
}

/** What is counted over the runs of a scenario. */
export interface Coverage {
  readonly runs: number;
  readonly invalid: number;
  readonly unknown: number;
  readonly legal: number;
  readonly exercised: readonly ExercisedGoal[];
}

export interface Decision {
  readonly verdict: RunVerdict;
  /** One sentence: why, with the numbers. */
  readonly because: string;
}

export function outcomeOf(results: readonly CheckResult[], overflowed: boolean): RunOutcome {
  const violations = new Set<CheckerName>();
  const legal = new Set<CheckerName>();
  const uncertain = new Set<CheckerName>();
  for (const result of results) {
    for (const finding of result.findings) {
      if (finding.legal) legal.add(finding.name);
      else if (finding.certain) violations.add(finding.name);
      else uncertain.add(finding.name);
    }
  }
  const status = violations.size > 0 ? 'invalid' : uncertain.size > 0 || overflowed ? 'unknown' : 'valid';
  return {
    status,
    violations: [...violations],
    legal: [...legal],
    uncertain: [...uncertain],
  };
}

/** `runsMin` is what the lab promised: fewer runs than that prove nothing. */
export function decide(coverage: Coverage, runsMin: number): Decision {
  const { runs, invalid, unknown, legal, exercised } = coverage;
  if (invalid > 0)
    return {
      verdict: 'violated',
      because: `${invalid} of ${runs} runs broke the invariant`,
    };
  const missed = exercised.filter((goal) => goal.reached === 0);
  if (missed.length > 0) {
    return {
      verdict: 'inconclusive',
      because: `never exercised in ${runs} runs: ${missed.map((goal) => goal.goal).join(', ')}`,
    };
  }
  if (unknown > 0) {
    return {
      verdict: 'inconclusive',
      because: `${unknown} of ${runs} runs could not be judged`,
    };
  }
  if (runs < runsMin)
    return {
      verdict: 'inconclusive',
      because: `${runs} runs done where ${runsMin} were promised`,
    };
  if (legal > 0) {
    return {
      verdict: 'legal anomaly',
      because: `${legal} of ${runs} runs show what Kafka allows, none breaks the invariant`,
    };
  }
  return { verdict: 'holds', because: `holds in ${runs} runs` };
}

/** What the lab says of a claim if its scenarios come out as expected. */
export interface Conclusion {
  readonly claim: string;
  readonly verdict: ClaimVerdict;
  /** Where that is true, in one sentence: versions, settings, faults. */
  readonly scope: string;
}

/** The claim's verdict from the runs that bear on it. */
export function concludeClaim(
  conclusion: Conclusion,
  rows: readonly {
    readonly expected: RunVerdict;
    readonly verdict: RunVerdict;
    readonly variant: string;
  }[],
): Conclusion {
  const { claim } = conclusion;
  if (rows.length === 0)
    return {
      claim,
      verdict: 'inconclusive',
      scope: 'no scenario of this claim was run',
    };
  const off = rows.find((row) => row.verdict !== row.expected);
  if (off !== undefined) {
    const scope = `undecided: the ${off.variant} variant came out as ${off.verdict} where ${off.expected} was expected`;
    return { claim, verdict: 'inconclusive', scope };
  }
  return conclusion;
}

/** One line of `lab run --json`: exactly these fields, in this order. */
export interface VerdictLine {
  readonly lab: string;
  readonly claim: string;
  readonly target: string;
  readonly client: string;
  readonly variant: 'before' | 'after';
  readonly expected: RunVerdict;
  readonly verdict: RunVerdict;
  readonly runs: number;
  readonly seed: string;
  readonly replay: string;
  readonly historyHash: string;
}

export function verdictLine(row: VerdictRow): string {
  const { lab, claim, target, client, variant, expected, verdict, runs, seed, replay, historyHash } = row;
  const line: VerdictLine = {
    lab,
    claim,
    target,
    client,
    variant,
    expected,
    verdict,
    runs,
    seed,
    replay,
    historyHash,
  };
  return JSON.stringify(line);
}

export const EXIT_AS_EXPECTED = 0;
export const EXIT_DIFFERS = 1;
export const EXIT_USAGE = 2;
export const EXIT_INCONCLUSIVE = 3;

/** 0 every verdict as the lab expects; 1 a verdict differs; 3 none differs but one is inconclusive (or nothing was run). */
export function exitCodeOf(
  rows: readonly {
    readonly expected: RunVerdict;
    readonly verdict: RunVerdict;
  }[],
): number {
  const off = rows.filter((row) => row.verdict !== row.expected);
  if (off.some((row) => row.verdict !== 'inconclusive')) return EXIT_DIFFERS;
  return off.length > 0 || rows.length === 0 ? EXIT_INCONCLUSIVE : EXIT_AS_EXPECTED;
}
