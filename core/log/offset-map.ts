import { hash } from 'node:crypto';

/**
 * From a key to the offset of its last record, in bounded memory: keys are kept as the first 16 bytes of their SHA-256, offsets as doubles.
 *
 *     slot: digest 4 × u32 | offset + 1 as f64, 0 = free        24 bytes
 *
 * Why a digest: keys may be long, the map must not be. Two keys with the same 128 bits would be taken for one; with this hash nobody finds such
 * a pair. Open addressing with linear probing; memory that no key falls into is never touched.
 */
export const SLOT_BYTES = 24;
const DIGEST_WORDS = 4;

export class OffsetMap {
  /** Keys that it takes at most; at least one. */
  readonly keysMax: number;
  private readonly slots: number;
  private readonly digests: Uint32Array;
  private readonly offsets: Float64Array;
  private count = 0;
  /** Every record up to this offset was put or needs no place; −1 before the first. */
  latestOffset = -1;

  /** Memory for `keysExpected` keys, but no more than `bytesMax`, of which at most `loadFactor` is filled. */
  constructor(keysExpected: number, bytesMax: number, loadFactor: number) {
    const slotsMax = Math.max(2, Math.floor(bytesMax / SLOT_BYTES));
    const fillMax = Math.max(1, Math.min(Math.floor(slotsMax * loadFactor), slotsMax - 1));
    this.keysMax = Math.max(1, Math.min(keysExpected, fillMax));
    this.slots = Math.min(slotsMax, Math.ceil(this.keysMax / loadFactor) + 1);
    this.digests = new Uint32Array(this.slots * DIGEST_WORDS);
    this.offsets = new Float64Array(this.slots);
  }

  get size(): number {
    return this.count;
  }

  /** Offsets must come in rising order. False when the key is new and there is no room: nothing was changed. */
  put(key: Uint8Array, offset: number): boolean {
    const digest = hash('sha256', key, 'buffer');
    const slot = this.slotOf(digest);
    if (this.offsets[slot] === 0) {
      if (this.count === this.keysMax) return false;
      this.count++;
      for (let word = 0; word < DIGEST_WORDS; word++) {
        this.digests[slot * DIGEST_WORDS + word] = digest.readUInt32LE(word * 4);
      }
    }
    this.offsets[slot] = offset + 1;
    this.latestOffset = offset;
    return true;
  }

  /** −1 when the key was not put. */
  get(key: Uint8Array): number {
    return this.offsets[this.slotOf(hash('sha256', key, 'buffer'))]! - 1;
  }

  raiseLatestOffset(offset: number): void {
    this.latestOffset = Math.max(this.latestOffset, offset);
  }

  /** Where the digest lies, or the free slot where it would. */
  private slotOf(digest: Buffer): number {
    const first = digest.readUInt32LE(0);
    const second = digest.readUInt32LE(4);
    const third = digest.readUInt32LE(8);
    const fourth = digest.readUInt32LE(12);
    const { digests, offsets, slots } = this;
    for (let slot = first % slots; ; slot = slot + 1 === slots ? 0 : slot + 1) {
      if (offsets[slot] === 0) return slot;
      const at = slot * DIGEST_WORDS;
      if (
        digests[at] === first &&
        digests[at + 1] === second &&
        digests[at + 2] === third &&
        digests[at + 3] === fourth
      ) {
        return slot;
      }
    }
  }
}
