import type { Mutation } from '../mutation.ts';

export const mutation: Mutation = {
  id: 'former-self-counts',
  file: 'core/replica/partition.ts',
  find: 'const isFormerSelf = brokerEpoch !== -1 && liveEpoch !== null && liveEpoch > brokerEpoch;',
  replace: 'const isFormerSelf = brokerEpoch === -2 && liveEpoch === null;',
  why: 'A fetch of a broker’s earlier life counts for the present one (KIP-903).',
  caughtBy: ['INVARIANT COMMITTED-PREFIX', 'LOST-WRITE', 'UNSEEN', 'INCONSISTENT-OFFSET'],
  scenario: { lab: 'replication', id: 'storm' },
};
