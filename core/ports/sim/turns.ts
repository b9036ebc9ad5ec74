/**
 * The simulator's only contact with the runtime's event loop: runs one step after another so that between two steps every
 * microtask, and every unhandled rejection that follows from it, has been dealt with.
 *
 * `setImmediate` gives exactly that between callbacks of one batch, at two to three million steps a second; awaiting promises cannot, for
 * nobody knows how long a chain of microtasks is. Virtual time has no part in this.
 */

/** Immediates queued at once: amortizes a round of the event loop. Few at first, so that a short run leaves few behind. */
const BATCH_COUNT_FIRST = 8;
const BATCH_COUNT_MAX = 128;

/** Listeners of the runtime that are set aside while a world runs: its rejections belong to simulated processes. */
type RejectionListener = (reason: unknown, promise: Promise<unknown>) => void;

let running = false;

/**
 * Calls `step` until it returns true. A throw of `step` ends the turns and rejects.
 * One world at a time in a thread: a rejection is attributed to the step that it follows.
 */
export function takeTurns(step: () => boolean, onRejection: (reason: unknown) => void): Promise<void> {
  if (running) throw new Error('another simulated world is running in this thread');
  running = true;
  const setAside = process.listeners('unhandledRejection') as RejectionListener[];
  process.removeAllListeners('unhandledRejection');
  process.on('unhandledRejection', onRejection);
  return new Promise<void>((resolve, reject) => {
    let queued = 0;
    let batchCount = BATCH_COUNT_FIRST;
    let ended = false;
    const turn = () => {
      queued -= 1;
      if (ended) return;
      try {
        ended = step();
        if (ended) resolve();
      } catch (error) {
        ended = true;
        reject(error);
      }
      if (!ended && queued === 0) queue();
    };
    const queue = () => {
      for (; queued < batchCount; queued += 1) setImmediate(turn);
      batchCount = Math.min(batchCount * 2, BATCH_COUNT_MAX);
    };
    queue();
  }).finally(() => {
    running = false;
    process.off('unhandledRejection', onRejection);
    for (const listener of setAside) process.on('unhandledRejection', listener);
  });
}
