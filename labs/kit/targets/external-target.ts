/**
 * The external target: a cluster that the user already runs.
 *
 * Invariant: nothing of it is started, stopped or paused but by commands that the user gave, and no link between its nodes is touched. What is cut, lost or killed besides is this
 * side: the application's own link to it (`app-link.ts`), where the client under test is the project's own. Foreign clients open their own sockets to the addresses that the
 * cluster advertises, and no fault of a link is possible with them.
 */
import { Admin } from '@mqlab/core/client/admin/admin.ts';
import { addressOf } from '@mqlab/core/client/client-config.ts';
import { type Clock, sleep } from '@mqlab/core/ports/clock.ts';
import type { Address } from '@mqlab/core/ports/network.ts';
import type { Ports } from '@mqlab/core/ports/ports.ts';
import { realPorts } from '@mqlab/core/ports/real/ports.ts';
import type { ClientName } from '../drivers/driver.ts';
import { DriverGuard } from '../drivers/guarded-driver.ts';
import { openDriver } from '../drivers/open-driver.ts';
import { AppLink, type LinkDirection } from './app-link.ts';
import { ClusterView } from './cluster-view.ts';
import { externalVersion } from './external-version.ts';
import { runNodeCommand } from './node-command.ts';
import {
  type Ability,
  type AppProcess,
  externalAbilities,
  type NodeCommands,
  nodeMeant,
  type PartitionState,
  type Target,
  type TargetNode,
  type TargetSettings,
  UnsupportedByTarget,
} from './target.ts';

const RUN_MS_MAX = 300_000;
const REQUEST_MS_MAX = 10_000;
const LIVE_MS_MAX = 60_000;
const LOOK_MS = 50;

interface ExternalApp extends AppProcess {
  readonly guard: DriverGuard;
  readonly link: AppLink;
}

interface ExternalNode extends TargetNode {
  readonly address: Address;
  isDown: boolean;
  isPaused: boolean;
}

export async function openExternalTarget(settings: TargetSettings): Promise<Target> {
  const { bootstrap, nodeCommands = {}, brokers = 1, client = 'mqlab' } = settings;
  const abilities = externalAbilities(nodeCommands, client);
  if (bootstrap === undefined) throw new Error('target external needs --bootstrap-server HOST:PORT');
  const ports = realPorts();
  if (settings.withoutBroker === true)
    return new ExternalTarget(ports, bootstrap, 'unknown', [], nodeCommands, abilities);
  const admin = new Admin(ports, { 'bootstrap.servers': bootstrap, 'default.api.timeout.ms': REQUEST_MS_MAX });
  try {
    const described = await admin.describeCluster();
    const nodes = described.brokers.map(({ nodeId, host, port }): ExternalNode => {
      // Who is active controller is told by the quorum, not by the list of brokers.
      const parts = { isBroker: true, isController: false };
      return { id: nodeId, ...parts, address: { host, port }, isDown: false, isPaused: false };
    });
    if (nodes.length < brokers) {
      throw new Error(`the scenario wants ${brokers} brokers, the cluster at ${bootstrap} has ${nodes.length}`);
    }
    nodes.sort((a, b) => a.id - b.id);
    const version = await externalVersion(ports, addressOf(bootstrap.split(',')[0]!));
    return new ExternalTarget(ports, bootstrap, version, nodes, nodeCommands, abilities);
  } finally {
    await admin.close();
  }
}

class ExternalTarget implements Target {
  readonly kind = 'external';
  readonly bootstrap: string;
  readonly version: string;
  readonly clock: Clock;
  readonly nodes: readonly ExternalNode[];
  readonly #ports: Ports;
  readonly #commands: NodeCommands;
  readonly #abilities: readonly Ability[];
  readonly #view: ClusterView;
  readonly #apps = new Map<string, ExternalApp>();
  readonly #lives: ExternalApp[] = [];

