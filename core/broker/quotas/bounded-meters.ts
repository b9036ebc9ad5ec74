/**
 * One meter for each holder of a quota, made on first use.
 *
 * Invariant: at most `METERS_MAX`, and none that was not used for an hour: a client that names itself anew with every request makes nothing grow.
 * The least recently used one goes first; its window starts anew, which only ever gives a client more.
 */
export const METERS_MAX = 10_000;
const UNUSED_MS_MAX = 3_600_000;

export class BoundedMeters<Meter> {
  private readonly make: () => Meter;
  private readonly metersMax: number;
  /** Least recently used first. */
  private readonly meters = new Map<string, { readonly meter: Meter; usedMs: number }>();

  constructor(make: () => Meter, metersMax = METERS_MAX) {
    this.make = make;
    this.metersMax = metersMax;
  }

  get size(): number {
    return this.meters.size;
  }

  of(key: string, nowMs: number): Meter {
    let entry = this.meters.get(key);
    if (entry === undefined) {
      for (const [oldest, { usedMs }] of this.meters) {
        if (this.meters.size < this.metersMax && nowMs - usedMs < UNUSED_MS_MAX) break;
        this.meters.delete(oldest);
      }
      entry = { meter: this.make(), usedMs: nowMs };
    } else this.meters.delete(key);
    entry.usedMs = nowMs;
    this.meters.set(key, entry);
    return entry.meter;
  }
}
