import type { Clock, Timer } from '../ports/clock.ts';
import type { Address, Connection, NetworkError, Part } from '../ports/network.ts';
import { FrameAssembler } from './frame-assembler.ts';
import { REQUEST_BYTES_MIN } from './request-codec.ts';

/**
 * The server's side of one connection: frames in, answers out.
 *
 * Invariants:
 * - One request at a time: the next frame is looked at when the answer to this one was queued, so answers keep the order of requests.
 * - Reading stops while a request is parked, while more than `sendQueueBytesMax` wait to be sent, and while the connection is muted (throttled):
 *   the peer feels it through TCP, and nothing grows here.
 * - A connection without traffic for `idleMsMax` is closed, unless a request of it is parked.
 *
 * What a frame means is the handler's business (broker/dispatch.ts).
 */
export interface ServerConnectionLimits {
  readonly frameBytesMax: number;
  /** connections.max.idle.ms; −1 = never. */
  readonly idleMsMax: number;
  readonly sendQueueBytesMax: number;
}

export type Reply =
  /** `muteMs`: how long the connection is not read afterwards (quota). */
  | { readonly kind: 'send'; readonly parts: readonly Part[]; readonly muteMs?: number }
  /** No answer is expected: produce with acks=0. */
  | { readonly kind: 'nothing'; readonly muteMs?: number }
  | { readonly kind: 'close'; readonly reason: string };

/** `frame` is valid only during the call; a returned promise means that the request is parked. A handler that throws ends the connection. */
export type RequestHandler = (frame: Buffer, connection: ServerConnection) => Reply | Promise<Reply>;

export interface ServerConnectionEvents {
  onClose(connection: ServerConnection, reason: string): void;
}

type State = 'reading' | 'parked' | 'muted' | 'draining' | 'closed';

export class ServerConnection {
  readonly id: number;
  readonly remote: Address;
  readonly local: Address;
  private readonly connection: Connection;
  private readonly clock: Clock;
  private readonly limits: ServerConnectionLimits;
  private readonly handler: RequestHandler;
  private readonly events: ServerConnectionEvents;
  private readonly assembler: FrameAssembler;
  private state: State = 'reading';
  private isPaused = false;
  private activeAtMs: number;
  private idleTimer: Timer | null = null;
  private muteTimer: Timer | null = null;
  private closeListeners = new Set<() => void>();

  constructor(
    id: number,
    connection: Connection,
    clock: Clock,
    limits: ServerConnectionLimits,
    handler: RequestHandler,
    events: ServerConnectionEvents,
  ) {
    this.id = id;
    this.connection = connection;
    this.remote = connection.remote;
    this.local = connection.local;
    this.clock = clock;
    this.limits = limits;
    this.handler = handler;
    this.events = events;
    this.activeAtMs = clock.monotonic();
    this.assembler = new FrameAssembler(
      { frameBytesMin: REQUEST_BYTES_MIN, frameBytesMax: limits.frameBytesMax, ownership: 'borrowed' },
      (frame) => {
        this.handle(frame);
        return this.state === 'reading' ? 'continue' : 'stop';
      },
    );
    this.armIdleTimer(limits.idleMsMax);
    connection.start({
      onData: (chunk) => this.onData(chunk),
      onDrain: () => this.onDrain(),
      onClose: (error) => this.onClosed(error),
    });
  }

  get isClosed(): boolean {
    return this.state === 'closed';
  }

  get queuedBytes(): number {
    return this.connection.queuedBytes;
  }

  /** Called once when the connection ends; at once when it has. Returns how to take the listener back. */
  whenClosed(listener: () => void): () => void {
    if (this.state === 'closed') {
      listener();
      return () => {};
    }
    this.closeListeners.add(listener);
    return () => this.closeListeners.delete(listener);
  }

  /** Ends at once. */
  close(reason: string): void {
    if (this.state === 'closed') return;
    this.connection.destroy();
    this.finish(reason);
  }

  /** Sends what is queued, then ends: for a clean shutdown. */
  end(reason: string): void {
    if (this.state === 'closed') return;
    this.connection.end();
    this.finish(reason);
  }

