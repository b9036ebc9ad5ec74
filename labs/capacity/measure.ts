/**
 * What the capacity lab measures: how much one broker takes and gives on this machine, how latency grows with load, what a record takes on disk, what
 * the broker takes of memory. And the load generator's own ceiling, in the same minute.
 *
 * Method: ceiling and broker in interleaved pairs in a closed loop; then open loops at fractions of what the broker took. Plain data comes out;
 * figures, charts and verdicts are made of it elsewhere.
 */
import { readdirSync, statSync } from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import { type DrainResult, drainTopic } from '@mqlab/bench/load/drain.ts';
import { generatorCeiling } from '@mqlab/bench/load/generator-ceiling.ts';
import { interleaved, type Pair } from '@mqlab/bench/load/interleave.ts';
import { recordPayload } from '@mqlab/bench/load/payload.ts';
import { processUsage } from '@mqlab/bench/load/process-usage.ts';
import { type LoadResult, runLoad, type ServerUnderLoad } from '@mqlab/bench/load/run-load.ts';
import { startBroker, startNullSink } from '@mqlab/bench/load/server-process.ts';
import { namedWorkload, type Workload } from '@mqlab/bench/load/workload.ts';
import { Admin } from '@mqlab/core/client/admin/admin.ts';
import { realPorts } from '@mqlab/core/ports/real/ports.ts';

export interface MeasurePlan {
  readonly sizes: readonly {
    readonly recordBytes: number;
    /** Ceiling and broker. */
    readonly pairs: number;
    /** Of the broker's median, for the open loops. */
    readonly fractions: readonly number[];
  }[];
  readonly closed: { readonly warmupMs: number; readonly measureMs: number };
  readonly open: { readonly warmupMs: number; readonly measureMs: number };
  /** Beside acks=all with one partition and one producer, which the pairs are. Taken while there is time. */
  readonly sweep: readonly SweepChange[];
  /** Partitions that are set against one, in interleaved pairs. */
  readonly manyPartitions: { readonly partitions: number; readonly pairs: number };
  readonly compressions: readonly Workload['compression'][];
  /** Consumers that drain a topic of four partitions. */
  readonly consumers: readonly number[];
  /** With a consumer that reads along, at a quarter of the maximum. */
  readonly endToEnd: boolean;
}

export type SweepChange = Partial<Pick<Workload, 'acks' | 'partitions' | 'producers' | 'replicationFactor'>>;

export interface SizeMeasured {
  readonly recordBytes: number;
  readonly pairs: readonly Pair<LoadResult>[];
  readonly open: readonly { readonly fraction: number; readonly result: LoadResult }[];
}

export interface DiskMeasured {
  readonly compression: Workload['compression'];
  readonly records: number;
  readonly valueBytes: number;
  /** Segments with their batch and record headers. */
  readonly logBytes: number;
  /** Offset and time index. */
  readonly indexBytes: number;
}

export interface CapacityMeasured {
  readonly isExternal: boolean;
  /** Work on this machine when it began, of others too. */
  readonly loadAverage: number;
  readonly payload: string;
  readonly sizes: readonly SizeMeasured[];
  readonly sweep: readonly LoadResult[];
  /** One partition, and many. */
  readonly partitionPairs: readonly Pair<LoadResult>[];
  readonly endToEnd: LoadResult | null;
  readonly drains: readonly { readonly consumers: number; readonly result: DrainResult }[];
  readonly disk: readonly DiskMeasured[];
  /** Of the broker's process; null where it is not a process of this machine. */
  readonly rssBytesIdle: number | null;
  readonly rssBytesPeak: number | null;
  /** Loads of the plan that were left out, for want of time. */
  readonly leftOut: readonly string[];
}

export interface MeasureOptions {
  readonly plan: MeasurePlan;
  readonly records: readonly string[];
  readonly recordsName: string;
  /** A cluster that runs already; a broker of this machine otherwise. */
  readonly bootstrap?: string;
  /** On performance.now()'s scale: after it, what is not needed for a verdict is left out, and named. */
  readonly deadline?: number;
  readonly progress: (text: string) => void;
}

/** Segments of the topics that are weighed: small, so that indexes reach the disk, which those of the active segment need not. */
const WEIGHED_SEGMENT_BYTES = 1024 * 1024;
const DISK_BYTES_PER_SECOND = 12e6;
const DISK_MS = 500;
const DRAIN_PARTITIONS = 4;

