/**
 * A broker process with the time from the start of the process to `ready`, and what it costs while it runs. The data folder is the caller's.
 */
import { readdirSync } from 'node:fs';
import { processUsage } from '../load/process-usage.ts';
import { brokerCommand } from '../load/server-process.ts';
import { type RunningServer, startServer } from '../start-server.ts';

const START_MS_MAX = 120_000;
/** A start after a clean end is measured: a node that flushes ten thousand partitions is not to be killed. */
const STOP_MS_MAX = 600_000;

export interface TimedNode extends RunningServer {
  readonly bootstrap: string;
}

export async function startTimed(dataDir: string): Promise<TimedNode> {
  const limits = { startMsMax: START_MS_MAX, stopMsMax: STOP_MS_MAX };
  const server = await startServer({ name: 'mqlab', ...brokerCommand(dataDir), ...limits });
  return { ...server, bootstrap: server.ready[1]! };
}

/** null where there is no /proc. */
export function openHandles(pid: number): number | null {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return null;
  }
}

export interface IdleCost {
  readonly rssBytes: number;
  /** Of one processor. */
  readonly cpuPercent: number;
  readonly handles: number;
}

/** What the process costs while nobody asks it anything; null where there is no /proc. */
export async function idleCost(pid: number, settleMs: number, idleMs: number): Promise<IdleCost | null> {
  await delay(settleMs);
  const before = processUsage(pid);
  const startMs = performance.now();
  await delay(idleMs);
  const after = processUsage(pid);
  const handles = openHandles(pid);
  if (before === null || after === null || handles === null) return null;
  const cpuPercent = ((after.cpuSeconds - before.cpuSeconds) / ((performance.now() - startMs) / 1000)) * 100;
  return { rssBytes: after.rssBytes, cpuPercent, handles };
}

export function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
