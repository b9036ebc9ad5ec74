/**
 * One direction of a proxied connection: bytes from one socket to another, at once, or late, or not now.
 *
 * Invariant: bytes leave in the order in which they came. At most `QUEUE_BYTES_MAX` and a chunk wait here; more is left to the sender's system.
 */
import type net from 'node:net';

const QUEUE_BYTES_MAX = 256 * 1024;

export interface LaneSpeed {
  readonly latencyMs: number;
  /** null: no limit. */
  readonly bytesPerMs: number | null;
}

export const FULL_SPEED: LaneSpeed = { latencyMs: 0, bytesPerMs: null };

interface Waiting {
  readonly chunk: Buffer;
  readonly dueMs: number;
}

export class TcpLane {
  readonly #from: net.Socket;
  readonly #to: net.Socket;
  #speed: LaneSpeed = FULL_SPEED;
  #isCut = false;
  #queue: Waiting[] = [];
  #queuedBytes = 0;
  #lineFreeMs = 0;
  #timer: NodeJS.Timeout | null = null;
  #isEnded = false;

  constructor(from: net.Socket, to: net.Socket) {
    this.#from = from;
    this.#to = to;
  }

  set(isCut: boolean, speed: LaneSpeed): void {
    this.#isCut = isCut;
    this.#speed = speed;
    this.flow();
  }

  push(chunk: Buffer): void {
    const { latencyMs, bytesPerMs } = this.#speed;
    if (latencyMs === 0 && bytesPerMs === null && this.#queue.length === 0 && !this.#isCut) {
      if (!this.#to.write(chunk)) this.#from.pause();
      return;
    }
    const nowMs = performance.now();
    this.#lineFreeMs = Math.max(this.#lineFreeMs, nowMs) + (bytesPerMs === null ? 0 : chunk.byteLength / bytesPerMs);
    this.#queue.push({ chunk, dueMs: this.#lineFreeMs + latencyMs });
    this.#queuedBytes += chunk.byteLength;
    this.flow();
  }

  /** Nothing more comes: the other side hears it after what waits. */
  end(): void {
    this.#isEnded = true;
    this.flow();
  }

  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#queue = [];
  }

  /** Sends what is due, and lets the sender go on or wait. */
  flow(): void {
    if (!this.#isCut) this.#deliver();
    const isFull = this.#queuedBytes > QUEUE_BYTES_MAX;
    if (this.#isCut || isFull || this.#to.writableNeedDrain) this.#from.pause();
    else this.#from.resume();
  }

  #deliver(): void {
    const nowMs = performance.now();
    while (this.#queue.length > 0 && this.#queue[0]!.dueMs <= nowMs) {
      const { chunk } = this.#queue.shift()!;
      this.#queuedBytes -= chunk.byteLength;
      this.#to.write(chunk);
    }
    const next = this.#queue[0];
    if (next === undefined) {
      if (this.#isEnded) this.#to.end();
      return;
    }
    if (this.#timer !== null) return;
    this.#timer = setTimeout(
      () => {
        this.#timer = null;
        this.flow();
      },
      Math.max(1, next.dueMs - nowMs),
    );
  }
}
