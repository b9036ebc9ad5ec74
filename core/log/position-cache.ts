import type { Segment } from './segment.ts';

/**
 * Where recent reads ended: the place where a sequential reader goes on, or a high watermark lies. Saves the index lookup and the walk over headers.
 *
 * Invariant: an entry says that the first batch of the segment whose last offset is at or above `offset` begins at `position`, or will when it is appended.
 * Whoever truncates a segment clears the cache.
 */
const ENTRIES_MAX = 8;

interface Entry {
  segment: Segment;
  offset: number;
  position: number;
}

export class PositionCache {
  private readonly entries: Entry[] = [];
  private oldest = 0;

  get(segment: Segment, offset: number): number | null {
    for (const entry of this.entries) {
      if (entry.offset === offset && entry.segment === segment) return entry.position;
    }
    return null;
  }

  set(segment: Segment, offset: number, position: number): void {
    if (this.get(segment, offset) !== null) return;
    if (this.entries.length < ENTRIES_MAX) {
      this.entries.push({ segment, offset, position });
      return;
    }
    const entry = this.entries[this.oldest]!;
    entry.segment = segment;
    entry.offset = offset;
    entry.position = position;
    this.oldest = (this.oldest + 1) % ENTRIES_MAX;
  }

  clear(): void {
    this.entries.length = 0;
    this.oldest = 0;
  }
}
