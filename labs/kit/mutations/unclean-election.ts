import type { Mutation } from '../mutation.ts';

export const mutation: Mutation = {
  id: 'unclean-election',
  file: 'core/controller/partition-change.ts',
  find: "const unclean = election === 'unclean' ? replicas.find(isAble) : undefined;",
  replace: 'const unclean = replicas.find(isAble);',
  why: 'When nobody in sync may lead, anybody leads, without leave.',
  caughtBy: ['INVARIANT COMMITTED-PREFIX', 'LOST-WRITE', 'UNSEEN', 'INCONSISTENT-OFFSET'],
  scenario: { lab: 'replication', id: 'storm' },
};
