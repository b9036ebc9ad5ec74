import { expect, test } from 'vitest';
import { Recorder } from '../history.ts';
import { NodeFaults } from '../node-faults.ts';
import { type Fault, FaultSchedule } from '../plan.ts';
import { openSimTarget } from './sim-target.ts';
import type { Target } from './target.ts';

async function withCluster(brokers: number, body: (target: Target) => Promise<void>): Promise<void> {
  const target = await openSimTarget({ seed: 3, brokers });
  try {
    await target.run(() => body(target));
  } finally {
    await target.close();
  }
}

const sleep = (target: Target, ms: number): Promise<void> =>
  new Promise((resolve) => target.clock.setTimer(ms, resolve));

test('nodes by number: down, up, paused, without power; which one must be said', async () => {
  await withCluster(3, async (target) => {
    expect(target.nodes.map(({ id, isBroker, isController }) => [id, isBroker, isController])).toEqual([
      [1, true, true],
      [2, true, true],
      [3, true, true],
    ]);
    expect(target.bootstrap).toBe('broker-1:9092,broker-2:9092,broker-3:9092');
    await expect(target.killBroker()).rejects.toThrow('which node? nodes: 1, 2, 3');
    await expect(target.killBroker(4)).rejects.toThrow('no node 4; nodes: 1, 2, 3');
    await target.killBroker(2);
    await target.powerCutBroker([1, 3]);
    expect(await target.controller()).toBe(null);
    await Promise.all([1, 2, 3].map((id) => target.startBroker(id)));
    expect(await target.controller()).not.toBe(null);
    await target.stopBroker(1);
    await target.startBroker(1);
    target.pauseBroker(1);
    await target.heal();
    expect(await target.controller()).not.toBe(null);
  });
});

test('a start that waits for others does not outlive a kill, and the next start is a new one', async () => {
  await withCluster(2, async (target) => {
    await target.killBroker(1);
    const first = target.startBroker(1);
    await target.killBroker(1);
    await first;
    await target.startBroker(1);
  });
});

test('a full disk refuses until it has room, and heal starts its broker again', async () => {
  const target = await openSimTarget({ seed: 3 });
  try {
    await target.run(async () => {
      const client = target.app('p1').client('mqlab');
      const admin = await client.admin();
      await admin.createTopic('t', 1);
      const producer = await client.producer();
      expect((await producer.send({ topic: 't', key: 'k', value: 'a' })).outcome).toBe('ok');
      target.fillDisk(1);
      expect((await producer.send({ topic: 't', key: 'k', value: 'b' })).outcome).not.toBe('ok');
      await target.heal();
      const again = await target.app('p2').client('mqlab').producer();
      expect((await again.send({ topic: 't', key: 'k', value: 'c' })).outcome).toBe('ok');
    });
  } finally {
    await target.close();
  }
});

test('faults of nodes fire at whom they name, say whom they hit, and end by themselves', async () => {
  await withCluster(3, async (target) => {
    const recorder = new Recorder(() => target.clock.monotonic());
    const faults: Fault[] = [
      { kind: 'kill-broker', node: 2, at: { ms: 10 }, durationMs: 50 },
      // Down already: it leaves no trace.
      { kind: 'kill-broker', node: 2, at: { ms: 20 }, durationMs: 50 },
      { kind: 'cut-nodes', node: 1, peer: 3, at: { ms: 30 }, durationMs: 20 },
      { kind: 'clock-skew', node: 3, skewMs: -5000, at: { ms: 40 }, durationMs: 20 },
      { kind: 'slow-link', node: 1, at: { ms: 50 }, durationMs: 20, latencyMs: 80 },
      { kind: 'power-cut', node: 'all', at: { ms: 3000 }, durationMs: 30 },
    ];
    const schedule = new FaultSchedule(faults, target, recorder);
    await sleep(target, 6000);
    await schedule.stop();
    expect(recorder.operations.map(({ data }) => data)).toEqual([
      { type: 'fault', kind: 'kill-broker', detail: 'node 2', inFlight: false },
      { type: 'fault', kind: 'cut-nodes', detail: 'node 1 from node 3', inFlight: false },
      { type: 'fault', kind: 'clock-skew', detail: 'node 3', inFlight: false },
      { type: 'fault', kind: 'slow-link', detail: 'node 1 to nodes 2, 3', inFlight: false },
      { type: 'fault', kind: 'power-cut', detail: 'nodes 1, 2, 3', role: 'all', inFlight: false },
    ]);
    await target.heal();
    expect(await target.controller()).not.toBe(null);
  });
});

test('parts are resolved when the fault fires', async () => {
  await withCluster(3, async (target) => {
    const asked = {
      ...target,
      nodes: target.nodes,
      controller: async () => 3,
      partitionOf: async () => ({ leader: 2, leaderEpoch: 0, replicas: [1, 2, 3], inSyncReplicas: [2, 3] }),
    };
    const faults = new NodeFaults(asked as unknown as Target, { topic: 't', partition: 0 });
    const at = { ms: 0 };
    expect(await faults.resolve({ kind: 'kill-broker', node: 'leader', at })).toEqual({ nodes: [2], peers: [] });
    expect(await faults.resolve({ kind: 'kill-broker', node: 'follower', at })).toEqual({ nodes: [3], peers: [] });
    expect(await faults.resolve({ kind: 'kill-broker', node: 'controller', at })).toEqual({ nodes: [3], peers: [] });
    const cut = await faults.resolve({ kind: 'cut-nodes', node: 'leader', peer: 'follower', at });
    expect(cut).toEqual({ nodes: [2], peers: [3] });
    expect(await faults.resolve({ kind: 'cut-nodes', node: 'leader', at })).toEqual({ nodes: [2], peers: [1, 3] });
    expect(await faults.resolve({ kind: 'kill-broker', node: 9, at })).toBe(null);
    const unknown = new NodeFaults(asked as unknown as Target, undefined);
    await expect(unknown.resolve({ kind: 'kill-broker', node: 'leader', at })).rejects.toThrow('names no partition');
  });
});

test('one seed gives one history, and the observer does not change it', async () => {
  const run = async (seed: number, isWatched: boolean): Promise<string> => {
    const target = await openSimTarget({ seed, brokers: 3, ...(isWatched ? { onInvariant: () => {} } : {}) });
    try {
      await target.run(async () => {
        const admin = await target.app('p1').client('mqlab').admin();
        await admin.createTopic('t', 1);
        await target.killBroker(2);
        await target.startBroker(2);
      });
      return (target as unknown as { world: { hash(): string } }).world.hash();
    } finally {
      await target.close();
    }
  };
  const once = await run(1, false);
  expect(await run(1, true)).toBe(once);
  expect(await run(2, false)).not.toBe(once);
});
