import { Reader } from './reader.ts';
import type { RecordHeader } from './record.ts';
import { WireError } from './wire-error.ts';

/**
 * Walks over the records of one batch, decompressed, without making objects.
 *
 *     length          varint   bytes after it
 *     attributes      i8       unused
 *     timestampDelta  varlong
 *     offsetDelta     varint
 *     keyLength       varint   −1 null
 *     key
 *     valueLength     varint   −1 null
 *     value
 *     headerCount     varint
 *     headers         keyLength varint, key, valueLength varint (−1 null), value
 *
 * Invariant: after `next()` returned true the record lies wholly inside the data and its fields fill its length exactly;
 * when it returns false, there were as many records as announced and not a byte more. Anything else throws WireError.
 */
const NO_HEADERS: readonly RecordHeader[] = Object.freeze([]);

export class RecordCursor {
  private readonly reader: Reader;
  private readonly recordCount: number;
  private done = 0;
  private keyPosition = 0;
  private valuePosition = 0;
  private headerPosition = 0;
  /** −1: null; so for the value. */
  keyBytes = -1;
  valueBytes = -1;
  headerCount = 0;
  offsetDelta = 0;
  timestampDelta = 0;

  constructor(data: Buffer, recordCount: number) {
    if (recordCount < 0) throw new WireError(`${recordCount} records`);
    this.reader = new Reader(data);
    this.recordCount = recordCount;
  }

  next(): boolean {
    const reader = this.reader;
    if (this.done === this.recordCount) {
      if (reader.remaining > 0) throw new WireError(`${reader.remaining} bytes behind the last record`);
      return false;
    }
    this.done += 1;
    const length = reader.varint();
    const end = reader.position + length;
    if (length < 0 || length > reader.remaining) throw new WireError(`a record of ${length} bytes`);
    reader.skip(1);
    this.timestampDelta = reader.varlong();
    this.offsetDelta = reader.varint();
    this.keyBytes = nullableLength(reader);
    this.keyPosition = reader.position;
    if (this.keyBytes > 0) reader.skip(this.keyBytes);
    this.valueBytes = nullableLength(reader);
    this.valuePosition = reader.position;
    if (this.valueBytes > 0) reader.skip(this.valueBytes);
    this.headerCount = reader.varint();
    this.headerPosition = reader.position;
    if (this.headerCount !== 0) this.skipHeaders(end);
    if (reader.position !== end) throw new WireError(`a record that ends at ${reader.position} instead of ${end}`);
    return true;
  }

  private skipHeaders(end: number): void {
    const reader = this.reader;
    // each header takes at least its two lengths
    if (this.headerCount < 0 || this.headerCount * 2 > end - reader.position) {
      throw new WireError(`${this.headerCount} headers in ${end - reader.position} bytes`);
    }
    for (let i = 0; i < this.headerCount; i++) {
      reader.skip(reader.varint());
      const valueBytes = nullableLength(reader);
      if (valueBytes > 0) reader.skip(valueBytes);
    }
  }

  get hasKey(): boolean {
    return this.keyBytes >= 0;
  }

  get hasValue(): boolean {
    return this.valueBytes >= 0;
  }

  get key(): Buffer | null {
    if (this.keyBytes < 0) return null;
    return this.reader.buffer.subarray(this.keyPosition, this.keyPosition + this.keyBytes);
  }

  get value(): Buffer | null {
    if (this.valueBytes < 0) return null;
    return this.reader.buffer.subarray(this.valuePosition, this.valuePosition + this.valueBytes);
  }

  headers(): readonly RecordHeader[] {
    if (this.headerCount === 0) return NO_HEADERS;
    const reader = new Reader(this.reader.buffer, this.headerPosition);
    const headers: RecordHeader[] = [];
    for (let i = 0; i < this.headerCount; i++) {
      const key = reader.text(reader.varint());
      const valueBytes = nullableLength(reader);
      headers.push({ key, value: valueBytes < 0 ? null : reader.view(valueBytes) });
    }
    return headers;
  }
}

function nullableLength(reader: Reader): number {
  const length = reader.varint();
  if (length < -1) throw new WireError(`a length of ${length} before ${reader.position}`);
  return length;
}
