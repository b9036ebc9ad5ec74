import type { ClientQuotas } from '../../controller/client-quotas.ts';
import { BoundedMeters } from './bounded-meters.ts';
import { QuotaLimits } from './quota-limits.ts';
import { RateWindow, type WindowShape } from './rate-window.ts';

/**
 * Who may connect: how many at a time in all and from one address (max.connections, max.connections.per.ip with its overrides), how fast in all
 * (max.connection.creation.rate) and from one address (the quota connection_creation_rate of ip entities, KIP-612).
 *
 * Beyond the rate of all a connection is accepted and has to wait, as behind a listener that takes one after another; beyond the rate of its address it has to wait
 * and is closed, so that a client that connects again at once is slowed too.
 *
 * Invariant: `open` counts exactly the connections that were admitted and not yet `closed`.
 */
export type Admission =
  | { readonly kind: 'accept'; readonly waitMs: number }
  | { readonly kind: 'refuse'; readonly waitMs: number; readonly reason: string };

export interface ConnectionLimits {
  readonly connectionsMax: number;
  readonly connectionsPerIpMax: number;
  readonly perIpOverrides: ReadonlyMap<string, number>;
  readonly creationRateMax: number;
}

/** One that would wait longer than this is refused at once: Kafka's listener would have no place for it in its backlog. */
const WAIT_MS_MAX = 30_000;
const RATE_UNLIMITED = 2 ** 31 - 1;

export class ConnectionQuota {
  private readonly limits: QuotaLimits;
  private readonly shape: WindowShape;
  private readonly current: () => ConnectionLimits;
  private readonly all: RateWindow;
  private readonly meters: BoundedMeters<RateWindow>;
  private readonly counts = new Map<string, number>();
  private total = 0;
  /** When the next connection is looked at: not before the one before it has waited. */
  private freeAtMs = 0;

  /** `current` is asked at each connection: the limits may be altered at any time. */
  constructor(quotas: ClientQuotas, shape: WindowShape, current: () => ConnectionLimits) {
    this.limits = new QuotaLimits(quotas, 'connection_creation_rate');
    this.shape = shape;
    this.current = current;
    this.all = new RateWindow(shape);
    this.meters = new BoundedMeters(() => new RateWindow(shape));
  }

  get open(): number {
    return this.total;
  }

  admit(ip: string, nowMs: number): Admission {
    const limits = this.current();
    const refuse = (reason: string, waitMs = 0): Admission => ({ kind: 'refuse', waitMs, reason });
    if (this.total >= limits.connectionsMax) return refuse(`${this.total} connections are open`);
    const waitMs = this.waitMsForAll(limits.creationRateMax, nowMs);
    if (waitMs > WAIT_MS_MAX) return refuse('too many connections wait to be accepted');
    const throttleMs = this.throttleMsFor(ip, nowMs);
    if (throttleMs > 0) {
      // It was not accepted, so it does not count for the others.
      if (waitMs > 0 || limits.creationRateMax < RATE_UNLIMITED) this.all.record(-1, nowMs);
      return refuse('connection_creation_rate is exceeded', throttleMs);
    }
    const count = this.counts.get(ip) ?? 0;
    const perIpMax = limits.perIpOverrides.get(ip) ?? limits.connectionsPerIpMax;
    if (count >= perIpMax) return refuse(`${count} connections of this address are open`);
    this.counts.set(ip, count + 1);
    this.total++;
    return { kind: 'accept', waitMs };
  }

  closed(ip: string): void {
    const count = this.counts.get(ip) ?? 0;
    if (count <= 0) throw new Error(`a connection of ${ip} is closed that was not admitted`);
    if (count === 1) this.counts.delete(ip);
    else this.counts.set(ip, count - 1);
    this.total--;
  }

  private waitMsForAll(rateMax: number, nowMs: number): number {
    if (rateMax >= RATE_UNLIMITED) return 0;
    const atMs = Math.max(nowMs, this.freeAtMs);
    if (atMs - nowMs > WAIT_MS_MAX) return atMs - nowMs;
    this.all.record(1, atMs);
    this.freeAtMs = atMs + Math.min(this.all.throttleMs(rateMax, atMs), this.shape.sampleMs);
    return this.freeAtMs - nowMs;
  }

  private throttleMsFor(ip: string, nowMs: number): number {
    const limit = this.limits.ofIp(ip);
    if (limit === null) return 0;
    const meter = this.meters.of(ip, nowMs);
    meter.record(1, nowMs);
    const throttleMs = Math.min(meter.throttleMs(limit, nowMs), this.shape.sampleMs);
    if (throttleMs > 0) meter.record(-1, nowMs);
    return throttleMs;
  }
}
