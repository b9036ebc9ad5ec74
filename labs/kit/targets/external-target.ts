/**
 * The external target: a cluster that the user already runs.
 *
 * Invariant: nothing of it is started, stopped or cut, and applications reach it directly: no proxy stands between, since the cluster advertises its own
 * addresses. So no fault is possible here that the scenario does not make itself (a commit before the effect, a resend, an application that stops polling).
 */
import type { Clock } from '@mqlab/core/ports/clock.ts';
import type { Ports } from '@mqlab/core/ports/ports.ts';
import { realPorts } from '@mqlab/core/ports/real/ports.ts';
import type { ClientName } from '../drivers/driver.ts';
import { DriverGuard } from '../drivers/guarded-driver.ts';
import { openDriver } from '../drivers/open-driver.ts';
import { type Ability, type AppProcess, type Target, type TargetSettings, UnsupportedByTarget } from './target.ts';

const RUN_MS_MAX = 300_000;

interface ExternalApp extends AppProcess {
  readonly guard: DriverGuard;
}

export async function openExternalTarget(settings: TargetSettings): Promise<Target> {
  const { bootstrap } = settings;
  if (bootstrap === undefined) throw new Error('target external needs --bootstrap-server HOST:PORT');
  return new ExternalTarget(bootstrap);
}

class ExternalTarget implements Target {
  readonly kind = 'external';
  readonly bootstrap: string;
  readonly version = 'unknown';
  readonly clock: Clock;
  readonly #ports: Ports = realPorts();
  readonly #apps = new Map<string, ExternalApp>();
  readonly #lives: ExternalApp[] = [];

  constructor(bootstrap: string) {
    this.bootstrap = bootstrap;
    this.clock = this.#ports.clock;
  }

  can(_ability: Ability): boolean {
    return false;
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
    const guard = new DriverGuard();
    const { bootstrap } = this;
    const ports = this.#ports;
    const app: ExternalApp = {
      name,
      bootstrap,
      ports,
      guard,
      get alive() {
        return guard.alive;
      },
      client: (client: ClientName) => guard.wrap(openDriver(client, ports, bootstrap)),
      spawn: (body) => void Promise.resolve(body(ports)),
    };
    this.#apps.set(name, app);
    this.#lives.push(app);
    return app;
  }

  crashApp(): void {
    throw new UnsupportedByTarget('external', 'crash-app');
  }

  pauseApp(): void {
    throw new UnsupportedByTarget('external', 'pause-app');
  }

  resumeApp(): void {
    throw new UnsupportedByTarget('external', 'pause-app');
  }

  async killBroker(): Promise<void> {
    throw new UnsupportedByTarget('external', 'kill-broker');
  }

  async powerCutBroker(): Promise<void> {
    throw new UnsupportedByTarget('external', 'power-cut');
  }

  async startBroker(): Promise<void> {}

  pauseBroker(): void {
    throw new UnsupportedByTarget('external', 'pause-broker');
  }

  resumeBroker(): void {
    throw new UnsupportedByTarget('external', 'pause-broker');
  }

  cutLink(): void {
    throw new UnsupportedByTarget('external', 'cut-link');
  }

  healLink(): void {}

  dropNextResponse(): void {
    throw new UnsupportedByTarget('external', 'drop-response');
  }

  breakLink(): void {
    throw new UnsupportedByTarget('external', 'cut-link');
  }

  async heal(): Promise<void> {}

  async close(): Promise<void> {
    await Promise.all(this.#lives.map((app) => app.guard.close()));
  }
}
