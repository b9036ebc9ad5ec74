/**
 * What one connection still has to send, in order: bytes from memory and ranges of files.
 *
 * Invariant: at most one ordinary write is under way, and send and sendfile are called only when none is: the socket is non-blocking and the
 * runtime owns its readiness, so bytes sent around a waiting write would overtake it. A full socket is waited for by
 * writing the next 64 KiB in the ordinary way; its callback goes on with sendfile. (Spinning on EAGAIN costs two thirds of the rate.)
 * Every slice's descriptor is held from `push` until its last byte was taken or the connection ended.
 */
import type net from 'node:net';
import { FileSlice } from '../files.ts';
import type { Part } from '../network.ts';
import { RealFile, readAll } from './files.ts';
import { descriptorOf, unsentBytes } from './handle.ts';
import { posix } from './posix.ts';
import type { SendfileCall } from './sendfile.ts';

/** Slices below this are read and written together with the bytes around them: cheaper than a call of their own. */
export const SENDFILE_BYTES_MIN = 32 * 1024;
/** The piece that is written in the ordinary way when the socket is full. */
export const TAIL_BYTES = 64 * 1024;
/** The piece by which a large slice is copied where sendfile is missing. */
export const COPY_BYTES = 256 * 1024;
/** A connection gives way to the others after this much by sendfile. */
export const TURN_BYTES_MAX = 4 * 1024 * 1024;
/** Memory parts up to this sum are joined into one buffer; above it the write is gathered. */
const JOIN_BYTES_MAX = 32 * 1024;
/** Filled and sent within one call: never holds bytes between two. */
const joinMemory = Buffer.allocUnsafeSlow(JOIN_BYTES_MAX);
/** Bytes handed to one gathered write. */
const GATHER_BYTES_MAX = 1024 * 1024;
const GATHER_COUNT_MAX = 256;

/** Bytes sent, shared by the connections of a network. */
export interface SendCounters {
  bytesSentFromMemory: number;
  bytesSentBySendfile: number;
  bytesSentByCopy: number;
}

interface PendingSlice {
  readonly slice: FileSlice;
  readonly fd: number;
  position: number;
  remaining: number;
  copied: boolean;
}

type Item = Uint8Array | PendingSlice;

export interface SendQueueOwner {
  /** Nothing is queued any more, after something was. */
  onEmpty(): void;
  onFailure(code: string): void;
}

export class SendQueue {
  readonly #socket: net.Socket;
  readonly #owner: SendQueueOwner;
  readonly #counters: SendCounters;
  readonly #sendfile: SendfileCall | null;
  #items: Item[] = [];
  #head = 0;
  #bytes = 0;
  #writing = false;
  #turnPending = false;
  #waited = false;
  #closed = false;

  constructor(socket: net.Socket, owner: SendQueueOwner, counters: SendCounters, sendfile: SendfileCall | null) {
    this.#socket = socket;
    this.#owner = owner;
    this.#counters = counters;
    this.#sendfile = sendfile;
  }

  /** Bytes not yet taken by the system. */
  get bytes(): number {
    return this.#closed ? 0 : this.#bytes + unsentBytes(this.#socket);
  }

  get isEmpty(): boolean {
    return this.#bytes === 0 && !this.#writing;
  }

  push(parts: readonly Part[]): void {
    for (const part of parts) {
      const length = part instanceof FileSlice ? part.length : part.byteLength;
      if (length === 0) continue;
      this.#items.push(part instanceof FileSlice ? holdSlice(part) : part);
      this.#bytes += length;
    }
  }

