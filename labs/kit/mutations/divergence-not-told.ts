import type { Mutation } from '../mutation.ts';

export const mutation: Mutation = {
  id: 'divergence-not-told',
  file: 'core/replica/partition-read.ts',
  find: 'return known.epoch < lastFetchedEpoch || known.endOffset < offset ? known : null;',
  replace: 'return null;',
  why: 'A leader does not tell a follower where their histories part.',
  caughtBy: ['INVARIANT COMMITTED-PREFIX', 'LOST-WRITE', 'UNSEEN', 'INCONSISTENT-OFFSET', 'LIVENESS'],
  scenario: { lab: 'replication', id: 'storm' },
};
