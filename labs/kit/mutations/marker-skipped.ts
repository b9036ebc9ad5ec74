import type { Mutation } from '../mutation.ts';

export const mutation: Mutation = {
  id: 'marker-skipped',
  file: 'core/broker/transactions/cluster-markers.ts',
  find: 'else byLeader.set(found.leader, [...(byLeader.get(found.leader) ?? []), each]);',
  replace:
    'else if (found.leader === this.parts.nodeId) byLeader.set(found.leader, [...(byLeader.get(found.leader) ?? []), each]);',
  why: 'The transaction coordinator writes no markers to partitions that others lead.',
  caughtBy: ['LIVENESS', 'TORN'],
  scenario: { lab: 'replication', id: 'storm' },
};
