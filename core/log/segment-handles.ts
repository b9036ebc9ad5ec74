import type { Clock } from '../ports/clock.ts';
import { type File, FilesError } from '../ports/files.ts';

/**
 * How many segment files are open at one time: a broker has more segments than a process may have descriptors. A segment that is not used gives its handle up
 * when others need one, and opens its file again when it is used.
 *
 * Invariant: at most `max` segments hold a handle. One that is given up is closed a moment later, so that an answer under way can still send slices of it; the send
 * itself keeps the descriptor (`File.close`). Where the system has fewer descriptors than that, the bound falls to what there were.
 */
export interface HandleHolder {
  /** Used since it was last looked at: it keeps its handle for another round. */
  isRecentlyUsed: boolean;
  giveUpHandle(): File | null;
}

export const SEGMENT_HANDLES_MAX = 8_192;
/** From giving up to closing: far longer than an answer takes from its read to its send. */
const GRACE_MS = 1_000;
/** When the system has no more. */
const SHARE_GIVEN_BACK = 0.25;

export class SegmentHandles {
  private readonly clock: Clock;
  private max: number;
  /** Who was looked at longest ago comes first. */
  private readonly holders = new Set<HandleHolder>();
  private closing: File[] = [];

  constructor(clock: Clock, max = SEGMENT_HANDLES_MAX) {
    this.clock = clock;
    this.max = max;
  }

  get count(): number {
    return this.holders.size;
  }

  /** Opens a segment's file, and takes handles from others when there are too many. */
  open(holder: HandleHolder, open: () => File): File {
    const file = this.opened(open);
    this.holders.add(holder);
    while (this.holders.size > this.max) this.giveUpOne(holder);
    return file;
  }

  /** Its owner closed it. */
  forget(holder: HandleHolder): void {
    this.holders.delete(holder);
  }

  private opened(open: () => File): File {
    try {
      return open();
    } catch (error) {
      if (!(error instanceof FilesError) || error.code !== 'EMFILE' || this.holders.size === 0) throw error;
    }
    this.max = Math.max(1, Math.floor(this.holders.size * (1 - SHARE_GIVEN_BACK)));
    while (this.holders.size > this.max) this.giveUpOne(null);
    this.closeNow();
    return open();
  }

  /** The second chance: who was used since the last look goes to the end of the queue. */
  private giveUpOne(opening: HandleHolder | null): void {
    for (const holder of this.holders) {
      this.holders.delete(holder);
      if (holder.isRecentlyUsed || holder === opening) {
        holder.isRecentlyUsed = false;
        this.holders.add(holder);
        continue;
      }
      const file = holder.giveUpHandle();
      if (file === null) return;
      if (this.closing.length === 0) this.clock.setTimer(GRACE_MS, () => this.closeNow());
      this.closing.push(file);
      return;
    }
  }

  private closeNow(): void {
    for (const file of this.closing.splice(0)) file.close();
  }
}
