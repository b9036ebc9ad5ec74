import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { judgeClaims } from './conclusions.ts';
import { judged } from './crash.ts';
import { figuresOf, OWN } from './figures.ts';
import { keptBetween, keptOfFewest } from './kept.ts';
import type { SystemMeasured, TopicsMeasured } from './measured.ts';
import { comparisonTable, settingsTable } from './pictures.ts';
import { measureTopics, type Place } from './topics.ts';

function size(topics: number, recordsPerSecond: readonly number[], missed: string | null = null): TopicsMeasured {
  return { topics, recordsPerSecond, missed };
}

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
    topics: [size(64, [100]), size(256, [90]), size(1_000, [80])],
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
      topics: [size(64, [100]), size(256, [2])],
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

/** Kept shares in % at 256 and 1,000 topics, of 64; null: that size was not reached. */
function keeps(name: string, at256: number | null, at1000: number | null): SystemMeasured {
  const at = (topics: number, percent: number | null): TopicsMeasured =>
    percent === null ? size(topics, [], 'not done in 90 s') : size(topics, [percent, percent, percent]);
  return system(name, { topics: [size(64, [100, 100, 100]), at(256, at256), at(1_000, at1000)] });
}

test.each([
  // Kafka is judged at 256, RocketMQ at 1,000 topics, whatever the other sizes show.
  ['each as it is said', [keeps('kafka', 2, 90), keeps('rocketmq', 30, 84)], 'confirmed'],
  ['Kafka falls at 1,000 alone', [keeps('kafka', 87, 0.6), keeps('rocketmq', 90, 84)], 'conditional'],
  ['RocketMQ falls after 256', [keeps('kafka', 40, 2), keeps('rocketmq', 95, 60)], 'conditional'],
  ['neither', [keeps('kafka', 87, 80), keeps('rocketmq', 95, 60)], 'refuted'],
  ['the borders', [keeps('kafka', 50, 1), keeps('rocketmq', 90, 80)], 'confirmed'],
  ['RocketMQ is not there, Kafka falls', [keeps('kafka', 2, 1)], 'inconclusive'],
  ['RocketMQ is not there, Kafka does not fall', [keeps('kafka', 87, 1)], 'conditional'],
  ['Kafka not at 256', [keeps('kafka', null, 1), keeps('rocketmq', 95, 84)], 'inconclusive'],
  ['Kafka not at 1,000, which nobody asks', [keeps('kafka', 2, null), keeps('rocketmq', 95, 84)], 'confirmed'],
  ['RocketMQ not at 1,000', [keeps('kafka', 2, 1), keeps('rocketmq', 95, null)], 'inconclusive'],
  ['neither at its size', [keeps('kafka', null, 1), keeps('rocketmq', 95, null)], 'inconclusive'],
  ['neither is there', [keeps(OWN, 95, 90)], 'not measurable here'],
] as const)('many topics: %s', (_name, systems, verdict) => {
  expect(verdictsOf(...systems).C91).toBe(verdict);
});

const topicsJudged = (...systems: SystemMeasured[]) =>
  judgeClaims({ systems, absent: [] }).find(({ claim }) => claim === 'C91')!;

test('the scope of many topics says the range, the spread, and what was not reached and why', () => {
  const kafka = system('kafka', {
    topics: [size(64, [100, 100, 200]), size(256, [90, 70, 150]), size(1_000, [1, 1, 1])],
  });
  const both = topicsJudged(kafka, keeps('rocketmq', 95, null));
  expect(both).toMatchObject({ isMeasured: true, runs: 15 });
  expect(both.scope.replaceAll('\u00a0', ' ')).toBe(
    "Total throughput over 64, 256 and 1,000 topics of 8 partitions, a round's windows set against each other: " +
      'kafka keeps 75 % (70–90, n = 3) from 64 to 256 topics; ' +
      'rocketmq was not measured from 64 to 1,000 topics (1,000: not done in 90 s).',
  );
});

test('sizes outside the range of the claim decide nothing', () => {
  const few = [size(8, [100, 100, 100]), size(64, [10, 10, 10])];
  const quick = topicsJudged(system(OWN, { topics: few }));
  expect(quick).toMatchObject({ verdict: 'not measurable here', isMeasured: false });
  expect(quick.scope).toContain('over 8 and 64 topics of 8 partitions');
  expect(quick.scope).toContain('Kafka was not measured from 64 to 256 topics; RocketMQ was not measured from 64 to');
  const fewer = topicsJudged(system('kafka', { topics: few }), system('rocketmq', { topics: few }));
  expect(fewer).toMatchObject({ verdict: 'inconclusive', isMeasured: false });
  expect(fewer.scope).toContain('kafka was not measured from 64 to 256 topics (no server had 256)');
});

