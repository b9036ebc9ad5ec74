/**
 * One end of a simulated connection. Each end owns the direction away from it: a queue that the sender still holds, and a flight of
 * segments that its system has taken and that the peer's system has not.
 *
 * Invariant: segments arrive in the order sent; a stalled one stalls all behind it. The receiver's chunk is scratch memory that is
 * overwritten after the call, so that code which keeps a chunk is found out. After `onClose` nothing is called.
 */
import { FileSlice, FilesError } from '../files.ts';
import type { Address, Connection, ConnectionReceiver, Part } from '../network.ts';
import { NetworkError } from '../network.ts';
import type { SimEvent } from './event-queue.ts';
import type { Link, SimNetwork } from './network.ts';
import { ProcessEnded, type SimLife } from './process.ts';
import { EVENT_NETWORK } from './world.ts';

const CHUNK_BYTES_MAX = 64 * 1024;
/** What the receiver's chunk is filled with after the call. */
const POISON = 0xdb;
/** Between the two pieces of a chunk that arrives split. */
const SPLIT_GAP_MS = 0.01;
/** How long an end that has sent everything waits for its peer's end. */
const END_WAIT_MS_MAX = 1000;

const scratch = Buffer.allocUnsafeSlow(CHUNK_BYTES_MAX);
/** Not Buffer's own, which looks at an encoding first: it is called for every chunk. */
const poison = (chunk: Uint8Array): unknown => Uint8Array.prototype.fill.call(chunk, POISON);

/** What travels: bytes, an orderly end, a reset of the receiver, or a fault's break of both ends. */
type Segment =
  | { readonly kind: 'bytes'; readonly bytes: readonly Uint8Array[]; readonly length: number }
  | { readonly kind: 'end' | 'reset' | 'break' };

interface InFlight {
  readonly segment: Segment;
  readonly extraMs: number;
  event: SimEvent;
}

interface Queued {
  readonly segment: Segment;
  readonly extraMs: number;
}

export class SimConnection implements Connection {
  readonly life: SimLife;
  readonly link: Link;
  readonly local: Address;
  readonly remote: Address;
  peer!: SimConnection;
  readonly #network: SimNetwork;
  readonly #id: number;
  readonly #side: 'client' | 'server';
  #receiver: ConnectionReceiver | null = null;
  /** ending: `end` was called, the queue is not empty; ended: the end is on its way or there. */
  #state: 'open' | 'ending' | 'ended' | 'closed' = 'open';
  #paused = false;
  #sendCount = 0;

  #queue: Queued[] = [];
  #queuedBytes = 0;
  #flight: InFlight[] = [];
  #flightBytes = 0;
  #lastArrivalMs = 0;
  #stallEvent: SimEvent | null = null;
  #windowEvent: SimEvent | null = null;
  #endEvent: SimEvent | null = null;

  #received: Uint8Array[] = [];
  #receivedBytes = 0;
  #peerEnded = false;
  #deliverEvent: SimEvent | null = null;
  #error: NetworkError | undefined;
  /** What was in flight is lost, so nothing that is sent from now on may arrive, although this end does not know it yet. */
  #isBroken = false;

