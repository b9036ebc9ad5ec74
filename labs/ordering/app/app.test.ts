import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { HighestFinished, HighestPolled, Watermark } from './commit-policies.ts';
import { KeyedQueues, laneByHash } from './keyed-queues.ts';
import type { JournalLine } from './process-journal.ts';
import { FencedStore } from './stores.ts';
import { ThreadPool } from './thread-pool.ts';
import { openThreadWorkers } from './thread-workers.ts';
import type { Dispatcher, Job, Worker } from './worker.ts';

const job = (offset: number, key: string, generation = 1): Job => {
  return { topic: 't', partition: 0, offset, key, value: `v${offset} `, generation };
};

test('Watermark: never above an unfinished record, whatever the order and the gaps, and at the end behind the last', () => {
  const offsets = fc.uniqueArray(fc.nat(1000), { minLength: 1, maxLength: 30 }).map((all) => all.sort((a, b) => a - b));
  fc.assert(
    fc.property(offsets, fc.infiniteStream(fc.nat(1000)), (log, picks) => {
      const policy = new Watermark();
      const open: number[] = [];
      const finished = new Set<number>();
      let next = 0;
      while (finished.size < log.length) {
        const pick = picks.next().value!;
        if (next < log.length && (open.length === 0 || pick % 2 === 0)) {
          policy.polled(log[next]!);
          open.push(log[next++]!);
        } else {
          const [offset] = open.splice(pick % open.length, 1);
          policy.finished(offset!);
          finished.add(offset!);
        }
        const committable = policy.committable ?? 0;
        expect(log.slice(0, next).every((offset) => offset >= committable || finished.has(offset))).toBe(true);
      }
      expect(policy.committable).toBe(log.at(-1)! + 1);
    }),
    { numRuns: 200 },
  );
});

test('the other policies commit over unfinished records', () => {
  const polled = new HighestPolled();
  polled.polled(7);
  expect(polled.committable).toBe(8);
  const finished = new HighestFinished();
  finished.finished(9);
  finished.finished(7);
  expect(finished.committable).toBe(10);
});

/** Effects in the order in which they were made, with work that ends in an order of fast-check's choosing. */
async function effectsOf(
  scheduler: fc.Scheduler,
  make: (workers: readonly Worker[]) => Dispatcher,
  keys: readonly string[],
): Promise<Job[]> {
  const effects: Job[] = [];
  const worker: Worker = {
    work: async (each) => {
      await scheduler.schedule(Promise.resolve());
      effects.push(each);
      return 'done';
    },
  };
  const dispatcher = make([worker, worker, worker]);
  let next = 0;
  const feed = (): void => {
    while (next < keys.length && dispatcher.hasRoom(keys[next]!)) dispatcher.dispatch(job(next, keys[next++]!));
  };
  dispatcher.onFinished = feed;
  feed();
  await scheduler.waitIdle();
  return effects;
}

function inOrder(effects: readonly Job[]): boolean {
  return effects.every(({ key, offset }, at) =>
    effects.slice(0, at).every((before) => before.key !== key || before.offset < offset),
  );
}

const keys = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { minLength: 1, maxLength: 12 });

test('KeyedQueues: all effects, those of a key in order, whatever the work takes', async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), keys, async (scheduler, chosen) => {
      const effects = await effectsOf(scheduler, (workers) => new KeyedQueues(workers, 2), chosen);
      expect(effects.length).toBe(chosen.length);
      expect(inOrder(effects)).toBe(true);
    }),
    { numRuns: 100 },
  );
});

test('ThreadPool: two records of one key are enough to lose their order', async () => {
  const details = await fc.check(
    fc.asyncProperty(fc.scheduler(), keys, async (scheduler, chosen) =>
      inOrder(await effectsOf(scheduler, (workers) => new ThreadPool(workers, 4), chosen)),
    ),
    { numRuns: 200, seed: 1 },
  );
  expect(details.failed).toBe(true);
  expect(details.counterexample?.[1]).toHaveLength(2);
});

test('a dropped queue makes no effect, and what is in work is waited for', async () => {
  const ends: (() => void)[] = [];
  const worked: number[] = [];
  const worker: Worker = {
    work: ({ offset }) =>
      new Promise((resolve) => {
        ends.push(() => {
          worked.push(offset);
          resolve('done');
        });
      }),
  };
  for (const dispatcher of [new KeyedQueues([worker], 3), new ThreadPool([worker], 3)]) {
    for (let offset = 0; offset < 3; offset++) dispatcher.dispatch(job(offset, 'k'));
    const dropped = dispatcher.drop();
    ends.shift()!();
    await dropped;
  }
  expect(worked).toEqual([0, 0]);
  expect(ends).toEqual([]);
});

test('FencedStore: refuses repeats, older records, and owners of yesterday', () => {
  const store = new FencedStore();
  store.fence(0, 1);
  expect(store.apply(job(5, 'a'))).toBe('made');
  expect(store.apply(job(5, 'a'))).toBe('repeat');
  expect(store.apply(job(4, 'a'))).toBe('repeat');
  expect(store.apply(job(4, 'b'))).toBe('made');
  store.fence(0, 2);
  expect(store.apply(job(9, 'a', 1))).toBe('not-owner');
  expect(store.apply(job(9, 'a', 2))).toBe('made');
});

test('laneByHash: in range, steady, and spread', () => {
  const counts = [0, 0, 0, 0];
  for (let at = 0; at < 1000; at++) counts[laneByHash(`key-${at}`, 4)]!++;
  expect(Math.min(...counts)).toBeGreaterThan(200);
  expect(laneByHash(null, 4)).toBe(laneByHash(null, 4));
});

test('real threads behind keyed queues: each record once, each key in order', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'mqlab-threads-'));
  const journal = join(folder, 'journal');
  writeFileSync(journal, '');
  const threads = await openThreadWorkers(2, { journal, kind: 'wait', amounts: [6, 1, 1, 4], each: 1 });
  try {
    const dispatcher = new KeyedQueues(threads.workers, 64);
    const done = new Promise<void>((resolve) => {
      let count = 0;
      dispatcher.onFinished = () => {
        if (++count === 24) resolve();
      };
    });
    for (let offset = 0; offset < 24; offset++) dispatcher.dispatch(job(offset, `k${offset % 5}`));
    await done;
    const lines = readFileSync(journal, 'utf8').trim().split('\n');
    const effects = lines.flatMap((text) => {
      const line = JSON.parse(text) as JournalLine;
      return line.type === 'effect' ? [line.job] : [];
    });
    expect(effects).toHaveLength(24);
    expect(inOrder(effects)).toBe(true);
  } finally {
    await threads.close();
    rmSync(folder, { recursive: true });
  }
});
