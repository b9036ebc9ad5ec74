import type { ProducerIdBlock } from '../controller/controller.ts';
import { type Clock, sleep } from '../ports/clock.ts';

const ATTEMPTS = 3;
const RETRY_BACKOFF_MS = 50;
/** As in Kafka: the next block is asked for when a tenth of this one is left. */
const PREFETCH_LEFT = 0.1;

/**
 * Hands out producer ids from blocks that the controller gave this broker. Ids of a block that a restart left unused are lost, never given twice.
 *
 * Invariant: at most one block is asked for at a time. Who finds none waits for that, a bounded number of attempts long, and gets null when none comes.
 */
export class ProducerIds {
  private readonly nextBlock: () => Promise<ProducerIdBlock>;
  private readonly clock: Clock;
  private next = 0;
  private end = 0;
  private prefetched: ProducerIdBlock | null = null;
  private prefetchAt = 0;
  private filling: Promise<boolean> | null = null;

  /** `nextBlock` rejects when the controller gives none, or does not answer in its time. */
  constructor(nextBlock: () => Promise<ProducerIdBlock>, clock: Clock) {
    this.nextBlock = nextBlock;
    this.clock = clock;
  }

  /** An id that nobody had; null when the controller gives none just now: clients are told COORDINATOR_LOAD_IN_PROGRESS. */
  async take(): Promise<number | null> {
    while (this.next === this.end && !this.useNextBlock()) {
      if (!(await this.fill())) return null;
    }
    const id = this.next++;
    if (id >= this.prefetchAt && this.prefetched === null) void this.fill();
    return id;
  }

  private useNextBlock(): boolean {
    const block = this.prefetched;
    if (block === null) return false;
    this.prefetched = null;
    this.next = block.first;
    this.end = block.first + block.count;
    this.prefetchAt = this.end - Math.ceil(block.count * PREFETCH_LEFT);
    return true;
  }

  /** False when there is no block to be had. */
  private fill(): Promise<boolean> {
    this.filling ??= this.ask().finally(() => {
      this.filling = null;
    });
    return this.filling;
  }

  private async ask(): Promise<boolean> {
    for (let attempt = 1; ; attempt++) {
      try {
        this.prefetched = await this.nextBlock();
        return true;
      } catch {
        if (attempt === ATTEMPTS) return false;
        await sleep(this.clock, RETRY_BACKOFF_MS);
      }
    }
  }
}
