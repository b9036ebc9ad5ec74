/**
 * How much was recorded per second, over a window of samples: Kafka's measure behind every rate quota.
 *
 *     window = (samples − 1) whole samples + the fraction of the current one
 *
 * A young window counts as if its missing samples were empty, so a burst at the start may use the allowance of the whole window at once.
 *
 * Invariant: times never go back; at most `samples + 1` samples are kept, so the memory is constant.
 */
export interface WindowShape {
  readonly samples: number;
  readonly sampleMs: number;
}

interface Sample {
  startMs: number;
  lastMs: number;
  value: number;
}

export class RateWindow {
  private readonly shape: WindowShape;
  private readonly kept: Sample[] = [];

  constructor(shape: WindowShape) {
    this.shape = shape;
  }

  /** Negative values take back what was recorded. */
  record(value: number, nowMs: number): void {
    const current = this.kept.at(-1);
    if (current !== undefined && nowMs - current.startMs < this.shape.sampleMs) {
      current.value += value;
      current.lastMs = nowMs;
      return;
    }
    this.kept.push({ startMs: nowMs, lastMs: nowMs, value });
    if (this.kept.length > this.shape.samples + 1) this.kept.shift();
  }

  /** Per second. */
  rate(nowMs: number): number {
    const spanMs = this.spanMs(nowMs);
    let sum = 0;
    for (const { value } of this.kept) sum += value;
    return (sum * 1000) / spanMs;
  }

  /** How long nothing may be recorded so that the rate falls to `limit`; 0 when it is not above. */
  throttleMs(limit: number, nowMs: number): number {
    const rate = this.rate(nowMs);
    return rate > limit ? Math.round(((rate - limit) / limit) * this.spanMs(nowMs)) : 0;
  }

  private spanMs(nowMs: number): number {
    const { samples, sampleMs } = this.shape;
    while (this.kept.length > 0 && nowMs - this.kept[0]!.lastMs >= samples * sampleMs) this.kept.shift();
    const elapsedMs = nowMs - (this.kept[0]?.startMs ?? nowMs);
    const missing = Math.max(0, samples - 1 - Math.floor(elapsedMs / sampleMs));
    return Math.max(1, elapsedMs + missing * sampleMs);
  }
}
