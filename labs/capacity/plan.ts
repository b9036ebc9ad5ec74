/**
 * The plan: from inputs and measured figures to machines, disk, memory, partitions and consumers, with the notes' formula beside it.
 *
 * Invariant: every number is a Figure that says whether it was measured, derived (with its formula), borrowed (from whom) or given. Pure: the same inputs and
 * figures give the same plan. A figure that no run took leaves its line without a number and with the reason.
 */
import type { Figure } from '@mqlab/reports/run-data.ts';
import { type CapacityInputs, DAY_SECONDS } from './inputs.ts';
import { borrowed, derived, type Figures, given } from './measured-figures.ts';
import {
  NOTES_BROKER_BYTES_PER_SECOND,
  NOTES_DISK_FILL,
  NOTES_HEAP_BYTES,
  NOTES_SEGMENT_BYTES,
  notesFormula,
} from './notes-formula.ts';
import { measuredSizes, writeRecordsPerSecond } from './write-model.ts';

export interface PlanLine {
  /** Stable, for scripts: `brokers`. */
  readonly name: string;
  readonly words: string;
  /** null: no run took it; `missing` says why. */
  readonly figure: Figure | null;
  readonly missing?: string;
  /** What the notes' formula says of the same. */
  readonly notes?: Figure;
}

export interface PlanSection {
  readonly title: string;
  readonly claim: string;
  readonly lines: readonly PlanLine[];
}

export interface Plan {
  readonly sections: readonly PlanSection[];
  readonly brokers: number;
  /** By throughput alone, without the loss of one. */
  readonly brokersByThroughput: number;
  readonly limits: readonly string[];
}

/** Two of three controllers still are a majority when one is lost. */
const QUORUM_NODES = 3;
const JVM_HEAP_BYTES = 2 ** 30;

/** `said`: which inputs the user gave; the others are this tool's defaults. All, when it is left out. */
export function planCapacity(
  inputs: CapacityInputs,
  figures: Readonly<Figures>,
  said?: ReadonlySet<keyof CapacityInputs>,
): Plan {
  const notes = notesFormula(inputs);
  const fromNotes = (value: number, unit: string, source: string): Figure =>
    borrowed(value, unit, `the notes: ${source}`);
  const load = loadOf(inputs);
  const brokers = brokersOf(inputs, figures);
  const disk = diskOf(inputs, figures, brokers);
  const parallel = parallelOf(inputs, figures, brokers);
  const rss = figures['rss-peak'];
  const writtenPerBroker = (load.peakBytesPerSecond * inputs.replicas) / brokers.count;
  const leadersPerBroker = Math.ceil(parallel.partitions / brokers.count);
  const cache = derived(
    writtenPerBroker * inputs.lagSeconds,
    'bytes',
    `peak written per broker × ${inputs.lagSeconds} s that a consumer may lag`,
  );

  const sections: PlanSection[] = [
    {
      title: 'Given',
      claim: '',
      lines: givenLines(inputs, (name) => (said === undefined || said.has(name) ? 'as asked' : 'default')),
    },
    {
      title: 'Load',
      claim: 'C80',
      lines: [
        line('records-per-day', 'messages a day', derived(notes.recordsPerDay, 'count', 'users × messages')),
        line('records-per-second', 'average', derived(notes.recordsPerSecond, 'records/s', 'a day / 86,400 s')),
        line(
          'bytes-per-second',
          'average, bytes',
          derived(notes.bytesPerSecond, 'bytes/s', 'average × bytes of a message'),
        ),
        line(
          'peak-records-per-second',
          'peak',
          derived(notes.peakRecordsPerSecond, 'records/s', 'average × peak factor'),
        ),
        line(
          'peak-bytes-per-second',
          'peak, bytes',
          derived(load.peakBytesPerSecond, 'bytes/s', 'average × peak factor'),
        ),
      ],
    },
    {
      title: 'Brokers',
      claim: 'C81',
      lines: [
        line(
          'broker-write',
          'one broker takes',
          brokers.write,
          borrowed(NOTES_BROKER_BYTES_PER_SECOND, 'bytes/s', 'the notes: what one broker carries'),
        ),
        line(
          'generator-ceiling',
          "the load generator's own ceiling",
          brokers.ceiling,
          undefined,
          'no ceiling was measured',
        ),
        line(
          'knee',
          'kept up with, short of the knee',
          brokers.knee,
          undefined,
          'no load of the sweep was, or this size of record was not measured',
        ),
        line(
          'broker-fetch',
          'one broker gives, to one consumer',
          figures['fetch-1'] ?? null,
          undefined,
          'no fetch was measured',
        ),
        line('busy', 'brokers kept busy at the peak', brokers.busy),
        line('brokers-by-throughput', 'brokers, by throughput', brokers.byThroughput),
        line('brokers-by-safety', 'brokers, to lose one', brokers.bySafety),
        line(
          'brokers',
          'brokers',
          brokers.figure,
          fromNotes(notes.brokers, 'count', '2 × (peak MB/s × replicas / 100) + 1, not rounded'),
        ),
        line('utilization', 'busy share of each, at the peak', brokers.utilization),
        ...(inputs.replicas > 1
          ? [line('utilization-one-down', 'the same with one broker down', brokers.utilizationOneDown)]
          : []),
      ],
    },
    {
      title: 'Disk',
      claim: 'C82',
      lines: disk.lines(fromNotes(notes.diskBytes, 'bytes', 'a day × replicas × days / 0.7')),
    },
    {
      title: 'Memory of each broker',
      claim: 'C83',
      lines: [
        line(
          'heap',
          "the broker's process",
          rss ?? null,
          fromNotes(NOTES_HEAP_BYTES.min, 'bytes', 'heap of 10 to 15 GB; the lower end'),
          'the broker is no process of this machine',
        ),
        line(
          'kafka-heap',
          "Apache Kafka's default heap, beside it",
          borrowed(JVM_HEAP_BYTES, 'bytes', "KAFKA_HEAP_OPTS of Kafka's start script"),
        ),
        line(
          'page-cache',
          'page cache, to read what is lagging from memory',
          cache,
          fromNotes(
            leadersPerBroker * notes.cacheBytesPerLeader,
            'bytes',
            'leader partitions of a broker × 1 GiB × 25 %',
          ),
        ),
        line(
          'memory',
          'memory',
          rss === undefined ? null : derived(rss.value + cache.value, 'bytes', 'process as measured + page cache'),
          fromNotes(NOTES_HEAP_BYTES.min + leadersPerBroker * notes.cacheBytesPerLeader, 'bytes', 'heap + page cache'),
          'the broker is no process of this machine',
        ),
      ],
    },
    { title: 'Partitions and consumers', claim: 'C84', lines: parallel.lines },
  ];
  return {
    sections,
    brokers: brokers.count,
    brokersByThroughput: brokers.byThroughput.value,
    limits: limitsOf(inputs, figures),
  };
}

