import type { Mutation } from '../mutation.ts';

export const mutation: Mutation = {
  id: 'sequence-reset-on-retry',
  file: 'core/client/producer/idempotence.ts',
  find: `if (batch.hasSequence) return;
    if (!this.isCurrent(current)) this.begin(current);`,
  replace: `if (batch.hasSequence) this.remove(batch);
    if (!this.isCurrent(current)) this.begin(current);`,
  why: 'The client numbers a batch anew when it sends it again.',
  caughtBy: ['DUPLICATE', 'LIVENESS', 'NONMONOTONIC-SEND'],
  scenario: { lab: 'replication', id: 'storm' },
};
