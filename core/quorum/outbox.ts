/**
 * What a role has to ask each of several peers: at most one request to a peer is open, and one that failed is sent again after a growing pause.
 */
interface Peer {
  /** The open request; null: none. */
  openId: number | null;
  failures: number;
  dueMs: number;
}

const FAILURES_MAX = 6;

export class Outbox {
  private readonly peers = new Map<number, Peer>();

  /** To all of them at once. */
  constructor(nodeIds: readonly number[], nowMs: number) {
    for (const id of nodeIds) this.peers.set(id, { openId: null, failures: 0, dueMs: nowMs });
  }

  get isEmpty(): boolean {
    return this.peers.size === 0;
  }

  /** Those whom a request is due to. */
  due(nowMs: number): number[] {
    return [...this.peers].filter(([, peer]) => peer.openId === null && peer.dueMs <= nowMs).map(([id]) => id);
  }

  sent(nodeId: number, requestId: number): void {
    this.peers.get(nodeId)!.openId = requestId;
  }

  /** Answered: the next one is due at `dueMs`. */
  answered(nodeId: number, requestId: number, dueMs: number): void {
    const peer = this.peers.get(nodeId);
    if (peer?.openId !== requestId) return;
    peer.openId = null;
    peer.failures = 0;
    peer.dueMs = dueMs;
  }

  failed(nodeId: number, requestId: number, nowMs: number, backoffMs: number): void {
    const peer = this.peers.get(nodeId);
    if (peer?.openId !== requestId) return;
    peer.openId = null;
    peer.dueMs = nowMs + backoffMs * 2 ** peer.failures;
    peer.failures = Math.min(peer.failures + 1, FAILURES_MAX);
  }

  postpone(nodeId: number, dueMs: number): void {
    this.peers.get(nodeId)!.dueMs = dueMs;
  }

  /** Nothing more is to be asked of it. */
  remove(nodeId: number): void {
    this.peers.delete(nodeId);
  }

  get nextDueMs(): number {
    let dueMs = Number.POSITIVE_INFINITY;
    for (const peer of this.peers.values()) if (peer.openId === null) dueMs = Math.min(dueMs, peer.dueMs);
    return dueMs;
  }
}
