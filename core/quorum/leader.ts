import { ZERO_UUID } from '../protocol/writer.ts';
import { Outbox } from './outbox.ts';
import type { VoterSet } from './voters.ts';

/**
 * What a leader knows of the others: how far each has the log on its device, and when it was last heard of.
 *
 * Invariants: what is committed lies on a majority of the voters, and has a record of this epoch among it (Raft §5.4.2); a fetch waits here at most as
 * long as it asked for, one a replica.
 */
export interface Replica {
  /** Everything below is on its device; −1: it was not heard of. */
  endOffset: number;
  lastFetchMs: number;
  /** When it last had everything that the leader had; −1: never. */
  lastCaughtUpMs: number;
  /** The leader's log end at its last fetch. */
  leaderEndOffset: number;
  directoryId: string;
}

/** A fetch that has nothing to fetch yet. */
export interface ParkedFetch {
  readonly token: number;
  readonly replicaId: number;
  readonly fetchOffset: number;
  readonly highWatermark: number;
  readonly maxBytes: number;
  readonly deadlineMs: number;
}

const OBSERVER_EXPIRY_MS = 300_000;
const OBSERVERS_MAX = 10_000;
/** Fetches without a replica id, which cannot be told apart. */
const ANONYMOUS_PARKED_MAX = 100;

export class LeaderRole {
  readonly kind = 'leader';
  /** Where the epoch's first record lies. */
  readonly epochStartOffset: number;
  readonly granting: readonly number[];
  /** The other voters who may not know yet. */
  readonly outbox: Outbox;
  readonly voters = new Map<number, Replica>();
  readonly observers = new Map<number, Replica>();
  parked: ParkedFetch[] = [];
  /** The voters who fetched since the majority was last heard of. */
  private readonly heard = new Set<number>();
  private readonly others: number;
  private readonly majority: number;
  private readonly quorumTimeoutMs: number;
  private quorumDeadline: number;

  constructor(options: {
    readonly self: number;
    readonly voters: VoterSet;
    readonly granting: readonly number[];
    readonly epochStartOffset: number;
    readonly quorumTimeoutMs: number;
    readonly nowMs: number;
  }) {
    const { self, voters, nowMs } = options;
    const others = voters.othersThan(self);
    for (const id of others) this.voters.set(id, newReplica());
    this.epochStartOffset = options.epochStartOffset;
    this.granting = options.granting;
    this.outbox = new Outbox(others, nowMs);
    this.others = others.length;
    this.majority = voters.majority;
    this.quorumTimeoutMs = options.quorumTimeoutMs;
    this.quorumDeadline = nowMs + options.quorumTimeoutMs;
  }

  /** When to step down unless a majority is heard of. */
  get quorumDeadlineMs(): number {
    return this.others === 0 ? Number.POSITIVE_INFINITY : this.quorumDeadline;
  }

  /** A voter was heard of, which a majority must be. */
  voterHeard(replicaId: number, nowMs: number): void {
    if (!this.voters.has(replicaId)) return;
    this.heard.add(replicaId);
    if (this.heard.size + 1 < this.majority) return;
    this.heard.clear();
    this.quorumDeadline = nowMs + this.quorumTimeoutMs;
  }

  /** A replica asks for what lies behind `fetchOffset`: it has everything below. */
  fetched(replicaId: number, directoryId: string, fetchOffset: number, logEndOffset: number, nowMs: number): void {
    const replica = this.voters.get(replicaId) ?? this.observer(replicaId, nowMs);
    if (replica === null) return;
    if (fetchOffset >= logEndOffset) replica.lastCaughtUpMs = nowMs;
    else if (replica.lastFetchMs >= 0 && fetchOffset >= replica.leaderEndOffset) {
      replica.lastCaughtUpMs = Math.max(replica.lastCaughtUpMs, replica.lastFetchMs);
    }
    replica.endOffset = fetchOffset;
    replica.lastFetchMs = nowMs;
    replica.leaderEndOffset = logEndOffset;
    replica.directoryId = directoryId;
  }

  private observer(replicaId: number, nowMs: number): Replica | null {
    if (replicaId < 0) return null;
    const known = this.observers.get(replicaId);
    if (known !== undefined) return known;
    for (const [id, { lastFetchMs }] of this.observers) {
      if (nowMs - lastFetchMs > OBSERVER_EXPIRY_MS) this.observers.delete(id);
    }
    if (this.observers.size >= OBSERVERS_MAX) return null;
    const replica = newReplica();
    this.observers.set(replicaId, replica);
    return replica;
  }

  /** Up to where a majority has the log, when the leader itself has it up to `flushedOffset`; −1 while nothing of this epoch is among it. */
  committedOffset(flushedOffset: number): number {
    const offsets = [flushedOffset, ...[...this.voters.values()].map(({ endOffset }) => endOffset)];
    const offset = offsets.sort((a, b) => b - a)[this.majority - 1]!;
    return offset > this.epochStartOffset ? offset : -1;
  }

  /** Returns the fetches that have to go for it. */
  park(fetch: ParkedFetch): ParkedFetch[] {
    const isOld = (each: ParkedFetch) => each.replicaId === fetch.replicaId;
    const same = this.parked.filter(isOld);
    const replaced = fetch.replicaId >= 0 ? same : same.slice(0, Math.max(0, same.length + 1 - ANONYMOUS_PARKED_MAX));
    this.parked = this.parked.filter((each) => !replaced.includes(each));
    this.parked.push(fetch);
    return replaced;
  }

  /** Takes out the fetches that `isDone` says. */
  unpark(isDone: (fetch: ParkedFetch) => boolean): ParkedFetch[] {
    if (this.parked.length === 0) return this.parked;
    const done = this.parked.filter(isDone);
    if (done.length > 0) this.parked = this.parked.filter((each) => !done.includes(each));
    return done;
  }

  get nextParkedDeadlineMs(): number {
    return this.parked.reduce((least, { deadlineMs }) => Math.min(least, deadlineMs), Number.POSITIVE_INFINITY);
  }

  /** The other voters, those with the longest logs first. */
  successors(): number[] {
    return [...this.voters].sort(([, a], [, b]) => b.endOffset - a.endOffset).map(([id]) => id);
  }
}

function newReplica(): Replica {
  return { endOffset: -1, lastFetchMs: -1, lastCaughtUpMs: -1, leaderEndOffset: -1, directoryId: ZERO_UUID };
}
