/**
 * Workers that are real threads: a Piscina of one thread for each. `work` resolves when the thread has made the effect.
 */
import { Piscina } from 'piscina';
import type { ThreadSettings, ThreadTask } from './thread.ts';
import type { Worker, WorkResult } from './worker.ts';

export interface ThreadWorkers {
  readonly workers: readonly Worker[];
  close(): Promise<void>;
}

/** Resolves when all threads run. */
export async function openThreadWorkers(count: number, settings: ThreadSettings): Promise<ThreadWorkers> {
  const threads = Array.from(
    { length: count },
    (_, worker) =>
      new Piscina<ThreadTask, WorkResult>({
        filename: new URL('./thread.ts', import.meta.url).href,
        minThreads: 1,
        maxThreads: 1,
        concurrentTasksPerWorker: 1,
        workerData: { ...settings, worker },
      }),
  );
  await Promise.all(threads.map((thread) => thread.run({ type: 'warm-up' })));
  return {
    workers: threads.map((thread) => ({ work: (job) => thread.run({ type: 'work', job }) })),
    close: async () => {
      await Promise.all(threads.map((thread) => thread.destroy()));
    },
  };
}
