/**
 * Runs load against a peer: producers at the maximum or at a rate, consumers that read along, consumers that drain. Plain data comes out.
 *
 * Method: all threads connected before the first record is due, a warm-up that is not measured, processor time and memory of all of the server's processes taken at the
 * two ends of the window. A failed record makes no run fail: it is counted. Topics are the caller's.
 */
import type { PeerTopic } from '../peers/peer.ts';
import { Latencies, type LatencySummary } from './latency.ts';
import { LoadThread } from './load-thread.ts';
import { monotonicMs } from './monotonic.ts';
import type { Keys } from './partition-chooser.ts';
import type { Payload } from './payload.ts';
import { type ProcessUsage, usageOfAll } from './process-usage.ts';
import type { ConsumerReport, PeerConsumerTask, PeerProducerTask, ProducerReport, Start } from './worker-messages.ts';

/** Where the load goes. */
export interface LoadTarget {
  readonly driver: URL;
  readonly address: string;
  readonly pids: readonly number[];
}

export interface PeerLoadSetting {
  readonly topics: readonly PeerTopic[];
  readonly acks: '0' | '1' | 'all';
  readonly keys: Keys;
  readonly batchBytes: number;
  readonly lingerMs: number;
  readonly producers: number;
  /** Threads that read along. */
  readonly consumers: number;
  readonly outstandingBytesMax: number;
  readonly recordsPerSecond: number | 'max';
  readonly warmupMs: number;
  readonly measureMs: number;
  readonly drainMsMax: number;
}

export interface PeerLoadResult {
  /** Acknowledged in the window. */
  readonly recordsPerSecond: number;
  readonly bytesPerSecond: number;
  readonly latency: LatencySummary | null;
  readonly lateness: LatencySummary | null;
  readonly endToEnd: LatencySummary | null;
  /** Of the whole run. */
  readonly recordsSent: number;
  readonly failed: number;
  readonly unfinished: number;
  readonly failure: string | null;
  readonly recordsConsumed: number;
  /** Of the server in the window; null where it cannot be seen. */
  readonly cpuSecondsPerGb: number | null;
  readonly cpuUsPerRecord: number | null;
  readonly rssBytesPeak: number | null;
}

/** Threads are told of the start this long before. */
const LEAD_MS = 50;
const SILENCE_MS_MAX = 10_000;
const WATCH_MS = 5;

export async function loadPeer(
  target: LoadTarget,
  setting: PeerLoadSetting,
  payload: Payload,
): Promise<PeerLoadResult> {
  const { producers: count, recordsPerSecond, warmupMs, measureMs } = setting;
  const carriesTime = setting.consumers > 0 && recordsPerSecond !== 'max';
  const consumers = consumerTasks(target, setting.topics, setting.consumers, 'follow', carriesTime).map((task) =>
    LoadThread.take('peer-consumer', task),
  );
  const producers = Array.from({ length: count }, (_, index) => {
    const rate = recordsPerSecond === 'max' ? recordsPerSecond : recordsPerSecond / count;
    const task: PeerProducerTask = {
      ...setting,
      driver: target.driver.href,
      address: target.address,
      recordsPerSecond: rate,
      payload,
      index,
      carriesTime,
    };
    return LoadThread.take('peer-producer', task);
  });
  const threads = [...consumers, ...producers];
  try {
    await Promise.all(threads.map((thread) => thread.ready));
    const startMs = monotonicMs() + LEAD_MS;
    const measureFromMs = startMs + warmupMs;
    const measureUntilMs = measureFromMs + measureMs;
    const start: Start = { kind: 'start', startMs, measureFromMs, measureUntilMs };
    const usage = usageOver(target.pids, measureFromMs, measureUntilMs);
    for (const thread of threads) thread.start(start);
    const produced = (await Promise.all(producers.map((thread) => thread.report))) as ProducerReport[];
    const stored = produced.reduce((sum, each) => sum + each.recordsSent - each.failed - each.unfinished, 0);
    await received(consumers, stored, setting.drainMsMax);
    for (const thread of consumers) thread.stop();
    const consumed = (await Promise.all(consumers.map((thread) => thread.report))) as ConsumerReport[];
    return resultOf(setting, produced, consumed, await usage);
  } finally {
    await Promise.all(threads.map((thread) => thread.end()));
  }
}

export interface PeerDrainResult {
  readonly records: number;
  readonly recordsPerSecond: number;
  readonly bytesPerSecond: number;
  readonly cpuSecondsPerGb: number | null;
  readonly cpuUsPerRecord: number | null;
}

