import type { Mutation } from '../mutation.ts';

export const mutation: Mutation = {
  id: 'offsets-not-loaded',
  file: 'core/groups/offset-store.ts',
  find: 'if (present === undefined || present.order < order) this.set(groupId, topic, partition, value, order);',
  replace: 'if (order > 3) this.set(groupId, topic, partition, value, order);',
  why: 'A coordinator that takes over forgets the first offsets that its log holds.',
  caughtBy: ['COMMIT-MONOTONIC', 'LIVENESS'],
  scenario: { lab: 'replication', id: 'storm' },
};
