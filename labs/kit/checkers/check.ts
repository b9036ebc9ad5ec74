/** A check: a checker with its options, ready to be applied to a history. Scenarios list these. */
import type { History } from '../history.ts';
import type { CheckerName, CheckResult } from './finding.ts';
import { Findings } from './finding.ts';
import { type HistoryIndex, indexHistory } from './index-history.ts';

export interface Check {
  readonly names: readonly CheckerName[];
  readonly apply: (history: History) => readonly CheckResult[];
}

/** A check of one name from a function that fills in findings. */
export function oneCheck(name: CheckerName, fill: (index: HistoryIndex, findings: Findings) => void): Check {
  return {
    names: [name],
    apply: (history) => {
      const findings = new Findings(name);
      fill(indexHistory(history), findings);
      return [findings.result()];
    },
  };
}

/** A check of a family that is found in one pass. */
export function familyCheck<Name extends CheckerName>(
  names: readonly Name[],
  fill: (index: HistoryIndex, findings: Readonly<Record<Name, Findings>>) => void,
): Check {
  return {
    names,
    apply: (history) => {
      const entries = names.map((name) => [name, new Findings(name)] as const);
      fill(indexHistory(history), Object.fromEntries(entries) as Record<Name, Findings>);
      return entries.map(([, findings]) => findings.result());
    },
  };
}

export function applyChecks(checks: readonly Check[], history: History): CheckResult[] {
  return checks.flatMap((check) => check.apply(history));
}
