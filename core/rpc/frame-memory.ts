/**
 * Memory for bytes that outlive the chunk they came in, used again by whichever connection needs some next.
 *
 * New memory for each would not only be touched for the first time: the engine counts it against its heap, and collects the whole heap, of a few MiB, after each
 * ten MiB or so of it: ten times a second at 100 MB/s.
 *
 * Sizes are powers of two. What is kept is bounded in sum, so a connection that is silent after a large frame holds nothing.
 */
const CLASS_SHIFT_MIN = 12;
const CLASS_SHIFT_MAX = 21;
const KEPT_BYTES_MAX = 32 * 1024 * 1024;
/** Memory at most so many classes above the smallest that would do is taken: what waits a minute with a few bytes must not hold a MiB. */
const CLASSES_ABOVE_MAX = 2;

const classes: Buffer[][] = Array.from({ length: CLASS_SHIFT_MAX - CLASS_SHIFT_MIN + 1 }, () => []);
let keptBytes = 0;

/** At least `bytes` long. Where memory of `bytesWished` is at hand it is that long: it costs nothing then. */
export function takeMemory(bytes: number, bytesWished = bytes): Buffer {
  const kept = takeKept(Math.max(bytes, bytesWished)) ?? takeKept(bytes);
  if (kept !== null) return kept;
  const index = classOf(bytes);
  // allocUnsafeSlow: a buffer of its own, not a corner of the runtime's pool, which it would keep alive.
  return Buffer.allocUnsafeSlow(index < classes.length ? 1 << (index + CLASS_SHIFT_MIN) : bytes);
}

/** Only what `takeMemory` gave, and that nobody looks at any more. */
export function giveMemoryBack(memory: Buffer): void {
  const index = classOf(memory.length);
  if (index >= classes.length || keptBytes + memory.length > KEPT_BYTES_MAX) return;
  keptBytes += memory.length;
  classes[index]!.push(memory);
}

/** The smallest that is kept and long enough, and not much longer; null: none is. */
function takeKept(bytes: number): Buffer | null {
  const smallest = classOf(bytes);
  for (let index = smallest; index < classes.length && index <= smallest + CLASSES_ABOVE_MAX; index++) {
    const memory = classes[index]!.pop();
    if (memory === undefined) continue;
    keptBytes -= memory.length;
    return memory;
  }
  return null;
}

function classOf(bytes: number): number {
  return Math.max(0, 32 - Math.clz32(Math.max(bytes, 1) - 1) - CLASS_SHIFT_MIN);
}
