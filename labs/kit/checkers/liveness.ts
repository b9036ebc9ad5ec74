/**
 * LIVENESS: after the final heal every partition drains within a bound of the target's time. The application says `drained` when it has consumed everything;
 * without a heal in the history there is nothing to measure from, and the answer is unknown.
 */
import { type Check, oneCheck } from './check.ts';
import { lastCommits } from './effect-count.ts';

export interface LivenessOptions {
  readonly drainMsMax: number;
}

export function liveness(options: LivenessOptions): Check {
  return oneCheck('LIVENESS', (index, findings) => {
    const { operations } = index.history;
    const { lastHeal, drained } = index;
    if (lastHeal === null) {
      findings.add(
        { operations: [], certain: false },
        () => 'The run has no final heal, so there is no time to measure from.',
      );
      return;
    }
    const healed = operations[lastHeal]!;
    if (drained !== null && drained > lastHeal) {
      const tookMs = operations[drained]!.time - healed.time;
      if (tookMs <= options.drainMsMax) return;
      findings.add(
        { operations: [lastHeal, drained] },
        () => `Draining took ${tookMs} ms after the heal; the bound is ${options.drainMsMax} ms.`,
      );
      return;
    }
    const commits = lastCommits(index);
    const stuck = [...index.partitions]
      .map(([name, log]) => ({ name, log, commit: commits.get(name)?.offset ?? 0 }))
      .find(({ log, commit }) => (log.offsets.at(-1) ?? -1) >= commit);
    findings.add({ operations: [lastHeal, operations.length - 1] }, () =>
      stuck === undefined
        ? 'After the heal the application never said that it had drained.'
        : `After the heal ${stuck.name} stayed at ${stuck.commit} of ${(stuck.log.offsets.at(-1) ?? -1) + 1}.`,
    );
  });
}
