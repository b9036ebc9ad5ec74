/**
 * The usual first idea: a pool of workers, and each record goes to whichever worker is free.
 *
 * It keeps every worker busy and the queue in order, and still loses the order of a key: two records of one key are in work at the same time, and the
 * second one may finish first. What must hold and does not: records of a key take effect in the order of the log.
 */
import type { Dispatcher, Job, Worker, WorkResult } from './worker.ts';

export class ThreadPool implements Dispatcher {
  onFinished: (job: Job, result: WorkResult) => void = () => {};
  readonly #free: Worker[];
  readonly #queue: Job[] = [];
  readonly #queueRecordsMax: number;
  readonly #inWork = new Set<Promise<WorkResult>>();

  constructor(workers: readonly Worker[], queueRecordsMax: number) {
    this.#free = [...workers];
    this.#queueRecordsMax = queueRecordsMax;
  }

  hasRoom(): boolean {
    return this.#queue.length < this.#queueRecordsMax;
  }

  // #excerpt thread-pool
  dispatch(job: Job): void {
    this.#queue.push(job);
    this.#next();
  }

  #next(): void {
    while (this.#free.length > 0 && this.#queue.length > 0) {
      const worker = this.#free.shift()!; // any that is free: the key is not asked for
      void this.#work(worker, this.#queue.shift()!);
    }
  }
  // #end

  async drop(): Promise<void> {
    this.#queue.length = 0;
    await Promise.all(this.#inWork);
  }

  async #work(worker: Worker, job: Job): Promise<void> {
    const done = worker.work(job);
    this.#inWork.add(done);
    const result = await done;
    this.#inWork.delete(done);
    this.#free.push(worker);
    this.#next();
    this.onFinished(job, result);
  }
}
