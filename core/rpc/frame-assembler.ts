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
const GROW_BYTES_FIRST = 4 * 1024;
const GROWTH_OWNED = 8;
/** Gathering buffers up to this size are kept for the next frames, whosever: a connection that is silent after a large frame holds nothing. */
const KEPT_BYTES_MAX = 2 * 1024 * 1024;
const KEPT_COUNT_MAX = 16;
const kept: Buffer[] = [];
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
  private waiting: Buffer[] = [];

  constructor(options: FrameAssemblerOptions, onFrame: (frame: Buffer) => AfterFrame) {
    this.options = options;
    this.onFrame = onFrame;
  }

  /** Bytes held for a frame that is not complete, or for frames that wait. */
  get heldBytes(): number {
    return this.waiting.reduce((sum, each) => sum + each.length, this.gatheredBytes + this.sizeFieldBytes);
  }

  /** Takes a chunk that is valid only during the call. Throws FrameSizeError: the connection must end. */
  push(chunk: Buffer): void {
    if (this.stopped || this.waiting.length > 0) {
      this.waiting.push(Buffer.from(chunk));
      return;
    }
    const consumed = this.consume(chunk);
    if (consumed < chunk.length) this.waiting.unshift(Buffer.from(chunk.subarray(consumed)));
  }

  /** After a `'stop'`: goes on with what waits. */
  resume(): void {
    this.stopped = false;
    while (!this.stopped) {
      const next = this.waiting.shift();
      if (next === undefined) return;
      const consumed = this.consume(next);
      if (consumed < next.length) this.waiting.unshift(next.subarray(consumed));
    }
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
      const isOurs = this.options.ownership === 'borrowed';
      if (isOurs && buffer.length <= KEPT_BYTES_MAX && kept.length < KEPT_COUNT_MAX) kept.push(buffer);
    }
    return at + taken;
  }

  /**
   * The gathering buffer with room for `bytes`: it grows with the bytes that arrive, never beyond the declared size. Eightfold where each frame has memory of its
   * own: a fetch of megabytes is then copied once and a little, and no half-sized buffers are left behind.
   */
  private room(bytes: number): Buffer {
    if (this.gathered === null && this.options.ownership === 'borrowed') this.gathered = kept.pop() ?? null;
    const current = this.gathered;
    if (current !== null && current.length >= bytes) return current;
    const ahead = this.options.ownership === 'owned' ? bytes * GROWTH_OWNED : (current?.length ?? 0) * 2;
    const grownBytes = Math.max(bytes, ahead, GROW_BYTES_FIRST);
    // allocUnsafeSlow: a buffer of its own, not a corner of the shared pool, which the frame would keep alive.
    const grown = Buffer.allocUnsafeSlow(Math.max(bytes, Math.min(this.wanted, grownBytes)));
    if (current !== null) current.copy(grown, 0, 0, this.gatheredBytes);
    this.gathered = grown;
    return grown;
  }

  private deliver(frame: Buffer): void {
    if (this.onFrame(frame) === 'stop') this.stopped = true;
  }
}
