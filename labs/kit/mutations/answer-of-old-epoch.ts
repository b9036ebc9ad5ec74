import type { Mutation } from '../mutation.ts';

export const mutation: Mutation = {
  id: 'answer-of-old-epoch',
  file: 'core/replica/replica-fetcher.ts',
  find: `partition.leaderEpoch === one.leaderEpoch &&
      !partition.isLeader`,
  replace: '!partition.isLeader',
  why: 'A follower takes what it asked for in an earlier epoch.',
  caughtBy: ['INVARIANT COMMITTED-PREFIX', 'LOST-WRITE', 'UNSEEN', 'INCONSISTENT-OFFSET', 'LIVENESS'],
  scenario: { lab: 'replication', id: 'storm' },
};
