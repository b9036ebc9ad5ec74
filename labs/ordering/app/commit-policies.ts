/**
 * What may be committed while records of a partition are in flight out of order. A policy is told of every record that was polled and of every one that
 * is finished, and names the next offset to read after a crash.
 *
 * Invariant that a commit of offset o promises: everything below o has had its effect. `Watermark` alone keeps it once records finish out of order.
 */
export interface CommitPolicy {
  polled(offset: number): void;
  finished(offset: number): void;
  /** The next offset to read, or null while there is nothing to commit. */
  readonly committable: number | null;
}

export type CommitPolicyName = 'highest-polled' | 'highest-finished' | 'watermark';

/** What a consumer does whose `poll` hands records over and whose commit stores its position. */
export class HighestPolled implements CommitPolicy {
  committable: number | null = null;

  polled(offset: number): void {
    this.committable = offset + 1;
  }

  finished(): void {}
}

// #excerpt highest-finished
/** Commits behind the highest finished record, whatever is unfinished below it. */
export class HighestFinished implements CommitPolicy {
  committable: number | null = null;

  polled(): void {}

  finished(offset: number): void {
    this.committable = Math.max(this.committable ?? 0, offset + 1);
  }
}
// #end

// #excerpt watermark
/**
 * The contiguous watermark: commits up to the lowest unfinished record. A flag for each record in flight, in the order of the log
 * (offsets may have gaps); finished ones leave at the front, and the watermark moves behind them.
 *
 *     offset     17   18   20   21   22
 *     finished    1    0    1    1    0      → commit 18: a crash repeats 20 and 21, and loses nothing
 */
export class Watermark implements CommitPolicy {
  committable: number | null = null;
  readonly #inFlight = new Map<number, boolean>();

  polled(offset: number): void {
    this.#inFlight.set(offset, false);
  }

  finished(offset: number): void {
    this.#inFlight.set(offset, true);
    for (const [first, isFinished] of this.#inFlight) {
      if (!isFinished) break;
      this.#inFlight.delete(first);
      this.committable = first + 1;
    }
  }
}
// #end

export function commitPolicy(name: CommitPolicyName): CommitPolicy {
  switch (name) {
    case 'highest-polled':
      return new HighestPolled();
    case 'highest-finished':
      return new HighestFinished();
    case 'watermark':
      return new Watermark();
  }
}
