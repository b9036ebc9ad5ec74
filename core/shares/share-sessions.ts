import { ErrorCode } from '../protocol/errors.ts';

/**
 * Share sessions (KIP-932): the broker remembers which partitions a member of a share group reads, so that requests name only what changes.
 *
 *     epoch of the request    meaning
 *      0                      begins a session, instead of the one that the member has; carries no acknowledgements
 *      n > 0                  the next request of the session
 *     −1                      ends it: what the member still has is given back
 *
 * Invariant: of a member in a group there is one session at most; its epoch is the one that the next request must have, 1 after 2^31−1. At most
 * `sessionsMax` are kept (group.share.max.share.sessions): one more is refused.
 */
export const INITIAL_EPOCH = 0;
export const FINAL_EPOCH = -1;
const EPOCH_MAX = 0x7fff_ffff;

export interface SessionPartition {
  readonly topicId: string;
  readonly partition: number;
}

interface Cached extends SessionPartition {
  /** The client must hear of it even when there is nothing new: it was just added, or had an error. */
  mustTell: boolean;
}

export class ShareSession {
  readonly groupId: string;
  readonly memberId: string;
  epoch = 1;
  /** Called when the session is over, however. */
  private readonly onEnd: () => void;
  private readonly cached = new Map<string, Cached>();

  constructor(groupId: string, memberId: string, onEnd: () => void) {
    this.groupId = groupId;
    this.memberId = memberId;
    this.onEnd = onEnd;
  }

  end(): void {
    this.onEnd();
  }

  partitions(): SessionPartition[] {
    return [...this.cached.values()];
  }

  add(partitions: readonly SessionPartition[], mustTell: boolean): void {
    for (const { topicId, partition } of partitions) {
      const key = keyOf(topicId, partition);
      if (!this.cached.has(key)) this.cached.set(key, { topicId, partition, mustTell });
    }
  }

  remove(partitions: readonly SessionPartition[]): void {
    for (const { topicId, partition } of partitions) this.cached.delete(keyOf(topicId, partition));
  }

  /** Whether the answer must name the partition; notes that it does. One that gave records goes to the end, so that none starves. */
  mustTell(name: SessionPartition, answer: { readonly bytes: number; readonly errorCode: number }): boolean {
    const key = keyOf(name.topicId, name.partition);
    const cached = this.cached.get(key);
    if (cached === undefined) return true;
    const isTold = answer.bytes > 0 || cached.mustTell || answer.errorCode !== ErrorCode.NONE;
    cached.mustTell = answer.errorCode !== ErrorCode.NONE;
    if (answer.bytes > 0) {
      this.cached.delete(key);
      this.cached.set(key, cached);
    }
    return isTold;
  }
}

export interface SessionRequest {
  readonly groupId: string;
  readonly memberId: string;
  readonly epoch: number;
  readonly partitions: readonly SessionPartition[];
  readonly forgotten: readonly SessionPartition[];
  readonly hasAcknowledgements: boolean;
  /** Called when a session that this request begins is over. */
  readonly onEnd: () => void;
}

export type SessionAnswer =
  | { readonly kind: 'error'; readonly errorCode: number }
  | { readonly kind: 'final' }
  | { readonly kind: 'begun' | 'next'; readonly session: ShareSession };

export class ShareSessions {
  private readonly sessionsMax: () => number;
  private readonly sessions = new Map<string, ShareSession>();

  constructor(sessionsMax: () => number) {
    this.sessionsMax = sessionsMax;
  }

  get size(): number {
    return this.sessions.size;
  }

  hasGroup(groupId: string): boolean {
    for (const session of this.sessions.values()) if (session.groupId === groupId) return true;
    return false;
  }

  /** For a ShareFetch. */
  open(request: SessionRequest): SessionAnswer {
    const { groupId, memberId, epoch } = request;
    const existing = this.sessions.get(sessionKey(groupId, memberId));
    if (epoch === INITIAL_EPOCH) {
      if (request.hasAcknowledgements) return { kind: 'error', errorCode: ErrorCode.INVALID_REQUEST };
      this.remove(groupId, memberId);
      if (this.sessions.size >= this.sessionsMax()) {
        return { kind: 'error', errorCode: ErrorCode.SHARE_SESSION_LIMIT_REACHED };
      }
      const session = new ShareSession(groupId, memberId, request.onEnd);
      session.add(request.partitions, false);
      this.sessions.set(sessionKey(groupId, memberId), session);
      return { kind: 'begun', session };
    }
    if (existing === undefined) return { kind: 'error', errorCode: ErrorCode.SHARE_SESSION_NOT_FOUND };
    if (epoch === FINAL_EPOCH) return { kind: 'final' };
    if (existing.epoch !== epoch) return { kind: 'error', errorCode: ErrorCode.INVALID_SHARE_SESSION_EPOCH };
    existing.add(request.partitions, true);
    existing.remove(request.forgotten);
    existing.epoch = epochAfter(epoch);
    return { kind: 'next', session: existing };
  }

  /** For a ShareAcknowledge: a Kafka error code. It begins no session. */
  acknowledge(groupId: string, memberId: string, epoch: number): number {
    if (epoch === INITIAL_EPOCH) return ErrorCode.INVALID_SHARE_SESSION_EPOCH;
    const session = this.sessions.get(sessionKey(groupId, memberId));
    if (session === undefined) return ErrorCode.SHARE_SESSION_NOT_FOUND;
    if (epoch === FINAL_EPOCH) return ErrorCode.NONE;
    if (session.epoch !== epoch) return ErrorCode.INVALID_SHARE_SESSION_EPOCH;
    session.epoch = epochAfter(epoch);
    return ErrorCode.NONE;
  }

  remove(groupId: string, memberId: string): ShareSession | undefined {
    const key = sessionKey(groupId, memberId);
    const session = this.sessions.get(key);
    this.sessions.delete(key);
    session?.end();
    return session;
  }
}

function epochAfter(epoch: number): number {
  return epoch === EPOCH_MAX ? 1 : epoch + 1;
}

function keyOf(topicId: string, partition: number): string {
  return `${partition}:${topicId}`;
}

function sessionKey(groupId: string, memberId: string): string {
  return JSON.stringify([groupId, memberId]);
}
