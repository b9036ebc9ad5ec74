import type { ClusterImage } from './image.ts';

/**
 * When the active controller last heard of each broker, and how far that broker is with the metadata: soft state, in no log (KIP-631). A controller that becomes
 * active knows nothing of it, and gives every broker a whole session; but for the controller before it, if that is a broker too: its silence is known, as
 * this node followed it, and began before the election that it brought about. (Kafka gives that one a whole session as well.)
 *
 * Invariant: who was heard of within a session is not silent. A broker counts as another one's rival (`hasSession`) only when it was really heard of in this
 * controller's term, so that a node that restarts with its own controller is not locked out by its former self.
 */
export interface FormerController {
  readonly nodeId: number;
  /** By this node, on the monotonic clock. */
  readonly heardMs: number;
}

/** What of a session is left to the former controller at least: it may live and only have to find the new one. */
const FORMER_SHARE_MIN = 1 / 3;

interface Session {
  readonly brokerEpoch: number;
  /** On the monotonic clock. */
  lastContactMs: number;
  wasHeard: boolean;
  /** The last offset of the metadata that it has applied; −1: not told yet. */
  metadataOffset: number;
  /** The broker may stop once every active one has applied this offset; null: it does not want to, or nobody knows. */
  shutdownOffset: number | null;
}

export class Heartbeats {
  private readonly sessionTimeoutMs: number;
  private readonly sessions = new Map<number, Session>();

  constructor(sessionTimeoutMs: number) {
    this.sessionTimeoutMs = sessionTimeoutMs;
  }

  activate(image: ClusterImage, nowMs: number, former: FormerController | null): void {
    this.sessions.clear();
    for (const { brokerId, brokerEpoch } of image.brokers.values()) {
      const session = newSession(brokerEpoch, nowMs);
      this.sessions.set(brokerId, session);
      if (brokerId === former?.nodeId) {
        const latestMs = nowMs - this.sessionTimeoutMs * (1 - FORMER_SHARE_MIN);
        session.lastContactMs = Math.min(nowMs, Math.max(former.heardMs, latestMs));
      }
    }
  }

  /** A registration or a heartbeat came in, of the life that the image knows. */
  heard(brokerId: number, brokerEpoch: number, nowMs: number): void {
    const known = this.sessions.get(brokerId);
    const session = known?.brokerEpoch === brokerEpoch ? known : newSession(brokerEpoch, nowMs);
    this.sessions.set(brokerId, session);
    session.lastContactMs = nowMs;
    session.wasHeard = true;
  }

  applied(brokerId: number, metadataOffset: number): void {
    const session = this.sessions.get(brokerId);
    if (session !== undefined) session.metadataOffset = metadataOffset;
  }

  /** The broker stopped, or left: another life of it may begin at once. */
  forget(brokerId: number): void {
    this.sessions.delete(brokerId);
  }

  hasSession(brokerId: number, nowMs: number): boolean {
    const session = this.sessions.get(brokerId);
    return session?.wasHeard === true && nowMs < session.lastContactMs + this.sessionTimeoutMs;
  }

  /** Nobody could have been heard: this controller itself stood still. */
  renewAll(nowMs: number): void {
    for (const session of this.sessions.values()) session.lastContactMs = nowMs;
  }

  /** The first of the brokers that are not fenced, by id, whose session is over; null when there is none. */
  silentBroker(image: ClusterImage, nowMs: number): number | null {
    for (const { brokerId } of image.liveBrokers()) {
      const session = this.sessionOf(image, brokerId, nowMs);
      if (nowMs >= session.lastContactMs + this.sessionTimeoutMs) return brokerId;
    }
    return null;
  }

  /** When the next session of a broker that is not fenced will be over, on the monotonic clock. */
  nextExpiryMs(image: ClusterImage, nowMs: number): number {
    let next = Number.POSITIVE_INFINITY;
    for (const { brokerId } of image.liveBrokers()) {
      next = Math.min(next, this.sessionOf(image, brokerId, nowMs).lastContactMs + this.sessionTimeoutMs);
    }
    return next;
  }

  shutdownOffset(brokerId: number): number | null {
    return this.sessions.get(brokerId)?.shutdownOffset ?? null;
  }

  setShutdownOffset(brokerId: number, offset: number): void {
    const session = this.sessions.get(brokerId);
    if (session !== undefined) session.shutdownOffset = offset;
  }

  /** How far every active broker is with the metadata. */
  lowestActiveOffset(image: ClusterImage): number {
    let lowest = Number.POSITIVE_INFINITY;
    for (const { brokerId } of image.liveBrokers()) {
      if (!image.isActive(brokerId)) continue;
      lowest = Math.min(lowest, this.sessions.get(brokerId)?.metadataOffset ?? -1);
    }
    return lowest;
  }

  /** A broker that the image knows and that has no session gets a whole one. */
  private sessionOf(image: ClusterImage, brokerId: number, nowMs: number): Session {
    const known = this.sessions.get(brokerId);
    if (known !== undefined) return known;
    const session = newSession(image.brokers.get(brokerId)!.brokerEpoch, nowMs);
    this.sessions.set(brokerId, session);
    return session;
  }
}

function newSession(brokerEpoch: number, nowMs: number): Session {
  return { brokerEpoch, lastContactMs: nowMs, wasHeard: false, metadataOffset: -1, shutdownOffset: null };
}
