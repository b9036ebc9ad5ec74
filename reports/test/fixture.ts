/**
 * Fixture run data for tests: shaped like real runs, with invented values that say so. Never shown to a reader of
 * reports.
 */
import type { BenchRunData, Figure, LabRunData, VerdictRow } from '../run-data.ts';
import { benchRunSchema, labRunSchema } from '../run-data.ts';

const measured = (value: number, unit: string, min: number, max: number): Figure => ({
  value,
  unit,
  label: 'measured',
  samples: 5,
  min,
  max,
});

const machine = {
  cpu: 'Fixture CPU @ 2.00GHz',
  cores: 2,
  memoryBytes: 8_000_000_000,
  kernel: 'Linux 6.0 (fixture)',
  node: 'v26.0.0',
};

export const orderingText = `## {{section:short-answer}}

Several threads in one consumer break the order of a key: {{verdict:C74}}. Route each key to one in-memory queue with one
worker, and commit only the contiguous watermark. On this machine that took throughput from {{figure:throughput.before}}
to {{figure:throughput.after|full}}.

## {{section:long-answer}}

A partition is ordered, a thread pool is not. Between \`poll\` and the effect every thread runs at its own pace, so the
second record of a key can overtake the first.

- The **invariant**: if the send of a ended before the send of b began, the effect of a comes before the effect of b.
- With {{given:4}} workers the order broke in {{figure:broken.share}} of the plans.
- A crash with full queues repeats what the watermark had not passed, and loses nothing.

{{chart:throughput}}

## {{section:counterexample}}

The smallest plan that still breaks the order has one key and two records.

{{witness:order}}

## {{section:why}}

The pool takes the next free thread and forgets the key.

{{code:before}}

{{chart:lanes}}

## {{section:fix}}

Hash the key to a queue; a worker owns a queue.

{{chart:drain}}

## {{section:not-fixed}}

A hot key still waits for its one worker, and a crash repeats: the claim says “{{claim:C75}}”

## {{section:price}}

The watermark costs a bitmap per partition; the tail latency moves from {{figure:p99.before}} to {{figure:p99.after}}.

{{chart:price}}

## {{section:follow-ups}}

### Why not more partitions?

That is the better answer when the count can be chosen in time; kafkajs {{version:kafkajs}} reads each partition in order.

{{table:policies}}
`;

function row(claim: string, variant: 'before' | 'after', target: string, change: Partial<VerdictRow>): VerdictRow {
  return {
    lab: 'ordering',
    claim,
    target,
    client: 'kafkajs 2.2.4',
    variant,
    expected: 'holds',
    verdict: 'holds',
    claimVerdict: 'confirmed',
    scope: 'one partition, one consumer, 2 to 8 threads; effects take 1 to 20 ms',
    runs: 500,
    seed: '8123476512',
    replay: `mqlab lab run ordering --target ${target} --seed 8123476512 --replay ${claim}.${variant}.7fa2`,
    historyHash: '7fa2c1d09b',
    version: 'mqlab 0.1.0',
    exercised: [
      { goal: 'two records of one key in flight', reached: 498, of: 500 },
      { goal: 'crash with full queues', reached: 211, of: 500 },
    ],
    ...change,
  };
}

const drainMeasured = Array.from({ length: 61 }, (_, second): [number, number] => [
  second,
  second < 10 ? second * 900 : Math.max(0, 9000 - (second - 10) * 260 + Math.round(Math.sin(second) * 120)),
]);

