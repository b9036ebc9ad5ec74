import type { Mutation } from '../mutation.ts';

export const mutation: Mutation = {
  id: 'coordinator-answers-early',
  file: 'core/broker/coordinator-log.ts',
  find: 'return this.wait(result.lastOffset + 1);',
  replace: 'return COMMITTED_AT_ONCE;',
  why: 'Coordinators answer when their own log has a record, before it is committed.',
  caughtBy: ['POLL-SKIP', 'COMMIT-MONOTONIC', 'TORN', 'ABORTED-READ', 'COMMIT-SAFE', 'LIVENESS'],
  scenario: { lab: 'replication', id: 'storm' },
};
