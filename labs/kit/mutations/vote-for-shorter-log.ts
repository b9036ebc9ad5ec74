import type { Mutation } from '../mutation.ts';

export const mutation: Mutation = {
  id: 'vote-for-shorter-log',
  file: 'core/quorum/raft-log.ts',
  find: 'return other.epoch > log.lastEpoch || (other.epoch === log.lastEpoch && other.offset >= log.endOffset);',
  replace: 'return other.epoch >= 0;',
  why: 'A voter does not ask whether the candidate has what it has itself.',
  caughtBy: ['INVARIANT METADATA-PREFIX', 'INVARIANT METADATA-HIGH-WATERMARK', 'LIVENESS'],
  scenario: { lab: 'replication', id: 'storm' },
};
