import { expect, test } from 'vitest';
import type { Log } from '../log/log.ts';
import { DEFAULT_LOG_CONFIG } from '../log/log-config.ts';
import { SimWorld } from '../ports/sim/world.ts';
import type { Leadership } from './leadership.ts';
import type { Partition } from './partition.ts';
import { ReplicaManager, type ReplicaToHold } from './replica-manager.ts';
import { append, leadershipOf, newLog, TestContext } from './test/fixture.ts';

function setUp(nodeId = 1) {
  const world = new SimWorld({ seed: 1 });
  const { clock } = world.process('a').ports;
  const context = new TestContext(nodeId);
  const calls: string[] = [];
  const removed: Log[] = [];
  const logged = (what: string) => (partition: Partition) =>
    void calls.push(`${what} ${partition.partition} of ${partition.leader}`);
  const manager = new ReplicaManager(
    nodeId,
    {
      open: (_topic, partition) => newLog({}, new SimWorld({ seed: partition })),
      remove: (log) => void removed.push(log),
    },
    {
      ...context,
      clock,
      fetchers: { follow: logged('follow'), unfollow: logged('unfollow'), close: () => void calls.push('close') },
      brokerEpoch: context.brokerEpoch,
      lagTimeMaxMs: () => 1000,
      onProblem: context.onProblem,
    },
  );
  const hold = (partition: number, changes: Partial<Leadership>) => {
    const replica: ReplicaToHold = { ...leadershipOf(changes), partition, directoryId: '' };
    calls.length = 0;
    return manager.hold('t', 'id', [replica], DEFAULT_LOG_CONFIG);
  };
  return { world, context, manager, calls, removed, hold };
}

test('a partition is followed while another broker leads it, and only then', () => {
  const { manager, calls, hold } = setUp();
  expect(hold(0, { leader: 2 }).opened).toHaveLength(1);
  expect(calls).toEqual(['follow 0 of 2']);
  const elected = hold(0, { leader: 1, leaderEpoch: 2, partitionEpoch: 2 });
  expect(elected).toMatchObject({ opened: [], resigned: [], removed: [] });
  expect(elected.elected.map(({ partition }) => partition)).toEqual([0]);
  expect(calls).toEqual(['unfollow 0 of 1']);
  expect(hold(0, { leader: 3, leaderEpoch: 3, partitionEpoch: 3 }).resigned).toHaveLength(1);
  expect(calls).toEqual(['follow 0 of 3']);
  hold(0, { leader: -1, leaderEpoch: 4, partitionEpoch: 4 });
  expect(calls).toEqual(['unfollow 0 of -1']);
  expect(manager.leaderCount).toBe(0);
});

test('a partition that is reassigned to others goes with its log; one of others is not held', () => {
  const { manager, calls, removed, hold } = setUp();
  hold(0, { leader: 1 });
  const partition = manager.partition('t', 0)!;
  const change = hold(0, { leader: 2, leaderEpoch: 2, partitionEpoch: 2, replicas: [2, 3] });
  expect(change.removed).toEqual([partition]);
  expect(change.resigned).toEqual([partition]);
  expect(calls).toEqual(['unfollow 0 of 1']);
  expect(removed).toEqual([partition.log]);
  expect(manager.partition('t', 0)).toBeUndefined();
  expect(partition.inspect().role).toBe('deleted');
  expect(hold(1, { replicas: [2, 3] })).toEqual({ opened: [], elected: [], resigned: [], removed: [] });
  expect([...manager.all()]).toEqual([]);
});

test('a topic that is gone is not followed any more', () => {
  const { manager, calls, removed, hold } = setUp();
  hold(0, { leader: 2 });
  hold(1, { leader: 1 });
  calls.length = 0;
  manager.drop('t');
  expect(calls).toEqual(['unfollow 0 of 2', 'unfollow 1 of 1']);
  expect(removed).toHaveLength(2);
});

test('replicas that do not keep up are looked for every half of their time', async () => {
  const { world, context, manager, calls, hold } = setUp();
  hold(0, { leader: 1 });
  append(manager.partition('t', 0)!, 1);
  context.live.clear();
  await world.run({ untilTimeMs: 400 });
  expect(context.asked).toEqual([]);
  await world.run({ untilTimeMs: 3000 });
  expect(context.take().change.inSyncReplicas.map(({ brokerId }) => brokerId)).toEqual([1]);
  manager.close();
  expect(calls.at(-1)).toBe('close');
  expect((await world.run()).reason).toBe('empty');
});

test('what is to be told of partitions: under-replicated, below min.insync.replicas, offline', () => {
  const { manager, hold } = setUp();
  hold(0, { leader: 1 });
  hold(1, { leader: 1, inSyncReplicas: [1] });
  hold(2, { leader: 2, inSyncReplicas: [2] });
  hold(3, { leader: 1, inSyncReplicas: [1, 2] });
  manager.reconfigure('t', { ...DEFAULT_LOG_CONFIG, minInSyncReplicas: 2 });
  manager.partition('t', 2)!.log.takeOffline('a test');
  const { leaderCount, underReplicatedCount, underMinInSyncCount, offlineCount } = manager;
  expect({ leaderCount, underReplicatedCount, underMinInSyncCount, offlineCount }).toEqual({
    leaderCount: 3,
    underReplicatedCount: 2,
    underMinInSyncCount: 1,
    offlineCount: 1,
  });
});
