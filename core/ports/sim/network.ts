/**
 * The simulated network between the processes of a world: hosts, directed links, listeners, connections, and faults on all of them.
 *
 * A host's name is its process's name (`localhost`, `127.0.0.1` and `0.0.0.0` are the host itself). TCP's promises hold: bytes in order or the connection
 * ends. A cut link drops packets, so connections stall and go on after a heal, or end with ETIMEDOUT; a crashed process's peers see ECONNRESET;
 * a host without power answers nothing. Every link draws its latencies from a stream of its own.
 */
import type { Address, Connection, Listener, Network, NetworkMetrics } from '../network.ts';
import { NetworkError } from '../network.ts';
import { SimConnection } from './connection.ts';
import { ProcessEnded, type SimLife } from './process.ts';
import type { SimRandom } from './random.ts';
import { EVENT_NETWORK, type SimWorld } from './world.ts';

/** Between two tries to reach a host that does not answer. */
const CONNECT_RETRY_MS = 1000;
const EPHEMERAL_PORT_MIN = 49_152;

export interface LinkSettings {
  /** One way. */
  readonly latencyMs?: readonly [min: number, max: number];
  /** Null: no limit. */
  readonly bytesPerMs?: number | null;
  /** The chance that a chunk arrives in two pieces, cut anywhere. */
  readonly splitChance?: number;
}

/** One direction between two hosts. */
export interface Link {
  readonly from: string;
  readonly to: string;
  readonly random: SimRandom;
  latencyMs: readonly [min: number, max: number];
  bytesPerMs: number | null;
  splitChance: number;
  cut: boolean;
  busyUntilMs: number;
}

export interface NetworkEvent {
  readonly kind: 'connect' | 'send';
  readonly from: string;
  readonly to: string;
  readonly timeMs: number;
  /** 0 for a connect. */
  readonly connectionId: number;
  /** Who opened the connection: requests travel from it, responses to it. */
  readonly side: 'client' | 'server';
  /** Counts the sends of this side of this connection from 0. */
  readonly sequence: number;
  readonly bytes: number;
  /** A copy of what is sent. */
  data(): Buffer;
}

/** `drop-connection-before`: the connection breaks and these bytes do not arrive. `…-after`: they do, and then it breaks. */
export type NetworkVerdict =
  | 'deliver'
  | 'drop-connection-before'
  | 'drop-connection-after'
  | { readonly delayMs: number };

export type NetworkInterceptor = (event: NetworkEvent) => NetworkVerdict;

export interface SimNetworkSettings {
  /** Bytes that the system takes from a sender before the receiver has read them. */
  windowBytes: number;
  /** How long a sender's bytes may go unanswered before its connection ends with ETIMEDOUT. */
  retransmitTimeoutMs: number;
}

interface Host {
  readonly name: string;
  readonly listeners: Map<number, SimListener>;
  up: boolean;
  nextPort: number;
}

interface SimListener {
  readonly life: SimLife;
  readonly onConnection: (connection: Connection) => void;
}

interface Counters {
  bytesReceived: number;
  bytesSentFromMemory: number;
  bytesSentBySendfile: number;
  bytesSentByCopy: number;
}

export class SimNetwork {
  readonly world: SimWorld;
  readonly settings: SimNetworkSettings = { windowBytes: 512 * 1024, retransmitTimeoutMs: 20_000 };
  readonly metrics: NetworkMetrics & Counters = {
    bytesReceived: 0,
    bytesSentFromMemory: 0,
    bytesSentBySendfile: 0,
    bytesSentByCopy: 0,
  };
  readonly #defaults: Required<LinkSettings>;
  readonly #hosts = new Map<string, Host>();
  readonly #links = new Map<string, Link>();
  readonly #ends = new Set<SimConnection>();
  readonly #interceptors = new Set<NetworkInterceptor>();
  #connectionCount = 0;

  constructor(world: SimWorld, defaults: LinkSettings = {}) {
    this.world = world;
    this.#defaults = { latencyMs: [0.05, 0.5], bytesPerMs: null, splitChance: 0.1, ...defaults };
  }

  /** Settings of both directions between two hosts. */
  link(a: string, b: string, settings: LinkSettings): void {
    for (const link of [this.linkBetween(a, b), this.linkBetween(b, a)]) {
      if (settings.latencyMs !== undefined) link.latencyMs = settings.latencyMs;
      if (settings.bytesPerMs !== undefined) link.bytesPerMs = settings.bytesPerMs;
      if (settings.splitChance !== undefined) link.splitChance = settings.splitChance;
    }
  }

