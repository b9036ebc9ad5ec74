import type { Clock, Timer } from '../ports/clock.ts';
import type { Address, Network } from '../ports/network.ts';
import type { Random } from '../ports/random.ts';
import type { Api, Fields, RequestInput, ResponseOf } from '../protocol/schema.ts';
import { RpcClient, type SendOptions } from '../rpc/rpc-client.ts';
import { RpcError } from '../rpc/rpc-error.ts';
import { backoffMs } from './backoff.ts';
import { addressOf, type CommonConfig } from './client-config.ts';

/** The ports that a client needs: it has no files. */
export interface ClientPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly network: Network;
}

export interface BrokerAddress extends Address {
  readonly nodeId: number;
}

/** Requests beyond those on the wire, a link; the callers bound themselves far below it. */
const PENDING_MAX = 10_000;

/**
 * One broker as this client reaches it: at most one connection, made when first needed and made again after it broke.
 *
 * Invariant: after a failed attempt the next one waits for the reconnect backoff (doubled each time, with jitter).
 * A request that was given to a connection is never repeated here: retrying belongs to the caller, who knows whether it may.
 */
export class Link {
  readonly address: Address;
  private readonly ports: ClientPorts;
  private readonly config: CommonConfig;
  private readonly inFlightMax: number;
  private connection: RpcClient | null = null;
  private attempt: Promise<RpcClient> | null = null;
  private failures = 0;
  private retryAtMs = 0;
  private usedAtMs = 0;
  private waitTimer: Timer | null = null;
  private endWait: (() => void) | null = null;
  private closed = false;

  constructor(ports: ClientPorts, config: CommonConfig, address: Address, inFlightMax: number) {
    this.ports = ports;
    this.config = config;
    this.address = address;
    this.inFlightMax = inFlightMax;
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
    const connection = this.fresh() ?? (await this.connect());
    return connection.send(api, body, options);
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
    const idleMaxMs = this.config['connections.max.idle.ms'];
    if (idleMaxMs >= 0 && ready.openCount === 0 && nowMs - this.usedAtMs > idleMaxMs) {
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
    try {
      const connection = await RpcClient.connect(this.ports, this.address, {
        clientId: this.config['client.id'],
        connectTimeoutMs: this.setupTimeoutMs(),
        requestTimeoutMs: this.config['request.timeout.ms'],
        inFlightMax: this.inFlightMax,
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
        this.retryAtMs =
          clock.monotonic() + backoffMs(random, this.config['reconnect.backoff.ms'], Number.MAX_VALUE, 1);
      });
      return connection;
    } catch (error) {
      this.failures++;
      const { 'reconnect.backoff.ms': base, 'reconnect.backoff.max.ms': max } = this.config;
      this.retryAtMs = clock.monotonic() + backoffMs(random, base, max, this.failures);
      throw error;
    }
  }

  private setupTimeoutMs(): number {
    const { 'socket.connection.setup.timeout.ms': base, 'socket.connection.setup.timeout.max.ms': max } = this.config;
    return backoffMs(this.ports.random, base, max, this.failures + 1);
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

/**
 * The brokers that this client talks to: links by node id, and the bootstrap addresses until (and whenever) no broker is known or can be reached.
 *
 * A channel is a connection of its own to the same broker: a broker answers one request at a time on each, so a long poll on one
 * must not hold up heartbeats on another.
 */
export class Connections {
  private readonly ports: ClientPorts;
  private readonly config: CommonConfig;
  private readonly inFlightMax: number;
  private readonly bootstrap: Map<string, Link>;
  private readonly links = new Map<string, Link>();
  private brokers = new Map<number, BrokerAddress>();
  private closed = false;

  constructor(ports: ClientPorts, config: CommonConfig, inFlightMax = 100) {
    this.ports = ports;
    this.config = config;
    this.inFlightMax = inFlightMax;
    this.bootstrap = new Map(config['bootstrap.servers'].map((server) => [server, this.make(addressOf(server))]));
  }

  /** Takes the brokers that metadata named; links to those that are gone or moved are closed. */
  updateBrokers(brokers: readonly BrokerAddress[]): void {
    if (this.closed || brokers.length === 0) return;
    this.brokers = new Map(brokers.map((broker) => [broker.nodeId, broker]));
    for (const [key, link] of this.links) {
      const broker = this.brokers.get(Number(key.split(':')[0]));
      if (broker === undefined) {
        if (link.openCount > 0) continue;
      } else if (broker.host === link.address.host && broker.port === link.address.port) continue;
      link.close();
      this.links.delete(key);
    }
    for (const [server, link] of this.bootstrap) {
      if (link.openCount > 0 || link.ready === null) continue;
      link.close();
      this.bootstrap.set(server, this.make(addressOf(server)));
    }
  }

  /** The link to a broker, or null while metadata does not name it. */
  link(nodeId: number, channel = 'main'): Link | null {
    const key = `${nodeId}:${channel}`;
    const existing = this.links.get(key);
    if (existing !== undefined) return existing;
    const broker = this.brokers.get(nodeId);
    if (broker === undefined || this.closed) return null;
    const link = this.make({ host: broker.host, port: broker.port });
    this.links.set(key, link);
    return link;
  }

  /** The link to a broker whose address came with an answer (a coordinator). */
  linkTo(broker: BrokerAddress, channel: string): Link {
    const key = `${broker.nodeId}:${channel}`;
    const existing = this.links.get(key);
    if (existing !== undefined) {
      if (existing.address.host === broker.host && existing.address.port === broker.port) return existing;
      existing.close();
    }
    const link = this.make({ host: broker.host, port: broker.port });
    this.links.set(key, link);
    return link;
  }

  /** Some broker: one that is connected and least busy, else a random one that may be tried now, else the one that may be tried first. */
  any(): Link {
    const known = [...this.brokers.keys()].map((nodeId) => this.link(nodeId)).filter((link) => link !== null);
    const usable = known.filter((link) => link.ready !== null || link.backoffLeftMs === 0);
    const candidates = usable.length > 0 ? usable : [...known, ...this.bootstrap.values()];
    const ready = candidates.filter((link) => link.ready !== null);
    if (ready.length > 0) return ready.reduce((a, b) => (b.openCount < a.openCount ? b : a));
    const now = candidates.filter((link) => link.backoffLeftMs === 0);
    if (now.length > 0) return now[this.ports.random.integer(now.length)]!;
    return candidates.reduce((a, b) => (b.backoffLeftMs < a.backoffLeftMs ? b : a));
  }

  nodeIds(): readonly number[] {
    return [...this.brokers.keys()];
  }

  close(): void {
    this.closed = true;
    for (const link of this.links.values()) link.close();
    for (const link of this.bootstrap.values()) link.close();
  }

  private make(address: Address): Link {
    return new Link(this.ports, this.config, address, this.inFlightMax);
  }
}
