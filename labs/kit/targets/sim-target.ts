/**
 * The simulated target: broker, clients and application in one SimWorld, on virtual time.
 *
 * Invariant: everything that happens follows from the settings and the seed. The lab's own code runs in a process `kit` that no fault touches; each
 * application process is a host of its own, linked to the host `broker`.
 */
import type { Clock } from '@mqlab/core/ports/clock.ts';
import type { Ports } from '@mqlab/core/ports/ports.ts';
import type { SimProcess } from '@mqlab/core/ports/sim/process.ts';
import { SimWorld } from '@mqlab/core/ports/sim/world.ts';
import type { ClientDriver, ClientName } from '../drivers/driver.ts';
import { mqlabDriver } from '../drivers/mqlab-driver.ts';
import { clientVersion } from '../drivers/versions.ts';
import type { RunningBroker, startBrokerOn } from './embedded-broker.ts';
import type { Ability, AppProcess, Target, TargetSettings } from './target.ts';

const BROKER = 'broker';
const BROKER_PORT = 9092;
const VIRTUAL_MS_MAX = 3_600_000;
const START_MS_MAX = 60_000;

export async function openSimTarget(settings: TargetSettings): Promise<Target> {
  if (settings.withoutBroker === true) return new SimTarget(settings, null);
  // Loading takes real time, so it is done before the world begins.
  const { startBrokerOn } = await import('./embedded-broker.ts');
  const target = new SimTarget(settings, startBrokerOn);
  await target.run(() => target.startBroker(), START_MS_MAX);
  return target;
}

class SimApp implements AppProcess {
  readonly name: string;
  readonly ports: Ports;
  readonly #process: SimProcess;
  readonly #life: SimProcess['life'];
  readonly bootstrap: string;

  constructor(process: SimProcess, bootstrap: string) {
    this.name = process.name;
    this.#process = process;
    this.#life = process.life;
    this.ports = process.ports;
    this.bootstrap = bootstrap;
  }

  get alive(): boolean {
    return this.#life.alive;
  }

  client(name: ClientName): ClientDriver {
    if (name !== 'mqlab') throw new Error(`client ${name} runs on real sockets only, not on target sim`);
    return mqlabDriver(this.ports, this.bootstrap);
  }

  spawn(body: (ports: Ports) => void | Promise<void>): void {
    if (this.#life.alive) this.#process.spawn(body);
  }
}

class SimTarget implements Target {
  readonly kind = 'sim';
  readonly bootstrap = `${BROKER}:${BROKER_PORT}`;
  readonly version = `mqlab ${clientVersion('mqlab')}`;
  readonly clock: Clock;
  readonly world: SimWorld;
  readonly #kit: SimProcess;
  readonly #settings: TargetSettings;
  readonly #start: typeof startBrokerOn | null;
  readonly #apps = new Map<string, SimProcess>();
  readonly #interceptions = new Set<() => void>();
  #broker: RunningBroker | null = null;
  /** One start at a time; a kill ends it. */
  #starting: Promise<void> | null = null;

  constructor(settings: TargetSettings, start: typeof startBrokerOn | null) {
    this.#settings = settings;
    this.#start = start;
    this.world = new SimWorld({ seed: settings.seed });
    this.#kit = this.world.process('kit');
    this.clock = this.#kit.ports.clock;
  }

  can(_ability: Ability): boolean {
    return true;
  }

  run<T>(body: () => Promise<T>, virtualMsMax = VIRTUAL_MS_MAX): Promise<T> {
    const result = new Promise<T>((resolve, reject) => {
      // A rejection belongs to the caller, not to the process.
      this.#kit.spawn(() => body().then(resolve, reject));
    });
    return this.world.settle(result, { untilTimeMs: this.world.timeMs + virtualMsMax });
  }

  app(name: string): AppProcess {
    if (name === BROKER || name === 'kit') throw new Error(`${name} is not an application process`);
    const process = this.world.process(name);
    if (!process.alive) process.restart();
    this.#apps.set(name, process);
    return new SimApp(process, this.bootstrap);
  }

  crashApp(name: string): void {
    this.#app(name).crash();
  }

  pauseApp(name: string): void {
    this.#app(name).pause();
  }

  resumeApp(name: string): void {
    this.#app(name).resume();
  }

  async killBroker(): Promise<void> {
    this.#broker = null;
    this.#starting = null;
    this.world.process(BROKER).crash();
  }

  async powerCutBroker(): Promise<void> {
    this.#broker = null;
    this.#starting = null;
    this.world.powerCut([BROKER]);
  }

  async startBroker(): Promise<void> {
    if (this.#broker !== null) return;
    const starting = this.#starting ?? this.#startOnce();
    this.#starting = starting;
    await starting;
    if (this.#starting === starting) this.#starting = null;
  }

  async #startOnce(): Promise<void> {
    const start = this.#start;
    if (start === null) throw new Error('this scenario has no broker');
    const process = this.world.process(BROKER);
    const ports = process.alive ? process.ports : process.restart();
    this.#broker = await new Promise<RunningBroker>((resolve, reject) => {
      process.spawn(() =>
        start(ports, {
          host: BROKER,
          port: BROKER_PORT,
          properties: { 'log.dirs': '/data', ...this.#settings.broker },
        }).then(resolve, reject),
      );
    });
  }

  pauseBroker(): void {
    this.world.process(BROKER).pause();
  }

  resumeBroker(): void {
    this.world.process(BROKER).resume();
  }

  cutLink(app: string, direction: 'both' | 'to-broker' | 'to-app' = 'both'): void {
    const { network } = this.world;
    if (direction === 'both') network.cut(app, BROKER);
    else if (direction === 'to-broker') network.cut(app, BROKER, { oneWay: true });
    else network.cut(BROKER, app, { oneWay: true });
  }

  healLink(app: string): void {
    this.world.network.heal(app, BROKER);
  }

  dropNextResponse(app: string): void {
    const stop = this.world.network.intercept((event) => {
      if (event.kind !== 'send' || event.from !== BROKER || event.to !== app) return 'deliver';
      stop();
      this.#interceptions.delete(stop);
      return 'drop-connection-before';
    });
    this.#interceptions.add(stop);
  }

  breakLink(app: string): void {
    this.world.network.break(app, BROKER);
  }

  async heal(): Promise<void> {
    for (const stop of this.#interceptions) stop();
    this.#interceptions.clear();
    this.world.network.healAll();
    for (const process of this.world.processes) process.resume();
    if (this.#start !== null) await this.startBroker();
  }

  async close(): Promise<void> {
    for (const process of this.world.processes) process.crash();
  }

  #app(name: string): SimProcess {
    const process = this.#apps.get(name);
    if (process === undefined) throw new Error(`no application process ${name}`);
    return process;
  }
}
