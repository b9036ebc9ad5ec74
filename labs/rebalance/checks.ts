/** What this lab checks beyond the kit's own: single names out of a family, and ownership of commits alone. */
import type { Check } from '../kit/checkers/check.ts';
import type { CheckerName } from '../kit/checkers/finding.ts';
import { owner } from '../kit/checkers/owner.ts';

/** Only these names of a family. */
export function only(check: Check, ...names: readonly CheckerName[]): Check {
  return {
    names: check.names.filter((name) => names.includes(name)),
    apply: (history) => check.apply(history).filter(({ checker }) => names.includes(checker)),
  };
}

/**
 * OWNER for commits: nobody commits in a partition that is not theirs any more. A consumer that stood still makes one more effect before it can hear of its loss: only
 * the store that takes the effect could refuse it, so effects are judged where nobody stands still.
 */
export const ownerOfCommits: Check = {
  names: owner.names,
  apply: (history) => {
    const operations = history.operations.filter(({ data }) => data.type !== 'effect');
    // Indices are places in the history: what is left out keeps its place as a moment that no checker looks at.
    const place = new Set(operations.map(({ index }) => index));
    return owner.apply({
      ...history,
      operations: history.operations.map((operation) =>
        place.has(operation.index) ? operation : { ...operation, data: { type: 'store', text: 'effect' } as const },
      ),
    });
  },
};
