import { expect, test } from 'vitest';
import type { Commits } from './commits.ts';
import type { GroupCoordinator } from './coordinator.ts';
import { Rebalancer } from './rebalancer.ts';
import type { Signal } from './signal.ts';
import type { SubscribedTopics } from './subscribed-topics.ts';
import { Subscription } from './subscription.ts';

/** Found by lab `replication`, scenario `storm`, plan 627: a member led its group with nothing to assign, and stayed with nothing. */
test('topics that metadata brought while the leader of the group joined call for another join', async () => {
  let rejoins = 0;
  const known = new Map<string, number>();
  const coordinator = {
    isLost: false,
    fatal: null,
    rejoinNeeded: true,
    isJoining: false,
    isMember: false,
    // As the join saw them: no metadata was at hand.
    leaderSnapshot: new Map<string, number>(),
    requestRejoin: () => rejoins++,
    join: async () => {
      coordinator.isJoining = true;
      known.set('orders', 2);
      rebalancer.onMetadata();
      coordinator.isJoining = false;
      coordinator.isMember = true;
      coordinator.rejoinNeeded = false;
      return { partitions: [] };
    },
  };
  const subscription = new Subscription();
  subscription.mode = { kind: 'topics', topics: new Set(['orders']) };
  const rebalancer = new Rebalancer(
    coordinator as unknown as GroupCoordinator,
    [],
    subscription,
    {
      areKnown: true,
      names: () => ['orders'],
      want: () => {},
      differsFrom: (counts: ReadonlyMap<string, number>) => known.get('orders') !== counts.get('orders'),
    } as unknown as SubscribedTopics,
    { restartInterval: () => {} } as unknown as Commits,
    { ring: () => {} } as unknown as Signal,
  );
  await rebalancer.advance(() => true);
  await new Promise<void>((resolve) => {
    setImmediate(resolve);
  });
  expect(rejoins).toBe(0);
  await rebalancer.advance(() => true);
  expect(rejoins).toBe(1);
});
