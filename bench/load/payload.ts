/**
 * What the records of a load hold: real text cut to the wanted size, or random text. Never zeros and never one record over and over: both
 * compress to nothing and make a broker look better than it is.
 *
 * Invariant: every value is exactly `recordBytes` long (or, as `real`, as long as the record it came from); the pool is larger than a batch, so that no batch holds a
 * value twice unless the source does. Shared memory brings it to the threads.
 */
export interface Payload {
  readonly bytes: SharedArrayBuffer;
  /** Value i lies from `ends[i - 1]` (0 for the first) to `ends[i]`. */
  readonly ends: Uint32Array;
  /** What it is, for people. */
  readonly name: string;
}

/** Of a pool, in bytes: several times the largest batch. */
const POOL_BYTES = 4 * 1024 * 1024;
const POOL_VALUES_MAX = 20_000;

/** Views of the thread's own copy: applications do not send from shared memory, and copying out of it costs twice as much. */
export function valuesOf(payload: Payload): Buffer[] {
  const values: Buffer[] = [];
  const own = Buffer.from(new Uint8Array(payload.bytes));
  let from = 0;
  for (const end of payload.ends) {
    values.push(own.subarray(from, end));
    from = end;
  }
  return values;
}

export function meanBytes(payload: Payload): number {
  return (payload.ends.at(-1) ?? 0) / payload.ends.length;
}

function packed(parts: readonly Uint8Array[], name: string): Payload {
  const ends = new Uint32Array(parts.length);
  let at = 0;
  parts.forEach((part, index) => {
    at += part.length;
    ends[index] = at;
  });
  const bytes = new SharedArrayBuffer(at);
  const target = new Uint8Array(bytes);
  parts.forEach((part, index) => {
    target.set(part, index === 0 ? 0 : ends[index - 1]!);
  });
  return { bytes, ends, name };
}

function poolCount(recordBytes: number): number {
  return Math.max(16, Math.min(POOL_VALUES_MAX, Math.ceil(POOL_BYTES / recordBytes)));
}

/** Real records, in their order, run together and cut to `recordBytes`; `real` keeps each as it is. */
export function recordPayload(records: readonly string[], recordBytes: number | 'real', name: string): Payload {
  if (records.length === 0) throw new RangeError('no records for the payload');
  if (recordBytes === 'real') {
    const parts = records.slice(0, POOL_VALUES_MAX).map((record) => Buffer.from(record));
    return packed(parts, `${name}, each as it is`);
  }
  const parts: Uint8Array[] = [];
  let next = 0;
  for (let i = 0; i < poolCount(recordBytes); i++) {
    const value = Buffer.alloc(recordBytes, '\n');
    let at = 0;
    while (at < recordBytes) at += value.write(`${records[next++ % records.length]!}\n`, at);
    parts.push(value);
  }
  return packed(parts, `${name}, cut to ${recordBytes} bytes`);
}

const ALPHABET = Buffer.from('abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/');

/** Text of 64 letters by chance: six bits in each byte, so it hardly compresses. The same seed gives the same text. */
export function randomTextPayload(recordBytes: number, seed: number): Payload {
  let state = (seed ^ 0x9e37_79b9) >>> 0 || 1;
  const parts = Array.from({ length: poolCount(recordBytes) }, () => {
    const value = Buffer.allocUnsafe(recordBytes);
    for (let i = 0; i < recordBytes; i++) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      value[i] = ALPHABET[(state >>> 8) & 63]!;
    }
    return value;
  });
  return packed(parts, `random text of ${recordBytes} bytes`);
}