export async function measureCapacity(options: MeasureOptions): Promise<CapacityMeasured> {
  const { plan, progress } = options;
  const loadAverage = os.loadavg()[0] ?? 0;
  progress('starting a broker');
  const own = options.bootstrap === undefined ? await startBroker() : null;
  const server: ServerUnderLoad = own ?? { bootstrap: options.bootstrap! };
  const sink = await startNullSink(1);
  try {
    const rssBytesIdle = processUsage(own?.pid)?.rssBytes ?? null;
    await warmUp(options, server, { ...sink, isSink: true });
    const sizes: SizeMeasured[] = [];
    for (const size of plan.sizes) sizes.push(await measureSize(options, size, server, { ...sink, isSink: true }));
    const base = baseOf(plan, plan.sizes[0]!.recordBytes);
    const payload = payloadOf(options, plan.sizes[0]!.recordBytes);
    const leftOut: string[] = [];
    const hasTimeFor = (what: string): boolean => {
      if (options.deadline === undefined || performance.now() < options.deadline) return true;
      leftOut.push(what);
      return false;
    };
    const sweep: LoadResult[] = [];
    const sweepOne = async (change: SweepChange): Promise<void> => {
      progress(`maximum with ${wordsOf(change)}`);
      sweep.push(await runLoad({ workload: { ...base, ...change }, payload, server }));
    };
    const { partitions, pairs } = plan.manyPartitions;
    progress(`one partition against ${partitions}`);
    const partitionPairs = await interleaved(
      pairs,
      () => runLoad({ workload: base, payload, server }),
      () => runLoad({ workload: { ...base, partitions }, payload, server }),
    );
    const drains = await measureDrains(options, base, server);
    const [weighedFirst, ...weighedLater] = own === null ? [] : plan.compressions;
    const disk: DiskMeasured[] = [];
    const weighOne = async (compression: Workload['compression']): Promise<void> => {
      disk.push(await weigh(options, compression, server, own!.dataDir!));
    };
    if (weighedFirst !== undefined) await weighOne(weighedFirst);
    let endToEnd: LoadResult | null = null;
    for (const each of weighedLater) if (hasTimeFor(`bytes on disk with ${each}`)) await weighOne(each);
    for (const change of plan.sweep) if (hasTimeFor(`maximum with ${wordsOf(change)}`)) await sweepOne(change);
    if (plan.endToEnd && hasTimeFor('end to end')) endToEnd = await measureEndToEnd(options, sizes[0]!, server);
    return {
      isExternal: own === null,
      loadAverage,
      payload: payload.name,
      sizes,
      sweep,
      partitionPairs,
      endToEnd,
      drains,
      disk,
      rssBytesIdle,
      rssBytesPeak: processUsage(own?.pid)?.rssBytesPeak ?? null,
      leftOut,
    };
  } finally {
    await Promise.all([sink.stop(), own?.stop()]);
  }
}

const WARM_UP_MS = 700;

/** Broker, sink and generator compile their code: not counted. */
async function warmUp(options: MeasureOptions, server: ServerUnderLoad, sink: ServerUnderLoad): Promise<void> {
  options.progress('warming up');
  const { recordBytes } = options.plan.sizes[0]!;
  const workload = { ...baseOf(options.plan, recordBytes), warmupMs: 0, measureMs: WARM_UP_MS };
  const payload = payloadOf(options, recordBytes);
  await generatorCeiling(workload, payload, sink);
  await runLoad({ workload, payload, server });
}

function payloadOf({ records, recordsName }: MeasureOptions, recordBytes: number) {
  return recordPayload(records, recordBytes, recordsName);
}

function baseOf(plan: MeasurePlan, recordBytes: number): Workload {
  const known = namedWorkload(recordBytes <= 300 ? 'records-100b' : 'records-1k');
  return { ...known, ...plan.closed, recordBytes };
}

async function measureSize(
  options: MeasureOptions,
  size: MeasurePlan['sizes'][number],
  server: ServerUnderLoad,
  sink: ServerUnderLoad,
): Promise<SizeMeasured> {
  const { plan, progress } = options;
  const { recordBytes } = size;
  const workload = baseOf(plan, recordBytes);
  const payload = payloadOf(options, recordBytes);
  const pairs = await interleaved(
    size.pairs,
    (pair) => {
      progress(`${recordBytes} B: the generator's ceiling, pair ${pair + 1} of ${size.pairs}`);
      return generatorCeiling(workload, payload, sink);
    },
    (pair) => {
      progress(`${recordBytes} B: the broker's maximum, pair ${pair + 1} of ${size.pairs}`);
      return runLoad({ workload, payload, server });
    },
  );
  const maximum = medianOf(pairs.map((pair) => pair.b.recordsPerSecond));
  const open: { fraction: number; result: LoadResult }[] = [];
  for (const fraction of size.fractions) {
    progress(`${recordBytes} B: open loop at ${Math.round(fraction * 100)} %`);
    const recordsPerSecond = Math.max(1, Math.round(maximum * fraction));
    const result = await runLoad({ workload: { ...workload, ...plan.open, recordsPerSecond }, payload, server });
    open.push({ fraction, result });
  }
  return { recordBytes, pairs, open };
}

