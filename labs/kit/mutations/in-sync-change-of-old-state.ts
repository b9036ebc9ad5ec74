import type { Mutation } from '../mutation.ts';

export const mutation: Mutation = {
  id: 'in-sync-change-of-old-state',
  file: 'core/controller/alter-partition-decisions.ts',
  find: 'if (wanted.partitionEpoch < before.partitionEpoch) return ErrorCode.INVALID_UPDATE_VERSION;',
  replace: '',
  why: 'The controller carries out a change of the in-sync replicas that was asked for in an older state of the partition.',
  caughtBy: ['INVARIANT COMMITTED-PREFIX', 'LOST-WRITE', 'UNSEEN', 'INCONSISTENT-OFFSET', 'LIVENESS'],
  scenario: { lab: 'replication', id: 'storm' },
};
