/** What a process has used so far, from /proc. null where there is no /proc, or the process is gone. */
import { readFileSync } from 'node:fs';

export interface ProcessUsage {
  /** User and system time. */
  readonly cpuSeconds: number;
  readonly rssBytes: number;
  readonly rssBytesPeak: number;
}

/** USER_HZ: what Linux counts processor time in for user space, on every architecture that Node runs on. */
const TICKS_PER_SECOND = 100;

export function processUsage(pid: number | undefined): ProcessUsage | null {
  if (pid === undefined) return null;
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name stands in parentheses and may hold spaces: fields are counted from behind it. utime and stime are fields 14 and 15.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const status = readFileSync(`/proc/${pid}/status`, 'latin1');
    const kib = (name: string): number =>
      Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? Number.NaN);
    const usage = {
      cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND,
      rssBytes: kib('VmRSS') * 1024,
      rssBytesPeak: kib('VmHWM') * 1024,
    };
    return Object.values(usage).every(Number.isFinite) ? usage : null;
  } catch {
    return null;
  }
}

/** The sum over the processes of one server; null when one of them cannot be seen. */
export function usageOfAll(pids: readonly number[]): ProcessUsage | null {
  let total: ProcessUsage = { cpuSeconds: 0, rssBytes: 0, rssBytesPeak: 0 };
  if (pids.length === 0) return null;
  for (const pid of pids) {
    const usage = processUsage(pid);
    if (usage === null) return null;
    total = {
      cpuSeconds: total.cpuSeconds + usage.cpuSeconds,
      rssBytes: total.rssBytes + usage.rssBytes,
      rssBytesPeak: total.rssBytesPeak + usage.rssBytesPeak,
    };
  }
  return total;
}
