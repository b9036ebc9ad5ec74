/**
 * From nothing to the first acknowledged record, and what a server takes while nobody asks anything of it.
 *
 * The time runs from the start of the process until the record is acknowledged; the making of the topic is in it, what a system does once before its first start (formatting) is not.
 */
import { monotonicMs } from '../load/monotonic.ts';
import { usageOfAll } from '../load/process-usage.ts';
import { Session, type System } from './session.ts';

/** The workload’s name in figures. */
export const START_UP = 'start-up';

export interface StartUp {
  readonly firstAcknowledgedMs: number;
  readonly rssBytesIdle: number | null;
  /** Share of one core, in percent, over the idle time. */
  readonly cpuPercentIdle: number | null;
}

const SETTLE_MS = 1_000;

export async function measureStartUp(system: System, idleMs: number): Promise<StartUp> {
  const session = await Session.open(system, false);
  try {
    const readyMs = monotonicMs();
    const [topic] = await session.newTopics(1, 1);
    await session.produceOne(topic!);
    const firstAcknowledgedMs = session.running.startMs + monotonicMs() - readyMs;
    await sleep(SETTLE_MS);
    const before = usageOfAll(session.running.pids);
    await sleep(idleMs);
    const after = usageOfAll(session.running.pids);
    return {
      firstAcknowledgedMs,
      rssBytesIdle: after?.rssBytes ?? null,
      cpuPercentIdle:
        before === null || after === null ? null : ((after.cpuSeconds - before.cpuSeconds) / (idleMs / 1000)) * 100,
    };
  } finally {
    await session.close();
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
