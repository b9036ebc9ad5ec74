import type { Mutation } from '../mutation.ts';

export const mutation: Mutation = {
  id: 'commit-without-own-record',
  file: 'core/quorum/leader.ts',
  find: 'return offset > this.epochStartOffset ? offset : -1;',
  replace: 'return offset;',
  why: 'A leader of the metadata commits records of earlier epochs before one of its own (Raft, figure 8).',
  caughtBy: ['INVARIANT METADATA-PREFIX'],
  scenario: { lab: 'replication', id: 'storm' },
};
