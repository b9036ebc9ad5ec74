import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BenchRunData, benchRunSchema, buildReports } from '@mqlab/reports/index.ts';
import { expect, test } from 'vitest';
import { thisMachine } from '../machine.ts';
import type { ScaleData } from './scale.ts';
import { scaleCharts, scaleResults } from './scale-results.ts';
import type { SpreadSample } from './spread-load.ts';
import type { PartitionsSample } from './starts.ts';

function start(ms: number): PartitionsSample {
  const sample = { readyMs: ms, acknowledgedMs: ms + 10 };
  return {
    clean: sample,
    afterKill: sample,
    idle: { rssBytes: ms * 1e6, cpuPercent: 0, handles: ms },
    recordsLost: 0,
  };
}

function load(bytesPerSecond: number): SpreadSample {
  return {
    bytesPerSecond,
    recordsPerBatch: 16,
    batchesPerRequest: 8,
    failed: 0,
    failure: null,
    serverCpuSecondsPerGb: null,
    clientCpuSecondsPerGb: 1,
    rssBytesPeak: null,
  };
}

const DATA: ScaleData = {
  starts: new Map([
    [0, [start(200)]],
    [1_000, [start(500)]],
    [10_000, [start(2_000)]],
  ]),
  throughput: new Map([
    [64, [load(100e6), load(200e6)]],
    [1_000, [load(90e6), load(200e6)]],
  ]),
  connections: [{ connections: 2_000, bytesPerConnection: 4_000, without: load(100e6), with: load(99e6) }],
};

test('throughput kept is that of the same round; what cannot be seen has no row', () => {
  const results = scaleResults(DATA, { system: 'mqlab', version: '0' });
  const kept = results.filter(({ metric, group }) => metric === 'throughput kept' && group === 'throughput');
  expect(kept.map(({ median, min, max }) => [median, min, max])).toEqual([
    [100, 100, 100],
    [95, 90, 100],
  ]);
  expect(results.some(({ metric }) => metric.startsWith('processor seconds per GB, server'))).toBe(false);
});

test('the plot continues the first two numbers of partitions as a straight line, and the report takes it all', () => {
  const charts = scaleCharts(DATA);
  expect(charts.start).toMatchObject({ type: 'line' });
  const line = charts.start as Extract<(typeof charts)[string], { type: 'line' }>;
  expect(line.series.find(({ line: style }) => style === 'dashed')?.points).toEqual([
    [0, 210],
    [10_000, 3_210],
  ]);
  const run: BenchRunData = {
    schema: benchRunSchema,
    kind: 'load',
    bench: 'scale',
    title: 'Scale',
    about: 'A test.',
    replay: 'npx mqlab bench scale',
    machine: thisMachine(),
    versions: { mqlab: '0' },
    startedAt: new Date(0).toISOString(),
    settings: {},
    figures: {},
    charts,
    tables: {},
    limits: [],
    results: scaleResults(DATA, { system: 'mqlab', version: '0' }),
  };
  const outDir = mkdtempSync(join(tmpdir(), 'mqlab-scale-test-'));
  try {
    buildReports({ runDataDir: join(outDir, 'data'), runs: [run], outDir });
    expect(readFileSync(join(outDir, 'bench-scale.md'), 'utf8')).toContain('10000 partitions');
  } finally {
    rmSync(outDir, { recursive: true, force: true });
  }
});
