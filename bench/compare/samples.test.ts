import { checkRunData, renderReports } from '@mqlab/reports/index.ts';
import { expect, test } from 'vitest';
import { compareRunData } from './report.ts';
import { figuresOf, jsonLine, type Sample } from './samples.ts';
import { loadWorkload } from './workload.ts';

const base = { group: 'g', workload: 'w', metric: 'produce throughput', unit: 'bytes/s', betterIs: 'higher' } as const;
const of = (system: string, values: readonly number[]): Sample[] =>
  values.map((value, pair) => ({ ...base, system, version: '1', pair, value }));

test('the ratio is taken pair by pair, not between medians', () => {
  // Medians 20 and 10; pair by pair 1, 4, 2.
  const samples = [...of('mqlab', [10, 40, 20]), ...of('kafka', [10, 10, 10])];
  const [mqlab, kafka] = figuresOf(samples);
  expect(mqlab).toMatchObject({ system: 'mqlab', median: 20, min: 10, max: 40, pairs: 3, ratioToKafka: 2 });
  expect(kafka).toMatchObject({ system: 'kafka', median: 10, ratioToKafka: 1 });
  const uneven = figuresOf([...of('mqlab', [1, 2, 30]), ...of('kafka', [1, 1, 10])])[0]!;
  expect(uneven.ratioToKafka).toBe(2);
});

test('only rounds that both have are compared, and none is invented', () => {
  const alone = figuresOf(of('mqlab', [5]))[0]!;
  expect(alone).not.toHaveProperty('ratioToKafka');
  const halved = figuresOf([...of('mqlab', [6, 100]), ...of('kafka', [3])])[0]!;
  expect(halved.ratioToKafka).toBe(2);
  const another = figuresOf([...of('mqlab', [6]), ...of('kafka', [3]).map((each) => ({ ...each, workload: 'v' }))])[0]!;
  expect(another).not.toHaveProperty('ratioToKafka');
});

test('the line of --json has the stable keys, in their order', () => {
  const line = jsonLine(figuresOf([...of('mqlab', [4]), ...of('kafka', [2])])[0]!);
  expect(line).toBe(
    '{"workload":"w","metric":"produce throughput","unit":"bytes/s","system":"mqlab","version":"1","median":4,"min":4,"max":4,"pairs":1,"ratioToKafka":2}',
  );
  expect(JSON.parse(jsonLine(figuresOf(of('mqlab', [4]))[0]!)).ratioToKafka).toBeNull();
});

test('run data of a comparison are accepted by the reports, with pictures, and the page says what was skipped', () => {
  const workload = loadWorkload('records-1k');
  const sample = (system: string, metric: string, unit: string, pair: number, value: number): Sample => ({
    ...base,
    workload: workload.name,
    system,
    version: '9',
    metric,
    unit,
    pair,
    value,
  });
  const samples = [0, 1].flatMap((pair) =>
    ['mqlab', 'kafka'].flatMap((system, index) => [
      sample(system, 'produce throughput', 'bytes/s', pair, 4e8 + index * 1e8 + pair),
      ...['p50', 'p99', 'p99.9', 'p99.99'].map((name, at) =>
        sample(system, `end to end ${name} at 50 % of its maximum`, 'ms', pair, 1 + at + index),
      ),
    ]),
  );
  const data = compareRunData({
    machine: { cpu: 'c', cores: 2, memoryBytes: 1e9, kernel: 'k', node: 'v26' },
    startedAt: new Date(0),
    durationMs: 1,
    replay: 'npx mqlab bench compare',
    pairs: 2,
    workloads: [workload],
    systems: [],
    skipped: [{ name: 'rabbitmq-quorum', why: 'it is not installed' }],
    samples,
    failures: [],
    settings: {},
  });
  checkRunData(data, 'the comparison');
  const files = renderReports([data]);
  const page = files.get('bench-compare.md')!;
  expect(page).toContain('rabbitmq-quorum was not measured: it is not installed');
  expect(page).toMatch(/400.MB\/s/);
  expect(Object.keys(data.charts)).toEqual(['produce-throughput', 'latency-records-1k-at-50-of-its-maximum']);
  expect(files.get('charts/bench-compare.produce-throughput.svg')).toContain('<svg');
});
