import type { Mutation } from '../mutation.ts';

export const mutation: Mutation = {
  id: 'reader-skips',
  file: 'core/client/consumer/fetched-partition.ts',
  find: 'this.nextOffset = offset + 1;',
  replace: 'this.nextOffset = offset + 2;',
  why: 'The client hands out every second record of a batch.',
  caughtBy: ['POLL-SKIP', 'INT-POLL-SKIP', 'COMMIT-SAFE', 'LOST-WRITE', 'UNSEEN'],
  scenario: { lab: 'replication', id: 'storm' },
};
