import type { Mutation } from '../mutation.ts';

export const mutation: Mutation = {
  id: 'vote-twice',
  file: 'core/quorum/raft-requests.ts',
  find: 'if (votedId >= 0) return votedId === request.candidateId;',
  replace: '',
  why: 'A voter gives its vote to whoever asks, also twice in an epoch.',
  caughtBy: ['INVARIANT ONE-CONTROLLER', 'INVARIANT METADATA-PREFIX'],
  scenario: { lab: 'replication', id: 'storm' },
};