export const orderingRun: LabRunData = {
  schema: labRunSchema,
  lab: 'ordering',
  title: 'Order with many workers',
  question:
    'One partition, one consumer, many threads: how do you keep the order of each key and still get the throughput?',
  machine,
  versions: { mqlab: '0.1.0', kafkajs: '2.2.4', '@platformatic/kafka': '2.12.1' },
  startedAt: '2026-01-31T12:00:00.000Z',
  durationMs: 41_200,
  settings: { profile: 'quick', targets: 'sim, local', workers: '4' },
  figures: {
    'throughput.before': measured(1240, 'records/s', 1190, 1291),
    'throughput.after': measured(4310.4, 'records/s', 4102.2, 4488.9),
    'p99.before': measured(18.21, 'ms', 17.2, 21.9),
    'p99.after': measured(23.77, 'ms', 22.4, 26.1),
    'broken.share': { value: 62.4, unit: '%', label: 'derived', source: 'violating plans / plans' },
    'disk.price': { value: 0.08, unit: 'USD/GB', label: 'borrowed', source: 'a price list (fixture)' },
  },
  claims: [
    {
      id: 'C74',
      kinds: ['B'],
      group: '9 Living with duplicates, order and backlog',
      text: 'One topic, one partition, one consumer, several threads inside it: order is lost.',
    },
    {
      id: 'C75',
      kinds: ['B'],
      group: '9 Living with duplicates, order and backlog',
      text: 'One reader that hashes keys to N in-memory queues, a worker on each: order per key holds and throughput grows with N. (Doubt: what may be committed when, and what a crash repeats or loses.)',
    },
    {
      id: 'C12',
      kinds: ['B'],
      group: '3 Topics, partitions, offsets',
      text: 'Order holds within a partition and not across partitions.',
    },
  ],
  verdicts: [
    row('C74', 'before', 'sim', {
      verdict: 'violated',
      expected: 'violated',
      claimVerdict: 'confirmed',
      findings: ['KEY-ORDER'],
    }),
    row('C74', 'before', 'local', {
      verdict: 'violated',
      expected: 'violated',
      claimVerdict: 'confirmed',
      runs: 3,
      findings: ['KEY-ORDER'],
    }),
    row('C75', 'before', 'sim', {
      verdict: 'violated',
      expected: 'violated',
      claimVerdict: 'conditional',
      scope: 'commit policy: highest offset',
      findings: ['EFFECT-LOSS', 'COMMIT-SAFE'],
    }),
    row('C75', 'after', 'sim', {
      claimVerdict: 'conditional',
      scope: 'true when the contiguous watermark is committed; a crash repeats, never loses',
    }),
    row('C75', 'after', 'local', {
      claimVerdict: 'conditional',
      scope: 'true when the contiguous watermark is committed; a crash repeats, never loses',
      verdict: 'inconclusive',
      runs: 3,
    }),
    row('C12', 'after', 'sim', {
      claimVerdict: 'refuted',
      verdict: 'legal anomaly',
      scope: 'fixture of a refuted claim',
    }),
  ],
  witnesses: {
    order: {
      title: 'the second record of a key overtakes the first',
      claim: 'C74',
      variant: 'before',
      target: 'sim',
      client: 'kafkajs 2.2.4',
      seed: '8123476512',
      replay: 'mqlab lab run ordering --target sim --seed 8123476512 --replay C74.before.7fa2',
      shrunkFrom: 48,
      plan: [
        { kind: 'operation', text: 'producer-1 sends k1=1' },
        { kind: 'operation', text: 'producer-1 sends k1=2' },
        { kind: 'fault', text: 'worker-1 is slow by 15 ms' },
        { kind: 'fault', text: 'the consumer is killed after the commit' },
      ],
      story: [
        'The producer sends k1=1 and, after its answer, k1=2.',
        'One poll brings both; the pool gives them to two workers.',
        'Worker 1 is slow; worker 2 writes k1=2 first.',
        'The consumer commits offset 2 and is killed.',
        'k1=1 is written never: its effect is lost, and the order was broken.',
      ],
      processes: ['producer-1', 'broker-1', 'consumer-1', 'worker-1', 'worker-2'],
      events: [
        { process: 'producer-1', timeMs: 0, untilMs: 4, kind: 'ok', label: 'send k1=1' },
        { process: 'producer-1', timeMs: 0.5, untilMs: 1.5, to: 'broker-1', kind: 'message', label: 'Produce k1=1' },
        { process: 'producer-1', timeMs: 5, untilMs: 9, kind: 'ok', label: 'send k1=2' },
        { process: 'producer-1', timeMs: 5.5, untilMs: 6.5, to: 'broker-1', kind: 'message', label: 'Produce k1=2' },
        { process: 'broker-1', timeMs: 12, untilMs: 13, to: 'consumer-1', kind: 'message', label: 'Fetch: k1=1, k1=2' },
        { process: 'consumer-1', timeMs: 14, kind: 'note', label: 'hands both records to the pool of workers' },
        { process: 'worker-1', timeMs: 14.5, kind: 'fault', label: 'slow by 15 ms' },
        { process: 'worker-2', timeMs: 15, kind: 'effect', label: 'effect k1=2' },
        { process: 'worker-2', timeMs: 15.2, kind: 'violation', label: 'KEY-ORDER: k1=2 before k1=1' },
        { process: 'consumer-1', timeMs: 16, untilMs: 17, to: 'broker-1', kind: 'commit', label: 'commit offset 2' },
        { process: 'consumer-1', timeMs: 18, kind: 'crash', label: 'killed' },
        { process: 'broker-1', timeMs: 18.5, untilMs: 19.5, to: 'consumer-1', kind: 'lost-message', label: 'answer' },
        { process: 'worker-1', timeMs: 18.6, kind: 'info', untilMs: 30, label: 'effect k1=1: unknown' },
        { process: 'consumer-1', timeMs: 45, kind: 'heal', label: 'a new consumer starts from offset 2' },
      ],
      finding: { checker: 'KEY-ORDER', detail: 'effect of k1=2 at 15 ms, effect of k1=1 not before it' },
    },
  },
  charts: {
    throughput: {
      type: 'bar',
      title: 'Throughput by number of workers',
      caption: 'The whiskers span all repetitions.',
      source: 'measured, local target, effects of 2 ms (fixture values)',
      x: { name: 'workers', unit: '' },
      y: { name: 'throughput', unit: 'records/s' },
      categories: ['1', '2', '4', '8'],
      series: [
        {
          name: 'thread pool (before)',
          values: [470, 880, 1240, 1710],
          min: [455, 850, 1190, 1600],
          max: [480, 905, 1291, 1802],
        },
        {
          name: 'queue by key (after)',
          values: [465, 910, 1790, 4310.4],
          min: [450, 880, 1700, 4102],
          max: [477, 940, 1850, 4489],
        },
      ],
    },
    price: {
      type: 'bar',
      horizontal: true,
      title: 'p99 from the intended send time',
      source: 'measured, local target (fixture values)',
      x: { name: 'variant', unit: '' },
      y: { name: 'latency', unit: 'ms' },
      categories: ['thread pool, highest offset committed', 'queue by key, contiguous watermark'],
      series: [{ name: 'p99', values: [18.21, 23.77], min: [17.2, 22.4], max: [21.9, 26.1] }],
    },
    drain: {
      type: 'line',
      title: 'Backlog over time, measured and predicted',
      source: 'measured, sim target; predicted = backlog / (capacity − arrivals) (fixture values)',
      x: { name: 'time since start', unit: 's' },
      y: { name: 'backlog', unit: 'records' },
      series: [
        { name: 'measured', points: drainMeasured },
        {
          name: 'predicted',
          points: [
            [10, 9000],
            [45, 0],
          ],
          line: 'dashed',
        },
      ],
      marks: [
        { at: 10, label: 'consumers come back', tone: 'good' },
        { at: 45, label: 'predicted end', tone: 'neutral' },
      ],
    },
    lanes: {
      type: 'lanes',
      title: 'Effects by key, in the order in which they happened',
      source: 'history 7fa2c1d09b (fixture values)',
      x: { name: 'time', unit: 'ms' },
      y: { name: 'key', unit: '' },
      lanes: ['k1', 'k2', 'k3'],
      points: [
        { lane: 0, at: 15, label: '2', tone: 'bad' },
        { lane: 0, at: 30, label: '1', tone: 'bad' },
        { lane: 1, at: 12, label: '1', tone: 'good' },
        { lane: 1, at: 24, label: '2', tone: 'good' },
        { lane: 2, at: 18, label: '1', tone: 'good' },
        { lane: 2, at: 35, label: '2', tone: 'good' },
      ],
      marks: [{ at: 18, label: 'consumer killed', tone: 'bad' }],
    },
    ownership: {
      type: 'gantt',
      title: 'Who owned each partition',
      source: 'assign and revoke events (fixture values)',
      x: { name: 'time', unit: 's' },
      y: { name: 'partition', unit: '' },
      rows: ['orders-0', 'orders-1', 'orders-2', 'orders-3'],
      bars: [
        { row: 0, from: 0, until: 60, group: 'consumer-1' },
        { row: 1, from: 0, until: 18, group: 'consumer-1' },
        { row: 1, from: 21, until: 60, group: 'consumer-2' },
        { row: 2, from: 0, until: 60, group: 'consumer-2' },
        { row: 3, from: 0, until: 18, group: 'consumer-2' },
        { row: 3, from: 21, until: 60, group: 'consumer-3' },
      ],
      marks: [
        { at: 18, label: 'consumer-3 joins', tone: 'accent' },
        { at: 21, label: 'rebalance ends', tone: 'good' },
      ],
    },
    loss: {
      type: 'heatmap',
      title: 'What each setting loses',
      source: 'measured, sim target, 500 plans a cell (fixture values)',
      x: { name: 'acks', unit: '' },
      y: { name: 'min.insync.replicas', unit: '' },
      value: { name: 'lost records', unit: '%' },
      columns: ['0', '1', 'all'],
      rows: ['1', '2', '3'],
      cells: [
        { column: 0, row: 0, value: 12.5 },
        { column: 1, row: 0, value: 6.1 },
        { column: 2, row: 0, value: 2.2 },
        { column: 0, row: 1, value: 12.1 },
        { column: 1, row: 1, value: 5.8 },
        { column: 2, row: 1, value: 0 },
        { column: 0, row: 2, value: 8 },
        { column: 1, row: 2, value: 4 },
        { column: 2, row: 2, value: null },
      ],
    },
    outcome: {
      type: 'heatmap',
      title: 'Which way of consuming survives which crash',
      source: 'sim target (fixture values)',
      x: { name: 'crash', unit: '' },
      y: { name: 'way', unit: '' },
      value: { name: 'outcome', unit: '' },
      columns: ['before effect', 'after effect', 'after commit'],
      rows: ['commit first', 'process first', 'transaction'],
      cells: [
        { column: 0, row: 0, value: null, text: 'lost', tone: 'bad' },
        { column: 1, row: 0, value: null, text: 'kept', tone: 'good' },
        { column: 2, row: 0, value: null, text: 'kept', tone: 'good' },
        { column: 0, row: 1, value: null, text: 'kept', tone: 'good' },
        { column: 1, row: 1, value: null, text: 'repeated', tone: 'warn' },
        { column: 2, row: 1, value: null, text: 'kept', tone: 'good' },
        { column: 0, row: 2, value: null, text: 'kept', tone: 'good' },
        { column: 1, row: 2, value: null, text: 'kept', tone: 'good' },
        { column: 2, row: 2, value: null, text: 'kept', tone: 'good' },
      ],
    },
    reorder: {
      type: 'scatter',
      title: 'Offsets against send order',
      source: 'measured, sim target (fixture values)',
      x: { name: 'send order', unit: '' },
      y: { name: 'offset', unit: '' },
      series: [
        {
          name: 'in order',
          points: Array.from({ length: 30 }, (_, index): [number, number] => [index, index]).filter(
            ([x]) => x < 10 || x > 14,
          ),
          tone: 'good',
        },
        {
          name: 'out of order',
          points: [
            [10, 13],
            [11, 14],
            [12, 10],
            [13, 11],
            [14, 12],
          ],
          tone: 'bad',
        },
      ],
    },
  },
  tables: {
    policies: {
      title: 'Commit policies after a crash',
      columns: [{ name: 'Policy' }, { name: 'Lost' }, { name: 'Repeated' }, { name: 'Throughput' }],
      rows: [
        ['highest offset', { text: 'yes', tone: 'bad' }, { text: 'no', tone: 'good' }, { figure: 'throughput.before' }],
        [
          'contiguous watermark',
          { text: 'no', tone: 'good' },
          { text: 'yes', tone: 'warn' },
          { figure: 'throughput.after' },
        ],
      ],
      note: 'Per library; see the settings below.',
    },
  },
  price: [
    { metric: 'throughput', before: 'throughput.before', after: 'throughput.after' },
    { metric: 'p99', before: 'p99.before', after: 'p99.after' },
  ],
  clients: [
    {
      name: 'kafkajs',
      version: '2.2.4',
      settings: { autoCommit: 'true', autoCommitInterval: '5000', partitionsConsumedConcurrently: '1' },
    },
    { name: '@platformatic/kafka', version: '2.12.1', settings: { autocommit: 'true' } },
  ],
  code: {
    before: {
      path: 'labs/ordering/before.ts',
      language: 'ts',
      text: 'for (const record of batch) {\n  pool.run(() => effect(record)); // whichever thread is free\n}\nawait consumer.commit(batch.lastOffset + 1);',
    },
  },
  history: {
    note: 'The shrunk run, from its beginning.',
    total: 214,
    operations: [
      { process: 'producer-1', type: 'invoke', timeMs: 0, operation: 'send', value: 'k1=1' },
      { process: 'producer-1', type: 'ok', timeMs: 4, operation: 'send', value: 'k1=1 @0' },
      { process: 'consumer-1', type: 'ok', timeMs: 13, operation: 'poll', value: '[0, 1]' },
    ],
  },
  limits: [
    'Threads are simulated as tasks; a real pool has more ways to be late.',
    'Fixture data: no value here was measured.',
  ],
  text: { en: orderingText },
};