  /** Sends as much as the system takes now; goes on by itself when it takes more. */
  pump(): void {
    if (this.#closed || this.#writing || this.#turnPending) return;
    let turnBytes = 0;
    while (this.#head < this.#items.length) {
      const item = this.#items[this.#head]!;
      let blocked: boolean;
      if (isSlice(item) && item.remaining >= SENDFILE_BYTES_MIN) {
        const before = this.#bytes;
        blocked = this.#sendSlice(item, TURN_BYTES_MAX - turnBytes);
        turnBytes += before - this.#bytes;
      } else {
        blocked = this.#writeGathered();
      }
      if (this.#closed) return;
      if (blocked) {
        this.#waited = true;
        return;
      }
      if (turnBytes >= TURN_BYTES_MAX && this.#head < this.#items.length) {
        this.#giveWay();
        return;
      }
    }
    this.#items = [];
    this.#head = 0;
    if (!this.#waited) return;
    this.#waited = false;
    this.#owner.onEmpty();
  }

  /** Something was queued that `pump` did not see yet: `onEmpty` is owed. */
  markWaited(): void {
    this.#waited = true;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (let index = this.#head; index < this.#items.length; index += 1) {
      const item = this.#items[index]!;
      if (isSlice(item)) releaseSlice(item);
    }
    this.#items = [];
    this.#head = 0;
    this.#bytes = 0;
  }

  #giveWay(): void {
    this.#waited = true;
    this.#turnPending = true;
    setImmediate(() => {
      this.#turnPending = false;
      this.pump();
    });
  }

  /** True when it must wait for a callback. */
  #sendSlice(item: PendingSlice, bytesMax: number): boolean {
    const socketFd = this.#sendfile === null || item.copied || item.fd < 0 ? -1 : descriptorOf(this.#socket);
    if (socketFd < 0 || this.#sendfile === null) return this.#copySlice(item, COPY_BYTES);
    const result = this.#sendfile(socketFd, item.fd, item.position, Math.min(item.remaining, bytesMax));
    switch (result.kind) {
      case 'sent':
        this.#counters.bytesSentBySendfile += result.bytes;
        this.#advance(item, result.bytes);
        return false;
      case 'full':
        return this.#copySlice(item, TAIL_BYTES);
      case 'unsupported':
        item.copied = true;
        return this.#copySlice(item, COPY_BYTES);
      case 'failed':
        this.#owner.onFailure(result.code);
        return true;
      default:
        throw new Error(`unknown sendfile result ${result satisfies never}`);
    }
  }

  #copySlice(item: PendingSlice, bytesMax: number): boolean {
    const chunk = takeChunk(Math.min(item.remaining, bytesMax));
    if (!this.#read(item, chunk.bytes)) return true;
    this.#counters.bytesSentByCopy += chunk.bytes.byteLength;
    this.#advance(item, chunk.bytes.byteLength);
    return this.#write(chunk.bytes, chunk);
  }

  /** Everything at the head that is not a large slice, in one write. */
  #writeGathered(): boolean {
    let bytes = 0;
    let end = this.#head;
    while (end < this.#items.length && end - this.#head < GATHER_COUNT_MAX && bytes < GATHER_BYTES_MAX) {
      const item = this.#items[end]!;
      if (isSlice(item) && item.remaining >= SENDFILE_BYTES_MIN) break;
      bytes += isSlice(item) ? item.remaining : item.byteLength;
      end += 1;
    }
    if (end - this.#head === 1) {
      const only = this.#items[this.#head]!;
      if (!isSlice(only)) {
        this.#passMemory(only);
        return this.#write(only, null);
      }
    }
    return bytes <= JOIN_BYTES_MAX ? this.#writeJoined(end, bytes) : this.#writeEach(end);
  }

  /** Joined in memory that is used again: most of the time the system takes all of it at once, and what it leaves gets memory of its own. */
  #writeJoined(end: number, bytes: number): boolean {
    const joined = joinMemory.subarray(0, bytes);
    let at = 0;
    while (this.#head < end) {
      const item = this.#items[this.#head]!;
      if (isSlice(item)) {
        const length = item.remaining;
        if (!this.#read(item, joined.subarray(at, at + length))) return true;
        this.#counters.bytesSentByCopy += length;
        this.#advance(item, length);
        at += length;
      } else {
        joined.set(item, at);
        at += item.byteLength;
        this.#passMemory(item);
      }
    }
    const sent = this.#sendNow(joined);
    return sent < bytes && this.#stream(Buffer.from(joined.subarray(sent)), null);
  }

