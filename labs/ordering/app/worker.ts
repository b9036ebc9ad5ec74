/**
 * What the reader hands records to: `Worker` does the work of one record and makes its effect; a `Dispatcher` decides which worker, and when.
 *
 * Invariant: `work` resolves once the effect is made (or was refused by the store), never before; the dispatchers here give a worker one record at a time.
 * The same dispatchers run over simulated workers (on virtual time) and over real threads (`thread-workers.ts`).
 */
export interface Job {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly key: string | null;
  readonly value: string;
  /** The group's generation under which the record was polled. */
  readonly generation: number;
}

/** `not-owner`: the store refused, because the partition belongs to another consumer by now. Nothing is known of the record then. */
export type WorkResult = 'done' | 'not-owner';

export interface Worker {
  work(job: Job): Promise<WorkResult>;
}

export interface Dispatcher {
  /** Whether a record with this key finds room now. */
  hasRoom(key: string | null): boolean;
  /** Takes the record over; there must be room. */
  dispatch(job: Job): void;
  /** Forgets what no worker has begun; resolves when nothing is in work any more. */
  drop(): Promise<void>;
  /** Called after each record that a worker is through with; room has been made by then. */
  onFinished: (job: Job, result: WorkResult) => void;
}
