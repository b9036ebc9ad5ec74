import type { Clock } from '../ports/clock.ts';
import type { Random } from '../ports/random.ts';
import { ErrorCode } from '../protocol/errors.ts';
import { ZERO_UUID } from '../protocol/writer.ts';

/**
 * Incremental fetch sessions (KIP-227): the broker remembers which partitions a client fetches and what it was told last, so that requests and
 * answers name only what changed.
 *
 *     request epoch    session id    meaning
 *     −1               0 or any      a full fetch without session; an existing one is closed
 *      0               0 or any      a full fetch that makes a new session; an existing one is closed
 *      n > 0           id            the next request of a session: changes and forgotten partitions
 *
 * Invariant: the session's epoch is the one that the next request must have; it wraps from 2^31−1 to 1. The order of partitions is that in which
 * they were named, and one that gave data goes to the end, so that none starves when the limits are small.
 * The cache is bounded by `max.incremental.fetch.session.cache.slots`; without a free slot (an idle one may be taken over) the client gets full fetches.
 */
export const INITIAL_EPOCH = 0;
export const FINAL_EPOCH = -1;
const EPOCH_MAX = 0x7fff_ffff;
/** A session that was not used for so long may lose its slot. */
const EVICTION_MS = 120_000;
export const NO_SESSION = 0;

export interface FetchPartition {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  readonly fetchOffset: number;
  readonly maxBytes: number;
  readonly currentLeaderEpoch: number;
  readonly lastFetchedEpoch: number;
  readonly logStartOffset: number;
}

/** What the client was told last about a partition. */
interface Cached {
  wanted: FetchPartition;
  highWatermark: number;
  logStartOffset: number;
}

export interface PartitionAnswer {
  readonly errorCode: number;
  readonly highWatermark: number;
  readonly logStartOffset: number;
  readonly bytes: number;
  /** A diverging epoch or a preferred replica, which must be told. */
  readonly hasNews: boolean;
}

export class FetchSession {
  readonly id: number;
  /** Topics are named by id (v13+) for the whole session, or never. */
  readonly usesTopicIds: boolean;
  epoch = 1;
  usedAtMs: number;
  private readonly cached = new Map<string, Cached>();

  constructor(id: number, usesTopicIds: boolean, nowMs: number) {
    this.id = id;
    this.usesTopicIds = usesTopicIds;
    this.usedAtMs = nowMs;
  }

  get size(): number {
    return this.cached.size;
  }

  update(partitions: readonly FetchPartition[], forgotten: readonly PartitionName[]) {
    for (const wanted of partitions) {
      const key = keyOf(wanted);
      const existing = this.cached.get(key);
      if (existing !== undefined) existing.wanted = wanted;
      else this.cached.set(key, { wanted, highWatermark: -1, logStartOffset: -1 });
    }
    for (const each of forgotten) this.cached.delete(keyOf(each));
  }

  partitions(): FetchPartition[] {
    return [...this.cached.values()].map((each) => each.wanted);
  }

  /** Whether the answer must name the partition; notes what the client is told. */
  mustTell(partition: FetchPartition, answer: PartitionAnswer): boolean {
    const key = keyOf(partition);
    const cached = this.cached.get(key);
    if (cached === undefined) return true;
    const isNews =
      answer.bytes > 0 ||
      answer.hasNews ||
      answer.errorCode !== 0 ||
      answer.highWatermark !== cached.highWatermark ||
      answer.logStartOffset !== cached.logStartOffset;
    if (answer.errorCode !== 0)
      cached.highWatermark = -1; // Told again when the error is over.
    else cached.highWatermark = answer.highWatermark;
    cached.logStartOffset = answer.logStartOffset;
    if (answer.bytes > 0) {
      this.cached.delete(key);
      this.cached.set(key, cached);
    }
    return isNews;
  }
}

export type FetchContext =
  | { readonly kind: 'error'; readonly errorCode: number }
  /** Everything is answered; `session` is the new one, or null. */
  | { readonly kind: 'full'; readonly partitions: readonly FetchPartition[]; readonly session: FetchSession | null }
  | { readonly kind: 'incremental'; readonly partitions: readonly FetchPartition[]; readonly session: FetchSession };

export class FetchSessions {
  private readonly clock: Clock;
  private readonly random: Random;
  private readonly slots: number;
  /** Least recently used first. */
  private readonly sessions = new Map<number, FetchSession>();

  constructor(clock: Clock, random: Random, slots: number) {
    this.clock = clock;
    this.random = random;
    this.slots = slots;
  }

  get size(): number {
    return this.sessions.size;
  }

  open(request: {
    readonly sessionId: number;
    readonly sessionEpoch: number;
    readonly usesTopicIds: boolean;
    readonly partitions: readonly FetchPartition[];
    readonly forgotten: readonly PartitionName[];
  }): FetchContext {
    const { sessionId, sessionEpoch, partitions } = request;
    if (sessionEpoch === FINAL_EPOCH || sessionEpoch === INITIAL_EPOCH) {
      this.sessions.delete(sessionId);
      const session =
        sessionEpoch === INITIAL_EPOCH && partitions.length > 0 ? this.create(request.usesTopicIds, partitions) : null;
      return { kind: 'full', partitions, session };
    }
    const session = this.sessions.get(sessionId);
    if (session === undefined) return { kind: 'error', errorCode: ErrorCode.FETCH_SESSION_ID_NOT_FOUND };
    if (session.epoch !== sessionEpoch) return { kind: 'error', errorCode: ErrorCode.INVALID_FETCH_SESSION_EPOCH };
    if (session.usesTopicIds !== request.usesTopicIds) {
      return { kind: 'error', errorCode: ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR };
    }
    session.epoch = sessionEpoch === EPOCH_MAX ? 1 : sessionEpoch + 1;
    session.usedAtMs = this.clock.monotonic();
    this.sessions.delete(sessionId);
    this.sessions.set(sessionId, session);
    session.update(partitions, request.forgotten);
    if (session.size === 0) {
      this.sessions.delete(sessionId);
      return { kind: 'full', partitions: [], session: null };
    }
    return { kind: 'incremental', partitions: session.partitions(), session };
  }

  /** The client was not told of it. */
  forget(session: FetchSession): void {
    this.sessions.delete(session.id);
  }

  private create(usesTopicIds: boolean, partitions: readonly FetchPartition[]): FetchSession | null {
    const nowMs = this.clock.monotonic();
    if (this.sessions.size >= this.slots) {
      const oldest = this.sessions.values().next().value;
      if (oldest === undefined || nowMs - oldest.usedAtMs < EVICTION_MS) return null;
      this.sessions.delete(oldest.id);
    }
    let id: number;
    do {
      id = 1 + this.random.integer(EPOCH_MAX);
    } while (this.sessions.has(id));
    const session = new FetchSession(id, usesTopicIds, nowMs);
    session.update(partitions, []);
    this.sessions.set(id, session);
    return session;
  }
}

interface PartitionName {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
}

/** By id where there is one: the name may be unknown yet. */
function keyOf({ topic, topicId, partition }: PartitionName): string {
  return `${partition}:${topicId === ZERO_UUID ? topic : topicId}`;
}
