import type { Mutation } from '../mutation.ts';

export const mutation: Mutation = {
  id: 'deposed-leader-leads',
  file: 'core/replica/partition.ts',
  find: 'const isLeader = leadership.leader === this.context.nodeId;',
  replace: 'const isLeader = leadership.leader === this.context.nodeId || this.leading !== null;',
  why: 'A leader that hears of its successor goes on leading, in the successor’s epoch.',
  caughtBy: ['INVARIANT ONE-LEADER'],
  scenario: { lab: 'replication', id: 'storm' },
};
