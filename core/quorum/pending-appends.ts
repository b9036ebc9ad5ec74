/** The leadership in which records were appended ended before they were committed. They may be committed yet: the outcome is unknown. */
export class NotLeaderError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'NotLeaderError';
  }
}

interface Append {
  readonly lastOffset: number;
  resolve(result: { readonly lastOffset: number }): void;
  reject(error: Error): void;
}

interface Waiter {
  readonly offset: number;
  resolve(): void;
  reject(error: Error): void;
}

/**
 * Who waits for records to be applied: appends of the present leadership, in their order, and those who wait for an offset.
 *
 * Invariant: an append is answered once: applied, or not known to be.
 */
export class PendingAppends {
  private appends: Append[] = [];
  private waiters: Waiter[] = [];

  get count(): number {
    return this.appends.length;
  }

  append(lastOffset: number): Promise<{ readonly lastOffset: number }> {
    return new Promise((resolve, reject) => {
      this.appends.push({ lastOffset, resolve, reject });
    });
  }

  /** Until everything below `offset` is applied. */
  whenApplied(offset: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.waiters.push({ offset, resolve, reject });
    });
  }

  /** Everything below `offset` is applied. */
  applied(offset: number): void {
    while (this.appends.length > 0 && this.appends[0]!.lastOffset < offset) {
      const { lastOffset, resolve } = this.appends.shift()!;
      resolve({ lastOffset });
    }
    if (this.waiters.length === 0) return;
    const done = this.waiters.filter((waiter) => waiter.offset <= offset);
    if (done.length === 0) return;
    this.waiters = this.waiters.filter((waiter) => waiter.offset > offset);
    for (const waiter of done) waiter.resolve();
  }

  leadershipEnded(): void {
    const lost = this.appends;
    this.appends = [];
    for (const { reject } of lost) reject(new NotLeaderError('this node no longer leads the metadata quorum'));
  }

  closed(reason: string): void {
    this.leadershipEnded();
    const waiters = this.waiters;
    this.waiters = [];
    for (const { reject } of waiters) reject(new Error(reason));
  }
}
