import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { judgeClaims } from './conclusions.ts';
import { judged } from './crash.ts';
import { figuresOf, OWN } from './figures.ts';
import { keptBetween, keptOfFewest } from './kept.ts';
import { problemsOf, type SystemMeasured, type TopicsMeasured } from './measured.ts';
import { comparisonTable, settingsTable } from './pictures.ts';
import { measureTopics, type Place, type Window } from './topics.ts';

function size(topics: number, recordsPerSecond: readonly number[], missed: string | null = null): TopicsMeasured {
  return { topics, recordsPerSecond, missed, failed: null };
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
    'Total throughput over 64, 256 and 1,000 topics of 8 partitions, the sizes in turn on one server that has all of them: ' +
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

test('what is kept is taken window by window; a size that was missed has no share', () => {
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

/** A server whose windows carry as much as there are topics in them, and that fails where it is told to. */
class ToyPlace implements Place {
  private readonly log: string[];
  private readonly failing: Readonly<Record<string, () => Promise<void>>>;

  constructor(log: string[], failing: Readonly<Record<string, () => Promise<void>>> = {}) {
    this.log = log;
    this.failing = failing;
  }

  async make(topics: number): Promise<void> {
    await this.step(`make ${topics}`);
  }

  async window(topics: number): Promise<Window> {
    await this.step(`${topics}`);
    const failed = topics === 256 ? 3 : 0;
    return { recordsPerSecond: topics, failed, failure: failed > 0 ? 'busy' : null };
  }

  async close(): Promise<void> {
    await this.step('end');
  }

  private async step(what: string): Promise<void> {
    this.log.push(what);
    await this.failing[what]?.();
  }
}

const BOUNDS = { sizes: [8, 64, 256], rounds: 2, readyMsMax: 200, windowMsMax: 100 };
const refuses = async (): Promise<never> => {
  throw new Error('refused\nat length');
};
const never = () => new Promise<void>(() => {});

async function measured(failing: Readonly<Record<string, () => Promise<void>>>) {
  const log: string[] = [];
  const taken = await measureTopics(
    BOUNDS,
    async () => new ToyPlace(log, failing),
    () => {},
  );
  return { log: log.join(', '), taken };
}

test('one server has all topics and the sizes take turns, whatever it says at its end', async () => {
  const { log, taken } = await measured({ end: refuses });
  expect(log).toBe('make 8, make 64, make 256, 8, 64, 256, 256, 64, 8, end');
  // What a busy server refuses is in no rate, and it is said.
  const busy = { ...size(256, [256, 256]), failed: { records: 6, why: 'busy' } };
  expect(taken).toEqual([size(8, [8, 8]), size(64, [64, 64]), busy]);
  expect(problemsOf(system('rocketmq', { topics: taken }))).toEqual(['256 topics: 6 records failed (busy)']);
});

test.each([
  [refuses, 'refused'],
  [never, 'not ready in 0.2 s'],
])(
  'where topics cannot be made, that size and the larger ones are missed, and a new server has the others',
  async (how, why) => {
    const { log, taken } = await measured({ 'make 64': how });
    expect(log).toBe('make 8, make 64, end, make 8, 8, 8, end');
    expect(taken).toEqual([size(8, [8, 8]), size(64, [], why), size(256, [], `fell out at 64 topics: ${why}`)]);
  },
);

test.each([
  [refuses, 'refused'],
  [never, 'not done in 0.1 s'],
])('where a window fails the server ends, and what was taken stands', async (how, why) => {
  let windows = 0;
  const { log, taken } = await measured({ '64': () => (++windows === 2 ? how() : Promise.resolve()) });
  expect(log).toBe('make 8, make 64, make 256, 8, 64, 256, 256, 64, end');
  const over = `ended with a window over 64 topics: ${why}`;
  const busy = { ...size(256, [256, 256]), failed: { records: 6, why: 'busy' } };
  expect(taken).toEqual([size(8, [8], over), size(64, [64], why), busy]);
});

test('a server that does not start says why; one that starts after all ends', async () => {
  const refused = await measureTopics(BOUNDS, refuses, () => {});
  expect(refused.map(({ missed }) => missed)).toEqual([
    'refused',
    'fell out at 8 topics: refused',
    'fell out at 8 topics: refused',
  ]);
  const log: string[] = [];
  const slow = Promise.withResolvers<void>();
  const late = await measureTopics(
    BOUNDS,
    async () => {
      await slow.promise;
      return new ToyPlace(log);
    },
    () => {},
  );
  expect(late[0]!.missed).toBe('did not start in 0.2 s');
  slow.resolve();
  await new Promise(setImmediate);
  expect(log).toEqual(['end']);
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