export const microRun: BenchRunData = {
  schema: benchRunSchema,
  kind: 'micro',
  bench: 'micro',
  title: 'Micro-benchmarks',
  about: 'Each figure is the median of repeated samples of one function, in a process of its own.',
  replay: 'mqlab bench micro',
  machine,
  versions: { mqlab: '0.1.0' },
  startedAt: '2026-01-31T13:00:00.000Z',
  settings: { samples: '20' },
  figures: {},
  charts: {
    crc: {
      type: 'bar',
      horizontal: true,
      title: 'CRC-32C by implementation',
      source: 'measured (fixture values)',
      x: { name: 'implementation', unit: '' },
      y: { name: 'throughput', unit: 'MB/s' },
      categories: ['native', 'table in JavaScript'],
      series: [{ name: 'throughput', values: [9800, 410], min: [9500, 400], max: [9900, 415] }],
    },
  },
  tables: {},
  results: [
    {
      group: 'record batch',
      workload: 'parse header',
      metric: 'rate',
      unit: 'ops/s',
      betterIs: 'higher',
      system: 'mqlab',
      version: '0.1.0',
      median: 21_400_123.4,
      min: 20_000_000,
      max: 22_000_000,
      samples: 20,
    },
    {
      group: 'record batch',
      workload: 'crc32c of 16 KiB',
      metric: 'throughput',
      unit: 'bytes/s',
      betterIs: 'higher',
      system: 'mqlab',
      version: '0.1.0',
      median: 9.8e9,
      min: 9.5e9,
      max: 9.9e9,
      samples: 20,
    },
    {
      group: 'log',
      workload: 'append 16 KiB',
      metric: 'time',
      unit: 'ns',
      betterIs: 'lower',
      system: 'mqlab',
      version: '0.1.0',
      median: 5210,
      min: 5010,
      max: 6890,
      samples: 20,
    },
  ],
  limits: ['Fixture data: no value here was measured.'],
};

