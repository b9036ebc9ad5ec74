/** Checks of this lab. */
import type { Check } from '../kit/checkers/check.ts';

/** What Kafka allows is no news in a campaign: a reader that goes back across a rebalance, a writer between whose records others stand. */
export function withoutLegal(check: Check): Check {
  return {
    names: check.names,
    apply: (history) =>
      check.apply(history).map((result) => ({
        ...result,
        findings: result.findings.filter((finding) => !finding.legal),
      })),
  };
}
