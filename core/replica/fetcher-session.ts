import { ErrorCode } from '../protocol/errors.ts';

/**
 * A follower's side of an incremental fetch session (KIP-227): what the leader knows of this follower's wishes, and so what the next request must name.
 *
 * Invariant: after `answered` the leader's session holds exactly the partitions of the last `next`. After anything else the next request is a full one,
 * which closes the session that may be there.
 */
export interface WantedPartition {
  readonly key: string;
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  readonly currentLeaderEpoch: number;
  readonly fetchOffset: number;
  readonly lastFetchedEpoch: number;
  readonly logStartOffset: number;
}

export interface SessionRequest {
  readonly sessionId: number;
  readonly sessionEpoch: number;
  readonly named: readonly WantedPartition[];
  readonly forgotten: readonly WantedPartition[];
}

const NO_SESSION = 0;
const FULL = 0;
const EPOCH_MAX = 0x7fff_ffff;

export class FetcherSession {
  private id = NO_SESSION;
  private epoch = FULL;
  /** As the leader knows them. */
  private known = new Map<string, WantedPartition>();

  next(wanted: readonly WantedPartition[]): SessionRequest {
    const before = this.epoch === FULL ? new Map<string, WantedPartition>() : this.known;
    this.known = new Map(wanted.map((each) => [each.key, each]));
    return {
      sessionId: this.id,
      sessionEpoch: this.epoch,
      named: wanted.filter((each) => !isSame(before.get(each.key), each)),
      forgotten: [...before.values()].filter((each) => !this.known.has(each.key)),
    };
  }

  /** False: the leader has no such session; the same is to be asked again, in full. */
  answered(errorCode: number, sessionId: number): boolean {
    if (errorCode !== ErrorCode.NONE) {
      this.broken();
      return false;
    }
    if (sessionId === NO_SESSION) {
      this.id = NO_SESSION;
      this.epoch = FULL;
    } else {
      this.epoch = sessionId !== this.id || this.epoch === EPOCH_MAX ? 1 : this.epoch + 1;
      this.id = sessionId;
    }
    return true;
  }

  /** Nobody knows whether the leader saw the last request; or what it told was not heard, and it must tell all anew. */
  broken(): void {
    this.epoch = FULL;
  }
}

function isSame(a: WantedPartition | undefined, b: WantedPartition): boolean {
  return (
    a !== undefined &&
    a.fetchOffset === b.fetchOffset &&
    a.currentLeaderEpoch === b.currentLeaderEpoch &&
    a.lastFetchedEpoch === b.lastFetchedEpoch &&
    a.logStartOffset === b.logStartOffset
  );
}
