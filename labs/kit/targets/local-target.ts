/**
 * The local target: a real broker process on loopback, real sockets and files, faults by signals and by TCP proxies.
 *
 * Invariant: each life of an application process has a listener of the broker to itself, which advertises that life's proxy; so whatever the client is, all its
 * bytes pass there, and a cut or a crash hits it alone. The application runs in this process: its crash cuts its connections, refuses new ones and
 * leaves everything it waits for pending for ever (`DriverGuard`).
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '@mqlab/core/ports/clock.ts';
import type { Ports } from '@mqlab/core/ports/ports.ts';
import { realPorts } from '@mqlab/core/ports/real/ports.ts';
import type { ClientDriver, ClientName } from '../drivers/driver.ts';
import { DriverGuard } from '../drivers/guarded-driver.ts';
import { openDriver } from '../drivers/open-driver.ts';
import { clientVersion } from '../drivers/versions.ts';
import { BrokerProcess } from './broker-process.ts';
import { type Ability, type AppProcess, type Target, type TargetSettings, UnsupportedByTarget } from './target.ts';
import { freePorts, TcpProxy } from './tcp-proxy.ts';

/** Lives of application processes in one run. */
const LIVES_MAX = 24;
const RUN_MS_MAX = 120_000;
const CANNOT: readonly Ability[] = ['power-cut', 'pause-app'];

export async function openLocalTarget(settings: TargetSettings): Promise<Target> {
  const data = await mkdtemp(join(tmpdir(), 'mqlab-lab-'));
  const ports = await freePorts(LIVES_MAX + 1);
  const [direct, ...listeners] = ports as [number, ...number[]];
  const proxies = await Promise.all(listeners.map((port) => TcpProxy.open({ host: '127.0.0.1', port })));
  const named = (port: (at: number) => number): string =>
    [`PLAINTEXT://127.0.0.1:${direct}`, ...listeners.map((_, at) => `APP${at}://127.0.0.1:${port(at)}`)].join(',');
  const broker = new BrokerProcess({
    'log.dirs': data,
    listeners: named((at) => listeners[at]!),
    'advertised.listeners': named((at) => proxies[at]!.port),
    'listener.security.protocol.map': ['PLAINTEXT', ...listeners.map((_, at) => `APP${at}`)]
      .map((name) => `${name}:PLAINTEXT`)
      .join(','),
    'inter.broker.listener.name': 'PLAINTEXT',
    ...settings.broker,
  });
  const target = new LocalTarget(`127.0.0.1:${direct}`, broker, proxies, data);
  if (settings.withoutBroker === true) return target;
  try {
    await broker.start();
  } catch (error) {
    await target.close();
    throw error;
  }
  return target;
}

class LocalApp implements AppProcess {
  readonly name: string;
  readonly ports: Ports;
  readonly proxy: TcpProxy;
  readonly guard = new DriverGuard();

  constructor(name: string, ports: Ports, proxy: TcpProxy) {
    this.name = name;
    this.ports = ports;
    this.proxy = proxy;
  }

  get bootstrap(): string {
    return `127.0.0.1:${this.proxy.port}`;
  }

  get alive(): boolean {
    return this.guard.alive;
  }

  client(name: ClientName): ClientDriver {
    return this.guard.wrap(openDriver(name, this.ports, this.bootstrap));
  }

  spawn(body: (ports: Ports) => void | Promise<void>): void {
    void Promise.resolve(body(this.ports));
  }
}

class LocalTarget implements Target {
  readonly kind = 'local';
  readonly bootstrap: string;
  readonly version = `mqlab ${clientVersion('mqlab')}`;
  readonly clock: Clock;
  readonly #ports: Ports;
  readonly #broker: BrokerProcess;
  readonly #proxies: readonly TcpProxy[];
  readonly #data: string;
  readonly #apps = new Map<string, LocalApp>();
  readonly #lives: LocalApp[] = [];

  constructor(bootstrap: string, broker: BrokerProcess, proxies: readonly TcpProxy[], data: string) {
    this.bootstrap = bootstrap;
    this.#broker = broker;
    this.#proxies = proxies;
    this.#data = data;
    this.#ports = realPorts();
    this.clock = this.#ports.clock;
  }

  can(ability: Ability): boolean {
    return !CANNOT.includes(ability);
  }

  async run<T>(body: () => Promise<T>, msMax = RUN_MS_MAX): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`the run did not end in ${msMax} ms`)), msMax);
    });
    return Promise.race([body(), late]).finally(() => clearTimeout(timer));
  }

  app(name: string): AppProcess {
    const known = this.#apps.get(name);
    if (known?.alive === true) return known;
    const proxy = this.#proxies[this.#lives.length];
    if (proxy === undefined) throw new Error(`more than ${LIVES_MAX} lives of application processes in one run`);
    const app = new LocalApp(name, this.#ports, proxy);
    this.#apps.set(name, app);
    this.#lives.push(app);
    return app;
  }

  crashApp(name: string): void {
    const app = this.#app(name);
    app.guard.kill();
    app.proxy.kill();
  }

  pauseApp(): void {
    throw new UnsupportedByTarget('local', 'pause-app');
  }

  resumeApp(): void {
    throw new UnsupportedByTarget('local', 'pause-app');
  }

  killBroker(): Promise<void> {
    return this.#broker.kill();
  }

  powerCutBroker(): Promise<void> {
    throw new UnsupportedByTarget('local', 'power-cut');
  }

  startBroker(): Promise<void> {
    return this.#broker.start();
  }

  pauseBroker(): void {
    this.#broker.pause();
  }

  resumeBroker(): void {
    this.#broker.resume();
  }

  cutLink(app: string, direction: 'both' | 'to-broker' | 'to-app' = 'both'): void {
    this.#app(app).proxy.cut(direction);
  }

  healLink(app: string): void {
    this.#app(app).proxy.heal();
  }

  dropNextResponse(app: string): void {
    this.#app(app).proxy.dropNextResponse();
  }

  breakLink(app: string): void {
    this.#app(app).proxy.breakAll();
  }

  async heal(): Promise<void> {
    this.#broker.resume();
    for (const proxy of this.#proxies) proxy.heal();
    await this.#broker.start();
  }

  async close(): Promise<void> {
    this.#broker.resume();
    await Promise.all(this.#lives.map((app) => app.guard.close()));
    await Promise.all(this.#proxies.map((proxy) => proxy.close()));
    await this.#broker.kill();
    await rm(this.#data, { recursive: true, force: true });
  }

  #app(name: string): LocalApp {
    const app = this.#apps.get(name);
    if (app === undefined) throw new Error(`no application process ${name}`);
    return app;
  }
}
