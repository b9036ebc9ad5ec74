import { fc, test as propertyTest } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import { hitText, type NodeRef } from './node-faults.ts';
import { describeFault, type Fault, type FaultKind, faultsArbitrary } from './plan.ts';

const KINDS: readonly FaultKind[] = [
  'kill-broker',
  'stop-broker',
  'pause-broker',
  'power-cut',
  'cut-nodes',
  'slow-link',
  'clock-skew',
  'fill-disk',
  'crash-app',
];
const NODES: readonly NodeRef[] = [1, 2, 3, 'leader', 'follower', 'controller', 'all'];
const limits = {
  kinds: KINDS,
  apps: ['p1'],
  msMax: 500,
  countMin: 1,
  countMax: 4,
  durationMsMax: 200,
  cluster: { nodes: NODES, peers: [1, 'follower'] as const, directions: ['both', 'out', 'in'] as const },
};

propertyTest.prop([faultsArbitrary(limits)])(
  'faults are JSON, in order, and name only what their kind needs',
  (faults) => {
    expect(JSON.parse(JSON.stringify(faults))).toEqual(faults);
    const times = faults.map(({ at }) => ('ms' in at ? at.ms : -1));
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    for (const fault of faults) {
      expect(fault.app !== undefined).toBe(fault.kind === 'crash-app');
      expect(fault.node !== undefined).toBe(fault.kind !== 'crash-app');
      expect(fault.peer !== undefined).toBe(fault.kind === 'cut-nodes' || fault.kind === 'slow-link');
      expect(fault.skewMs !== undefined).toBe(fault.kind === 'clock-skew');
      expect(describeFault(fault).text).toMatch(/^at \d+ ms: .+ for \d+ ms$/);
    }
  },
);

test('shrinking goes to few faults of the first kind at the first node, early and short', () => {
  const details = fc.check(
    fc.property(faultsArbitrary(limits), (faults) => faults.every(({ kind }) => kind === 'crash-app')),
    { seed: 7 },
  );
  expect(details.counterexample![0]).toEqual([{ kind: 'kill-broker', node: 1, at: { ms: 0 }, durationMs: 1 }]);
});

test('without a cluster the plans of a seed are what they were', () => {
  const { cluster: _, ...single } = limits;
  const faults = fc.sample(faultsArbitrary({ ...single, kinds: ['crash-app', 'kill-broker'] }), {
    seed: 1,
    numRuns: 1,
  });
  expect(faults[0]!.every((fault) => fault.node === undefined)).toBe(true);
});

test('words', () => {
  const text = (fault: Omit<Fault, 'at'>): string => describeFault({ ...fault, at: { ms: 5 } }).text;
  expect(text({ kind: 'kill-broker', node: 'leader', durationMs: 9 })).toBe('at 5 ms: kill the leader for 9 ms');
  expect(text({ kind: 'power-cut', node: 'all' })).toBe('at 5 ms: cut the power of every node');
  expect(text({ kind: 'stop-broker', node: 2 })).toBe('at 5 ms: shut node 2 down');
  expect(text({ kind: 'cut-nodes', node: 'controller' })).toBe('at 5 ms: cut the controller off from all others');
  expect(text({ kind: 'cut-nodes', node: 1, peer: 2, direction: 'out' })).toBe(
    'at 5 ms: lose what node 1 sends to node 2',
  );
  expect(text({ kind: 'cut-nodes', node: 1, direction: 'in' })).toBe('at 5 ms: lose what all others send to node 1');
  expect(text({ kind: 'clock-skew', node: 3, skewMs: -40 })).toBe('at 5 ms: set the clock of node 3 40 ms back');
  expect(text({ kind: 'slow-link', node: 1, peer: 3, latencyMs: 7 })).toBe(
    'at 5 ms: slow the link between node 1 and node 3 by 7 ms',
  );
  expect(text({ kind: 'kill-broker' })).toBe('at 5 ms: kill the broker');
  expect(hitText('cut-nodes', { nodes: [1], peers: [2, 3] })).toBe('node 1 from nodes 2, 3');
  expect(hitText('power-cut', { nodes: [1, 2], peers: [] })).toBe('nodes 1, 2');
});
