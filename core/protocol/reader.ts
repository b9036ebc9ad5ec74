import { WireError } from './wire-error.ts';

/**
 * Reads Kafka's primitive types from one frame.
 *
 * Invariant: the position never passes the limit; a length that a peer sent is checked against the bytes that are left before memory is taken for it.
 * Byte fields are returned as views: they live as long as the frame does, and who keeps one longer copies it.
 *
 * int64 fields are numbers checked against ±(2^53−1); the few that need all 64 bits are read by `bigInt64`.
 */
export class Reader {
  readonly buffer: Buffer;
  position: number;
  readonly limit: number;
  /** How many elements of arrays may still be read. A server sets it: an element of a few bytes becomes an object of a hundred. */
  elementsLeft = Number.POSITIVE_INFINITY;

  constructor(buffer: Buffer, position = 0, limit = buffer.length) {
    this.buffer = buffer;
    this.position = position;
    this.limit = limit;
  }

  get remaining(): number {
    return this.limit - this.position;
  }

  private take(bytes: number): number {
    const position = this.position;
    if (bytes < 0 || bytes > this.limit - position) {
      throw new WireError(`${bytes} bytes wanted at ${position}, ${this.limit - position} left`);
    }
    this.position = position + bytes;
    return position;
  }

  skip(bytes: number): void {
    this.take(bytes);
  }

  bool(): boolean {
    return this.buffer[this.take(1)] !== 0;
  }

  int8(): number {
    return this.buffer.readInt8(this.take(1));
  }

  int16(): number {
    return this.buffer.readInt16BE(this.take(2));
  }

  uint16(): number {
    return this.buffer.readUInt16BE(this.take(2));
  }

  int32(): number {
    return this.buffer.readInt32BE(this.take(4));
  }

  uint32(): number {
    return this.buffer.readUInt32BE(this.take(4));
  }

  int64(): number {
    const position = this.take(8);
    const high = this.buffer.readInt32BE(position);
    const value = high * 0x1_0000_0000 + this.buffer.readUInt32BE(position + 4);
    if (!Number.isSafeInteger(value)) throw new WireError(`int64 outside ±2^53 at ${position}`);
    return value;
  }

  bigInt64(): bigint {
    return this.buffer.readBigInt64BE(this.take(8));
  }

  float64(): number {
    return this.buffer.readDoubleBE(this.take(8));
  }

  private varintByte(at: number): number {
    if (at >= this.limit) throw new WireError(`a varint cut off at ${at}`);
    return this.buffer[at]!;
  }

  /** Unsigned LEB128 of at most 32 bits. */
  unsignedVarint(): number {
    let at = this.position;
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.varintByte(at++);
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        this.position = at;
        return value;
      }
    }
    const last = this.varintByte(at++);
    if (last > 0x0f) throw new WireError(`varint longer than 32 bits before ${at}`);
    this.position = at;
    return value + last * 2 ** 28;
  }

  /** Zigzag varint of at most 32 bits. */
  varint(): number {
    const raw = this.unsignedVarint();
    return (raw >>> 1) ^ -(raw & 1);
  }

  /** Zigzag varint of at most 64 bits, checked against ±(2^53−1). */
  varlong(): number {
    let at = this.position;
    let low = 0; // bits 0–27
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.varintByte(at++);
      low |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        this.position = at;
        return (low >>> 1) ^ -(low & 1);
      }
    }
    let high = 0; // bits 28–63
    for (let scale = 1; scale < 2 ** 42; scale *= 2 ** 7) {
      const byte = this.varintByte(at++);
      high += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        this.position = at;
        const half = high * 2 ** 27 + (low >>> 1);
        const value = low & 1 ? -half - 1 : half;
        if (!Number.isSafeInteger(value)) throw new WireError(`varlong outside ±2^53 before ${at}`);
        return value;
      }
    }
    throw new WireError(`varlong longer than 64 bits before ${at}`);
  }

  view(bytes: number): Buffer {
    const position = this.take(bytes);
    return this.buffer.subarray(position, position + bytes);
  }

  text(bytes: number): string {
    const position = this.take(bytes);
    return this.buffer.toString('utf8', position, position + bytes);
  }

  /** i16 length, −1 = null. */
  nullableString(): string | null {
    const length = this.int16();
    if (length === -1) return null;
    return this.text(length);
  }

  /** unsigned varint length + 1, 0 = null. */
  compactNullableString(): string | null {
    const length = this.unsignedVarint();
    return length === 0 ? null : this.text(length - 1);
  }

  /** i32 length, −1 = null. */
  nullableBytes(): Buffer | null {
    const length = this.int32();
    if (length === -1) return null;
    return this.view(length);
  }

  compactNullableBytes(): Buffer | null {
    const length = this.unsignedVarint();
    return length === 0 ? null : this.view(length - 1);
  }

  /** 16 bytes as 22 characters of base64url, the form in which Kafka prints ids and in which Maps can hold them. */
  uuid(): string {
    const position = this.take(16);
    return this.buffer.toString('base64url', position, position + 16);
  }

  /** The count of an array, −1 = null; refused when `elementBytesMin` × count cannot be in what is left. */
  arrayCount(elementBytesMin: number): number {
    return this.checkCount(this.int32(), elementBytesMin);
  }

  compactArrayCount(elementBytesMin: number): number {
    return this.checkCount(this.unsignedVarint() - 1, elementBytesMin);
  }

  private checkCount(count: number, elementBytesMin: number): number {
    if (count < -1 || count * Math.max(1, elementBytesMin) > this.remaining) {
      throw new WireError(`an array of ${count} elements in ${this.remaining} bytes`);
    }
    if (count > this.elementsLeft) throw new WireError(`an array of ${count} elements, too many for one request`);
    if (count > 0) this.elementsLeft -= count;
    return count;
  }
}