function line(name: string, words: string, figure: Figure | null, notes?: Figure, missing?: string): PlanLine {
  return {
    name,
    words,
    figure,
    ...(notes === undefined ? {} : { notes }),
    ...(figure === null ? { missing: missing ?? 'no run measured it' } : {}),
  };
}

function givenLines(inputs: CapacityInputs, from: (name: keyof CapacityInputs) => string): PlanLine[] {
  const input = (name: keyof CapacityInputs & string, words: string, unit: string, factor = 1): PlanLine =>
    line(name, words, given((inputs[name] as number) * factor, unit, from(name)));
  return [
    input('users', 'users a day', 'count'),
    input('messagesPerUser', 'messages of each user', 'count'),
    input('recordBytes', 'bytes of a message', 'B'),
    input('peakFactor', 'peak over the average', 'ratio'),
    input('replicas', 'replicas', 'count'),
    input('retentionSeconds', 'retention', 'days', 1 / DAY_SECONDS),
    input('targetUtilization', 'target utilization', '%', 100),
    input('consumerGroups', 'consumer groups that read everything', 'count'),
    ...(inputs.consumerMsPerRecord === null ? [] : [input('consumerMsPerRecord', 'processing of one record', 'ms')]),
    input('lagSeconds', 'lag to be read from memory', 's'),
  ];
}

function loadOf(inputs: CapacityInputs): { readonly recordsPerSecond: number; readonly peakBytesPerSecond: number } {
  const { peakRecordsPerSecond, peakBytesPerSecond } = notesFormula(inputs);
  return { recordsPerSecond: peakRecordsPerSecond, peakBytesPerSecond };
}

