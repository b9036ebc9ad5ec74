import type { Mutation } from '../mutation.ts';

export const mutation: Mutation = {
  id: 'follower-takes-produces',
  file: 'core/replica/partition.ts',
  find: 'return this.isLeader ? ErrorCode.NONE : ErrorCode.NOT_LEADER_OR_FOLLOWER;',
  replace: 'return ErrorCode.NONE;',
  why: 'Who does not lead a partition appends for clients all the same.',
  caughtBy: [
    'INVARIANT COMMITTED-PREFIX',
    'LOST-WRITE',
    'UNSEEN',
    'INCONSISTENT-OFFSET',
    'DUPLICATE',
    'INVARIANT HIGH-WATERMARK',
    'NONMONOTONIC-SEND',
    'LIVENESS',
  ],
  scenario: { lab: 'replication', id: 'storm' },
};
