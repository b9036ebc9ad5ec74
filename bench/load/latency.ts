/**
 * Latencies in a histogram of microseconds with three significant digits (HdrHistogram): recording costs the same for any value, histograms of
 * several threads add up, and no percentile is ever an average of percentiles.
 */
import * as hdr from 'hdr-histogram-js';

/** Longer ones are recorded as this long. */
const LATENCY_US_MAX = 600_000_000;

export interface LatencySummary {
  readonly count: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly p9999Ms: number;
  readonly maxMs: number;
}

export class Latencies {
  private readonly histogram: hdr.Histogram;

  constructor(
    histogram: hdr.Histogram = hdr.build({
      lowestDiscernibleValue: 1,
      highestTrackableValue: LATENCY_US_MAX,
      numberOfSignificantValueDigits: 3,
      bitBucketSize: 64,
    }),
  ) {
    this.histogram = histogram;
  }

  record(ms: number): void {
    const us = Math.round(ms * 1000);
    this.histogram.recordValue(Math.max(1, Math.min(us, LATENCY_US_MAX)));
  }

  add(other: Latencies): void {
    this.histogram.add(other.histogram);
  }

  get count(): number {
    return this.histogram.totalCount;
  }

  /** For another thread. */
  toText(): string {
    return hdr.encodeIntoCompressedBase64(this.histogram);
  }

  static fromText(text: string): Latencies {
    return new Latencies(hdr.decodeFromCompressedBase64(text, 64));
  }

  /** null when nothing was recorded. */
  summary(): LatencySummary | null {
    const { histogram } = this;
    if (histogram.totalCount === 0) return null;
    const ms = (percentile: number): number => histogram.getValueAtPercentile(percentile) / 1000;
    return {
      count: histogram.totalCount,
      p50Ms: ms(50),
      p99Ms: ms(99),
      p999Ms: ms(99.9),
      p9999Ms: ms(99.99),
      maxMs: histogram.maxValue / 1000,
    };
  }
}
