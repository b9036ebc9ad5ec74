import type { Mutation } from '../mutation.ts';

export const mutation: Mutation = {
  id: 'aborted-not-filtered',
  file: 'core/client/consumer/fetched-partition.ts',
  find: 'this.aborted = aborted === null ? null : [...aborted].sort((a, b) => a.firstOffset - b.firstOffset);',
  replace: 'this.aborted = null;',
  why: 'The client of a read_committed consumer hands out records of aborted transactions.',
  caughtBy: ['ABORTED-READ'],
  scenario: { lab: 'replication', id: 'storm' },
};
