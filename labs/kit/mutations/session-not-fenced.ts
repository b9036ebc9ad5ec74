import type { Mutation } from '../mutation.ts';

export const mutation: Mutation = {
  id: 'session-not-fenced',
  file: 'core/controller/registration-decisions.ts',
  find: 'if (existing !== undefined && hasSession && existing.incarnationId !== broker.incarnationId) {',
  replace: 'if (existing === undefined && hasSession) {',
  why: 'A second life of a broker is let in while the session of the first still runs.',
  caughtBy: ['INVARIANT COMMITTED-PREFIX', 'LOST-WRITE', 'UNSEEN', 'INCONSISTENT-OFFSET', 'LIVENESS'],
  scenario: { lab: 'replication', id: 'storm' },
};
