import type { Mutation } from '../mutation.ts';

export const mutation: Mutation = {
  id: 'never-let-in',
  file: 'core/replica/partition.ts',
  find: 'if (leading === null || follower === null) return;',
  replace: 'if (leading !== null || follower === null) return;',
  why: 'A replica that has caught up is never taken back into sync.',
  caughtBy: ['LIVENESS'],
  scenario: { lab: 'replication', id: 'storm' },
};
