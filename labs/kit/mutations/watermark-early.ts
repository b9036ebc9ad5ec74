import type { Mutation } from '../mutation.ts';

export const mutation: Mutation = {
  id: 'watermark-early',
  file: 'core/replica/leader-state.ts',
  find: 'if (follower.logEndOffset >= offset) continue;',
  replace: 'if (follower.logEndOffset >= -1) continue;',
  why: 'The high watermark is the end of the leader’s own log, whoever else has it.',
  caughtBy: ['INVARIANT COMMITTED-PREFIX', 'LOST-WRITE', 'UNSEEN', 'INCONSISTENT-OFFSET'],
  scenario: { lab: 'replication', id: 'storm' },
};
