import type { Mutation } from '../mutation.ts';

export const mutation: Mutation = {
  id: 'in-sync-change-of-old-life',
  file: 'core/controller/alter-partition-decisions.ts',
  find: '(replica.brokerEpoch === -1 || image.brokers.get(replica.brokerId)!.brokerEpoch === replica.brokerEpoch);',
  replace: 'true;',
  why: 'The controller takes a replica into sync by what an earlier life of its broker had.',
  caughtBy: ['INVARIANT COMMITTED-PREFIX', 'LOST-WRITE', 'UNSEEN', 'INCONSISTENT-OFFSET'],
  scenario: { lab: 'replication', id: 'storm' },
};
