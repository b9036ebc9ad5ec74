/** Fetch throughput: consumers read a topic that is there from its beginning to its end. What was just written lies in the page cache; the result says so. */
import { Admin } from '@mqlab/core/client/admin/admin.ts';
import { realPorts } from '@mqlab/core/ports/real/ports.ts';
import { LoadThread } from './load-thread.ts';
import { monotonicMs } from './monotonic.ts';
import { processUsage } from './process-usage.ts';
import type { ServerUnderLoad } from './run-load.ts';
import type { ConsumerReport } from './worker-messages.ts';

export interface DrainResult {
  readonly records: number;
  readonly bytes: number;
  readonly elapsedMs: number;
  readonly recordsPerSecond: number;
  readonly bytesPerSecond: number;
  readonly cpuSecondsPerGb: number | null;
}

export async function drainTopic(server: ServerUnderLoad, topic: string, consumers: number): Promise<DrainResult> {
  const admin = new Admin(realPorts(), { 'bootstrap.servers': server.bootstrap });
  const described = await admin.describeTopics([topic]);
  await admin.close();
  const partitions = described[0]!.partitions.map((each) => each.index);
  const count = Math.min(consumers, partitions.length);
  const threads = Array.from({ length: count }, (_, index) =>
    LoadThread.take('consumer', {
      bootstrap: server.bootstrap,
      topic,
      mode: 'drain',
      partitions: partitions.filter((_, at) => at % count === index),
    }),
  );
  try {
    await Promise.all(threads.map((thread) => thread.ready));
    const startMs = monotonicMs();
    const before = processUsage(server.pid);
    for (const thread of threads)
      thread.start({ kind: 'start', startMs, measureFromMs: startMs, measureUntilMs: startMs });
    const reports = (await Promise.all(threads.map((thread) => thread.report))) as ConsumerReport[];
    const after = processUsage(server.pid);
    const records = reports.reduce((sum, each) => sum + each.records, 0);
    const bytes = reports.reduce((sum, each) => sum + each.bytes, 0);
    const elapsedMs = Math.max(...reports.map((each) => each.elapsedMs));
    const cpuSeconds = before === null || after === null ? null : after.cpuSeconds - before.cpuSeconds;
    return {
      records,
      bytes,
      elapsedMs,
      recordsPerSecond: (records / elapsedMs) * 1000,
      bytesPerSecond: (bytes / elapsedMs) * 1000,
      cpuSecondsPerGb: cpuSeconds === null || bytes === 0 ? null : cpuSeconds / (bytes / 1e9),
    };
  } finally {
    await Promise.all(threads.map((thread) => thread.end()));
  }
}
