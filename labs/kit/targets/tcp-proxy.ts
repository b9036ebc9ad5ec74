/**
 * A TCP proxy between one application and the broker: where links are cut and answers lost on real sockets.
 *
 * Invariant: bytes pass unchanged and in order, or the connection ends. While a direction is cut its bytes stay in the system's buffers, unseen by
 * either side, as on a dead link; after the heal they go on.
 */
import net from 'node:net';

export interface ProxyAddress {
  readonly host: string;
  readonly port: number;
}

interface Pair {
  readonly app: net.Socket;
  readonly broker: net.Socket;
}

export class TcpProxy {
  readonly #server: net.Server;
  readonly #target: ProxyAddress;
  readonly #pairs = new Set<Pair>();
  #cutToBroker = false;
  #cutToApp = false;
  #dropNextResponse = false;
  #refuses = false;

  private constructor(server: net.Server, target: ProxyAddress) {
    this.#server = server;
    this.#target = target;
  }

  /** `target` need not listen yet. */
  static open(target: ProxyAddress, port = 0): Promise<TcpProxy> {
    return new Promise((resolve, reject) => {
      const server = net.createServer({ pauseOnConnect: true, noDelay: true });
      const proxy = new TcpProxy(server, target);
      server.on('connection', (socket) => proxy.#accept(socket));
      server.once('error', reject);
      server.listen(port, '127.0.0.1', () => resolve(proxy));
    });
  }

  get port(): number {
    return (this.#server.address() as net.AddressInfo).port;
  }

  get connections(): number {
    return this.#pairs.size;
  }

  cut(direction: 'both' | 'to-broker' | 'to-app'): void {
    if (direction !== 'to-app') this.#cutToBroker = true;
    if (direction !== 'to-broker') this.#cutToApp = true;
    this.#apply();
  }

  heal(): void {
    this.#cutToBroker = false;
    this.#cutToApp = false;
    this.#dropNextResponse = false;
    this.#apply();
  }

  /** The next bytes from the broker are lost, and their connection with them. */
  dropNextResponse(): void {
    this.#dropNextResponse = true;
  }

  /** All connections end at once by reset, and no new one is taken: the application is dead. */
  kill(): void {
    this.#refuses = true;
    this.breakAll();
  }

  /** All connections end at once by reset; new ones are taken. */
  breakAll(): void {
    for (const { app, broker } of this.#pairs) {
      app.resetAndDestroy();
      broker.resetAndDestroy();
    }
  }

  close(): Promise<void> {
    this.kill();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  #accept(app: net.Socket): void {
    if (this.#refuses) {
      app.on('error', () => {});
      app.resetAndDestroy();
      return;
    }
    const broker = net.connect({ host: this.#target.host, port: this.#target.port, noDelay: true });
    const pair: Pair = { app, broker };
    this.#pairs.add(pair);
    app.on('data', (chunk) => {
      if (!broker.write(chunk)) app.pause();
    });
    broker.on('drain', () => this.#apply());
    broker.on('data', (chunk) => {
      if (this.#dropNextResponse) {
        this.#dropNextResponse = false;
        app.resetAndDestroy();
        broker.resetAndDestroy();
        return;
      }
      if (!app.write(chunk)) broker.pause();
    });
    app.on('drain', () => this.#apply());
    app.on('end', () => broker.end());
    broker.on('end', () => app.end());
    for (const [one, other] of [
      [app, broker],
      [broker, app],
    ] as const) {
      one.on('error', () => {});
      one.on('close', () => {
        other.destroy();
        this.#pairs.delete(pair);
      });
    }
    this.#applyTo(pair);
  }

  #apply(): void {
    for (const pair of this.#pairs) this.#applyTo(pair);
  }

  #applyTo({ app, broker }: Pair): void {
    if (this.#cutToBroker || broker.writableNeedDrain) app.pause();
    else app.resume();
    if (this.#cutToApp || app.writableNeedDrain) broker.pause();
    else broker.resume();
  }
}

/** Below the range from which systems give ports to outgoing connections. */
const PORT_MIN = 15_000;
const PORT_MAX = 32_000;
const PORT_TRIES_MAX = 2000;
/** Each port is given once: targets that open side by side must not find the same one free. Processes begin at different places. */
let nextPort = Math.floor(Math.random() * (PORT_MAX - PORT_MIN));

/**
 * Free ports that stay free while nobody listens on them: outside the ephemeral range. There, a client that knocks at the port of a killed broker can be
 * given that very port for its own end, connect to itself, and keep the broker from coming back.
 */
export async function freePorts(count: number): Promise<number[]> {
  const servers: net.Server[] = [];
  try {
    for (let tried = 0; servers.length < count; tried++) {
      if (tried === PORT_TRIES_MAX) throw new Error(`no ${count} free ports between ${PORT_MIN} and ${PORT_MAX}`);
      const server = await listenOn(PORT_MIN + (nextPort++ % (PORT_MAX - PORT_MIN)));
      if (server !== null) servers.push(server);
    }
    return servers.map((server) => (server.address() as net.AddressInfo).port);
  } finally {
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  }
}

/** null when the port is taken. */
function listenOn(port: number): Promise<net.Server | null> {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once('error', () => resolve(null));
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}
