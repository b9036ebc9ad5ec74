/** The loader: every problem with its path, nothing half right let through. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { checkRunData, parseRunData, RunDataError, readRunDataDir, writeRunData } from './load-run-data.ts';
import type { LabRunData } from './run-data.ts';
import { microRun, orderingRun } from './test/fixture.ts';

// biome-ignore lint/suspicious/noExplicitAny: the tests break checked data on purpose
type Loose = Record<string, any>;

function problemsOf(change: (run: Loose) => void, from: object = orderingRun): readonly string[] {
  const run = structuredClone(from) as Loose;
  change(run);
  try {
    checkRunData(run);
    return [];
  } catch (error) {
    if (error instanceof RunDataError) return error.problems;
    throw error;
  }
}

test('good data pass, and survive a file', () => {
  const directory = mkdtempSync(join(tmpdir(), 'mqlab-data-'));
  try {
    writeRunData(directory, orderingRun);
    writeRunData(directory, microRun);
    expect(readRunDataDir(directory)).toEqual([microRun, orderingRun]);
    writeFileSync(join(directory, 'broken.json'), '{"schema":');
    expect(() => readRunDataDir(directory)).toThrow(/broken\.json is not run data:\n {2}- not JSON/);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('a foreign or newer schema is refused', () => {
  expect(() => parseRunData('{"schema":"mqlab.lab-run/9"}')).toThrow(
    'run.schema: expected mqlab.lab-run/1 or mqlab.bench-run/1, got "mqlab.lab-run/9"',
  );
  expect(() => parseRunData('[]')).toThrow('got nothing');
});

test('shape: path, expectation and what was there', () => {
  expect(problemsOf((run) => (run.verdicts[1].runs = 'many'))).toEqual([
    'run.verdicts[1].runs: expected a whole number of at least 0, got "many"',
  ]);
  expect(problemsOf((run) => (run.figures['p99.after'].value = Number.NaN))).toHaveLength(1);
  expect(problemsOf((run) => (run.figures['p99.after'].label = 'guessed'))[0]).toContain(
    'measured | derived | borrowed | given',
  );
  expect(problemsOf((run) => (run.figures['p99.after'].sampels = 3))[0]).toContain(
    'unknown property; allowed: value, unit',
  );
  expect(problemsOf((run) => delete run.machine.cpu)).toEqual([
    'run.machine.cpu: expected a non-empty string, got nothing',
  ]);
  expect(problemsOf((run) => (run.lab = '../etc'))[0]).toContain('run.lab: expected lower case letters');
  expect(problemsOf((run) => (run.charts.drain.type = 'pie'))[0]).toContain(
    'run.charts.drain.type: expected one of line',
  );
  expect(problemsOf((run) => run.witnesses.order.story.push('six'))[0]).toContain('at most 5 entries, got 6');
  expect(problemsOf((run) => (run.results[0].median = null), microRun)).toHaveLength(1);
});

test('all problems are told together', () => {
  const problems = problemsOf((run) => {
    run.title = '';
    run.startedAt = 'yesterday';
    run.verdicts[0].verdict = 'green';
  });
  expect(problems).toHaveLength(3);
});

test('references: claims, figures, lanes, sizes', () => {
  expect(problemsOf((run) => (run.verdicts[0].claim = 'C01'))).toEqual([
    'run.verdicts[0].claim: C01 is not among run.claims',
  ]);
  expect(problemsOf((run) => (run.verdicts[1].claimVerdict = 'refuted'))[0]).toContain(
    'C74 is already confirmed, now refuted',
  );
  expect(problemsOf((run) => (run.price[0].after = 'nope'))[0]).toContain(
    'no figure named "nope"; figures: throughput.before',
  );
  expect(problemsOf((run) => (run.tables.policies.rows[0][3].figure = 'nope'))[0]).toContain('no figure named "nope"');
  expect(problemsOf((run) => run.tables.policies.rows[0].pop())[0]).toContain('4 columns, got 3 cells');
  expect(problemsOf((run) => (run.witnesses.order.events[0].process = 'ghost'))[0]).toContain(
    'process "ghost" has no lane',
  );
  expect(problemsOf((run) => run.charts.throughput.series[0].values.pop())[0]).toContain('4 categories, 3 values');
  expect(problemsOf((run) => (run.charts.ownership.bars[0].row = 9))[0]).toContain('index 9 of 4');
});

test('what is written is checked first', () => {
  const wrong = { ...orderingRun, title: '' } as LabRunData;
  expect(() => writeRunData(tmpdir(), wrong)).toThrow('run.title');
});
