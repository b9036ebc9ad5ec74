import type { Mutation } from '../mutation.ts';

export const mutation: Mutation = {
  id: 'reassigned-too-early',
  file: 'core/controller/partition-change.ts',
  find: 'if (staying.length === 0 || !staying.every((id) => isr.includes(id))) return assignment;',
  replace: 'if (staying.length === 0) return assignment;',
  why: 'A reassignment is complete before the new replicas are in sync.',
  caughtBy: ['INVARIANT COMMITTED-PREFIX', 'LOST-WRITE', 'UNSEEN', 'INCONSISTENT-OFFSET', 'LIVENESS'],
  scenario: { lab: 'replication', id: 'storm' },
};