export const hostile =
  '<script>window.pwned=1</script>"\'&<img src=x onerror=alert(1)>](javascript:alert(1)) `|` **b**';

/** The ordering run with hostile text in every place that a foreign client or a payload can reach. */
export function hostileRun(): LabRunData {
  const witness = orderingRun.witnesses.order!;
  return {
    ...orderingRun,
    lab: 'hostile',
    title: `Hostile ${hostile}`,
    question: hostile,
    settings: { [hostile]: hostile },
    versions: { ...orderingRun.versions, kafkajs: hostile },
    verdicts: orderingRun.verdicts.map((entry) => ({
      ...entry,
      lab: 'hostile',
      scope: hostile,
      client: hostile,
      replay: `x ${hostile}`,
      findings: [hostile],
    })),
    witnesses: {
      order: {
        ...witness,
        title: hostile,
        story: [hostile],
        plan: [{ kind: 'operation', text: `\`\`\`\`\n${hostile}` }],
        processes: [...witness.processes, hostile],
        events: [...witness.events, { process: hostile, timeMs: 50, kind: 'ok', label: hostile }],
        finding: { checker: hostile, detail: hostile },
      },
    },
    charts: {
      ...orderingRun.charts,
      drain: {
        type: 'line',
        title: hostile,
        caption: hostile,
        source: hostile,
        x: { name: hostile, unit: hostile },
        y: { name: hostile, unit: '' },
        series: [
          {
            name: hostile,
            points: [
              [0, 1],
              [1, 2],
            ],
          },
        ],
        marks: [{ at: 0.5, label: hostile }],
      },
      price: {
        type: 'bar',
        title: hostile,
        source: hostile,
        x: { name: hostile, unit: '' },
        y: { name: hostile, unit: '' },
        categories: [hostile],
        series: [{ name: hostile, values: [1] }],
      },
    },
    tables: {
      policies: {
        title: hostile,
        columns: [{ name: hostile }],
        rows: [[hostile], [{ text: hostile, tone: 'bad' }]],
        note: hostile,
      },
    },
    clients: [{ name: hostile, version: hostile, settings: { [hostile]: hostile } }],
    code: { before: { path: hostile, language: hostile, text: `\`\`\`\n${hostile}` } },
    history: {
      note: hostile,
      total: 1,
      operations: [{ process: hostile, type: 'ok', timeMs: 0, operation: hostile, value: hostile }],
    },
    limits: [hostile],
  };
}