  /** Packets from `a` to `b` are dropped, and unless `oneWay` those from `b` to `a`. */
  cut(a: string, b: string, options: { readonly oneWay?: boolean } = {}): void {
    this.linkBetween(a, b).cut = true;
    if (options.oneWay !== true) this.linkBetween(b, a).cut = true;
  }

  /** Cuts a host off from all others. */
  isolate(name: string): void {
    for (const other of this.#hosts.keys()) if (other !== name) this.cut(name, other);
  }

  /** Puts both directions between two hosts back to the world's latency and bandwidth. */
  reset(a: string, b: string): void {
    for (const link of [this.linkBetween(a, b), this.linkBetween(b, a)]) {
      link.latencyMs = this.#defaults.latencyMs;
      link.bytesPerMs = this.#defaults.bytesPerMs;
    }
  }

  heal(a: string, b: string): void {
    for (const link of [this.linkBetween(a, b), this.linkBetween(b, a)]) link.cut = false;
    this.#retransmit();
  }

  /** Ends every cut, and puts every link back to the world's latency and bandwidth. */
  healAll(): void {
    for (const link of this.#links.values()) {
      link.cut = false;
      link.latencyMs = this.#defaults.latencyMs;
      link.bytesPerMs = this.#defaults.bytesPerMs;
    }
    this.#retransmit();
  }

  /** Breaks the connections between two hosts; what is in flight is lost. Returns how many. */
  break(a: string, b: string): number {
    let count = 0;
    for (const end of [...this.#ends]) {
      if (end.link.from !== a || end.link.to !== b) continue;
      end.breakBoth();
      count += 1;
    }
    return count;
  }

  /** Asks `interceptor` at every connect and every send. Returns what removes it. The last verdict that is not `deliver` counts. */
  intercept(interceptor: NetworkInterceptor): () => void {
    this.#interceptors.add(interceptor);
    return () => this.#interceptors.delete(interceptor);
  }

  /** Open connections between two hosts, from either side. */
  connectionCount(a: string, b: string): number {
    let count = 0;
    for (const end of this.#ends) if (end.link.from === a && end.link.to === b && end.isOpen) count += 1;
    return count;
  }

  // What follows is for processes and connections.

  addHost(name: string): void {
    this.#hosts.set(name, { name, listeners: new Map(), up: true, nextPort: EPHEMERAL_PORT_MIN });
  }

  setHostUp(name: string, up: boolean): void {
    this.#hosts.get(name)!.up = up;
    if (up) this.#retransmit();
  }

  /** Whether a packet on this link arrives. */
  reaches(link: Link): boolean {
    return !link.cut && this.#hosts.get(link.to)?.up === true && this.#hosts.get(link.from)?.up === true;
  }

  linkBetween(from: string, to: string): Link {
    const key = `${from}>${to}`;
    let link = this.#links.get(key);
    if (link === undefined) {
      const { latencyMs, bytesPerMs, splitChance } = this.#defaults;
      const random = this.world.random(`link:${key}`);
      link = { from, to, random, latencyMs, bytesPerMs, splitChance, cut: false, busyUntilMs: 0 };
      this.#links.set(key, link);
    }
    return link;
  }

  /** How long `bytes` that leave now take over the link. */
  delayOf(link: Link, bytes: number): number {
    const latencyMs = link.random.between(link.latencyMs[0], link.latencyMs[1]);
    if (link.bytesPerMs === null || bytes === 0) return latencyMs;
    link.busyUntilMs = Math.max(link.busyUntilMs, this.world.timeMs) + bytes / link.bytesPerMs;
    return link.busyUntilMs - this.world.timeMs + latencyMs;
  }

  verdict(event: NetworkEvent): NetworkVerdict {
    let verdict: NetworkVerdict = 'deliver';
    for (const interceptor of this.#interceptors) {
      const opinion = interceptor(event);
      if (opinion !== 'deliver') verdict = opinion;
    }
    return verdict;
  }

  get isIntercepted(): boolean {
    return this.#interceptors.size > 0;
  }

  forget(end: SimConnection): void {
    this.#ends.delete(end);
  }

  /** The process died. On a crash its system tells the peers; without power nobody does. */
  lifeEnded(life: SimLife, how: 'crash' | 'power'): void {
    const host = this.#hosts.get(life.process.name)!;
    for (const [port, listener] of host.listeners) if (listener.life === life) host.listeners.delete(port);
    for (const end of [...this.#ends]) if (end.life === life) end.lifeEnded(how);
  }

  portOf(life: SimLife): Network {
    return {
      listen: (address, onConnection) => this.#listen(life, address, onConnection),
      connect: (address, timeoutMs) => this.#connect(life, address, timeoutMs),
    };
  }

  #listen(life: SimLife, address: Address, onConnection: (connection: Connection) => void): Promise<Listener> {
    if (!life.alive) return Promise.reject(new ProcessEnded(life.process.name));
    const host = this.#hosts.get(life.process.name)!;
    if (this.#resolve(life, address.host) !== host) {
      return Promise.reject(
        new NetworkError('EADDRNOTAVAIL', `listen ${address.host}: not an address of ${host.name}`),
      );
    }
    const port = address.port === 0 ? this.#freePort(host) : address.port;
    if (host.listeners.has(port)) {
      return Promise.reject(new NetworkError('EADDRINUSE', `listen ${address.host}:${port}: the port is in use`));
    }
    const listener: SimListener = { life, onConnection };
    host.listeners.set(port, listener);
    const close = () => {
      if (host.listeners.get(port) === listener) host.listeners.delete(port);
      return Promise.resolve();
    };
    return Promise.resolve({ address: { host: address.host, port }, close });
  }

  #connect(life: SimLife, address: Address, timeoutMs: number): Promise<Connection> {
    const world = this.world;
    const from = life.process.name;
    return new Promise((resolve, reject) => {
      if (!life.alive) throw new ProcessEnded(from);
      const target = this.#resolve(life, address.host);
      const where = `connect ${address.host}:${address.port}`;
      let settled = false;
      const settle = (action: () => void) => {
        if (settled) return;
        settled = true;
        world.cancel(timer);
        action();
      };
      const fail = (code: string, text: string) =>
        world.schedule(0, life, EVENT_NETWORK, () => settle(() => reject(new NetworkError(code, `${where}: ${text}`))));
      const timer = world.schedule(timeoutMs, life, EVENT_NETWORK, () =>
        settle(() => reject(new NetworkError('ETIMEDOUT', `${where}: no answer in ${timeoutMs} ms`))),
      );
      if (target === null) {
        fail('ENOTFOUND', 'no such host');
        return;
      }
      const there = this.linkBetween(from, target.name);
      const back = this.linkBetween(target.name, from);
      /** Over the link, again and again while it is cut. */
      const travel = (link: Link, extraMs: number, arrive: () => void) => {
        world.schedule(this.delayOf(link, 0) + extraMs, null, EVENT_NETWORK, () => {
          if (settled || !life.alive) return;
          if (this.reaches(link)) arrive();
          else travel(link, CONNECT_RETRY_MS, arrive);
        });
      };
      const verdict = this.verdict({
        kind: 'connect',
        from,
        to: target.name,
        timeMs: world.timeMs,
        connectionId: 0,
        side: 'client',
        sequence: 0,
        bytes: 0,
        data: () => Buffer.alloc(0),
      });
      if (verdict === 'drop-connection-before' || verdict === 'drop-connection-after') {
        travel(there, 0, () => fail('ECONNRESET', 'reset by the peer'));
        return;
      }
      travel(there, typeof verdict === 'object' ? verdict.delayMs : 0, () => {
        const listener = target.listeners.get(address.port);
        if (listener === undefined) {
          travel(back, 0, () => fail('ECONNREFUSED', 'nobody listens'));
          return;
        }
        const client = this.#pair(life, listener, address.port);
        travel(back, 0, () => {
          world.schedule(0, life, EVENT_NETWORK, () => {
            if (settled) client.destroy();
            else settle(() => resolve(client));
          });
        });
      });
    });
  }

  /** Makes both ends; the server's is accepted as an event of its process. */
  #pair(clientLife: SimLife, listener: SimListener, serverPort: number): SimConnection {
    this.#connectionCount += 1;
    const id = this.#connectionCount;
    const clientHost = this.#hosts.get(clientLife.process.name)!;
    const clientAddress = { host: clientHost.name, port: this.#freePort(clientHost) };
    const serverAddress = { host: listener.life.process.name, port: serverPort };
    const client = new SimConnection(this, clientLife, id, 'client', clientAddress, serverAddress);
    const server = new SimConnection(this, listener.life, id, 'server', serverAddress, clientAddress);
    client.peer = server;
    server.peer = client;
    this.#ends.add(client);
    this.#ends.add(server);
    this.world.schedule(0, listener.life, EVENT_NETWORK, () => listener.onConnection(server));
    return client;
  }

  #retransmit(): void {
    for (const end of this.#ends) end.retransmit();
  }

  #resolve(life: SimLife, name: string): Host | null {
    const own = ['localhost', '127.0.0.1', '::1', '0.0.0.0', '::', ''].includes(name);
    return this.#hosts.get(own ? life.process.name : name) ?? null;
  }

  #freePort(host: Host): number {
    const port = host.nextPort;
    host.nextPort = port >= 65_535 ? EPHEMERAL_PORT_MIN : port + 1;
    return host.listeners.has(port) ? this.#freePort(host) : port;
  }
}
