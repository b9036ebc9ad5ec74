import { ErrorCode } from '../protocol/errors.ts';
import type { LedLog } from './coordinator-log.ts';

/**
 * The partitions of an internal topic that this broker coordinates: each has a shard from the election of this broker until its end, a new one for each
 * leader epoch.
 *
 * Invariants: a shard is loaded from a log that is committed to its end, so it never tells what a later leader may not know; after `resigned`, and as soon
 * as its log says that the leadership is over, nobody gets at it.
 */
export interface Shard {
  /** Builds the state from the log. */
  load(): void;
  /** Nothing that it still does has an effect; who is parked is told NOT_COORDINATOR. */
  close(): void;
}

interface Held<S> {
  readonly leaderEpoch: number;
  readonly log: LedLog;
  shard: S | null;
}

export class CoordinatorShards<S extends Shard> {
  private readonly held = new Map<number, Held<S>>();
  private readonly onProblem: (message: string) => void;

  constructor(onProblem: (message: string) => void) {
    this.onProblem = onProblem;
  }

  /** This broker leads the partition. Once more in the same epoch, or in an older one, changes nothing. */
  elected<L extends LedLog>(partition: number, leaderEpoch: number, openLog: () => L, make: (log: L) => S): void {
    const before = this.held.get(partition);
    if (before !== undefined && before.leaderEpoch >= leaderEpoch) return;
    this.resigned(partition);
    const log = openLog();
    const held: Held<S> = { leaderEpoch, log, shard: null };
    this.held.set(partition, held);
    log.whenCommitted(() => {
      if (this.held.get(partition) !== held) return;
      const shard = make(log);
      try {
        shard.load();
        held.shard = shard;
      } catch (error) {
        shard.close();
        log.close();
        this.onProblem(`the coordinator of partition ${partition} cannot be loaded: ${String(error)}`);
      }
    });
  }

  resigned(partition: number): void {
    const held = this.held.get(partition);
    if (held === undefined) return;
    this.held.delete(partition);
    held.shard?.close();
    held.log.close();
  }

  /** The shard, or NOT_COORDINATOR, or COORDINATOR_LOAD_IN_PROGRESS. */
  find(partition: number): S | number {
    const held = this.held.get(partition);
    if (held === undefined || held.log.problem !== ErrorCode.NONE) return ErrorCode.NOT_COORDINATOR;
    return held.shard ?? ErrorCode.COORDINATOR_LOAD_IN_PROGRESS;
  }

  /** Those that are loaded, by partition. */
  loaded(): S[] {
    const found: S[] = [];
    for (const { shard, log } of this.held.values()) {
      if (shard !== null && log.problem === ErrorCode.NONE) found.push(shard);
    }
    return found;
  }

  get isLoading(): boolean {
    for (const { shard, log } of this.held.values()) {
      if (shard === null && log.problem === ErrorCode.NONE) return true;
    }
    return false;
  }

  close(): void {
    for (const partition of [...this.held.keys()]) this.resigned(partition);
  }
}
