import type { Mutation } from '../mutation.ts';

export const mutation: Mutation = {
  id: 'leader-epoch-not-raised',
  file: 'core/controller/partition-image.ts',
  find: 'leaderEpoch: isNewLeader ? before.leaderEpoch + 1 : before.leaderEpoch,',
  replace: 'leaderEpoch: before.leaderEpoch,',
  why: 'A new leader leads in the epoch of the one before.',
  caughtBy: [
    'INVARIANT ONE-LEADER',
    'LIVENESS',
    'INVARIANT COMMITTED-PREFIX',
    'LOST-WRITE',
    'UNSEEN',
    'INCONSISTENT-OFFSET',
  ],
  scenario: { lab: 'replication', id: 'storm' },
};