  #writeEach(end: number): boolean {
    const socket = this.#socket;
    socket.cork();
    let last: Uint8Array | null = null;
    while (this.#head < end) {
      const item = this.#items[this.#head]!;
      let bytes: Uint8Array;
      if (isSlice(item)) {
        bytes = Buffer.allocUnsafe(item.remaining);
        if (!this.#read(item, bytes)) return true;
        this.#counters.bytesSentByCopy += bytes.byteLength;
        this.#advance(item, bytes.byteLength);
      } else {
        bytes = item;
        this.#passMemory(item);
      }
      if (last !== null) socket.write(last);
      last = bytes;
    }
    return this.#write(last!, null);
  }

  /** Hands bytes to the system. False when it took everything at once, so that the next step may follow; what it does not take waits in the stream. */
  #write(whole: Uint8Array, chunk: Chunk | null): boolean {
    const sent = this.#sendNow(whole);
    if (sent < whole.byteLength) return this.#stream(sent > 0 ? whole.subarray(sent) : whole, chunk);
    if (chunk !== null) giveBack(chunk);
    return false;
  }

  /** The stream keeps `bytes` until the system took them. */
  #stream(bytes: Uint8Array, chunk: Chunk | null): boolean {
    const socket = this.#socket;
    let waited = false;
    socket.write(bytes, (error) => {
      if (chunk !== null) giveBack(chunk);
      if (!waited) return;
      this.#writing = false;
      if (error === undefined || error === null) this.pump();
    });
    while (socket.writableCorked > 0) socket.uncork();
    if (this.#closed || socket.destroyed) return true;
    if (socket.writableLength === 0) return false;
    waited = true;
    this.#writing = true;
    return true;
  }

  /** Around the stream, which costs as much as the system's own work for a small answer. What fails here fails in the stream too, and is told there. */
  #sendNow(bytes: Uint8Array): number {
    const send = posix()?.send;
    const socket = this.#socket;
    if (send === undefined || send === null || socket.writableLength > 0 || socket.writableCorked > 0) return 0;
    const fd = descriptorOf(socket);
    return fd < 0 ? 0 : Math.max(0, send(fd, bytes, this.#isSliceNext()));
  }

  /** The head of an answer and its slice leave together. */
  #isSliceNext(): boolean {
    const next = this.#items[this.#head];
    return next !== undefined && isSlice(next) && this.#sendfile !== null;
  }

  #read(item: PendingSlice, target: Uint8Array): boolean {
    try {
      const read =
        item.fd >= 0 ? readAll(item.fd, target, item.position) : item.slice.file.readInto(target, item.position);
      if (read === target.byteLength) return true;
      this.#owner.onFailure('EIO');
    } catch (error) {
      this.#owner.onFailure((error as NodeJS.ErrnoException).code ?? 'EIO');
    }
    return false;
  }

  #passMemory(bytes: Uint8Array): void {
    this.#head += 1;
    this.#bytes -= bytes.byteLength;
    this.#counters.bytesSentFromMemory += bytes.byteLength;
  }

  #advance(item: PendingSlice, bytes: number): void {
    item.position += bytes;
    item.remaining -= bytes;
    this.#bytes -= bytes;
    if (item.remaining > 0) return;
    releaseSlice(item);
    this.#head += 1;
  }
}

function isSlice(item: Item): item is PendingSlice {
  return !(item instanceof Uint8Array);
}

function holdSlice(slice: FileSlice): PendingSlice {
  // A file of another adapter is read through its own interface.
  const fd = slice.file instanceof RealFile ? slice.file.retain() : -1;
  return { slice, fd, position: slice.position, remaining: slice.length, copied: false };
}

function releaseSlice(item: PendingSlice): void {
  if (item.slice.file instanceof RealFile) item.slice.file.release();
}

/** Buffers for copied pieces, given back when the system has taken the bytes: touching new memory costs more than the copy. */
interface Chunk {
  readonly whole: Buffer;
  readonly bytes: Buffer;
}

const CHUNKS_KEPT_MAX = 8;
const kept: Buffer[] = [];

function takeChunk(length: number): Chunk {
  const whole = kept.pop() ?? Buffer.allocUnsafeSlow(COPY_BYTES);
  return { whole, bytes: whole.subarray(0, length) };
}

function giveBack(chunk: Chunk): void {
  if (kept.length < CHUNKS_KEPT_MAX) kept.push(chunk.whole);
}
