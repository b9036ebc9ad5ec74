import type { Mutation } from '../mutation.ts';

export const mutation: Mutation = {
  id: 'epoch-not-noted',
  file: 'core/replica/partition.ts',
  find: 'log.epochs.assign(leaderEpoch, log.logEndOffset);',
  replace: '',
  why: 'A leader does not note where its epoch begins: the first record of it does, or nobody.',
  caughtBy: ['INVARIANT COMMITTED-PREFIX', 'LOST-WRITE', 'UNSEEN', 'INCONSISTENT-OFFSET', 'LIVENESS'],
  scenario: { lab: 'replication', id: 'storm' },
};
