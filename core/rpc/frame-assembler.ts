/**
 * Cuts a byte stream into Kafka's frames: i32 size, then that many bytes.
 *
 *     chunk │ size │ frame ……… │ size │ fra        next chunk │ me …… │
 *             └── handed on where it lies ──┘      └─ gathered in one buffer ─┘
 *
 * Invariants:
 * - A frame that lies wholly within one chunk is handed on without copying.
 * - A size is checked before memory is taken for it, and memory grows with the bytes that arrived: a claim of 100 MiB alone costs 4 KiB.
 * - No frame is handed on while the receiver is stopped; what is left of the chunk then is copied and waits (at most one chunk).
 *
 * With `ownership: 'borrowed'` (the server) a frame is valid only during `onFrame`: its memory is used again. With `'owned'` (the client,
 * whose users keep views of fetched records) it belongs to the receiver for good.
 */
import { giveMemoryBack, takeMemory } from './frame-memory.ts';

const GROW_BYTES_FIRST = 4 * 1024;
const GROWTH_OWNED = 8;
const SIZE_BYTES = 4;

export interface FrameAssemblerOptions {
  readonly frameBytesMin: number;
  readonly frameBytesMax: number;
  readonly ownership: 'borrowed' | 'owned';
}

/** Says whether the next frame may follow at once. */
export type AfterFrame = 'continue' | 'stop';

export class FrameSizeError extends Error {
  readonly frameBytes: number;

  constructor(frameBytes: number, options: FrameAssemblerOptions) {
    super(`a frame of ${frameBytes} bytes; ${options.frameBytesMin} to ${options.frameBytesMax} are allowed`);
    this.name = 'FrameSizeError';
    this.frameBytes = frameBytes;
  }
}

/** What is left of a chunk that came to a stop. */
interface Waiting {
  readonly memory: Buffer;
  from: number;
  readonly to: number;
}

export class FrameAssembler {
  private readonly options: FrameAssemblerOptions;
  private readonly onFrame: (frame: Buffer) => AfterFrame;
  /** The frame that spans chunks: its declared size (−1: none), its memory, and how much of it is there. */
  private wanted = -1;
  private gathered: Buffer | null = null;
  private gatheredBytes = 0;
  /** The bytes of a size field that was cut by the chunk's end. */
  private readonly sizeField = Buffer.alloc(SIZE_BYTES);
  private sizeFieldBytes = 0;
  private stopped = false;
  /** What arrived while stopped, copied; normally empty. */
  private readonly waiting: Waiting[] = [];

  constructor(options: FrameAssemblerOptions, onFrame: (frame: Buffer) => AfterFrame) {
    this.options = options;
    this.onFrame = onFrame;
  }

  /** Bytes held for a frame that is not complete, or for frames that wait. */
  get heldBytes(): number {
    return this.waiting.reduce((sum, { from, to }) => sum + to - from, this.gatheredBytes + this.sizeFieldBytes);
  }

  /** Takes a chunk that is valid only during the call. Throws FrameSizeError: the connection must end. */
  push(chunk: Buffer): void {
    const consumed = this.stopped || this.waiting.length > 0 ? 0 : this.consume(chunk);
    if (consumed < chunk.length) this.keepWaiting(chunk, consumed);
  }

  /** After a `'stop'`: goes on with what waits. */
  resume(): void {
    this.stopped = false;
    while (!this.stopped) {
      const next = this.waiting[0];
      if (next === undefined) return;
      next.from += this.consume(next.memory.subarray(next.from, next.to));
      if (next.from < next.to) return;
      this.waiting.shift();
      giveMemoryBack(next.memory);
    }
  }

  private keepWaiting(chunk: Buffer, from: number): void {
    const bytes = chunk.length - from;
    const memory = takeMemory(bytes);
    chunk.copy(memory, 0, from);
    this.waiting.push({ memory, from: 0, to: bytes });
  }

  /** Returns how many bytes were used: fewer than all only when stopped. */
  private consume(chunk: Buffer): number {
    let at = 0;
    while (at < chunk.length && !this.stopped) {
      if (this.wanted < 0) {
        at = this.readSize(chunk, at);
        if (this.wanted < 0) break;
      }
      if (this.gatheredBytes === 0 && chunk.length - at >= this.wanted) {
        const frame = chunk.subarray(at, at + this.wanted);
        at += this.wanted;
        this.wanted = -1;
        this.deliver(this.options.ownership === 'owned' ? Buffer.from(frame) : frame);
      } else {
        at = this.gather(chunk, at);
      }
    }
    return at;
  }

  private readSize(chunk: Buffer, at: number): number {
    let next = at;
    let size: number;
    if (this.sizeFieldBytes === 0 && chunk.length - at >= SIZE_BYTES) {
      size = chunk.readInt32BE(at);
      next += SIZE_BYTES;
    } else {
      const taken = Math.min(SIZE_BYTES - this.sizeFieldBytes, chunk.length - at);
      chunk.copy(this.sizeField, this.sizeFieldBytes, at, at + taken);
      this.sizeFieldBytes += taken;
      next += taken;
      if (this.sizeFieldBytes < SIZE_BYTES) return next;
      this.sizeFieldBytes = 0;
      size = this.sizeField.readInt32BE(0);
    }
    if (size < this.options.frameBytesMin || size > this.options.frameBytesMax) {
      throw new FrameSizeError(size, this.options);
    }
    this.wanted = size;
    return next;
  }

  private gather(chunk: Buffer, at: number): number {
    const taken = Math.min(this.wanted - this.gatheredBytes, chunk.length - at);
    const buffer = this.room(this.gatheredBytes + taken);
    chunk.copy(buffer, this.gatheredBytes, at, at + taken);
    this.gatheredBytes += taken;
    if (this.gatheredBytes === this.wanted) {
      const frame = buffer.subarray(0, this.wanted);
      this.gathered = null;
      this.wanted = -1;
      this.gatheredBytes = 0;
      this.deliver(frame);
      if (this.options.ownership === 'borrowed') giveMemoryBack(buffer);
    }
    return at + taken;
  }

  /**
   * The gathering buffer with room for `bytes`: it grows with the bytes that arrive. Eightfold, and never beyond the declared size, where each frame has memory of
   * its own: a fetch of megabytes is then copied once and a little, and no half-sized buffers are left behind.
   */
  private room(bytes: number): Buffer {
    const current = this.gathered;
    if (current !== null && current.length >= bytes) return current;
    const isBorrowed = this.options.ownership === 'borrowed';
    const grown = isBorrowed
      ? takeMemory(bytes, this.wanted)
      : Buffer.allocUnsafeSlow(
          Math.max(bytes, Math.min(this.wanted, Math.max(bytes * GROWTH_OWNED, GROW_BYTES_FIRST))),
        );
    if (current !== null) {
      current.copy(grown, 0, 0, this.gatheredBytes);
      if (isBorrowed) giveMemoryBack(current);
    }
    this.gathered = grown;
    return grown;
  }

  private deliver(frame: Buffer): void {
    if (this.onFrame(frame) === 'stop') this.stopped = true;
  }
}
