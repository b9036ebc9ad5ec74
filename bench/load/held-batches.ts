/**
 * The newest record batches of a partition, in memory and with their offsets set: what the null relay gives to those who fetch.
 *
 * Invariants: batches lie one behind the other in a region, so that an answer is a piece of it and no copy; two regions at most, the older goes when the newer is full;
 * offsets have no gaps within what is held. A batch's base offset is no part of its CRC (KIP-98), so it may be set.
 */
import { batchBytesAt, RecordBatch } from '@mqlab/core/protocol/record-batch.ts';

interface Held {
  readonly region: Buffer;
  readonly at: number;
  readonly bytes: number;
  readonly baseOffset: number;
  readonly records: number;
}

export class HeldBatches {
  private readonly regionBytes: number;
  private region: Buffer;
  private used = 0;
  private held: Held[] = [];
  /** The offset of the next record. */
  nextOffset = 0;

  constructor(regionBytes: number) {
    this.regionBytes = regionBytes;
    this.region = Buffer.allocUnsafeSlow(regionBytes);
  }

  /** Copies the batches and gives them offsets; returns the first. Throws RangeError for a batch that is larger than a region. */
  append(batches: Buffer): number {
    const first = this.nextOffset;
    for (let from = 0; from < batches.length; ) {
      const bytes = batchBytesAt(batches, from);
      if (bytes > this.regionBytes) throw new RangeError(`a batch of ${bytes} bytes; at most ${this.regionBytes}`);
      if (this.used + bytes > this.regionBytes) this.nextRegion();
      const { region, used: at, nextOffset: baseOffset } = this;
      batches.copy(region, at, from, from + bytes);
      const batch = new RecordBatch(region, at);
      batch.baseOffset = baseOffset;
      this.held.push({ region, at, bytes, baseOffset, records: batch.recordCount });
      this.nextOffset += batch.recordCount;
      this.used += bytes;
      from += bytes;
    }
    return first;
  }

  /**
   * Whole batches from the one with this offset on, `bytesMax` at most but at least one, all of one region; from the oldest that is held when that one has gone; null when
   * there is none yet. The bytes are the region's own: valid until it is written over, which is at least `regionBytes` of appends later.
   */
  from(offset: number, bytesMax: number): Buffer | null {
    const index = this.indexOf(offset);
    const first = this.held[index];
    if (first === undefined) return null;
    let end = first.at + first.bytes;
    for (let next = index + 1; next < this.held.length; next++) {
      const batch = this.held[next]!;
      if (batch.region !== first.region || batch.at + batch.bytes - first.at > bytesMax) break;
      end = batch.at + batch.bytes;
    }
    return first.region.subarray(first.at, end);
  }

  /** Of the batch that holds it; the oldest when it has gone. */
  private indexOf(offset: number): number {
    let low = 0;
    let high = this.held.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const { baseOffset, records } = this.held[middle]!;
      if (baseOffset + records <= offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private nextRegion(): void {
    const { region } = this;
    const older = this.held.find((batch) => batch.region !== region)?.region;
    this.held = this.held.filter((batch) => batch.region === region);
    this.region = older ?? Buffer.allocUnsafeSlow(this.regionBytes);
    this.used = 0;
  }
}
