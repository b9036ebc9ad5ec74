import type { Mutation } from '../mutation.ts';

export const mutation: Mutation = {
  id: 'reader-beyond-watermark',
  file: 'core/replica/partition.ts',
  find: "return isolationLevel === 'read_committed' ? this.log.lastStableOffset : this.log.highWatermark;",
  replace: "return isolationLevel === 'read_committed' ? this.log.lastStableOffset : this.log.logEndOffset;",
  why: 'Consumers are given what is not committed yet.',
  caughtBy: ['INCONSISTENT-OFFSET', 'POLL-SKIP', 'NONMONOTONIC-POLL', 'COMMIT-SAFE', 'LIVENESS', 'COMMIT-MONOTONIC'],
  scenario: { lab: 'replication', id: 'storm' },
};
