/**
 * Runs one workload against one server and returns what happened as plain data.
 *
 * Method: a new topic for each run, all threads connected before the first record is due, a warm-up that is not measured, processor time and
 * memory of the server taken at the two ends of the measured window, the topic deleted afterwards. A failed record makes no run fail: it is counted.
 *
 * Left to others: what to run in which order (`interleave.ts`, the labs), and what it means.
 */
import { Admin } from '@mqlab/core/client/admin/admin.ts';
import { realPorts } from '@mqlab/core/ports/real/ports.ts';
import { Latencies, type LatencySummary } from './latency.ts';
import { LoadThread } from './load-thread.ts';
import { monotonicMs } from './monotonic.ts';
import type { Payload } from './payload.ts';
import { type ProcessUsage, processUsage } from './process-usage.ts';
import type { ConsumerReport, ConsumerTask, ProducerReport, ProducerTask, Start } from './worker-messages.ts';
import type { Workload } from './workload.ts';

export interface ServerUnderLoad {
  readonly bootstrap: string;
  /** Where it is a process of this machine. */
  readonly pid?: number | undefined;
  /** It makes topics by itself when asked for them, and keeps nothing. */
  readonly isSink?: boolean;
}

export interface LoadResult {
  readonly workload: Workload;
  readonly payload: string;
  /** Acknowledged in the measured window. */
  readonly recordsPerSecond: number;
  /** The same in bytes of values. */
  readonly bytesPerSecond: number;
  /** null in a closed loop, whose latencies mean nothing. */
  readonly latency: LatencySummary | null;
  /** From due to handed over, contained in `latency`. */
  readonly lateness: LatencySummary | null;
  /** From due to received by a consumer; null without one. */
  readonly endToEnd: LatencySummary | null;
  readonly due: number;
  readonly acknowledged: number;
  readonly failed: number;
  readonly unfinished: number;
  readonly failure: string | null;
  readonly recordsPerBatch: number;
  readonly batchesRetried: number;
  readonly recordsConsumed: number;
  /** Of the server, in the measured window, by bytes of values acknowledged in it; null where it cannot be seen. */
  readonly cpuSecondsPerGb: number | null;
  readonly rssBytesPeak: number | null;
}

export interface RunLoadOptions {
  readonly workload: Workload;
  readonly payload: Payload;
  readonly server: ServerUnderLoad;
  /** Keeps the topic, under this name, for whoever reads it next; the caller deletes it. */
  readonly keepTopic?: string;
  readonly topicConfigs?: Readonly<Record<string, string>>;
}

/** From "all are ready" to the first record due. */
const LEAD_MS = 20;
let runs = 0;

export async function runLoad(options: RunLoadOptions): Promise<LoadResult> {
  const { workload, payload, server } = options;
  const topic = options.keepTopic ?? `load-${process.pid}-${runs++}`;
  const isSink = server.isSink ?? false;
  const admin = isSink ? null : new Admin(realPorts(), { 'bootstrap.servers': server.bootstrap });
  const { partitions, replicationFactor } = workload;
  await admin?.createTopics([{ name: topic, partitions, replicationFactor, configs: options.topicConfigs ?? {} }]);
  const consumers = consumerTasks(workload, server.bootstrap, topic).map((task) => LoadThread.take('consumer', task));
  const producers = Array.from({ length: workload.producers }, (_, index) => {
    const carriesTime = workload.consumers > 0 && workload.recordsPerSecond !== 'max';
    const task: ProducerTask = { bootstrap: server.bootstrap, topic, workload, payload, index, carriesTime };
    return LoadThread.take('producer', task);
  });
  const threads = [...consumers, ...producers];
  try {
    await Promise.all(threads.map((thread) => thread.ready));
    const startMs = monotonicMs() + LEAD_MS;
    const measureFromMs = startMs + workload.warmupMs;
    const measureUntilMs = measureFromMs + workload.measureMs;
    const usage = usageOver(server.pid, measureFromMs, measureUntilMs);
    const start: Start = { kind: 'start', startMs, measureFromMs, measureUntilMs };
    for (const thread of threads) thread.start(start);
    const produced = (await Promise.all(producers.map((thread) => thread.report))) as ProducerReport[];
    for (const thread of consumers) thread.stopAfter(500);
    const consumed = (await Promise.all(consumers.map((thread) => thread.report))) as ConsumerReport[];
    return resultOf(options, produced, consumed, await usage);
  } finally {
    await Promise.all(threads.map((thread) => thread.end()));
    if (options.keepTopic === undefined) await admin?.deleteTopics([topic]);
    await admin?.close();
  }
}

function consumerTasks(workload: Workload, bootstrap: string, topic: string): ConsumerTask[] {
  const count = Math.min(workload.consumers, workload.partitions);
  return Array.from({ length: count }, (_, index) => ({
    bootstrap,
    topic,
    mode: 'follow',
    partitions: Array.from({ length: workload.partitions }, (_, partition) => partition).filter(
      (partition) => partition % count === index,
    ),
  }));
}

interface UsageOverWindow {
  readonly cpuSeconds: number;
  readonly rssBytesPeak: number;
}

async function usageOver(pid: number | undefined, fromMs: number, untilMs: number): Promise<UsageOverWindow | null> {
  const at = (ms: number) =>
    new Promise<ProcessUsage | null>((resolve) => {
      setTimeout(() => resolve(processUsage(pid)), Math.max(0, ms - monotonicMs()));
    });
  const [before, after] = await Promise.all([at(fromMs), at(untilMs)]);
  if (before === null || after === null) return null;
  return { cpuSeconds: after.cpuSeconds - before.cpuSeconds, rssBytesPeak: after.rssBytesPeak };
}

function merged(texts: readonly (string | null)[]): LatencySummary | null {
  const all = new Latencies();
  for (const text of texts) if (text !== null) all.add(Latencies.fromText(text));
  return all.summary();
}

function resultOf(
  { workload, payload }: RunLoadOptions,
  produced: readonly ProducerReport[],
  consumed: readonly ConsumerReport[],
  usage: UsageOverWindow | null,
): LoadResult {
  const sum = (of: (report: ProducerReport) => number): number => produced.reduce((total, each) => total + of(each), 0);
  const seconds = workload.measureMs / 1000;
  const bytesInWindow = sum((each) => each.bytesInWindow);
  return {
    workload,
    payload: payload.name,
    recordsPerSecond: sum((each) => each.acknowledgedInWindow) / seconds,
    bytesPerSecond: bytesInWindow / seconds,
    latency: merged(produced.map((each) => each.latencies)),
    lateness: merged(produced.map((each) => each.lateness)),
    endToEnd: merged(consumed.map((each) => each.latencies)),
    due: sum((each) => each.due),
    acknowledged: sum((each) => each.acknowledged),
    failed: sum((each) => each.failed),
    unfinished: sum((each) => each.unfinished),
    failure: produced.find((each) => each.failure !== null)?.failure ?? null,
    recordsPerBatch:
      sum((each) => each.recordsSent) /
      Math.max(
        1,
        sum((each) => each.batchesSent),
      ),
    batchesRetried: sum((each) => each.batchesRetried),
    recordsConsumed: consumed.reduce((total, each) => total + each.records, 0),
    cpuSecondsPerGb: usage === null || bytesInWindow === 0 ? null : usage.cpuSeconds / (bytesInWindow / 1e9),
    rssBytesPeak: usage?.rssBytesPeak ?? null,
  };
}
