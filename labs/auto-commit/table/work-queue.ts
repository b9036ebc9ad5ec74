/** Records handed over in memory: what the truth table's queues are. */
import type { Seen, WayShift } from './ways.ts';

/** A queue with one worker; `settled` resolves when the record in work is done, the rest forgotten. */
export function queueOf(shift: WayShift, onDone: (record: Seen) => void = () => {}) {
  const records: Seen[] = [];
  let busy: Promise<void> = Promise.resolve();
  let isBusy = false;
  const workOff = async (): Promise<void> => {
    for (let next = records.shift(); next !== undefined; next = records.shift()) {
      await shift.work(next);
      onDone(next);
    }
    isBusy = false;
  };
  return {
    push: (more: readonly Seen[]): void => {
      records.push(...more);
      if (isBusy || records.length === 0) return;
      isBusy = true;
      busy = workOff();
    },
    settled: (): Promise<void> => {
      records.length = 0;
      return busy;
    },
  };
}