/** Also for sensitivity: how many brokers other inputs would need. */
export function brokersOf(inputs: CapacityInputs, figures: Readonly<Figures>) {
  const { replicas, recordBytes, consumerGroups, targetUtilization } = inputs;
  const { peakBytesPerSecond: peak } = loadOf(inputs);
  const records = writeRecordsPerSecond(measuredSizes(figures), recordBytes);
  const writeBytesPerSecond = records.value * recordBytes;
  const exact = Object.entries(figures).find(
    ([name, f]) => name.startsWith('record-bytes-') && f.value === recordBytes,
  );
  const tag = exact?.[0].slice('record-bytes-'.length);
  const write =
    tag === undefined ? derived(writeBytesPerSecond, 'bytes/s', records.source ?? '') : figures[`max-${tag}`]!;
  const nearest = tag ?? nearestTag(figures, recordBytes);
  const ceiling = nearest === undefined ? null : (figures[`ceiling-${nearest}`] ?? null);
  const knee = tag === undefined ? null : (figures[`knee-${tag}`] ?? null);
  const fetch = figures['fetch-1'];
  // #excerpt brokers
  const writes = (peak * replicas) / writeBytesPerSecond;
  const reads = fetch === undefined ? 0 : (peak * (replicas - 1 + consumerGroups)) / fetch.value;
  const readWords = fetch === undefined ? '' : ' + peak × (replicas − 1 + groups) / gives';
  const busy = derived(
    writes + reads,
    'count',
    `peak × replicas / takes${readWords}; a follower's append at the price of a produce`,
  );
  const throughput = Math.max(1, Math.ceil(busy.value / targetUtilization - 1e-9));
  const safety = replicas === 1 ? 1 : Math.max(QUORUM_NODES, replicas + 1);
  const count = replicas === 1 ? throughput : Math.max(throughput + 1, safety);
  // #end
  return {
    count,
    writeBytesPerSecond,
    write,
    ceiling,
    knee,
    busy,
    byThroughput: derived(throughput, 'count', `busy / ${targetUtilization} of each, rounded up`),
    bySafety: derived(
      safety,
      'count',
      replicas === 1
        ? 'one replica: a lost broker is lost data, more machines do not help'
        : `at least ${QUORUM_NODES} for a majority of controllers, replicas + 1 to make a lost replica anew`,
    ),
    figure: derived(count, 'count', replicas === 1 ? 'by throughput' : 'the larger of throughput + 1 and to lose one'),
    utilization: derived((busy.value / count) * 100, '%', 'busy / brokers'),
    utilizationOneDown: derived(
      (busy.value / Math.max(1, count - 1)) * 100,
      '%',
      'busy / (brokers − 1); not measured: one broker runs here',
    ),
  };
}

type Brokers = ReturnType<typeof brokersOf>;

function nearestTag(figures: Readonly<Figures>, recordBytes: number): string | undefined {
  const distance = (bytes: number): number => Math.abs(Math.log(bytes / recordBytes));
  return Object.entries(figures)
    .filter(([name]) => name.startsWith('record-bytes-'))
    .sort(([, a], [, b]) => distance(a.value) - distance(b.value))[0]?.[0]
    .slice('record-bytes-'.length);
}

function diskOf(inputs: CapacityInputs, figures: Readonly<Figures>, brokers: Brokers) {
  const { replicas, retentionSeconds, compression } = inputs;
  const { bytesPerDay } = notesFormula(inputs);
  const days = retentionSeconds / DAY_SECONDS;
  const factor = figures[`disk-factor-${compression}`];
  const stored = bytesPerDay * (factor?.value ?? 1);
  const partitions = parallelOf(inputs, figures, brokers).partitions;
  const rolled = derived(
    partitions * replicas * NOTES_SEGMENT_BYTES,
    'bytes',
    'partitions × replicas × one segment of 1 GiB: only whole segments are deleted',
  );
  const kept = derived(stored * replicas * days, 'bytes', 'stored a day × replicas × days');
  const total = derived(
    (kept.value + rolled.value) / NOTES_DISK_FILL,
    'bytes',
    `(kept + unrolled) / ${NOTES_DISK_FILL}`,
  );
  return {
    lines: (notes: Figure): PlanLine[] => [
      line('bytes-per-day', 'values a day', derived(bytesPerDay, 'bytes', 'messages a day × bytes')),
      line(
        'disk-factor',
        `on disk for each byte, ${compression}`,
        factor ?? null,
        undefined,
        `bytes on disk with ${compression} were not measured: 1 is taken`,
      ),
      line(
        'stored-per-day',
        'stored a day',
        derived(stored, 'bytes', factor === undefined ? 'values a day × 1' : 'values a day × factor'),
      ),
      line('kept', 'kept, over all brokers', kept),
      line('unrolled', 'segments not yet deleted, at most', rolled),
      line('disk-fill', 'disk that may be filled', borrowed(NOTES_DISK_FILL * 100, '%', 'the notes')),
      line('disk', 'disk, over all brokers', total, notes),
      line('disk-per-broker', 'disk of each broker', derived(total.value / brokers.count, 'bytes', 'disk / brokers')),
    ],
  };
}

