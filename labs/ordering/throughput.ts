/**
 * Figures of the dispatchers over real threads: throughput against N, and latency at a given rate.
 *
 * Invariant: records come from memory, so that the dispatcher and its workers are measured and not a broker; every cell is measured once a round, in an order that
 * turns with the round, so that a slow minute of the machine hits all alike; the spread over the rounds is part of the figure. Latency counts from the
 * intended time of each record.
 */
import { KeyedQueues, laneByHash } from './app/keyed-queues.ts';
import { ThreadPool } from './app/thread-pool.ts';
import { openThreadWorkers, type ThreadWorkers } from './app/thread-workers.ts';
import type { Dispatcher, Job, Worker } from './app/worker.ts';

export type WorkKind = 'compute' | 'wait';
/** How keys are spread: evenly, as the input has them, or every other record of one key. */
export type KeySpread = 'even' | 'input' | 'hot';

export const LANES = [1, 2, 4, 8] as const;
export const LANES_MAX = 8;
export const QUEUE_RECORDS_MAX = 64;
const EVEN_KEYS = 64;

export interface Cell {
  readonly kind: WorkKind;
  readonly spread: KeySpread;
  readonly lanes: number;
}

export interface Measured {
  readonly cell: Cell;
  /** Records a second, one a round. */
  readonly perSecond: number[];
}

export interface Threads {
  readonly compute: ThreadWorkers;
  readonly wait: ThreadWorkers;
  close(): Promise<void>;
}

/** Threads for both kinds of work; `rounds` of hashing and milliseconds of waiting a record. */
export async function openThreads(rounds: number, waitMs: number): Promise<Threads> {
  const [compute, wait] = await Promise.all([
    openThreadWorkers(LANES_MAX, { kind: 'compute', each: rounds }),
    openThreadWorkers(LANES_MAX, { kind: 'wait', each: waitMs }),
  ]);
  return {
    compute,
    wait,
    close: async () => {
      await Promise.all([compute.close(), wait.close()]);
    },
  };
}

function keyOf(spread: KeySpread, at: number, inputKeys: readonly string[]): string {
  switch (spread) {
    case 'even':
      return `key-${at % EVEN_KEYS}`;
    case 'input':
      return inputKeys[at % inputKeys.length]!;
    case 'hot':
      return at % 2 === 0 ? 'hot' : `key-${at % EVEN_KEYS}`;
  }
}

export function keysOf(spread: KeySpread, count: number, inputKeys: readonly string[]): string[] {
  return Array.from({ length: count }, (_, at) => keyOf(spread, at, inputKeys));
}

/** The best that N queues can do: all records over those of the fullest queue. */
export function speedUpBound(keys: readonly string[], lanes: number): number {
  const loads = new Array<number>(lanes).fill(0);
  for (const key of keys) loads[laneByHash(key, lanes)]!++;
  return keys.length / Math.max(...loads);
}

/** The best that any number of queues can do: all records over those of the busiest key. */
export function hottestKeyBound(keys: readonly string[]): number {
  const counts = new Map<string, number>();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  return keys.length / Math.max(...counts.values());
}

function jobOf(key: string, offset: number): Job {
  return { topic: 'flights', partition: 0, offset, key, value: `v${offset} `, generation: 0 };
}

/** Hands all keys over as fast as there is room; resolves with records a second. */
export function throughput(dispatcher: Dispatcher, keys: readonly string[]): Promise<number> {
  return new Promise((resolve) => {
    const began = performance.now();
    let next = 0;
    let done = 0;
    const feed = (): void => {
      while (next < keys.length && dispatcher.hasRoom(keys[next]!)) {
        dispatcher.dispatch(jobOf(keys[next]!, next));
        next++;
      }
    };
    dispatcher.onFinished = () => {
      if (++done === keys.length) resolve((done / (performance.now() - began)) * 1000);
      else feed();
    };
    feed();
  });
}

/** Each cell once a round; rounds go on until the deadline, at least two. */
export async function measureCells(
  cells: readonly Cell[],
  threads: Threads,
  inputKeys: readonly string[],
  records: Readonly<Record<WorkKind, number>>,
  roundsMax: number,
  deadline: number,
): Promise<Measured[]> {
  const measured = cells.map((cell): Measured => ({ cell, perSecond: [] }));
  for (let round = 0; round < roundsMax && (round < 2 || performance.now() < deadline); round++) {
    for (let at = 0; at < measured.length; at++) {
      const { cell, perSecond } = measured[(at * 7 + round * 5) % measured.length]!;
      const workers = threads[cell.kind].workers.slice(0, cell.lanes);
      const keys = keysOf(cell.spread, records[cell.kind], inputKeys);
      perSecond.push(await throughput(new KeyedQueues(workers, QUEUE_RECORDS_MAX), keys));
    }
  }
  return measured;
}

/** Latencies in milliseconds, from each record's intended time to its effect, at a fixed rate. */
export function latencies(dispatcher: Dispatcher, keys: readonly string[], perSecond: number): Promise<number[]> {
  return new Promise((resolve) => {
    const took: number[] = [];
    const began = performance.now();
    const intended = (at: number): number => began + (at * 1000) / perSecond;
    let next = 0;
    const feed = (): void => {
      const now = performance.now();
      while (next < keys.length && intended(next) <= now && dispatcher.hasRoom(keys[next]!)) {
        dispatcher.dispatch(jobOf(keys[next]!, next));
        next++;
      }
    };
    const timer = setInterval(feed, 1);
    dispatcher.onFinished = ({ offset }) => {
      took.push(performance.now() - intended(offset));
      if (took.length === keys.length) {
        clearInterval(timer);
        resolve(took);
      } else feed();
    };
    feed();
  });
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)]!;
}

export function poolOf(workers: readonly Worker[]): Dispatcher {
  return new ThreadPool(workers, QUEUE_RECORDS_MAX * workers.length);
}

export function queuesOf(workers: readonly Worker[]): Dispatcher {
  return new KeyedQueues(workers, QUEUE_RECORDS_MAX);
}
