import type { ClientQuotas } from '../../controller/client-quotas.ts';
import { BoundedMeters } from './bounded-meters.ts';
import { type QuotaHolder, QuotaLimits } from './quota-limits.ts';
import { RateWindow, type WindowShape } from './rate-window.ts';

/** One kind of quota that limits a rate: producer_byte_rate, consumer_byte_rate, request_percentage. */
export class RateQuota {
  private readonly limits: QuotaLimits;
  private readonly shape: WindowShape;
  private readonly throttleMsMax: number;
  private readonly meters: BoundedMeters<RateWindow>;

  constructor(quotas: ClientQuotas, key: string, shape: WindowShape, throttleMsMax = Number.MAX_SAFE_INTEGER) {
    this.limits = new QuotaLimits(quotas, key);
    this.shape = shape;
    this.throttleMsMax = throttleMsMax;
    this.meters = new BoundedMeters(() => new RateWindow(shape));
  }

  /** False: there is no quota of this kind at all, and nothing needs to be measured. */
  get isEnabled(): boolean {
    return !this.limits.isEmpty;
  }

  /** Records the value and says for how long the client is to be silent. */
  record(holder: QuotaHolder, value: number, nowMs: number): number {
    const allowance = this.limits.of(holder);
    if (allowance === null) return 0;
    const meter = this.meters.of(allowance.shareKey, nowMs);
    meter.record(value, nowMs);
    return Math.min(meter.throttleMs(allowance.limit, nowMs), this.throttleMsMax);
  }

  /** What was recorded was not done after all. */
  takeBack(holder: QuotaHolder, value: number, nowMs: number): void {
    const allowance = this.limits.of(holder);
    if (allowance !== null) this.meters.of(allowance.shareKey, nowMs).record(-value, nowMs);
  }

  /** The most that may be recorded at once after a silent window without being throttled. */
  windowMax(holder: QuotaHolder): number {
    const allowance = this.limits.of(holder);
    if (allowance === null) return Number.MAX_SAFE_INTEGER;
    return (allowance.limit * (this.shape.samples - 1) * this.shape.sampleMs) / 1000;
  }
}
