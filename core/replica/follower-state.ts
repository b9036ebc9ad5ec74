/**
 * What a leader knows of one follower: how far its log reaches and since when it has kept up.
 *
 * Invariant: it is what the follower's own fetches said in this leader's time; nothing is taken over from an earlier leader. `lastCaughtUpMs` is the
 * latest time at which the follower had everything that the leader had then (KIP-16): a fetch that reaches the leader's end counts for now, one that
 * reaches where the leader's end was at the fetch before counts for that one's time. So who is always a little behind is in sync all the same.
 */
export const UNKNOWN_OFFSET = -1;
const NEVER = Number.NEGATIVE_INFINITY;

export interface FollowerFetch {
  readonly fetchOffset: number;
  readonly logStartOffset: number;
  readonly brokerEpoch: number;
}

export class FollowerState {
  readonly brokerId: number;
  logEndOffset = UNKNOWN_OFFSET;
  logStartOffset = UNKNOWN_OFFSET;
  lastFetchMs = NEVER;
  lastCaughtUpMs = NEVER;
  /** Of its last fetch; null before the first one. */
  brokerEpoch: number | null = null;
  /** The high watermark that it was told last: a newer one is told at once. */
  lastSentHighWatermark = UNKNOWN_OFFSET;
  /** The leader's end at its last fetch. */
  private leaderEndAtFetch = UNKNOWN_OFFSET;

  constructor(brokerId: number) {
    this.brokerId = brokerId;
  }

  /** This broker begins to lead: a follower in sync has a full lag time to show itself. */
  begin(isInSync: boolean, nowMs: number): void {
    this.lastCaughtUpMs = isInSync ? nowMs : NEVER;
  }

  /** This broker goes on leading in a new epoch: who is not in sync must fetch before it may be. */
  beginEpoch(isInSync: boolean, nowMs: number, leaderEndOffset: number): void {
    this.leaderEndAtFetch = leaderEndOffset;
    this.lastFetchMs = isInSync ? nowMs : NEVER;
    this.lastCaughtUpMs = isInSync ? nowMs : NEVER;
  }

  fetched({ fetchOffset, logStartOffset, brokerEpoch }: FollowerFetch, leaderEndOffset: number, nowMs: number): void {
    if (fetchOffset >= leaderEndOffset) this.lastCaughtUpMs = Math.max(this.lastCaughtUpMs, nowMs);
    else if (fetchOffset >= this.leaderEndAtFetch) {
      this.lastCaughtUpMs = Math.max(this.lastCaughtUpMs, this.lastFetchMs);
    }
    this.logEndOffset = fetchOffset;
    this.logStartOffset = logStartOffset;
    this.brokerEpoch = brokerEpoch;
    this.leaderEndAtFetch = Math.max(this.leaderEndAtFetch, leaderEndOffset);
    this.lastFetchMs = nowMs;
  }

  isCaughtUp(leaderEndOffset: number, nowMs: number, lagTimeMaxMs: number): boolean {
    return this.logEndOffset === leaderEndOffset || nowMs - this.lastCaughtUpMs <= lagTimeMaxMs;
  }
}
