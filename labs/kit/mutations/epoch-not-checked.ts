import type { Mutation } from '../mutation.ts';

export const mutation: Mutation = {
  id: 'epoch-not-checked',
  file: 'core/replica/partition.ts',
  find: 'if (currentLeaderEpoch < 0 || currentLeaderEpoch === this.leaderEpoch) return ErrorCode.NONE;',
  replace: 'if (currentLeaderEpoch < 0 || currentLeaderEpoch >= 0) return ErrorCode.NONE;',
  why: 'A follower or consumer of another epoch is served, and what it asks for counts as what it has.',
  caughtBy: ['INVARIANT COMMITTED-PREFIX', 'LOST-WRITE', 'UNSEEN', 'INCONSISTENT-OFFSET', 'INVARIANT HIGH-WATERMARK'],
  scenario: { lab: 'replication', id: 'storm' },
};
