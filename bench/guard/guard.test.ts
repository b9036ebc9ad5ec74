import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ratiosOf } from './guard.ts';
import { checkOut, resolveRevision } from './revision.ts';

test('above 1 is better, whichever way the metric goes, pair by pair', () => {
  const round = (rate: number, ms: number) =>
    ({ rate: { value: rate, betterIs: 'higher' }, ms: { value: ms, betterIs: 'lower' } }) as const;
  const rounds = [
    { here: round(20, 1), there: round(10, 2) },
    { here: round(30, 4), there: round(10, 2) },
    { here: round(10, 2), there: round(10, 2) },
  ];
  expect(ratiosOf(rounds)).toEqual([
    { what: 'rate', ratio: { median: 2, min: 1, max: 3, samples: 3 } },
    { what: 'ms', ratio: { median: 1, min: 0.5, max: 2, samples: 3 } },
  ]);
});

test('a revision that is none is told; one that is there is checked out beside, and goes away again', (context) => {
  expect(resolveRevision('no-such-branch')).toBeNull();
  expect(resolveRevision('--all')).toBeNull();
  const commit = resolveRevision('HEAD');
  if (commit === null) return context.skip('this is no git repository');
  const revision = checkOut(commit);
  try {
    expect(existsSync(join(revision.directory, 'core/cli/mqlab.js'))).toBe(true);
    expect(existsSync(join(revision.directory, 'node_modules/@mqlab/core/package.json'))).toBe(true);
    expect(existsSync(join(revision.directory, 'node_modules/koffi/package.json'))).toBe(true);
  } finally {
    revision.remove();
  }
  expect(existsSync(revision.directory)).toBe(false);
});
