import type { Mutation } from '../mutation.ts';

export const mutation: Mutation = {
  id: 'short-of-replicas',
  file: 'core/replica/partition.ts',
  find: 'if (leading === null || this.isDeleted || this.isUnderMinInSync) return;',
  replace: 'if (leading === null || this.isDeleted) return;',
  why: 'The watermark advances while fewer than min.insync.replicas are in sync (before KIP-966).',
  caughtBy: ['INVARIANT COMMITTED-PREFIX', 'LOST-WRITE', 'UNSEEN', 'INCONSISTENT-OFFSET'],
  scenario: { lab: 'replication', id: 'storm' },
};
