/**
 * The in-sync replicas of a partition as its leader sees them: those that the controller committed, and a change that it was asked for (KIP-497).
 *
 * Invariant: `maximal` holds every replica that the controller may count as in sync now or soon. While an expansion is under way its newcomer counts
 * already; while a removal is under way who is to go counts still. So a watermark over `maximal` is right whichever way the controller decides.
 * At most one change is under way.
 */
export interface PendingChange {
  /** What was asked for. */
  readonly wanted: readonly number[];
  readonly kind: 'expand' | 'shrink';
}

export class InSyncReplicas {
  private current: readonly number[];
  private change: PendingChange | null = null;

  constructor(committed: readonly number[]) {
    this.current = committed;
  }

  get committed(): readonly number[] {
    return this.current;
  }

  get maximal(): readonly number[] {
    return this.change?.kind === 'expand' ? this.change.wanted : this.current;
  }

  get pending(): PendingChange | null {
    return this.change;
  }

  expand(brokerId: number): PendingChange {
    return this.ask({ kind: 'expand', wanted: [...this.current, brokerId] });
  }

  shrink(outOfSync: readonly number[]): PendingChange {
    return this.ask({ kind: 'shrink', wanted: this.current.filter((each) => !outOfSync.includes(each)) });
  }

  private ask(change: PendingChange): PendingChange {
    if (this.change !== null) throw new Error('a change of the in-sync replicas is under way');
    this.change = change;
    return change;
  }

  /** What the controller committed: the outcome of the change, or another one that overtook it. */
  commit(inSyncReplicas: readonly number[]): void {
    this.current = inSyncReplicas;
    this.change = null;
  }

  /** The controller said that the change was not made and will not be. */
  withdraw(): void {
    this.change = null;
  }
}
