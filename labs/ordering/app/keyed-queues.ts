/**
 * One reader, N bounded queues, a worker on each: the hash of its key decides a record's queue.
 *
 * Invariant: all records of a key go through one queue, in the order of the log, and a queue has at most one record in work; so at no time are two
 * records of a key in work, and effects of a key keep the order of the log. Records of different keys have no order among each other.
 * A full queue refuses (`hasRoom`): the reader then pauses its partitions instead of holding more and more in memory.
 */
import type { Dispatcher, Job, Worker, WorkResult } from './worker.ts';

interface Lane {
  readonly worker: Worker;
  readonly queue: Job[];
  inWork: Promise<void> | null;
}

export class KeyedQueues implements Dispatcher {
  onFinished: (job: Job, result: WorkResult) => void = () => {};
  readonly #lanes: readonly Lane[];
  readonly #queueRecordsMax: number;
  readonly #laneOf: (key: string | null, lanes: number) => number;

  constructor(workers: readonly Worker[], queueRecordsMax: number, laneOf = laneByHash) {
    this.#lanes = workers.map((worker) => ({ worker, queue: [], inWork: null }));
    this.#queueRecordsMax = queueRecordsMax;
    this.#laneOf = laneOf;
  }

  hasRoom(key: string | null): boolean {
    return this.#lane(key).queue.length < this.#queueRecordsMax;
  }

  // #excerpt keyed-queues
  dispatch(job: Job): void {
    const lane = this.#lane(job.key); // the same key, the same queue
    lane.queue.push(job);
    if (lane.inWork === null) lane.inWork = this.#drain(lane);
  }

  async #drain(lane: Lane): Promise<void> {
    for (let job = lane.queue.shift(); job !== undefined; job = lane.queue.shift()) {
      this.onFinished(job, await lane.worker.work(job)); // one record at a time
    }
    lane.inWork = null;
  }
  // #end

  async drop(): Promise<void> {
    for (const lane of this.#lanes) lane.queue.length = 0;
    await Promise.all(this.#lanes.map((lane) => lane.inWork));
  }

  #lane(key: string | null): Lane {
    return this.#lanes[this.#laneOf(key, this.#lanes.length)]!;
  }
}

/** FNV-1a over the UTF-16 code units, mixed once more so that the low bits are good; records without a key share a queue. */
export function laneByHash(key: string | null, lanes: number): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < (key?.length ?? 0); at++) hash = Math.imul(hash ^ key!.charCodeAt(at), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return ((hash ^ (hash >>> 13)) >>> 0) % lanes;
}
