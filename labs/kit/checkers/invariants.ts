/**
 * INVARIANT …: what a cluster promised and did not keep, as it was seen in the step in which it happened (`cluster-invariants.ts`).
 *
 * Invariant: looks at the history alone, so that a replayed history says the same. Holds no opinion on a run in which nothing was watched.
 */
import type { Check } from './check.ts';
import { Findings, type InvariantName } from './finding.ts';

export const invariants: Check = {
  names: [],
  apply: (history) => {
    const byName = new Map<InvariantName, Findings>();
    for (const { data, index } of history.operations) {
      if (data.type !== 'invariant') continue;
      let findings = byName.get(data.name);
      if (findings === undefined) byName.set(data.name, (findings = new Findings(data.name)));
      findings.add({ operations: [index] }, () => data.text);
    }
    return [...byName.values()].map((findings) => findings.result());
  },
};
