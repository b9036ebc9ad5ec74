/**
 * From what was measured to figures by name, and back from a report's figures to what a plan needs.
 *
 * Invariant: a figure stands here only if a run produced it; what was not measured (a broker of another machine has no processor time here) is left out, and a
 * plan says so. Throughput is in bytes of values.
 */
import { spreadOf } from '@mqlab/bench/statistics.ts';
import type { Figure, LabRunData, Machine } from '@mqlab/reports/run-data.ts';
import type { CapacityMeasured, SizeMeasured } from './measure.ts';

export type Figures = Record<string, Figure>;

/** What a plan goes by: figures, and where and when they were taken. */
export interface MeasuredBy {
  readonly figures: Readonly<Figures>;
  readonly machine: Machine;
  /** ISO 8601. */
  readonly at: string;
  /** What takes them again. */
  readonly command: string;
}

/** `1k`, `100b`: how a size stands in the names of figures. */
export function sizeTag(recordBytes: number): string {
  return recordBytes % 1024 === 0 ? `${recordBytes / 1024}k` : `${recordBytes}b`;
}

export function measured(value: number, unit: string, more: Partial<Figure> = {}): Figure {
  return { value, unit, label: 'measured', ...more };
}

export function derived(value: number, unit: string, source: string): Figure {
  return { value, unit, label: 'derived', source };
}

export function borrowed(value: number, unit: string, source: string): Figure {
  return { value, unit, label: 'borrowed', source };
}

export function given(value: number, unit: string, source: string): Figure {
  return { value, unit, label: 'given', source };
}

function spread(samples: readonly number[], unit: string, source: string): Figure {
  const { median, min, max, samples: count } = spreadOf(samples);
  return measured(median, unit, { min, max, samples: count, source });
}

/** Latency counts as kept while the 99th percentile stays below this. */
export const KNEE_P99_MS_MAX = 50;
/** And while this share of what was due in the window was answered within it. */
const KEPT_UP_SHARE = 0.97;

/** The highest offered load up to which each was kept up with; undefined when not even the lowest was. */
export function kneeOf(size: SizeMeasured): SizeMeasured['open'][number] | undefined {
  const beyond = size.open.findIndex(({ result }) => {
    const offered = result.workload.recordsPerSecond as number;
    const isKept = result.recordsPerSecond >= offered * KEPT_UP_SHARE && result.failed === 0;
    return !isKept || (result.latency?.p99Ms ?? Number.POSITIVE_INFINITY) > KNEE_P99_MS_MAX;
  });
  return beyond < 0 ? size.open.at(-1) : size.open[beyond - 1];
}

export function figuresOf(taken: CapacityMeasured): Figures {
  const figures: Figures = {
    'load-average': measured(taken.loadAverage, 'count', {
      source: 'processes that wanted a processor when measuring began, of everything on this machine',
    }),
  };
  for (const size of taken.sizes) Object.assign(figures, sizeFigures(size));
  for (const { workload, bytesPerSecond } of taken.sweep) {
    const name = `max-acks-${workload.acks}-partitions-${workload.partitions}-producers-${workload.producers}${workload.replicationFactor > 1 ? `-replicas-${workload.replicationFactor}` : ''}`;
    figures[name] = measured(bytesPerSecond, 'bytes/s', { source: `closed loop, ${workload.recordBytes} B records` });
  }
  const partitions = taken.partitionPairs[0]?.b.workload.partitions;
  if (partitions !== undefined) {
    figures[`max-partitions-${partitions}`] = spread(
      taken.partitionPairs.map((pair) => pair.b.bytesPerSecond),
      'bytes/s',
      `closed loop, ${partitions} partitions`,
    );
    figures[`partitions-${partitions}-ratio`] = spread(
      taken.partitionPairs.map((pair) => pair.b.bytesPerSecond / pair.a.bytesPerSecond),
      'ratio',
      `${partitions} partitions over one, pair by pair`,
    );
  }
  for (const { consumers, result } of taken.drains) {
    const source = `read from the page cache, just after writing, every record decoded, by ${consumers} of this project's consumers`;
    figures[`fetch-${consumers}`] = measured(result.bytesPerSecond, 'bytes/s', { source });
    figures[`fetch-records-${consumers}`] = measured(result.recordsPerSecond, 'records/s', { source });
    if (result.cpuSecondsPerGb !== null)
      figures[`cpu-fetch-${consumers}`] = measured(result.cpuSecondsPerGb, 's per GB', {
        source: 'processor time of the broker',
      });
  }
  for (const { compression, records, valueBytes, logBytes, indexBytes } of taken.disk) {
    const perRecord = (logBytes + indexBytes) / records;
    figures[`disk-per-record-${compression}`] = measured(perRecord, 'bytes', {
      source: `files of ${records} records of ${valueBytes / records} B: batches, headers and indexes`,
    });
    figures[`disk-factor-${compression}`] = measured(perRecord / (valueBytes / records), 'ratio', {
      source: 'bytes on disk for each byte of value',
    });
  }
  if (taken.rssBytesIdle !== null)
    figures['rss-idle'] = measured(taken.rssBytesIdle, 'bytes', {
      source: 'resident memory of the broker, started and idle',
    });
  if (taken.rssBytesPeak !== null)
    figures['rss-peak'] = measured(taken.rssBytesPeak, 'bytes', {
      source: 'highest resident memory of the broker in the whole run',
    });
  const through = taken.endToEnd?.endToEnd;
  if (taken.endToEnd !== null && through !== null && through !== undefined) {
    const source = `from due to received by a consumer, at ${Math.round(taken.endToEnd.workload.recordsPerSecond as number)} records/s`;
    figures['end-to-end-p50'] = measured(through.p50Ms, 'ms', { source, samples: through.count });
    figures['end-to-end-p99'] = measured(through.p99Ms, 'ms', { source, samples: through.count });
  }
  return figures;
}

