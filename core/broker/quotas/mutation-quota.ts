import type { ClientQuotas } from '../../controller/client-quotas.ts';
import type { MutationGate } from '../../controller/decision.ts';
import type { Clock } from '../../ports/clock.ts';
import { ErrorCode } from '../../protocol/errors.ts';
import { BoundedMeters } from './bounded-meters.ts';
import { type QuotaHolder, QuotaLimits } from './quota-limits.ts';
import type { WindowShape } from './rate-window.ts';
import { TokenBucket } from './token-bucket.ts';

/**
 * controller_mutation_rate (KIP-599): partitions made and deleted, a second. Clients of today are refused while their bucket is overdrawn (THROTTLING_QUOTA_EXCEEDED);
 * older versions of the APIs know no such error: they are let through, and silenced afterwards.
 */
export interface Mutations {
  readonly gate: MutationGate;
  /** For how long the client is to be silent: less by what has passed since. */
  throttleMs(): number;
}

const FREE: Mutations = { gate: () => null, throttleMs: () => 0 };

export class MutationQuota {
  private readonly clock: Clock;
  private readonly limits: QuotaLimits;
  private readonly meters: BoundedMeters<TokenBucket>;

  constructor(clock: Clock, quotas: ClientQuotas, shape: WindowShape) {
    this.clock = clock;
    this.limits = new QuotaLimits(quotas, 'controller_mutation_rate');
    this.meters = new BoundedMeters(() => new TokenBucket(shape));
  }

  /** For one request. */
  open(holder: QuotaHolder, isStrict: boolean): Mutations {
    const allowance = this.limits.of(holder);
    if (allowance === null) return FREE;
    const { clock } = this;
    const { limit, shareKey } = allowance;
    let throttleMs = 0;
    let recordedMs = 0;
    return {
      gate: (partitions) => {
        const nowMs = clock.monotonic();
        const bucket = this.meters.of(shareKey, nowMs);
        const overdrawnMs = bucket.throttleMs(limit, nowMs);
        const isRefused = isStrict && overdrawnMs > 0;
        if (!isRefused) bucket.take(partitions, limit, nowMs);
        throttleMs = isRefused ? overdrawnMs : isStrict ? throttleMs : bucket.throttleMs(limit, nowMs);
        recordedMs = nowMs;
        if (!isRefused) return null;
        return { errorCode: ErrorCode.THROTTLING_QUOTA_EXCEEDED, errorMessage: null };
      },
      throttleMs: () => Math.max(0, Math.round(throttleMs - (clock.monotonic() - recordedMs))),
    };
  }
}
