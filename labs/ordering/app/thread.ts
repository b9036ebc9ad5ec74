/**
 * The work of one record, in a thread of its own: so much waiting (as for a remote call) or so much computing, and then the effect.
 */
import { createHash } from 'node:crypto';
import { workerData } from 'node:worker_threads';
import { appendTo } from './process-journal.ts';
import type { Job, WorkResult } from './worker.ts';

export interface ThreadSettings {
  /** Where effects go; none are made without it. */
  readonly journal?: string;
  readonly kind: 'wait' | 'compute';
  /** Milliseconds, or rounds of hashing, by the number of the record in its value; `each` for all others. */
  readonly amounts?: readonly number[];
  readonly each: number;
}

export type ThreadTask = { readonly type: 'warm-up' } | { readonly type: 'work'; readonly job: Job };

const settings = workerData as ThreadSettings & { readonly worker: number };
const append = settings.journal === undefined ? null : appendTo(settings.journal);
const sleeping = new Int32Array(new SharedArrayBuffer(4));

export default function run(task: ThreadTask): WorkResult {
  if (task.type === 'warm-up') return 'done';
  const { job } = task;
  const number = settings.amounts === undefined ? Number.NaN : Number(/^v(\d+) /.exec(job.value)?.[1]);
  const amount = settings.amounts?.[number] ?? settings.each;
  if (settings.kind === 'wait') Atomics.wait(sleeping, 0, 0, amount);
  else compute(job.value, amount);
  append?.({ type: 'effect', worker: settings.worker, job });
  return 'done';
}

/** Hashes the value so many times over: work that cannot be skipped. */
export function compute(value: string, rounds: number): string {
  let digest = value;
  for (let round = 0; round < rounds; round++) digest = createHash('sha256').update(digest).digest('base64');
  return digest;
}
