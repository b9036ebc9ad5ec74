import { expect, test } from 'vitest';
import { mqlab } from '../peers/mqlab/mqlab.ts';
import type { Peer } from '../peers/peer.ts';
import { runCompare } from './run-compare.ts';
import { loadWorkload } from './workload.ts';

const absent: Peer = {
  ...mqlab,
  name: 'absent',
  find: async () => ({ isThere: false, why: 'it was never made' }),
};
const broken: Peer = {
  ...mqlab,
  name: 'broken',
  start: async () => {
    throw new Error('it does not start');
  },
};

test('a small comparison from end to end: figures, who was skipped, who failed', async () => {
  const skipped: string[] = [];
  const data = await runCompare({
    workloads: [
      {
        ...loadWorkload('records-1k'),
        ...{ systemWarmupMs: 0, warmupMs: 50, measureMs: 200, backlogBytes: 1_000_000 },
        ...{ loadPercents: [], equalRates: [200] },
      },
    ],
    peers: [mqlab, absent, broken],
    pairs: 1,
    quick: true,
    neutral: false,
    replay: 'npx mqlab bench compare',
    progress: () => {},
    onSkipped: ({ name, why }) => skipped.push(`${name}: ${why}`),
  });
  expect(skipped).toEqual(['absent: it was never made']);
  expect(data.limits).toContain('absent was not measured: it was never made');
  expect(data.limits).toContain('records-1k, broken, start: it does not start');
  const metrics = data.results.filter(({ system }) => system === 'mqlab').map(({ metric }) => metric);
  for (const metric of [
    'start to first acknowledged produce',
    'produce throughput',
    'drain throughput',
    'end to end p99 at 200/s',
    'rate reached at 200/s',
  ])
    expect(metrics).toContain(metric);
  for (const { median } of data.results) expect(median).toBeGreaterThanOrEqual(0);
}, 60_000);
