import type { Mutation } from '../mutation.ts';

export const mutation: Mutation = {
  id: 'remote-markers-commit',
  file: 'core/broker/transactions/cluster-markers.ts',
  find: 'transactionResult: marker.isCommit,',
  replace: 'transactionResult: true,',
  why: 'What is aborted is committed in the partitions that another broker leads.',
  caughtBy: ['ABORTED-READ', 'TORN'],
  scenario: { lab: 'replication', id: 'storm' },
};
