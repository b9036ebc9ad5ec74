import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadWorkload, parseCompareWorkload, shortened, workloadNames } from './workload.ts';

const base = loadWorkload('records-1k');

test('every workload of the room is complete, and named as its file', () => {
  expect(workloadNames()).toContain('steady-10k');
  for (const name of workloadNames()) expect(loadWorkload(name).name).toBe(name);
});

test('a wrong property is refused by its name, with what is allowed', () => {
  const refused = (change: Readonly<Record<string, unknown>>): string => {
    try {
      parseCompareWorkload({ ...base, ...change }, 'x');
    } catch (error) {
      expect((error as Error).name).toBe('WorkloadError');
      return (error as Error).message;
    }
    return 'taken';
  };
  expect(refused({})).toBe('taken');
  expect(refused({ acks: '2' })).toBe('x: acks "2"; allowed: "0", "1", "all"');
  expect(refused({ keys: 'mine' })).toBe('x: keys "mine"; allowed: "none", "round-robin", "random"');
  expect(refused({ recordsPerSecond: 0 })).toMatch(/^x: recordsPerSecond 0; allowed: .*or "max"$/);
  expect(refused({ loadPercents: [50, 101] })).toMatch(/^x: loadPercents \[50,101\]; allowed: a list/);
  expect(refused({ replicationFactor: 3 })).toBe('x: replicationFactor 3; allowed: a whole number from 1 to 1');
  expect(refused({ flushBeforeAck: 'yes' })).toBe('x: flushBeforeAck "yes"; allowed: true, false');
  expect(refused({ colour: 1 })).toMatch(/^x: unknown property colour; known: name, /);
  expect(refused({ topics: 10_000, partitions: 10_000 })).toBe(
    'x: topics × partitions is 100000000; allowed: at most 20000',
  );
  expect(refused({ recordsPerSecond: 100 })).toMatch(/^x: loadPercents are shares of a maximum/);
});

test('what is missing is named, and so is a file that is none', () => {
  const { acks: _acks, ...without } = base;
  expect(() => parseCompareWorkload(without, 'x')).toThrow('x: acks is missing; allowed: "0", "1", "all"');
  expect(() => parseCompareWorkload([], 'x')).toThrow('x: a workload is an object');
  expect(() => loadWorkload('nothing')).toThrow(/^workload nothing: no such file; allowed: a file, or /);
  const directory = mkdtempSync(join(tmpdir(), 'mqlab-workload-'));
  try {
    const file = join(directory, 'own.json');
    writeFileSync(file, JSON.stringify({ ...base, name: 'own' }));
    expect(loadWorkload(file).name).toBe('own');
    writeFileSync(file, '{');
    expect(() => loadWorkload(file)).toThrow(/own\.json: .*; allowed: a JSON object$/);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

test('a shortened workload is a workload', () => {
  const short = shortened(base);
  expect(parseCompareWorkload(short, 'x')).toEqual(short);
  expect(short.measureMs).toBeLessThan(base.measureMs);
});
