/** A range of bytes that lies elsewhere (in a file) and is sent behind what was written so far. Only its length matters here. */
export interface ExternalBytes {
  readonly length: number;
}

const INITIAL_BYTES = 512;
/** Names of topics and clients: a loop over so few is over before the runtime's own encoder has begun. */
const SHORT_BYTES_MAX = 32;
const ZERO_UUID = 'AAAAAAAAAAAAAAAAAAAAAA';

/**
 * Writes Kafka's primitive types into a growing buffer, and notes where external parts (record data, file slices) belong, so that
 * a response is a list of parts and record bytes are never copied.
 *
 * Invariant: `length` is the number of bytes that the parts hold together. Each Writer makes its own memory: what `parts()` returns
 * belongs to the caller, and the writer is not used after it.
 */
export class Writer {
  private buffer: Buffer;
  private position = 0;
  /** Where the bytes of `buffer` that are not yet in `done` begin. */
  private start = 0;
  private done: (Uint8Array | ExternalBytes)[] = [];
  private doneBytes = 0;

  constructor(initialBytes = INITIAL_BYTES) {
    this.buffer = Buffer.allocUnsafe(initialBytes);
  }

  get length(): number {
    return this.doneBytes + this.position - this.start;
  }

  private reserve(bytes: number): number {
    if (this.position + bytes > this.buffer.length) this.grow(bytes);
    const at = this.position;
    this.position = at + bytes;
    return at;
  }

  private grow(bytes: number): void {
    const pending = this.position - this.start;
    const next = Buffer.allocUnsafe(Math.max((pending + bytes) * 2, INITIAL_BYTES));
    this.buffer.copy(next, 0, this.start, this.position);
    this.buffer = next;
    this.start = 0;
    this.position = pending;
  }

  bool(value: boolean): void {
    const at = this.reserve(1);
    this.buffer[at] = value ? 1 : 0;
  }

  int8(value: number): void {
    const at = this.reserve(1);
    this.buffer.writeInt8(value, at);
  }

  int16(value: number): void {
    const at = this.reserve(2);
    this.buffer.writeInt16BE(value, at);
  }

  uint16(value: number): void {
    const at = this.reserve(2);
    this.buffer.writeUInt16BE(value, at);
  }

  int32(value: number): void {
    const at = this.reserve(4);
    this.buffer.writeInt32BE(value, at);
  }

  uint32(value: number): void {
    const at = this.reserve(4);
    this.buffer.writeUInt32BE(value, at);
  }

  int64(value: number): void {
    const at = this.reserve(8);
    const high = Math.floor(value / 0x1_0000_0000);
    this.buffer.writeInt32BE(high, at);
    this.buffer.writeUInt32BE(value - high * 0x1_0000_0000, at + 4);
  }

  bigInt64(value: bigint): void {
    const at = this.reserve(8);
    this.buffer.writeBigInt64BE(value, at);
  }

  float64(value: number): void {
    const at = this.reserve(8);
    this.buffer.writeDoubleBE(value, at);
  }

  unsignedVarint(value: number): void {
    let rest = value;
    while (rest > 0x7f) {
      const at = this.reserve(1);
      this.buffer[at] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    const at = this.reserve(1);
    this.buffer[at] = rest;
  }

  varint(value: number): void {
    this.unsignedVarint(((value << 1) ^ (value >> 31)) >>> 0);
  }

  /** Zigzag of a safe integer. */
  varlong(value: number): void {
    if (value >= -0x4000_0000 && value < 0x4000_0000) {
      this.varint(value);
      return;
    }
    let rest = value >= 0 ? BigInt(value) * 2n : BigInt(value) * -2n - 1n;
    while (rest > 0x7fn) {
      const at = this.reserve(1);
      this.buffer[at] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    const at = this.reserve(1);
    this.buffer[at] = Number(rest);
  }

  /** Copies `bytes`. */
  raw(bytes: Uint8Array): void {
    const at = this.reserve(bytes.length);
    this.buffer.set(bytes, at);
  }

  nullableString(value: string | null): void {
    if (value === null) return this.int16(-1);
    const bytes = bytesOf(value);
    if (bytes > 0x7fff) throw new RangeError(`a string of ${bytes} bytes; at most 32767`);
    this.int16(bytes);
    this.text(value, bytes);
  }

  compactNullableString(value: string | null): void {
    if (value === null) return this.unsignedVarint(0);
    const bytes = bytesOf(value);
    this.unsignedVarint(bytes + 1);
    this.text(value, bytes);
  }

  private text(value: string, bytes: number): void {
    const at = this.reserve(bytes);
    if (bytes > SHORT_BYTES_MAX || bytes !== value.length) {
      this.buffer.write(value, at, bytes, 'utf8');
      return;
    }
    for (let i = 0; i < bytes; i++) this.buffer[at + i] = value.charCodeAt(i);
  }

  nullableBytes(value: Uint8Array | null): void {
    if (value === null) return this.int32(-1);
    this.int32(value.length);
    this.raw(value);
  }

  compactNullableBytes(value: Uint8Array | null): void {
    if (value === null) return this.unsignedVarint(0);
    this.unsignedVarint(value.length + 1);
    this.raw(value);
  }

  uuid(value: string): void {
    const at = this.reserve(16);
    if (value === ZERO_UUID) {
      this.buffer.fill(0, at, at + 16);
      return;
    }
    const bytes = this.buffer.write(value, at, 16, 'base64url');
    if (bytes !== 16) throw new RangeError(`"${value}" is no id: 22 characters of base64url`);
  }

  arrayCount(count: number): void {
    this.int32(count);
  }

  compactArrayCount(count: number): void {
    this.unsignedVarint(count + 1);
  }

  /** Appends parts without copying them. */
  external(parts: readonly (Uint8Array | ExternalBytes)[]): void {
    for (const part of parts) {
      if (part.length === 0) continue;
      this.cut();
      this.done.push(part);
      this.doneBytes += part.length;
    }
  }

  private cut(): void {
    if (this.position === this.start) return;
    this.done.push(this.buffer.subarray(this.start, this.position));
    this.doneBytes += this.position - this.start;
    this.start = this.position;
  }

  /** What was written, in order. */
  parts(): (Uint8Array | ExternalBytes)[] {
    this.cut();
    return this.done;
  }

  /** What was written as one buffer; throws when an external part is not in memory. */
  toBuffer(): Buffer {
    if (this.done.length === 0) return this.buffer.subarray(this.start, this.position);
    return Buffer.concat(
      this.parts().map((part) => {
        if (part instanceof Uint8Array) return part;
        throw new TypeError('an external part is not in memory');
      }),
    );
  }
}

/** In UTF-8; as many as characters only where all of them are ASCII. */
function bytesOf(value: string): number {
  if (value.length > SHORT_BYTES_MAX) return Buffer.byteLength(value);
  for (let i = 0; i < value.length; i++) if (value.charCodeAt(i) > 0x7f) return Buffer.byteLength(value);
  return value.length;
}

export { ZERO_UUID };