function parallelOf(inputs: CapacityInputs, figures: Readonly<Figures>, brokers: Brokers) {
  const { writeBytesPerSecond } = brokers;
  const { targetUtilization, consumerMsPerRecord, consumerGroups } = inputs;
  const { recordsPerSecond: peakRecords, peakBytesPerSecond: peak } = loadOf(inputs);
  const perPartition = derived(writeBytesPerSecond, 'bytes/s', 'one partition on one broker alone, as above');
  const byWrites = Math.max(1, Math.ceil(peak / (writeBytesPerSecond * targetUtilization) - 1e-9));
  const reading = figures['fetch-records-1'];
  const processing =
    consumerMsPerRecord === null
      ? null
      : derived(1000 / consumerMsPerRecord, 'records/s', `a second / ${consumerMsPerRecord} ms for each record`);
  const rates = [reading?.value, processing?.value].filter((rate): rate is number => rate !== undefined);
  const perConsumer =
    rates.length === 0 ? null : processing !== null && processing.value <= Math.min(...rates) ? processing : reading!;
  const consumers =
    perConsumer === null ? null : Math.max(1, Math.ceil(peakRecords / (perConsumer.value * targetUtilization) - 1e-9));
  const partitions = Math.max(byWrites, consumers ?? 1, brokers.count);
  const share = `/ ${targetUtilization}, rounded up`;
  return {
    partitions,
    lines: [
      line('per-partition', 'one partition takes', perPartition),
      line(
        'per-consumer',
        'one consumer takes',
        perConsumer,
        undefined,
        'no consumer was measured; say --consumer-ms-per-record',
      ),
      line(
        'partitions-by-writes',
        'partitions, by writing',
        derived(byWrites, 'count', `peak / one partition ${share}`),
      ),
      line(
        'consumers',
        consumerGroups === 1 ? 'consumers' : `consumers of each of ${consumerGroups} groups`,
        consumers === null ? null : derived(consumers, 'count', `peak / one consumer ${share}`),
      ),
      line(
        'partitions',
        'partitions',
        derived(
          partitions,
          'count',
          'the largest of both and of brokers: a consumer has one at least, and each broker leads one',
        ),
      ),
    ],
  };
}

function limitsOf(inputs: CapacityInputs, figures: Readonly<Figures>): string[] {
  const limits = [
    'Producer, broker and consumer shared the processors of this machine, over loopback: no network card and no second disk was measured.',
  ];
  if (inputs.replicas > 1)
    limits.push(
      'Replication was not measured: one broker runs here. A follower is taken to cost what a produce and a fetch cost, and one broker down leaves its load to the others.',
    );
  if (figures['fetch-1'] !== undefined)
    limits.push(
      "What a broker gives was taken from what one consumer could take: the client's limit at least as much as the broker's.",
    );
  const sizes = measuredSizes(figures);
  if (!sizes.some((size) => size.recordBytes === inputs.recordBytes))
    limits.push(
      `Records of ${inputs.recordBytes} B were not measured; measured sizes: ${sizes.map((size) => `${size.recordBytes} B`).join(', ')}.`,
    );
  limits.push(...disturbances(figures));
  return limits;
}

/** What the figures themselves say about how far to trust them. */
function disturbances(figures: Readonly<Figures>): string[] {
  const found: string[] = [];
  for (const [name, { value }] of Object.entries(figures)) {
    const tag = /^ceiling-ratio-(.+)$/.exec(name)?.[1];
    if (tag === undefined) continue;
    const size = `Records of ${figures[`record-bytes-${tag}`]?.value ?? tag} B:`;
    if (value > 1)
      found.push(
        `${size} the broker came out quicker than the generator against a sink that keeps nothing. That cannot be: other work took the processors meanwhile. Measure again on a quiet machine.`,
      );
    else if (value > 0.8)
      found.push(`${size} the maximum lies near the generator's own ceiling: it is a floor of what the broker can do.`);
    const p99s = Object.entries(figures).flatMap(([each, figure]) => {
      const percent = new RegExp(`^p99-at-(\\d+)-${tag}$`).exec(each)?.[1];
      return percent === undefined ? [] : [{ percent: Number(percent), ms: figure.value }];
    });
    const isDisturbed = p99s.some((low) => p99s.some((high) => low.percent < high.percent && low.ms > 2 * high.ms));
    if (isDisturbed)
      found.push(
        `${size} latency was higher at a low load than at a high one: other work disturbed the open loops, and the knee cannot be read from this run.`,
      );
  }
  return found;
}
