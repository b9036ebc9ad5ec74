/**
 * A TCP proxy between who connects (an application, another node) and a broker: where links are cut and slowed and answers lost on real sockets.
 *
 * Invariant: bytes pass unchanged and in order, or the connection ends. While a direction is cut its bytes stay in the system's buffers, unseen by
 * either side, as on a dead link; after the heal they go on.
 */
import net from 'node:net';
import { FULL_SPEED, type LaneSpeed, TcpLane } from './tcp-lane.ts';

export interface ProxyAddress {
  readonly host: string;
  readonly port: number;
}

interface Pair {
  readonly app: net.Socket;
  readonly broker: net.Socket;
  readonly toBroker: TcpLane;
  readonly toApp: TcpLane;
}

export class TcpProxy {
  readonly #server: net.Server;
  readonly #target: ProxyAddress;
  readonly #pairs = new Set<Pair>();
  #cutToBroker = false;
  #cutToApp = false;
  #speed: LaneSpeed = FULL_SPEED;
  #dropNextResponse = false;
  #onDropped: () => void = () => {};
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

  /** Both directions, until `heal`. */
  slow(speed: Partial<LaneSpeed>): void {
    this.#speed = { ...FULL_SPEED, ...speed };
    this.#apply();
  }

  heal(): void {
    this.#cutToBroker = false;
    this.#cutToApp = false;
    this.#speed = FULL_SPEED;
    this.#dropNextResponse = false;
    this.#apply();
  }

  /** The next bytes from the broker are lost, and their connection with them. */
  dropNextResponse(onDropped: () => void = () => {}): void {
    this.#dropNextResponse = true;
    this.#onDropped = onDropped;
  }

  /** Takes `dropNextResponse` back. */
  keepNextResponse(): void {
    this.#dropNextResponse = false;
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
    const pair: Pair = { app, broker, toBroker: new TcpLane(app, broker), toApp: new TcpLane(broker, app) };
    this.#pairs.add(pair);
    app.on('data', (chunk: Buffer) => pair.toBroker.push(chunk));
    broker.on('data', (chunk: Buffer) => {
      if (this.#dropNextResponse) {
        this.#dropNextResponse = false;
        this.#onDropped();
        app.resetAndDestroy();
        broker.resetAndDestroy();
        return;
      }
      pair.toApp.push(chunk);
    });
    app.on('end', () => pair.toBroker.end());
    broker.on('end', () => pair.toApp.end());
    for (const [one, other, lane] of [
      [app, broker, pair.toApp],
      [broker, app, pair.toBroker],
    ] as const) {
      one.on('error', () => {});
      one.on('drain', () => lane.flow());
      one.on('close', () => {
        lane.close();
        other.destroy();
        this.#pairs.delete(pair);
      });
    }
    this.#applyTo(pair);
  }

  #apply(): void {
    for (const pair of this.#pairs) this.#applyTo(pair);
  }

  #applyTo({ toBroker, toApp }: Pair): void {
    toBroker.set(this.#cutToBroker, this.#speed);
    toApp.set(this.#cutToApp, this.#speed);
  }
}
