import type { Clock, Timer } from '../ports/clock.ts';
import type { Address, Network } from '../ports/network.ts';
import type { Random } from '../ports/random.ts';
import type { Api, Fields, RequestInput, ResponseOf } from '../protocol/schema.ts';
import { backoffMs } from './backoff.ts';
import { RpcClient, type SendOptions } from './rpc-client.ts';
import { RpcError } from './rpc-error.ts';

/** The ports that whoever connects needs. */
export interface LinkPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly network: Network;
}

export interface LinkOptions {
  readonly clientId: string;
  readonly inFlightMax: number;
  readonly requestTimeoutMs: number;
  readonly reconnectBackoffMs: number;
  readonly reconnectBackoffMsMax: number;
  /** How long an attempt may take; grows with failures in a row up to the maximum. */
  readonly setupTimeoutMs: number;
  readonly setupTimeoutMsMax: number;
  /** How long the versions of a new connection may take to come; left out: as long as a request. */
  readonly versionsTimeoutMs?: number;
  /** An idle connection this old is made anew before use; −1: never. */
  readonly idleMsMax: number;
}

/** Requests beyond those on the wire, a link; the callers bound themselves far below it. */
const PENDING_MAX = 10_000;

/**
 * One broker as its peer or client reaches it: at most one connection, made when first needed and made again after it broke.
 *
 * Invariant: after a failed attempt the next one waits for the reconnect backoff (doubled each time, with jitter).
 * A request that was given to a connection is never repeated here: retrying belongs to the caller, who knows whether it may.
 */
export class Link {
  readonly address: Address;
  private readonly ports: LinkPorts;
  private readonly options: LinkOptions;
  private connection: RpcClient | null = null;
  private attempt: Promise<RpcClient> | null = null;
  private failures = 0;
  private retryAtMs = 0;
  private usedAtMs = 0;
  private waitTimer: Timer | null = null;
  private endWait: (() => void) | null = null;
  private closed = false;

  constructor(ports: LinkPorts, address: Address, options: LinkOptions) {
    this.ports = ports;
    this.options = options;
    this.address = address;
  }

  /** The open connection, or null. */
  get ready(): RpcClient | null {
    const connection = this.connection;
    return connection !== null && !connection.isClosed ? connection : null;
  }

  /** Milliseconds until a new attempt is allowed. */
  get backoffLeftMs(): number {
    return Math.max(0, this.retryAtMs - this.ports.clock.monotonic());
  }

  /** It broke or could not be made, and is not back yet. */
  get isDown(): boolean {
    return this.ready === null && this.retryAtMs > 0;
  }

  get openCount(): number {
    return this.connection?.openCount ?? 0;
  }

  /** The connection, made if need be. Rejects with RpcError. */
  connect(): Promise<RpcClient> {
    const ready = this.fresh();
    if (ready !== null) return Promise.resolve(ready);
    this.attempt ??= this.open().finally(() => {
      this.attempt = null;
    });
    return this.attempt;
  }

  async request<Req extends Fields, Res extends Fields>(
    api: Api<Req, Res>,
    body: RequestInput<Api<Req, Res>>,
    options?: SendOptions,
  ): Promise<ResponseOf<Api<Req, Res>>> {
    const connection = this.fresh() ?? (await this.connectWithin(options?.timeoutMs));
    return connection.send(api, body, options);
  }

  /** The caller's time bounds the connecting too; the attempt goes on for those who come later. */
  private connectWithin(timeoutMs: number | undefined): Promise<RpcClient> {
    if (timeoutMs === undefined) return this.connect();
    return new Promise((resolve, reject) => {
      const timer = this.ports.clock.setTimer(timeoutMs, () => {
        const { host, port } = this.address;
        reject(new RpcError('connect-failed', 'not-sent', `no connection to ${host}:${port} within ${timeoutMs} ms`));
      });
      this.connect()
        .finally(() => timer.cancel())
        .then(resolve, reject);
    });
  }

  close(): void {
    this.closed = true;
    this.waitTimer?.cancel();
    this.endWait?.();
    this.connection?.close();
    this.connection = null;
  }

  /** The open connection, unless it was idle for so long that the broker may be closing it. */
  private fresh(): RpcClient | null {
    const ready = this.ready;
    if (ready === null) return null;
    const nowMs = this.ports.clock.monotonic();
    const { idleMsMax } = this.options;
    if (idleMsMax >= 0 && ready.openCount === 0 && nowMs - this.usedAtMs > idleMsMax) {
      ready.close();
      this.connection = null;
      return null;
    }
    this.usedAtMs = nowMs;
    return ready;
  }

  private async open(): Promise<RpcClient> {
    if (this.backoffLeftMs > 0) await this.wait(this.backoffLeftMs);
    if (this.closed) throw this.closedError();
    const { clock, random } = this.ports;
    const { clientId, requestTimeoutMs, versionsTimeoutMs, inFlightMax, reconnectBackoffMs, reconnectBackoffMsMax } =
      this.options;
    try {
      const connection = await RpcClient.connect(this.ports, this.address, {
        clientId,
        connectTimeoutMs: this.setupTimeoutMs(),
        requestTimeoutMs,
        versionsTimeoutMs,
        inFlightMax,
        pendingMax: PENDING_MAX,
      });
      if (this.closed) {
        connection.close();
        throw this.closedError();
      }
      this.failures = 0;
      this.usedAtMs = clock.monotonic();
      this.connection = connection;
      // A connection that breaks at once must not become a busy loop: the first attempt after a break waits as well.
      connection.whenClosed(() => {
        this.retryAtMs = clock.monotonic() + backoffMs(random, reconnectBackoffMs, Number.MAX_VALUE, 1);
      });
      return connection;
    } catch (error) {
      this.failures++;
      this.retryAtMs = clock.monotonic() + backoffMs(random, reconnectBackoffMs, reconnectBackoffMsMax, this.failures);
      throw error;
    }
  }

  private setupTimeoutMs(): number {
    const { setupTimeoutMs, setupTimeoutMsMax } = this.options;
    return backoffMs(this.ports.random, setupTimeoutMs, setupTimeoutMsMax, this.failures + 1);
  }

  private wait(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.endWait = resolve;
      this.waitTimer = this.ports.clock.setTimer(delayMs, resolve);
    });
  }

  private closedError(): RpcError {
    return new RpcError('closed', 'not-sent', `the client of ${this.address.host}:${this.address.port} was closed`);
  }
}