  constructor(
    network: SimNetwork,
    life: SimLife,
    id: number,
    side: 'client' | 'server',
    local: Address,
    remote: Address,
  ) {
    this.#network = network;
    this.life = life;
    this.#id = id;
    this.#side = side;
    this.local = local;
    this.remote = remote;
    this.link = network.linkBetween(local.host, remote.host);
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  get isOpen(): boolean {
    return this.#state !== 'closed';
  }

  start(receiver: ConnectionReceiver): void {
    if (this.#receiver !== null) throw new Error('the connection has a receiver');
    this.#receiver = receiver;
    if (this.#state === 'closed') this.#tellClosed();
    else this.#deliverSoon(0);
  }

  send(parts: readonly Part[]): void {
    if (!this.life.alive) throw new ProcessEnded(this.life.process.name);
    if (this.#state !== 'open') return;
    const bytes: Uint8Array[] = [];
    let length = 0;
    try {
      for (const part of parts) {
        if (lengthOf(part) === 0) continue;
        bytes.push(this.#take(part));
        length += lengthOf(part);
      }
    } catch (error) {
      if (!(error instanceof FilesError)) throw error;
      this.#fly({ kind: 'reset' }, 0);
      this.#reset(error.code);
      return;
    }
    if (length === 0) return;
    const verdict = this.#verdict(bytes, length);
    if (verdict !== 'drop-connection-before') {
      const extraMs = typeof verdict === 'object' ? verdict.delayMs : 0;
      this.#queue.push({ segment: { kind: 'bytes', bytes, length }, extraMs });
      this.#queuedBytes += length;
    }
    if (verdict === 'drop-connection-before' || verdict === 'drop-connection-after') {
      this.#queue.push({ segment: { kind: 'break' }, extraMs: 0 });
    }
    this.#transmit();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#deliverSoon(0);
  }

  end(): void {
    if (this.#state !== 'open' || !this.life.alive) return;
    this.#state = 'ending';
    this.#queue.push({ segment: { kind: 'end' }, extraMs: 0 });
    this.#transmit();
    // A paused receiver would never see the peer's end.
    this.#paused = false;
    this.#deliverSoon(0);
  }

  destroy(): void {
    if (this.#state === 'closed' || !this.life.alive) return;
    const announced = this.#state === 'ended';
    this.#queue = [];
    this.#queuedBytes = 0;
    if (!announced) this.#fly({ kind: this.#receivedBytes > 0 ? 'reset' : 'end' }, 0);
    this.#close(undefined);
  }

  // What follows is for the network.

  /** The link works again, or its host is back: what stalled sets out once more. */
  retransmit(): void {
    if (this.#stallEvent === null || !this.#network.reaches(this.link)) return;
    this.#network.world.cancel(this.#stallEvent);
    this.#stallEvent = null;
    const flight = this.#flight;
    this.#flight = [];
    this.#flightBytes = 0;
    this.#lastArrivalMs = 0;
    for (const item of flight) {
      this.#network.world.cancel(item.event);
      this.#fly(item.segment, item.extraMs);
    }
  }

  /** Both ends are reset; what is in flight either way is lost. */
  breakBoth(): void {
    for (const end of [this as SimConnection, this.peer]) {
      end.#isBroken = true;
      end.#dropFlight();
    }
    this.#resetSoon();
    this.peer.#resetSoon();
  }

  lifeEnded(how: 'crash' | 'power'): void {
    this.#dropFlight();
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#received = [];
    this.#receivedBytes = 0;
    if (this.#state !== 'closed' && how === 'crash') this.#fly({ kind: 'reset' }, 0);
    this.#state = 'closed';
    this.#forgetWhenDone();
  }

  #verdict(bytes: readonly Uint8Array[], length: number) {
    const sequence = this.#sendCount;
    this.#sendCount += 1;
    if (!this.#network.isIntercepted) return 'deliver';
    return this.#network.verdict({
      kind: 'send',
      from: this.link.from,
      to: this.link.to,
      timeMs: this.#network.world.timeMs,
      connectionId: this.#id,
      side: this.#side,
      sequence,
      bytes: length,
      data: () => Buffer.concat(bytes),
    });
  }

  /** Bytes from memory are owned from now on; a slice is read now. */
  #take(part: Part): Uint8Array {
    if (!(part instanceof FileSlice)) {
      this.#network.metrics.bytesSentFromMemory += part.byteLength;
      return part;
    }
    const bytes = Buffer.allocUnsafe(part.length);
    if (part.file.readInto(bytes, part.position) !== part.length) {
      throw new FilesError('EIO', part.file.path, 'send');
    }
    this.#network.metrics.bytesSentByCopy += part.length;
    return bytes;
  }

  /** Moves from the queue into flight what the window allows. */
  #transmit(): void {
    while (this.#queue.length > 0) {
      const { segment, extraMs } = this.#queue[0]!;
      if (segment.kind === 'bytes') {
        const room = this.#network.settings.windowBytes - this.#flightBytes - this.peer.#receivedBytes;
        if (room <= 0) return;
        this.#queue.shift();
        const length = Math.min(room, segment.length);
        if (length < segment.length) {
          const [first, rest] = split(segment.bytes, length);
          this.#queue.unshift({ segment: { kind: 'bytes', bytes: rest, length: segment.length - length }, extraMs });
          this.#fly({ kind: 'bytes', bytes: first, length }, extraMs);
        } else {
          this.#fly(segment, extraMs);
        }
        this.#queuedBytes -= length;
        continue;
      }
      this.#queue.shift();
      this.#fly(segment, extraMs);
      if (segment.kind === 'end') this.#endSent();
    }
  }

  #endSent(): void {
    if (this.#state !== 'ending') return;
    this.#state = 'ended';
    if (this.#peerEnded) {
      this.#close(undefined);
      return;
    }
    this.#endEvent = this.#network.world.schedule(END_WAIT_MS_MAX, this.life, EVENT_NETWORK, () =>
      this.#close(undefined),
    );
  }

  #fly(segment: Segment, extraMs: number): void {
    if (this.#isBroken) return;
    const world = this.#network.world;
    const length = segment.kind === 'bytes' ? segment.length : 0;
    const due = world.timeMs + this.#network.delayOf(this.link, length) + extraMs;
    this.#lastArrivalMs = Math.max(this.#lastArrivalMs, due);
    this.#flightBytes += length;
    const event = world.schedule(this.#lastArrivalMs - world.timeMs, null, EVENT_NETWORK, this.#arrive);
    this.#flight.push({ segment, extraMs, event });
  }

  /** The first segment in flight reaches the peer's system. */
  #arrive = (): void => {
    const world = this.#network.world;
    if (this.#stallEvent !== null) return;
    if (!this.#network.reaches(this.link)) {
      const timeoutMs = this.#network.settings.retransmitTimeoutMs;
      this.#stallEvent = world.schedule(timeoutMs, null, EVENT_NETWORK, this.#giveUp);
      return;
    }
    const item = this.#flight.shift();
    if (item === undefined) return;
    if (item.segment.kind === 'bytes') this.#flightBytes -= item.segment.length;
    this.peer.#receive(item.segment);
    if (this.#state === 'closed') this.#forgetWhenDone();
  };

  #giveUp = (): void => {
    this.#stallEvent = null;
    this.#dropFlight();
    this.#reset('ETIMEDOUT');
    this.#forgetWhenDone();
  };

  #receive(segment: Segment): void {
    switch (segment.kind) {
      case 'bytes':
        if (this.#state === 'closed') {
          // Nobody is here: the system answers with a reset.
          this.#fly({ kind: 'reset' }, 0);
          return;
        }
        this.#received.push(...segment.bytes);
        this.#receivedBytes += segment.length;
        this.#deliverNow();
        return;
      case 'end':
        this.#peerEnded = true;
        this.#deliverNow();
        return;
      case 'reset':
        this.#reset('ECONNRESET');
        return;
      case 'break':
        this.breakBoth();
        return;
      default:
        throw new Error(`unknown segment ${segment satisfies never}`);
    }
  }

  #deliverSoon(delayMs: number): void {
    if (this.#deliverEvent !== null || this.#receiver === null || this.#state === 'closed') return;
    if (this.#receivedBytes === 0 && !this.#peerEnded) return;
    this.#deliverEvent = this.#network.world.schedule(delayMs, this.life, EVENT_NETWORK, () => {
      this.#deliverEvent = null;
      this.#deliver();
    });
  }

  /** In the event of the arrival itself, unless the process must wait. */
  #deliverNow(): void {
    if (this.#deliverEvent !== null || this.#receiver === null || !this.life.alive) return;
    if (this.life.process.paused) this.#deliverSoon(0);
    else this.#network.world.enter(this.life, () => this.#deliver());
  }

  #deliver(): void {
    while (this.#receivedBytes > 0) {
      if (this.#state === 'closed' || this.#receiver === null) return;
      if (this.#state !== 'open') {
        this.#consumed(this.#receivedBytes);
        this.#received = [];
        break;
      }
      if (this.#paused) return;
      let length = Math.min(this.#receivedBytes, CHUNK_BYTES_MAX);
      const { random, splitChance } = this.peer.link;
      const isSplit = length > 1 && random.chance(splitChance);
      if (isSplit) length = 1 + random.integer(length - 1);
      const chunk = scratch.subarray(0, length);
      this.#received = fill(chunk, this.#received);
      this.#consumed(length);
      this.#network.metrics.bytesReceived += length;
      this.#network.world.trace.bytes(chunk);
      try {
        this.#receiver.onData(chunk);
      } finally {
        poison(chunk);
      }
      if (!this.life.alive) return;
      if (isSplit) {
        this.#deliverSoon(SPLIT_GAP_MS);
        return;
      }
    }
    if (this.#peerEnded) this.#peerHasEnded();
  }

  #consumed(bytes: number): void {
    this.#receivedBytes -= bytes;
    this.peer.#windowOpens();
  }

  /** The peer has read: the news travels back, and what waits in the queue may go. */
  #windowOpens(): void {
    if (this.#queue.length === 0 || this.#windowEvent !== null || this.#state === 'closed') return;
    const delayMs = this.#network.delayOf(this.peer.link, 0);
    this.#windowEvent = this.#network.world.schedule(delayMs, this.life, EVENT_NETWORK, () => {
      this.#windowEvent = null;
      if (this.#state === 'closed') return;
      const before = this.#queuedBytes;
      this.#transmit();
      if (before > 0 && this.#queuedBytes === 0 && this.#state === 'open') this.#receiver?.onDrain?.();
    });
  }

  #peerHasEnded(): void {
    switch (this.#state) {
      case 'open':
        // What is queued still goes; then this end closes.
        this.end();
        return;
      case 'ending':
        return;
      case 'ended':
        this.#close(undefined);
        return;
      case 'closed':
        return;
      default:
        throw new Error(`unknown state ${this.#state satisfies never}`);
    }
  }

  #resetSoon(): void {
    if (this.#state === 'closed') return;
    const delayMs = this.#network.delayOf(this.link, 0);
    this.#network.world.schedule(delayMs, null, EVENT_NETWORK, () => this.#reset('ECONNRESET'));
  }

  #reset(code: string): void {
    if (this.#state === 'closed') return;
    this.#received = [];
    this.#receivedBytes = 0;
    const { host, port } = this.remote;
    this.#close(new NetworkError(code, `connection to ${host}:${port}: ${code}`));
  }

  #close(error: NetworkError | undefined): void {
    if (this.#state === 'closed') return;
    const world = this.#network.world;
    this.#state = 'closed';
    this.#error = error;
    this.#queue = [];
    this.#queuedBytes = 0;
    if (this.#deliverEvent !== null) world.cancel(this.#deliverEvent);
    if (this.#endEvent !== null) world.cancel(this.#endEvent);
    this.#deliverEvent = null;
    if (this.#receiver !== null) this.#tellClosed();
    this.#forgetWhenDone();
  }

  #tellClosed(): void {
    this.#network.world.schedule(0, this.life, EVENT_NETWORK, () => this.#receiver!.onClose(this.#error));
  }

  #dropFlight(): void {
    const world = this.#network.world;
    for (const item of this.#flight) world.cancel(item.event);
    this.#flight = [];
    this.#flightBytes = 0;
    if (this.#stallEvent !== null) world.cancel(this.#stallEvent);
    this.#stallEvent = null;
  }

  #forgetWhenDone(): void {
    if (this.#flight.length === 0) this.#network.forget(this);
  }
}

function lengthOf(part: Part): number {
  return part instanceof FileSlice ? part.length : part.byteLength;
}

/** The first `length` bytes of the list, and the rest. */
function split(list: readonly Uint8Array[], length: number): [Uint8Array[], Uint8Array[]] {
  const first: Uint8Array[] = [];
  const rest: Uint8Array[] = [];
  let missing = length;
  for (const bytes of list) {
    if (missing > 0) first.push(bytes.subarray(0, missing));
    if (missing < bytes.byteLength) rest.push(bytes.subarray(Math.max(0, missing)));
    missing -= bytes.byteLength;
  }
  return [first, rest];
}

/** Fills `target` from the head of the list and returns what is left of the list. */
function fill(target: Buffer, list: Uint8Array[]): Uint8Array[] {
  let at = 0;
  let index = 0;
  for (; index < list.length; index += 1) {
    const bytes = list[index]!;
    const room = target.byteLength - at;
    if (bytes.byteLength > room) {
      target.set(bytes.subarray(0, room), at);
      const left = list.slice(index);
      left[0] = bytes.subarray(room);
      return left;
    }
    target.set(bytes, at);
    at += bytes.byteLength;
  }
  return [];
}
