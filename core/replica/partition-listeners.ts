/**
 * Who is told of a partition's changes. A listener may stop listening, or begin to, while it is told.
 *
 * Invariant: who waits for appends hears of changes as well, so that one wake-up does for a follower's fetch.
 */
export class PartitionListeners {
  private readonly changes = new Set<() => void>();
  private readonly appends = new Set<() => void>();

  /** Returns how to stop listening. */
  onChange(listener: () => void): () => void {
    this.changes.add(listener);
    return () => this.changes.delete(listener);
  }

  onAppend(listener: () => void): () => void {
    const stop = this.onChange(listener);
    this.appends.add(listener);
    return () => {
      stop();
      this.appends.delete(listener);
    };
  }

  changed(): void {
    for (const listener of [...this.changes]) listener();
  }

  appended(): void {
    if (this.appends.size === 0) return;
    for (const listener of [...this.appends]) listener();
  }

  clear(): void {
    this.changes.clear();
    this.appends.clear();
  }
}
