import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { judgeClaims, keptShare } from './conclusions.ts';
import { judged } from './crash.ts';
import { figuresOf, OWN } from './figures.ts';
import type { SystemMeasured } from './measured.ts';

/** Invented figures. */
function system(name: string, more: Partial<SystemMeasured> = {}): SystemMeasured {
  return {
    name,
    title: name,
    version: '1',
    settings: [],
    startMs: 1_000,
    recordsPerSecond: [20_000, 22_000],
    latency: { count: 10, p50Ms: 2, p99Ms: 5, p999Ms: 6, p9999Ms: 7, maxMs: 7 },
    topics: [
      { topics: 64, recordsPerSecond: [100] },
      { topics: 256, recordsPerSecond: [90] },
    ],
    crash: { confirmed: 100, lost: 0, twice: 0 },
    cpuSecondsPerGb: 1,
    rssBytesPeak: 1e8,
    problems: [],
    ...more,
  };
}

const verdictsOf = (...systems: SystemMeasured[]): Record<string, string> =>
  Object.fromEntries(judgeClaims({ systems, absent: [] }).map(({ claim, verdict }) => [claim, verdict]));

test('a product that was not measured leaves its part open', () => {
  expect(verdictsOf(system(OWN))).toEqual({
    C90: 'not measurable here',
    C91: 'not measurable here',
    C92: 'not measurable here',
    C93: 'not measurable here',
  });
  expect(verdictsOf(system(OWN), system('rabbitmq-quorum'))).toMatchObject({ C90: 'inconclusive', C92: 'conditional' });
});

test('a claim is confirmed when each of its products does as it says', () => {
  const hundreds = { recordsPerSecond: [300_000] };
  const all = [
    system('kafka', {
      ...hundreds,
      topics: [
        { topics: 64, recordsPerSecond: [100] },
        { topics: 256, recordsPerSecond: [2] },
      ],
    }),
    system('rocketmq', hundreds),
    system('rabbitmq-classic', { latency: { count: 1, p50Ms: 0.4, p99Ms: 1, p999Ms: 1, p9999Ms: 1, maxMs: 1 } }),
    system('artemis'),
  ];
  expect(verdictsOf(...all)).toEqual({ C90: 'confirmed', C91: 'confirmed', C92: 'confirmed', C93: 'confirmed' });
});

test('Kafka that keeps its throughput, and a loss, speak against the claims', () => {
  const all = ['kafka', 'rocketmq', 'rabbitmq-quorum', 'artemis'].map((name) => system(name));
  const lossy = all.map((each) =>
    each.name === 'artemis' ? { ...each, crash: { confirmed: 10, lost: 1, twice: 0 } } : each,
  );
  expect(verdictsOf(...lossy)).toMatchObject({ C91: 'conditional', C93: 'conditional' });
});

test('what is kept is told by the ends, whatever could not be measured between', () => {
  const topics = [
    { topics: 1, recordsPerSecond: [200, 100, 300] },
    { topics: 64, recordsPerSecond: [] },
    { topics: 256, recordsPerSecond: [50] },
  ];
  expect(keptShare(system('kafka', { topics }))).toEqual({ from: 1, to: 256, kept: 0.25 });
  expect(keptShare(system('kafka', { topics: topics.slice(0, 2) }))).toBeNull();
});

test('a duplicate hides no loss, and what was never confirmed is not missed', () => {
  const seen = new Map([
    ['a', 1],
    ['b', 2],
    ['unconfirmed', 1],
  ]);
  expect(judged(new Set(['a', 'b', 'c']), seen)).toEqual({ confirmed: 3, lost: 1, twice: 1 });
});

test('the words name figures that every run has', () => {
  const figures = figuresOf({ systems: [system(OWN)], absent: [] });
  const text = readFileSync(new URL('./text.en.md', import.meta.url), 'utf8');
  for (const [, name] of text.matchAll(/\{\{figure:([\w-]+)/g)) expect(Object.keys(figures)).toContain(name);
  expect(text).not.toContain('undefined');
});
