import type { Mutation } from '../mutation.ts';

export const mutation: Mutation = {
  id: 'never-let-in',
  file: 'core/replica/partition.ts',
  find: 'if (leading.mayJoin(follower, this.log.highWatermark)) {',
  replace: 'if (leading.mayJoin(follower, -1) && this.isDeleted) {',
  why: 'A replica that has caught up is never taken back into sync.',
  caughtBy: ['LIVENESS'],
  scenario: { lab: 'replication', id: 'storm' },
};
