/** The variants of the application: which dispatcher, which commit policy, which store. Plain data, so that a process can be given it. */
import type { CommitPolicyName } from './commit-policies.ts';
import { KeyedQueues } from './keyed-queues.ts';
import { ThreadPool } from './thread-pool.ts';
import type { Dispatcher, Worker } from './worker.ts';

export type DispatcherName = 'thread-pool' | 'keyed-queues' | 'round-robin-queues';

export interface Setup {
  readonly dispatcher: DispatcherName;
  readonly policy: CommitPolicyName;
  readonly store: 'plain' | 'fenced';
}

export function dispatcherOf(name: DispatcherName, workers: readonly Worker[], queueRecordsMax: number): Dispatcher {
  switch (name) {
    case 'thread-pool':
      return new ThreadPool(workers, queueRecordsMax * workers.length);
    case 'keyed-queues':
      return new KeyedQueues(workers, queueRecordsMax);
    case 'round-robin-queues': {
      // The cure taken out, for the lab's own tests: queues without the hash of the key.
      let turn = 0;
      return new RoundRobinQueues(workers, queueRecordsMax, () => turn++ % workers.length);
    }
  }
}

/** `hasRoom` and `dispatch` must name the same queue, so the turn is taken once a record. */
class RoundRobinQueues extends KeyedQueues {
  constructor(workers: readonly Worker[], queueRecordsMax: number, turn: () => number) {
    let lane = turn();
    super(workers, queueRecordsMax, () => lane);
    const dispatch = this.dispatch.bind(this);
    this.dispatch = (job) => {
      dispatch(job);
      lane = turn();
    };
  }
}
