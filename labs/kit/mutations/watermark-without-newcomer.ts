import type { Mutation } from '../mutation.ts';

export const mutation: Mutation = {
  id: 'watermark-without-newcomer',
  file: 'core/replica/in-sync-replicas.ts',
  find: "return this.change?.kind === 'expand' ? this.change.wanted : this.current;",
  replace: 'return this.current;',
  why: 'While a replica is taken into sync the watermark does not wait for it, though the controller may count it already.',
  caughtBy: ['INVARIANT COMMITTED-PREFIX', 'LOST-WRITE', 'UNSEEN', 'INCONSISTENT-OFFSET'],
  scenario: { lab: 'replication', id: 'storm' },
};
