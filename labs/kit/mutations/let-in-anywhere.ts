import type { Mutation } from '../mutation.ts';

export const mutation: Mutation = {
  id: 'let-in-anywhere',
  file: 'core/replica/leader-state.ts',
  find: 'const hasAll = follower.logEndOffset >= highWatermark && follower.logEndOffset >= this.epochStartOffset;',
  replace: 'const hasAll = follower.logEndOffset >= 0;',
  why: 'A follower comes into sync wherever its log ends.',
  caughtBy: ['INVARIANT COMMITTED-PREFIX', 'LOST-WRITE', 'UNSEEN', 'INCONSISTENT-OFFSET'],
  scenario: { lab: 'replication', id: 'storm' },
};
