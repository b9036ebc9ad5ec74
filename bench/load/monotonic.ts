/**
 * One monotonic time for all threads of this machine, in milliseconds. `performance.now()` begins at another moment in each thread, so the
 * distance to the system's own monotonic clock is taken once; reading it then costs no more than `performance.now()`.
 */
const distanceMs = (() => {
  let best = Number.POSITIVE_INFINITY;
  let distance = 0;
  // The tightest of a few readings: a thread may be interrupted between the two clocks.
  for (let i = 0; i < 16; i++) {
    const before = performance.now();
    const system = Number(process.hrtime.bigint()) / 1e6;
    const after = performance.now();
    if (after - before >= best) continue;
    best = after - before;
    distance = system - (before + after) / 2;
  }
  return distance;
})();

export function monotonicMs(): number {
  return performance.now() + distanceMs;
}
