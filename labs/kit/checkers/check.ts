/** A check: a checker with its options, ready to be applied to a history. Scenarios list these. */
import type { History } from '../history.ts';
import type { CheckerName, CheckResult } from './finding.ts';

export interface Check {
  readonly names: readonly CheckerName[];
  readonly apply: (history: History) => readonly CheckResult[];
}
