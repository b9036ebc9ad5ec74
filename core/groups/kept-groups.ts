import type { Clock, Timer } from '../ports/clock.ts';
import { ErrorCode } from '../protocol/errors.ts';
import type { Append } from './coordinator-log.ts';
import type { CoordinatorRecord } from './records.ts';

/**
 * The groups of one kind in a shard whose state is made of records: how they are stored, when something is due for them, and which metadata they have looked at.
 *
 * Invariant: a group changes when the log has taken the records, in their order, so that the next request is decided on them; nobody is told before they
 * are committed. What the log refuses changes nothing; what it took is lost only with the leadership, and the shard with it.
 */
export interface KeptGroup<R> {
  readonly groupId: string;
  replay(record: R, wallNowMs: number): void;
}

export interface KeptGroupsParts<R> {
  readonly clock: Clock;
  append(records: readonly CoordinatorRecord[]): Append;
  encode(record: R): CoordinatorRecord;
  /** Monotonic ms at which something is due for the group; Infinity: nothing is. */
  nextDeadline(groupId: string): number;
  /** Something is due. A Kafka error code when it could not be stored: it is tried again a little later. */
  tick(groupId: string): number;
}

/** What makes room for a group: stored in one batch with it, before its own records. */
export interface Room {
  readonly records: readonly CoordinatorRecord[];
  /** The log has taken them. */
  taken(): void;
}

const STORE_RETRY_MS = 500;

export class KeptGroups<G extends KeptGroup<R>, R> {
  readonly all = new Map<string, G>();
  private readonly parts: KeptGroupsParts<R>;
  private readonly timers = new Map<string, { readonly at: number; readonly timer: Timer }>();
  /** At which metadata the group last looked at its topics. */
  private readonly looked = new Map<string, number>();
  /** Until when what is due waits, because it could not be stored. */
  private readonly retries = new Map<string, number>();
  metadataVersion = 1;
  isClosed = false;

  constructor(parts: KeptGroupsParts<R>) {
    this.parts = parts;
  }

  close(): void {
    this.isClosed = true;
    for (const { timer } of this.timers.values()) timer.cancel();
    this.timers.clear();
  }

  metadataChanged(): void {
    this.metadataVersion++;
  }

  isMetadataStale(groupId: string): boolean {
    return this.looked.get(groupId) !== this.metadataVersion;
  }

  hasLooked(groupId: string): void {
    this.looked.set(groupId, this.metadataVersion);
  }

  /** False for a group that was deleted, or whose shard has moved away, while somebody waited. */
  isCurrent(group: G): boolean {
    return !this.isClosed && this.all.get(group.groupId) === group;
  }

  /**
   * Stores and replays the records of a group, which is made by them if it is new. Without records it waits for those of the shard that are under way: an answer
   * may follow from them.
   */
  store(group: G, records: readonly R[], room: Room | null = null): Append {
    const append = this.parts.append([...(room?.records ?? []), ...records.map((each) => this.parts.encode(each))]);
    if (append.refused !== ErrorCode.NONE) return append;
    room?.taken();
    if (records.length === 0) return append;
    this.all.set(group.groupId, group);
    const nowMs = this.parts.clock.now();
    for (const record of records) group.replay(record, nowMs);
    return append;
  }

  /** Stores records that end the group, and it is gone from memory. */
  remove(group: G, records: readonly CoordinatorRecord[]): Append {
    const append = this.parts.append(records);
    if (append.refused === ErrorCode.NONE) this.forget(group.groupId);
    return append;
  }

  forget(groupId: string): void {
    this.all.delete(groupId);
    this.looked.delete(groupId);
    this.retries.delete(groupId);
    this.timers.get(groupId)?.timer.cancel();
    this.timers.delete(groupId);
  }

  /** Sets the group's timer to its next deadline. */
  arm(groupId: string): void {
    const armed = this.timers.get(groupId);
    const next = Math.max(this.parts.nextDeadline(groupId), this.retries.get(groupId) ?? 0);
    // A timer that fires early looks again: heartbeats move deadlines away all the time and leave the timer alone.
    if (this.isClosed || (armed !== undefined && armed.at <= next)) return;
    armed?.timer.cancel();
    this.timers.delete(groupId);
    if (next === Number.POSITIVE_INFINITY) return;
    const timer = this.parts.clock.setTimer(Math.max(0, next - this.parts.clock.monotonic()), () => {
      this.timers.delete(groupId);
      this.tick(groupId);
    });
    this.timers.set(groupId, { at: next, timer });
  }

  private tick(groupId: string): void {
    this.retries.delete(groupId);
    if (this.isClosed || !this.all.has(groupId)) return;
    const errorCode = this.parts.tick(groupId);
    if (!this.all.has(groupId)) return;
    if (errorCode !== ErrorCode.NONE) this.retries.set(groupId, this.parts.clock.monotonic() + STORE_RETRY_MS);
    this.arm(groupId);
  }
}