  constructor(
    ports: Ports,
    bootstrap: string,
    version: string,
    nodes: readonly ExternalNode[],
    commands: NodeCommands,
    abilities: readonly Ability[],
  ) {
    this.#ports = ports;
    this.bootstrap = bootstrap;
    this.version = version;
    this.nodes = nodes;
    this.#commands = commands;
    this.#abilities = abilities;
    this.clock = ports.clock;
    this.#view = new ClusterView(
      ports,
      (id) => nodes.find((node) => node.id === id)?.address ?? null,
      () => nodes.filter((node) => !node.isDown && !node.isPaused).map((node) => node.id),
    );
  }

  can(ability: Ability): boolean {
    return this.#abilities.includes(ability);
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
    const link = new AppLink(this.#ports.network);
    const ports = { ...this.#ports, network: link.network };
    const app: ExternalApp = {
      name,
      bootstrap,
      ports,
      guard,
      link,
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

  crashApp(name: string): void {
    const { guard, link } = this.#linked(name, 'crash-app');
    guard.kill();
    link.kill();
  }

  pauseApp(): void {
    throw new UnsupportedByTarget('external', 'pause-app');
  }

  resumeApp(): void {
    throw new UnsupportedByTarget('external', 'pause-app');
  }

  async killBroker(id?: number): Promise<void> {
    if (!this.can('kill-broker')) throw new UnsupportedByTarget('external', 'kill-broker');
    const node = nodeMeant(this.nodes, id);
    if (node.isDown) return;
    node.isDown = true;
    await runNodeCommand(this.#commands.kill!, node.id);
  }

  async stopBroker(): Promise<void> {
    throw new UnsupportedByTarget('external', 'stop-broker');
  }

  async powerCutBroker(): Promise<void> {
    throw new UnsupportedByTarget('external', 'power-cut');
  }

  async startBroker(id?: number): Promise<void> {
    if (id === undefined && this.nodes.every((node) => !node.isDown)) return;
    const node = nodeMeant(this.nodes, id);
    if (!node.isDown) return;
    await runNodeCommand(this.#commands.start!, node.id);
    this.#view.drop(node.id);
    await this.#whenLive(node);
    node.isDown = false;
  }

  async pauseBroker(id?: number): Promise<void> {
    if (!this.can('pause-broker')) throw new UnsupportedByTarget('external', 'pause-broker');
    const node = nodeMeant(this.nodes, id);
    await runNodeCommand(this.#commands.pause!, node.id);
    node.isPaused = true;
  }

  resumeBroker(id?: number): Promise<void> {
    return this.#resume(nodeMeant(this.nodes, id));
  }

  cutNodes(): void {
    throw new UnsupportedByTarget('external', 'cut-nodes');
  }

  healNodes(): void {}

  slowLink(): void {
    throw new UnsupportedByTarget('external', 'slow-link');
  }

  setClock(): void {
    throw new UnsupportedByTarget('external', 'clock-skew');
  }

  fillDisk(): void {
    throw new UnsupportedByTarget('external', 'fill-disk');
  }

  freeDisk(): void {}

  cutLink(app: string, direction: LinkDirection = 'both', id?: number): void {
    this.#linked(app, 'cut-link').link.cut(direction, this.#addressOf(id));
  }

  healLink(app: string, id?: number): void {
    this.#linked(app, 'cut-link').link.heal(this.#addressOf(id));
  }

  dropNextResponse(app: string): void {
    this.#linked(app, 'drop-response').link.loseNextAnswer();
  }

  breakLink(app: string): void {
    this.#linked(app, 'cut-link').link.breakAll();
  }

  partitionOf(topic: string, partition: number): Promise<PartitionState | null> {
    return this.#view.partition(topic, partition);
  }

  controller(): Promise<number | null> {
    return this.#view.controller();
  }

  async heal(): Promise<void> {
    for (const { link } of this.#lives) link.heal();
    await Promise.all(this.nodes.map((node) => this.#resume(node)));
    await Promise.all(this.nodes.map((node) => this.startBroker(node.id)));
  }

  async close(): Promise<void> {
    await Promise.all(this.#lives.map((app) => app.guard.close()));
    await Promise.all(this.#lives.map((app) => app.link.close()));
    // A run that failed must not leave the user's cluster down.
    await this.heal().finally(() => this.#view.close());
  }

  /** The command ended; the broker has yet to catch up and to be let in. */
  async #whenLive({ id }: ExternalNode): Promise<void> {
    const began = this.clock.monotonic();
    while (!(await this.#view.isLive(id))) {
      if (this.clock.monotonic() - began > LIVE_MS_MAX) {
        throw new Error(
          `broker ${id} was started, and does not count itself among the live ones after ${LIVE_MS_MAX} ms`,
        );
      }
      await sleep(this.clock, LOOK_MS);
    }
  }

  #addressOf(id: number | undefined): Address | undefined {
    return id === undefined ? undefined : nodeMeant(this.nodes, id).address;
  }

  #linked(name: string, ability: Ability): ExternalApp {
    if (!this.can(ability)) throw new UnsupportedByTarget('external', ability);
    const app = this.#apps.get(name);
    if (app === undefined) throw new Error(`no application process ${name}`);
    return app;
  }

  async #resume(node: ExternalNode): Promise<void> {
    if (!node.isPaused) return;
    await runNodeCommand(this.#commands.resume!, node.id);
    node.isPaused = false;
  }
}
