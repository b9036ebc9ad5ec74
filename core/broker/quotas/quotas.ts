import type { ClientQuotas } from '../../controller/client-quotas.ts';
import type { Clock } from '../../ports/clock.ts';
import type { BrokerConfig } from '../config.ts';
import { MutationQuota } from './mutation-quota.ts';
import type { QuotaHolder } from './quota-limits.ts';
import { RateQuota } from './rate-quota.ts';

/** The principal of a client that did not log in: all of them, since no listener here speaks SASL or TLS. */
export const ANONYMOUS_USER = 'ANONYMOUS';

/** The quotas of clients, by kind. The limits are those of the metadata at each look; the windows are this broker's alone. */
export class Quotas {
  readonly produce: RateQuota;
  readonly fetch: RateQuota;
  /** In percent of one thread's time. */
  readonly request: RateQuota;
  readonly mutations: MutationQuota;

  constructor(clock: Clock, clientQuotas: ClientQuotas, config: BrokerConfig) {
    const shape = windowShape(config, 'quota.window');
    this.produce = new RateQuota(clientQuotas, 'producer_byte_rate', shape);
    this.fetch = new RateQuota(clientQuotas, 'consumer_byte_rate', shape);
    this.request = new RateQuota(clientQuotas, 'request_percentage', shape, shape.sampleMs);
    this.mutations = new MutationQuota(clock, clientQuotas, windowShape(config, 'controller.quota.window'));
  }
}

export function windowShape(config: BrokerConfig, prefix: 'quota.window' | 'controller.quota.window') {
  return {
    samples: config.number(`${prefix}.num`),
    sampleMs: config.number(`${prefix}.size.seconds`) * 1000,
  };
}

/**
 * What a request uses of its client's quotas while it is handled, and for how long the client is silenced after the answer: its connection is not read.
 *
 * The time of a request is that of its handler until it first waits.
 */
export class RequestThrottle {
  readonly holder: QuotaHolder;
  private readonly quotas: Quotas;
  private readonly clock: Clock;
  private readonly startedMs: number;
  private busyMs = 0;
  private isWaiting = false;
  private isCharged = false;
  private ms = 0;

  constructor(quotas: Quotas, clock: Clock, clientId: string | null) {
    this.holder = { user: ANONYMOUS_USER, clientId: clientId ?? '' };
    this.quotas = quotas;
    this.clock = clock;
    this.startedMs = quotas.request.isEnabled ? clock.monotonic() : 0;
  }

  get throttleMs(): number {
    return this.ms;
  }

  /** Another quota's demand; the longest one counts. */
  atLeast(throttleMs: number): void {
    this.ms = Math.max(this.ms, throttleMs);
  }

  /** The handler waits for something: its time stands still. */
  waits(): void {
    if (this.isWaiting || !this.quotas.request.isEnabled) return;
    this.isWaiting = true;
    this.busyMs = this.clock.monotonic() - this.startedMs;
  }

  /** Charges the time, once. */
  chargeTime(): void {
    if (this.isCharged || !this.quotas.request.isEnabled) return;
    this.isCharged = true;
    const nowMs = this.clock.monotonic();
    const busyMs = this.isWaiting ? this.busyMs : this.startedMs === 0 ? 0 : nowMs - this.startedMs;
    this.atLeast(this.quotas.request.record(this.holder, busyMs / 10, nowMs));
  }

  /** Its time is nobody's: produce with acks=0, requests among brokers. */
  exempt(): void {
    this.isCharged = true;
  }
}