/** Consumers read `wanted` records of what is there, from the beginning. The time runs from the opening of the consumers to their last record. */
export async function drainPeer(
  target: LoadTarget,
  topics: readonly PeerTopic[],
  consumerCount: number,
  wanted: number,
): Promise<PeerDrainResult> {
  const threads = consumerTasks(target, topics, consumerCount, 'drain', false).map((task) =>
    LoadThread.take('peer-consumer', task),
  );
  try {
    await Promise.all(threads.map((thread) => thread.ready));
    const before = usageOfAll(target.pids);
    const startMs = monotonicMs();
    for (const thread of threads)
      thread.start({ kind: 'start', startMs, measureFromMs: startMs, measureUntilMs: startMs });
    await progressed(threads, wanted);
    const after = usageOfAll(target.pids);
    for (const thread of threads) thread.stop();
    const reports = (await Promise.all(threads.map((thread) => thread.report))) as ConsumerReport[];
    const records = reports.reduce((sum, each) => sum + each.records, 0);
    const bytes = reports.reduce((sum, each) => sum + each.bytes, 0);
    const seconds = Math.max(...reports.map((each) => each.elapsedMs)) / 1000;
    return {
      records,
      recordsPerSecond: records / seconds,
      bytesPerSecond: bytes / seconds,
      ...cpuPer(before, after, bytes, records),
    };
  } finally {
    await Promise.all(threads.map((thread) => thread.end()));
  }
}

/** Until consumers that read along have so many, or patience ends: what comes late is to be in the latencies. */
async function received(threads: readonly LoadThread[], wanted: number, msMax: number): Promise<void> {
  const deadlineMs = monotonicMs() + msMax;
  if (threads.length === 0) return;
  while (threads.reduce((sum, thread) => sum + thread.progress, 0) < wanted && monotonicMs() < deadlineMs)
    await new Promise((resolve) => setTimeout(resolve, WATCH_MS));
}

async function progressed(threads: readonly LoadThread[], wanted: number): Promise<void> {
  let had = -1;
  let heardMs = monotonicMs();
  let broken: unknown = null;
  for (const thread of threads) thread.report.catch((error: unknown) => (broken ??= error));
  for (;;) {
    const have = threads.reduce((sum, thread) => sum + thread.progress, 0);
    if (have >= wanted) return;
    if (broken !== null) throw broken;
    if (have !== had) [had, heardMs] = [have, monotonicMs()];
    else if (monotonicMs() - heardMs > SILENCE_MS_MAX)
      throw new Error(`drained ${have} of ${wanted} records, then silence`);
    await new Promise((resolve) => setTimeout(resolve, WATCH_MS));
  }
}

function consumerTasks(
  target: LoadTarget,
  topics: readonly PeerTopic[],
  count: number,
  mode: 'follow' | 'drain',
  carriesTime: boolean,
): PeerConsumerTask[] {
  const places = topics.flatMap(({ name, partitions }) =>
    Array.from({ length: partitions }, (_, partition) => ({ topic: name, partition })),
  );
  const threads = Math.min(count, places.length);
  return Array.from({ length: threads }, (_, index) => ({
    driver: target.driver.href,
    address: target.address,
    assignment: places.filter((_place, at) => at % threads === index),
    mode,
    carriesTime,
  }));
}

interface UsageOverWindow {
  readonly before: ProcessUsage | null;
  readonly after: ProcessUsage | null;
}

async function usageOver(pids: readonly number[], fromMs: number, untilMs: number): Promise<UsageOverWindow> {
  const at = (ms: number) =>
    new Promise<ProcessUsage | null>((resolve) => {
      setTimeout(() => resolve(usageOfAll(pids)), Math.max(0, ms - monotonicMs()));
    });
  const [before, after] = await Promise.all([at(fromMs), at(untilMs)]);
  return { before, after };
}

export function cpuPer(
  before: ProcessUsage | null,
  after: ProcessUsage | null,
  bytes: number,
  records: number,
): { readonly cpuSecondsPerGb: number | null; readonly cpuUsPerRecord: number | null } {
  if (before === null || after === null || bytes === 0) return { cpuSecondsPerGb: null, cpuUsPerRecord: null };
  const seconds = after.cpuSeconds - before.cpuSeconds;
  return { cpuSecondsPerGb: seconds / (bytes / 1e9), cpuUsPerRecord: (seconds * 1e6) / records };
}

function merged(texts: readonly (string | null)[]): LatencySummary | null {
  const all = new Latencies();
  for (const text of texts) if (text !== null) all.add(Latencies.fromText(text));
  return all.summary();
}

function resultOf(
  setting: PeerLoadSetting,
  produced: readonly ProducerReport[],
  consumed: readonly ConsumerReport[],
  { before, after }: UsageOverWindow,
): PeerLoadResult {
  const sum = (of: (report: ProducerReport) => number): number => produced.reduce((total, each) => total + of(each), 0);
  const seconds = setting.measureMs / 1000;
  const bytes = sum((each) => each.bytesInWindow);
  const records = sum((each) => each.acknowledgedInWindow);
  return {
    recordsPerSecond: records / seconds,
    bytesPerSecond: bytes / seconds,
    latency: merged(produced.map((each) => each.latencies)),
    lateness: merged(produced.map((each) => each.lateness)),
    endToEnd: merged(consumed.map((each) => each.latencies)),
    recordsSent: sum((each) => each.recordsSent),
    failed: sum((each) => each.failed),
    unfinished: sum((each) => each.unfinished),
    failure: produced.find((each) => each.failure !== null)?.failure ?? null,
    recordsConsumed: consumed.reduce((total, each) => total + each.records, 0),
    ...cpuPer(before, after, bytes, records),
    rssBytesPeak: after?.rssBytesPeak ?? null,
  };
}
