/** What the relay owes besides: everything that was in its outbox stands in the log. A cure for duplicates that sends nothing would hold too. */
import { type Check, oneCheck } from '../kit/checkers/check.ts';

/** Text of the notes that say what the outbox held. */
export const IN_OUTBOX = 'in the outbox';

export const complete: Check = oneCheck('LOST-WRITE', (index, findings) => {
  for (const { data, start, end } of index.calls) {
    if (data.type !== 'store' || data.text !== IN_OUTBOX || data.value === undefined) continue;
    const { value } = data;
    if (index.readOf.has(value)) continue;
    findings.add(
      { operations: [end ?? start], values: [value] },
      () => `${value} was in the outbox and is not in the log at the end.`,
    );
  }
});