  private onData(chunk: Buffer): void {
    if (this.state === 'closed') return;
    this.activeAtMs = this.clock.monotonic();
    this.guarded(() => this.assembler.push(chunk));
    this.updateFlow();
  }

  private handle(frame: Buffer): void {
    const reply = this.handler(frame, this);
    if (!(reply instanceof Promise)) {
      this.settle(reply);
      return;
    }
    if (this.state === 'reading') this.state = 'parked';
    reply.then(
      (settled) => this.afterParked(() => this.settle(settled)),
      (error: unknown) => this.close(`the handler failed: ${describe(error)}`),
    );
  }

  private afterParked(settle: () => void): void {
    if (this.state !== 'parked') return;
    this.state = 'reading';
    this.activeAtMs = this.clock.monotonic();
    this.guarded(settle);
    this.continueReading();
  }

  private settle(reply: Reply): void {
    switch (reply.kind) {
      case 'send':
        if (this.state === 'closed') return;
        this.connection.send(reply.parts);
        if (reply.muteMs !== undefined && reply.muteMs > 0) this.startMute(reply.muteMs);
        else if (this.connection.queuedBytes > this.limits.sendQueueBytesMax) this.state = 'draining';
        return;
      case 'nothing':
        if (reply.muteMs !== undefined && reply.muteMs > 0 && this.state !== 'closed') this.startMute(reply.muteMs);
        return;
      case 'close':
        this.close(reply.reason);
        return;
    }
  }

  /** Is not read for so long. Only before its first request: a new connection that has to wait. */
  mute(ms: number): void {
    if (this.state !== 'reading') return;
    this.startMute(ms);
    this.updateFlow();
  }

  private startMute(ms: number): void {
    this.state = 'muted';
    this.muteTimer = this.clock.setTimer(ms, () => {
      if (this.state !== 'muted') return;
      this.state = 'reading';
      this.continueReading();
    });
  }

  private onDrain(): void {
    if (this.state === 'closed') return;
    this.activeAtMs = this.clock.monotonic();
    if (this.state !== 'draining') return;
    this.state = 'reading';
    this.continueReading();
  }

  /** After a stop: first the frames that wait in memory, then the socket. */
  private continueReading(): void {
    if (this.state === 'reading') this.guarded(() => this.assembler.resume());
    this.updateFlow();
  }

  private updateFlow(): void {
    if (this.state === 'closed') return;
    const mustPause = this.state !== 'reading';
    if (mustPause === this.isPaused) return;
    this.isPaused = mustPause;
    if (mustPause) this.connection.pause();
    else this.connection.resume();
  }

  /** A peer that breaks the protocol, or a handler that breaks its own invariant, loses its connection and nothing else. */
  private guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.close(describe(error));
    }
  }

  private armIdleTimer(delayMs: number): void {
    if (this.limits.idleMsMax < 0) return;
    this.idleTimer = this.clock.setTimer(delayMs, () => {
      if (this.state === 'closed') return;
      if (this.idleMs < this.limits.idleMsMax) return this.armIdleTimer(this.limits.idleMsMax - this.idleMs);
      // A process that was held up finds its timers due before it has read what came meanwhile: one turn for that.
      this.clock.defer(() => this.closeIfIdle());
    });
  }

  private closeIfIdle(): void {
    if (this.state === 'closed') return;
    if (this.state === 'parked' || this.state === 'muted') return this.armIdleTimer(this.limits.idleMsMax);
    const { idleMs } = this;
    if (idleMs >= this.limits.idleMsMax) return this.close(`idle for ${Math.round(idleMs)} ms`);
    this.armIdleTimer(this.limits.idleMsMax - idleMs);
  }

  private get idleMs(): number {
    return this.clock.monotonic() - this.activeAtMs;
  }

  private onClosed(error: NetworkError | undefined): void {
    if (this.state !== 'closed') this.finish(error === undefined ? 'closed by the peer' : error.code);
  }

  private finish(reason: string): void {
    this.state = 'closed';
    this.idleTimer?.cancel();
    this.muteTimer?.cancel();
    const listeners = [...this.closeListeners];
    this.closeListeners.clear();
    for (const listener of listeners) listener();
    this.events.onClose(this, reason);
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
