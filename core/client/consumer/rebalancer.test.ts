import { expect, test } from 'vitest';
import type { Commits } from './commits.ts';
import type { GroupCoordinator } from './coordinator.ts';
import { Rebalancer } from './rebalancer.ts';
import type { Signal } from './signal.ts';
import type { SubscribedTopics } from './subscribed-topics.ts';
import type { Subscription } from './subscription.ts';

test('a topic that metadata learns of while its leader joins is not forgotten: the group joins again', async () => {
  /** What metadata knows: nothing when the leader assigns, everything when it has joined. */
  const known = new Map<string, number>();
  let isJoining = false;
  let rejoins = 0;
  const coordinator = {
    isLost: false,
    fatal: null,
    rejoinNeeded: true,
    isMember: true,
    get isJoining() {
      return isJoining;
    },
    leaderSnapshot: new Map<string, number>(),
    requestRejoin: () => rejoins++,
    join: async () => {
      isJoining = true;
      const assigned = { partitions: [] };
      known.set('t', 2);
      rebalancer.onMetadata();
      isJoining = false;
      coordinator.rejoinNeeded = false;
      return assigned;
    },
  };
  const topics = {
    areKnown: true,
    names: () => ['t'],
    want: () => {},
    differsFrom: (counts: ReadonlyMap<string, number>) => known.get('t') !== counts.get('t'),
  };
  const subscription = {
    mode: { kind: 'topics', topics: new Set(['t']) },
    isAutomatic: true,
    assigned: [],
    assign: () => {},
    listener: {},
  };
  const rebalancer = new Rebalancer(
    coordinator as unknown as GroupCoordinator,
    [],
    subscription as unknown as Subscription,
    topics as unknown as SubscribedTopics,
    { restartInterval: () => {} } as unknown as Commits,
    { ring: () => {} } as unknown as Signal,
  );
  await rebalancer.advance(() => true);
  await Promise.resolve();
  expect(rejoins).toBe(0);
  await rebalancer.advance(() => true);
  expect(rejoins).toBe(1);
});
