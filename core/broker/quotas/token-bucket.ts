import type { WindowShape } from './rate-window.ts';

/**
 * Tokens that come back at `limit` a second, up to a whole window's worth: the measure of controller mutations (KIP-599), which come in bursts.
 *
 * Invariant: what is taken may overdraw the bucket once; while it is overdrawn, the strict ask is refused and time pays it back.
 */
export class TokenBucket {
  private readonly shape: WindowShape;
  private tokens: number | null = null;
  private updatedMs = 0;

  constructor(shape: WindowShape) {
    this.shape = shape;
  }

  take(count: number, limit: number, nowMs: number): void {
    this.refill(limit, nowMs);
    this.tokens = Math.min(this.burst(limit), this.tokens! - count);
  }

  /** How long until the bucket is not overdrawn; 0 when it is not. */
  throttleMs(limit: number, nowMs: number): number {
    this.refill(limit, nowMs);
    return this.tokens! < 0 ? Math.round((-this.tokens! / limit) * 1000) : 0;
  }

  private refill(limit: number, nowMs: number): void {
    const burst = this.burst(limit);
    const before = this.tokens ?? burst;
    this.tokens = Math.min(burst, before + (limit * (nowMs - this.updatedMs)) / 1000);
    this.updatedMs = nowMs;
  }

  private burst(limit: number): number {
    return (this.shape.samples * this.shape.sampleMs * limit) / 1000;
  }
}
