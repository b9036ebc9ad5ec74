import type { Mutation } from '../mutation.ts';

export const mutation: Mutation = {
  id: 'removal-counts-at-once',
  file: 'core/replica/in-sync-replicas.ts',
  find: "return this.change?.kind === 'expand' ? this.change.wanted : this.current;",
  replace: 'return this.change?.wanted ?? this.current;',
  why: 'A replica that is to leave the in-sync replicas does not count from the moment at which its leader asks for that.',
  caughtBy: ['INVARIANT COMMITTED-PREFIX', 'LOST-WRITE', 'UNSEEN', 'INCONSISTENT-OFFSET'],
  scenario: { lab: 'replication', id: 'storm' },
};
