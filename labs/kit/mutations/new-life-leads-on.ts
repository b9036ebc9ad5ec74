import type { Mutation } from '../mutation.ts';

export const mutation: Mutation = {
  id: 'new-life-leads-on',
  file: 'core/controller/registration-decisions.ts',
  find: 'isActive: isSameLife && image.isActive(broker.brokerId),',
  replace: 'isActive: true,',
  why: 'A broker that was started again within its session leads and is in sync as if nothing had happened.',
  caughtBy: ['INVARIANT COMMITTED-PREFIX', 'LOST-WRITE', 'UNSEEN', 'INCONSISTENT-OFFSET', 'LIVENESS'],
  scenario: { lab: 'replication', id: 'storm' },
};
