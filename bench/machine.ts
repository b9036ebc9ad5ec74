import { cpus, release, totalmem, type } from 'node:os';
import type { Machine } from '@mqlab/reports/run-data.ts';

/** The machine that a run happens on, as its data names it. */
export function thisMachine(): Machine {
  const cores = cpus();
  return {
    cpu: (cores[0]?.model ?? 'unknown').trim(),
    cores: cores.length,
    memoryBytes: totalmem(),
    kernel: `${type()} ${release()}`,
    node: process.version,
  };
}
