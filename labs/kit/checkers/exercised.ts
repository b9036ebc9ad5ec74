/**
 * EXERCISED: the faults fired while something that they could harm was in flight, and the "sometimes" goals were reached. A run that
 * misses one proves nothing by being clean; over many runs each goal must be reached at least once (`verdict.ts` counts).
 *
 * Goals are `fault:KIND` for faults that fired to some purpose, `fault:KIND ROLE` for those that hit a node by its part, and the names that the run noted
 * with `reach`.
 */
import type { History } from '../history.ts';
import { type Check, oneCheck } from './check.ts';

/** Every goal that the history reached. */
export function goalsReached(history: History): ReadonlySet<string> {
  const reached = new Set<string>();
  for (const { data } of history.operations) {
    if (data.type === 'fault' && data.inFlight) {
      reached.add(`fault:${data.kind}`);
      if (data.role !== undefined) reached.add(`fault:${data.kind} ${data.role}`);
    }
    if (data.type === 'reach') reached.add(data.goal);
  }
  return reached;
}

export function exercised(goals: readonly string[]): Check {
  return oneCheck('EXERCISED', (index, findings) => {
    const reached = goalsReached(index.history);
    for (const goal of goals) {
      if (reached.has(goal)) continue;
      findings.add({ operations: [], values: [goal], certain: false }, () => `The run never reached ${goal}.`);
    }
  });
}
