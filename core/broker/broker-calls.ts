import type { Api, Fields, RequestInput, ResponseOf } from '../protocol/schema.ts';
import { RpcError } from '../rpc/rpc-error.ts';

/** Requests to other brokers of the cluster: `NodeLinks.send` with the addresses of brokers. Rejects with RpcError. */
export interface BrokerCalls {
  send<Req extends Fields, Res extends Fields>(
    brokerId: number,
    api: Api<Req, Res>,
    body: RequestInput<Api<Req, Res>>,
    options: { readonly timeoutMs: number; readonly versionMax?: number; readonly channel?: string },
  ): Promise<ResponseOf<Api<Req, Res>>>;
}

/** Of a broker that is alone. */
export const NO_OTHER_BROKERS: BrokerCalls = {
  send: (brokerId) => Promise.reject(new RpcError('connect-failed', 'not-sent', `there is no broker ${brokerId}`)),
};

/**
 * What is to be asked of other brokers, gathered: one request at a time goes to each broker, and what comes meanwhile goes with the next one.
 *
 * Invariant: the items of one request have different keys, so that its answer tells them apart; items of one key go in their order.
 */
export class BrokerBatches<I> {
  private readonly keyOf: (item: I) => string | number;
  private readonly send: (brokerId: number, items: readonly I[]) => Promise<void>;
  private readonly itemsMax: number;
  private readonly waitingMax: number;
  private readonly waiting = new Map<number, I[]>();
  private readonly busy = new Set<number>();

  /** `send` answers the items, and never rejects. `waitingMax` items may wait for a broker. */
  constructor(parts: {
    readonly keyOf: (item: I) => string | number;
    readonly send: (brokerId: number, items: readonly I[]) => Promise<void>;
    readonly itemsMax: number;
    readonly waitingMax: number;
  }) {
    this.keyOf = parts.keyOf;
    this.send = parts.send;
    this.itemsMax = parts.itemsMax;
    this.waitingMax = parts.waitingMax;
  }

  /** False when too many wait. */
  add(brokerId: number, item: I): boolean {
    const waiting = this.waiting.get(brokerId) ?? [];
    if (waiting.length >= this.waitingMax) return false;
    waiting.push(item);
    this.waiting.set(brokerId, waiting);
    void this.work(brokerId);
    return true;
  }

  private async work(brokerId: number): Promise<void> {
    if (this.busy.has(brokerId)) return;
    this.busy.add(brokerId);
    for (;;) {
      const items = this.take(brokerId);
      if (items.length === 0) break;
      await this.send(brokerId, items);
    }
    this.busy.delete(brokerId);
  }

  private take(brokerId: number): readonly I[] {
    const keys = new Set<string | number>();
    const taken: I[] = [];
    const left: I[] = [];
    for (const item of this.waiting.get(brokerId) ?? []) {
      const key = this.keyOf(item);
      if (taken.length < this.itemsMax && !keys.has(key)) taken.push(item);
      else left.push(item);
      keys.add(key);
    }
    if (left.length === 0) this.waiting.delete(brokerId);
    else this.waiting.set(brokerId, left);
    return taken;
  }
}
