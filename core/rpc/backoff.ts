import type { Random } from '../ports/random.ts';

const JITTER = 0.2;

/** Milliseconds to wait after the `failures`-th failure in a row (from 1): doubled each time up to the bound, ± 20 % (KIP-580). */
export function backoffMs(random: Random, baseMs: number, maxMs: number, failures: number): number {
  const exponential = Math.min(maxMs, baseMs * 2 ** Math.min(30, Math.max(0, failures - 1)));
  return exponential * (1 - JITTER + 2 * JITTER * random.float());
}
