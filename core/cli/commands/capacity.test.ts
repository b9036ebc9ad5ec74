import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { NOTES_INPUTS } from '@mqlab/labs/capacity/inputs.ts';
import { type MeasuredBy, measured } from '@mqlab/labs/capacity/measured-figures.ts';
import { planCapacity } from '@mqlab/labs/capacity/plan.ts';
import { expect, test } from 'vitest';
import { durationSeconds, parseCapacityFlags } from './capacity-inputs.ts';
import { planText } from './capacity-print.ts';

test('numbers and times as people write them', () => {
  expect(parseCapacityFlags({ users: '1e6', retention: '3d', bytes: '1024' }).inputs).toEqual({
    users: 1_000_000,
    retentionSeconds: 259_200,
    recordBytes: 1024,
  });
  expect(parseCapacityFlags({ users: '1,000,000', targetUtilization: '0.5' }).inputs).toEqual({
    users: 1_000_000,
    targetUtilization: 0.5,
  });
  expect(durationSeconds('--retention', '72h')).toBe(durationSeconds('--retention', '3d'));
  expect(durationSeconds('--lag', '1.5m')).toBe(90);
  expect(parseCapacityFlags({}).inputs).toEqual({});
});

test.each([
  [{ users: '-5' }, '--users -5'],
  [{ users: 'many' }, '--users many: a whole number from 1'],
  [{ users: '' }, '--users'],
  [{ users: '1.5' }, 'a whole number'],
  [{ users: '0x10' }, '--users 0x10'],
  [{ users: 'Infinity' }, '--users'],
  [{ bytes: '0' }, '--bytes 0'],
  [{ peakFactor: '0.5' }, '--peak-factor 0.5: a number from 1'],
  [{ targetUtilization: '60' }, '--target-utilization 60: a number from 0.01 to 1'],
  [{ retention: '3' }, 's, m, h, d or w'],
  [{ retention: '3y' }, '--retention 3y'],
  [{ retention: '0d' }, '--retention 0d'],
  [{ retention: '-3d' }, '--retention -3d'],
  [{ compression: 'zip' }, 'none, gzip, snappy, lz4, zstd'],
])('%o is refused by name', (flags, message) => {
  expect(() => parseCapacityFlags(flags)).toThrow(message);
});

const by: MeasuredBy = {
  figures: {
    'record-bytes-1k': { value: 1024, unit: 'bytes', label: 'given' },
    'max-records-1k': measured(200_000, 'records/s'),
    'max-1k': measured(204.8e6, 'bytes/s'),
    'ceiling-1k': measured(400e6, 'bytes/s'),
  },
  machine: { cpu: 'An invented processor', cores: 2, memoryBytes: 2 ** 34, kernel: 'Linux 6', node: 'v26' },
  at: '2026-01-02T03:04:05.000Z',
  command: 'npx mqlab lab run capacity',
};

test.each([80, 100, 120, 200])('the plan fits in %i columns, with a label at every number', (columns) => {
  const text = planText(planCapacity(NOTES_INPUTS, by.figures), by, { columns, color: false });
  const lines = text.split('\n');
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(Math.min(140, columns));
  expect(text).toContain("the load generator's own ceiling");
  expect(text.replaceAll(/\s+/g, ' ')).toContain('2026-01-02 at 03:04 UTC');
  for (const words of ['brokers, by throughput', 'one broker takes']) {
    expect(lines.find((line) => line.includes(words))).toMatch(/(measured|derived|borrowed|given)/);
  }
  expect(text).toContain('missing');
});

const MQLAB = fileURLToPath(new URL('../mqlab.js', import.meta.url));

function mqlab(...args: string[]) {
  return spawnSync(process.execPath, [MQLAB, 'capacity', ...args], { encoding: 'utf8' });
}

test('bad input ends with exit code 2 and a message', () => {
  const folder = mkdtempSync(join(tmpdir(), 'mqlab-capacity-'));
  try {
    const unknown = mqlab('--speed', '5');
    expect([unknown.status, unknown.stderr]).toEqual([2, expect.stringContaining("unknown option '--speed'")]);
    const absent = mqlab('--measured', join(folder, 'no.json'));
    expect([absent.status, absent.stderr]).toEqual([2, expect.stringContaining('there is no such file')]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