function sizeFigures(size: SizeMeasured): Figures {
  const tag = sizeTag(size.recordBytes);
  const how = `closed loop, ${size.recordBytes} B records, one partition, one producer, acks=all`;
  const figures: Figures = {
    [`record-bytes-${tag}`]: { value: size.recordBytes, unit: 'B', label: 'given', source: 'of one value' },
    [`max-${tag}`]: spread(
      size.pairs.map((pair) => pair.b.bytesPerSecond),
      'bytes/s',
      `${how}; the broker`,
    ),
    [`max-records-${tag}`]: spread(
      size.pairs.map((pair) => pair.b.recordsPerSecond),
      'records/s',
      `${how}; the broker`,
    ),
    [`ceiling-${tag}`]: spread(
      size.pairs.map((pair) => pair.a.bytesPerSecond),
      'bytes/s',
      `${how}; a broker that keeps nothing`,
    ),
    [`ceiling-ratio-${tag}`]: spread(
      size.pairs.map((pair) => pair.b.bytesPerSecond / pair.a.bytesPerSecond),
      'ratio',
      "the broker over the generator's ceiling, pair by pair",
    ),
  };
  const cpu = size.pairs.flatMap((pair) => pair.b.cpuSecondsPerGb ?? []);
  if (cpu.length > 0) figures[`cpu-produce-${tag}`] = spread(cpu, 's per GB', 'processor time of the broker');
  for (const { fraction, result } of size.open) {
    const { latency } = result;
    if (latency === null) continue;
    const at = `${Math.round(fraction * 100)}-${tag}`;
    const offered = result.workload.recordsPerSecond as number;
    const source = `open loop at ${offered} records/s, from the due moment to the acknowledgement`;
    figures[`p50-at-${at}`] = measured(latency.p50Ms, 'ms', { source, samples: latency.count });
    figures[`p99-at-${at}`] = measured(latency.p99Ms, 'ms', { source, samples: latency.count });
    figures[`p999-at-${at}`] = measured(latency.p999Ms, 'ms', { source, samples: latency.count });
  }
  const knee = kneeOf(size);
  if (knee !== undefined) {
    const source = `highest offered load of the sweep that was kept up with, its 99th percentile within ${KNEE_P99_MS_MAX} ms`;
    figures[`knee-${tag}`] = measured((knee.result.workload.recordsPerSecond as number) * size.recordBytes, 'bytes/s', {
      source,
    });
  }
  return figures;
}

/** From a report of an earlier run; null when that run took no such figures. */
export function measuredByRun(run: LabRunData): MeasuredBy | null {
  const figures = Object.fromEntries(
    Object.entries(run.figures).filter(([, figure]) => figure.label === 'measured' || figure.label === 'given'),
  );
  if (!Object.keys(figures).some((name) => name.startsWith('max-records-'))) return null;
  const command = run.verdicts[0]?.replay ?? 'npx mqlab lab run capacity';
  return { figures, machine: run.machine, at: run.startedAt, command };
}
