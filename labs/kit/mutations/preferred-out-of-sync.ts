import type { Mutation } from '../mutation.ts';

export const mutation: Mutation = {
  id: 'preferred-out-of-sync',
  file: 'core/controller/partition-change.ts',
  find: "const first = election === 'preferred' && isClean(replicas[0]!) ? replicas[0] : undefined;",
  replace: "const first = election === 'preferred' && isAble(replicas[0]!) ? replicas[0] : undefined;",
  why: 'A preferred election does not ask whether the preferred replica is in sync.',
  caughtBy: ['LIVENESS', 'INVARIANT COMMITTED-PREFIX', 'LOST-WRITE', 'UNSEEN', 'INCONSISTENT-OFFSET'],
  scenario: { lab: 'replication', id: 'storm' },
};