export function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

function measureEndToEnd(options: MeasureOptions, size: SizeMeasured, server: ServerUnderLoad): Promise<LoadResult> {
  options.progress('from due to received, with a consumer');
  const maximum = medianOf(size.pairs.map((pair) => pair.b.recordsPerSecond));
  const workload = {
    ...baseOf(options.plan, size.recordBytes),
    ...options.plan.open,
    consumers: 1,
    recordsPerSecond: Math.max(1, Math.round(maximum / 4)),
  };
  return runLoad({ workload, payload: payloadOf(options, size.recordBytes), server });
}

async function measureDrains(options: MeasureOptions, base: Workload, server: ServerUnderLoad) {
  const { progress, plan } = options;
  const drains: { consumers: number; result: DrainResult }[] = [];
  if (plan.consumers.length === 0) return drains;
  progress('filling a topic to be read');
  const topic = `capacity-drain-${process.pid}`;
  const workload = { ...base, partitions: DRAIN_PARTITIONS };
  const payload = payloadOf(options, base.recordBytes as number);
  await runLoad({ workload, payload, server, keepTopic: topic });
  for (const consumers of plan.consumers) {
    progress(`reading with ${consumers} consumers`);
    drains.push({ consumers, result: await drainTopic(server, topic, consumers) });
  }
  await deleteTopic(server, topic);
  return drains;
}

async function weigh(
  options: MeasureOptions,
  compression: Workload['compression'],
  server: ServerUnderLoad,
  dataDir: string,
): Promise<DiskMeasured> {
  const { recordBytes } = options.plan.sizes[0]!;
  options.progress(`bytes on disk, ${compression}`);
  const topic = `capacity-disk-${compression}-${process.pid}`;
  const workload: Workload = {
    ...baseOf(options.plan, recordBytes),
    compression,
    recordsPerSecond: Math.max(1, Math.round(DISK_BYTES_PER_SECOND / recordBytes)),
    warmupMs: 0,
    measureMs: DISK_MS,
  };
  const { acknowledged } = await runLoad({
    workload,
    payload: payloadOf(options, recordBytes),
    server,
    keepTopic: topic,
    topicConfigs: { 'segment.bytes': String(WEIGHED_SEGMENT_BYTES) },
  });
  const files = filesOf(dataDir, topic);
  await deleteTopic(server, topic);
  return { compression, records: acknowledged, valueBytes: acknowledged * recordBytes, ...files };
}

function wordsOf(change: SweepChange): string {
  return Object.entries(change)
    .map(([name, value]) => `${name}=${value}`)
    .join(', ');
}

/** Logs whole; indexes only of segments that are closed, scaled to the whole log. */
function filesOf(dataDir: string, topic: string): Pick<DiskMeasured, 'logBytes' | 'indexBytes'> {
  let logBytes = 0;
  let closedLogBytes = 0;
  let closedIndexBytes = 0;
  for (const folder of readdirSync(dataDir).filter((name) => new RegExp(`^${topic}-\\d+$`).test(name))) {
    const sizeOf = (name: string): number => statSync(join(dataDir, folder, name)).size;
    const segments = readdirSync(join(dataDir, folder))
      .filter((name) => name.endsWith('.log'))
      .sort();
    segments.forEach((name, at) => {
      logBytes += sizeOf(name);
      if (at === segments.length - 1) return;
      closedLogBytes += sizeOf(name);
      const stem = name.slice(0, -'.log'.length);
      for (const index of ['index', 'timeindex']) closedIndexBytes += sizeOf(`${stem}.${index}`);
    });
  }
  return { logBytes, indexBytes: closedLogBytes === 0 ? 0 : (closedIndexBytes / closedLogBytes) * logBytes };
}

async function deleteTopic(server: ServerUnderLoad, topic: string): Promise<void> {
  const admin = new Admin(realPorts(), { 'bootstrap.servers': server.bootstrap });
  await admin.deleteTopics([topic]);
  await admin.close();
}
