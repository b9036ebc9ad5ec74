/** The same load over few or many topics, by a producer thread that stays warm between runs. */
import { Worker } from 'node:worker_threads';
import { writeBack } from '../load/page-cache.ts';
import { type ProcessUsage, processUsage } from '../load/process-usage.ts';
import type { ScalePlan } from './scale-plan.ts';
import { RECORD_BYTES } from './spread-settings.ts';
import type { FromSpreadWorker, SpreadReport, SpreadTask } from './spread-worker.ts';

export interface SpreadSample {
  readonly bytesPerSecond: number;
  readonly recordsPerBatch: number;
  readonly batchesPerRequest: number;
  readonly failed: number;
  readonly failure: string | null;
  /** Of the server and of the client by GB of values; the server's null where it is no process of this machine. */
  readonly serverCpuSecondsPerGb: number | null;
  readonly clientCpuSecondsPerGb: number;
  readonly rssBytesPeak: number | null;
}

export class SpreadLoad {
  private readonly worker = new Worker(new URL('./spread-worker.ts', import.meta.url), {
    resourceLimits: { maxYoungGenerationSizeMb: 96 },
  });

  async run(
    server: { readonly bootstrap: string; readonly pid?: number },
    topics: readonly string[],
    plan: Pick<ScalePlan, 'warmupMs' | 'measureMs'>,
  ): Promise<SpreadSample> {
    const { warmupMs, measureMs } = plan;
    await writeBack();
    const usage: (ProcessUsage | null)[] = [];
    const report = await new Promise<SpreadReport>((resolve, reject) => {
      const onMessage = (message: FromSpreadWorker): void => {
        if (message.kind === 'window') {
          usage.push(processUsage(server.pid));
          return;
        }
        this.worker.off('message', onMessage).off('error', reject);
        resolve(message.report);
      };
      this.worker.on('message', onMessage).once('error', reject);
      this.worker.postMessage({ bootstrap: server.bootstrap, topics, warmupMs, measureMs } satisfies SpreadTask);
    });
    const bytes = report.acknowledged * RECORD_BYTES;
    const [before, after] = usage;
    return {
      bytesPerSecond: bytes / (measureMs / 1000),
      recordsPerBatch: report.recordsPerBatch,
      batchesPerRequest: report.batchesPerRequest,
      failed: report.failed,
      failure: report.failure,
      serverCpuSecondsPerGb:
        before == null || after == null ? null : (after.cpuSeconds - before.cpuSeconds) / (bytes / 1e9),
      clientCpuSecondsPerGb: report.cpuSeconds / (bytes / 1e9),
      rssBytesPeak: after?.rssBytesPeak ?? null,
    };
  }

  async close(): Promise<void> {
    await this.worker.terminate();
  }
}
