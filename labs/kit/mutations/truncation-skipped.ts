import type { Mutation } from '../mutation.ts';

export const mutation: Mutation = {
  id: 'truncation-skipped',
  file: 'core/replica/replica-fetcher.ts',
  find: 'this.tell(one, truncateToAgree(partition, answer.divergingEpoch));',
  replace: '',
  why: 'A follower that hears where histories part does not cut its log.',
  caughtBy: ['LIVENESS', 'INVARIANT COMMITTED-PREFIX', 'LOST-WRITE', 'UNSEEN', 'INCONSISTENT-OFFSET'],
  scenario: { lab: 'replication', id: 'storm' },
};