test('what is kept is taken within a round; a size that was missed has no share', () => {
  const topics = [
    size(1, [200, 100, 400]),
    size(64, [100], 'fell out'),
    size(256, [50, 50, 100]),
    size(512, [0, 0, 0]),
  ];
  const kafka = system('kafka', { topics });
  const share = { median: 0.25, min: 0.25, max: 0.5, samples: 3 };
  expect(keptBetween(kafka, 1, 256)).toEqual({ from: 1, to: 256, share });
  expect(keptBetween(kafka, 1, 64)).toBeNull();
  expect(keptBetween(kafka, 512, 256)).toBeNull();
  expect(keptOfFewest(kafka).map(({ to, share: { median } }) => [to, median])).toEqual([
    [256, 0.25],
    [512, 0],
  ]);
  expect(keptOfFewest(system('kafka', { topics: topics.slice(0, 2) }))).toEqual([]);
  expect(keptOfFewest(system('kafka', { topics: [] }))).toEqual([]);
});

test('other sizes are figures, and a size that was missed is named in the tables', () => {
  const taken = { systems: [keeps(OWN, 95, 90), keeps('kafka', 87, null)], absent: [] };
  const figures = figuresOf(taken);
  expect(figures['kept-mqlab-1000']).toMatchObject({ value: 90, min: 90, max: 90, samples: 3 });
  expect(figures['kept-kafka-256']!.value).toBe(87);
  expect(figures['kept-kafka-1000']).toBeUndefined();
  expect(figures['claim-kafka-to']!.value).toBe(256);
  const text = (table: object): string => JSON.stringify(table).replaceAll('\u00a0', ' ');
  expect(text(comparisonTable(taken))).toContain('64 → 256: 87 % (87–87, n = 3); 1000: not reached');
  expect(text(settingsTable(taken))).toContain('problem: 1000 topics: not done in 90 s');
});

/** A place whose windows take as long, and carry as much, as its size says. */
class ToyPlace implements Place {
  readonly count: number;
  readonly log: string[];
  readonly prepare: () => Promise<void>;

  constructor(count: number, log: string[], prepare: () => Promise<void> = async () => {}) {
    this.count = count;
    this.log = log;
    this.prepare = prepare;
  }

  async window(): Promise<number> {
    this.log.push(`${this.count}`);
    if (this.count === 13 && this.log.length > 4) throw new Error('refused\nat length');
    if (this.count === 99) await new Promise((resolve) => setTimeout(resolve, 60_000).unref());
    return this.count;
  }

  async close(): Promise<void> {
    this.log.push(`end ${this.count}`);
  }
}

const BOUNDS = { rounds: 3, readyMsMax: 5_000, windowMsMax: 100 };

test('sizes take turns, up and down; one that fails in a window is out, the others go on', async () => {
  const log: string[] = [];
  const taken = await measureTopics(
    { ...BOUNDS, sizes: [8, 13, 64] },
    async (count) => new ToyPlace(count, log),
    () => {},
  );
  expect(log.join(' ')).toBe('8 13 64 64 13 end 13 8 8 64 end 8 end 64');
  expect(taken).toEqual([size(8, [8, 8, 8]), size(13, [13], 'refused'), size(64, [64, 64, 64])]);
});

test('a size that is late is not reached, and its server ends, even one that starts after all', async () => {
  const log: string[] = [];
  const slow = Promise.withResolvers<void>();
  const taken = await measureTopics(
    { ...BOUNDS, readyMsMax: 500, sizes: [8, 99, 256, 1_000] },
    async (count) => {
      if (count === 256) await slow.promise;
      return new ToyPlace(count, log);
    },
    () => {},
  );
  expect(taken.map(({ topics, recordsPerSecond }) => [topics, recordsPerSecond.length])).toEqual([
    [8, 3],
    [99, 0],
    [256, 0],
    [1_000, 0],
  ]);
  const late = 'not ready 0.5 s after the first of the sizes was begun';
  expect(taken.map(({ missed }) => missed)).toEqual([null, 'not done in 0.1 s', late, late]);
  slow.resolve();
  await new Promise(setImmediate);
  expect(log.filter((line) => line.startsWith('end')).sort()).toEqual(['end 256', 'end 8', 'end 99']);
});

test('a server that cannot make its topics in time ends, and one that does not start says why', async () => {
  const log: string[] = [];
  const never = () => new Promise<void>(() => {});
  const taken = await measureTopics(
    { ...BOUNDS, readyMsMax: 100, sizes: [4, 8] },
    async (count) => {
      if (count === 4) throw new Error('did not start\nits log');
      return new ToyPlace(count, log, never);
    },
    () => {},
  );
  expect(taken).toEqual([
    size(4, [], 'did not start'),
    size(8, [], 'not ready 0.1 s after the first of the sizes was begun'),
  ]);
  expect(log).toEqual(['end 8']);
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
