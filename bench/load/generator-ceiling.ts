/**
 * The generator's own ceiling: the same workload, as fast as it goes, against a broker that keeps nothing. A figure measured near it says more
 * about the generator than about the broker.
 */

import type { Payload } from './payload.ts';
import { type LoadResult, runLoad, type ServerUnderLoad } from './run-load.ts';
import { startNullSink } from './server-process.ts';
import type { Workload } from './workload.ts';

/** `sink`: one that runs already. */
export async function generatorCeiling(
  workload: Workload,
  payload: Payload,
  sink?: ServerUnderLoad,
): Promise<LoadResult> {
  const closed: Workload = { ...workload, recordsPerSecond: 'max', consumers: 0 };
  if (sink !== undefined) return runLoad({ workload: closed, payload, server: sink });
  const server = await startNullSink(workload.partitions);
  try {
    return await runLoad({ workload: closed, payload, server: { ...server, isSink: true } });
  } finally {
    await server.stop();
  }
}
