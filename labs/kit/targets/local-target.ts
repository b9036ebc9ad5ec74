/**
 * The local target: real node processes on loopback, real sockets and files, faults by signals and by TCP proxies.
 *
 * Invariant: whatever the client is, all its bytes pass the proxies of its process's life, and those between nodes the proxies of the pair (`local-network.ts`); so
 * a cut or a crash hits those alone that it names. The application runs in this process: its crash cuts its connections, refuses new ones and
 * leaves everything it waits for pending for ever (`DriverGuard`).
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ClusterNode, formatLogDir } from '@mqlab/core/cli/cluster-layout.ts';
import { newId } from '@mqlab/core/controller/controller.ts';
import type { Clock } from '@mqlab/core/ports/clock.ts';
import type { Ports } from '@mqlab/core/ports/ports.ts';
import { realPorts } from '@mqlab/core/ports/real/ports.ts';
import type { ClientDriver, ClientName } from '../drivers/driver.ts';
import { DriverGuard } from '../drivers/guarded-driver.ts';
import { openDriver } from '../drivers/open-driver.ts';
import { clientVersion } from '../drivers/versions.ts';
import { ClusterView } from './cluster-view.ts';
import { HostedNode } from './hosted-node.ts';
import { LocalDisk } from './local-disk.ts';
import { LocalNetwork } from './local-network.ts';
import {
  type Ability,
  type AppProcess,
  type LinkSpeed,
  type NodeDirection,
  nodeMeant,
  type PartitionState,
  type Target,
  type TargetNode,
  type TargetSettings,
  UnsupportedByTarget,
} from './target.ts';
import type { TcpProxy } from './tcp-proxy.ts';

const RUN_MS_MAX = 120_000;
const STOP_MS_MAX = 30_000;
const CANNOT: readonly Ability[] = ['power-cut', 'pause-app', 'clock-skew'];

export async function openLocalTarget(settings: TargetSettings): Promise<Target> {
  const ports = realPorts();
  const shape = { brokers: settings.brokers ?? 1, controllers: settings.controllers ?? 0 };
  const data = await mkdtemp(join(tmpdir(), 'mqlab-lab-'));
  const network = await LocalNetwork.open(shape, newId(ports.random));
  const { layout } = network;
  const isSole = layout.nodes.length === 1;
  const nodes: LocalNode[] = [];
  for (const node of layout.nodes) {
    const folder = isSole && settings.diskBytes === undefined ? data : join(data, `node-${node.id}`);
    const disk = settings.diskBytes === undefined ? null : LocalDisk.open(folder, settings.diskBytes);
    if (!isSole) formatLogDir(ports.files, folder, layout.clusterId, node.id);
    const rack = settings.racks?.[(node.id - 1) % settings.racks.length];
    const properties = {
      ...network.propertiesOf(node, folder),
      ...(rack === undefined || !node.isBroker ? {} : { 'broker.rack': rack }),
      ...settings.broker,
    };
    const process = new HostedNode(properties, disk?.fullFile);
    nodes.push(new LocalNode(node, process, disk));
  }
  const hasNodes = settings.withoutBroker !== true;
  const target = new LocalTarget(ports, network, hasNodes ? nodes : [], data);
  if (!hasNodes) return target;
  try {
    await target.startAll();
  } catch (error) {
    await target.close();
    throw error;
  }
  return target;
}

class LocalNode implements TargetNode {
  readonly id: number;
  readonly isBroker: boolean;
  readonly isController: boolean;
  readonly port: number;
  readonly process: HostedNode;
  readonly disk: LocalDisk | null;
  isPaused = false;

  constructor(node: ClusterNode, process: HostedNode, disk: LocalDisk | null) {
    this.id = node.id;
    this.isBroker = node.isBroker;
    this.isController = node.isController;
    this.port = node.port;
    this.process = process;
    this.disk = disk;
  }
}

class LocalApp implements AppProcess {
  readonly name: string;
  readonly ports: Ports;
  /** By broker in order. */
  readonly proxies: readonly TcpProxy[];
  readonly guard = new DriverGuard();

  constructor(name: string, ports: Ports, proxies: readonly TcpProxy[]) {
    this.name = name;
    this.ports = ports;
    this.proxies = proxies;
  }

  get bootstrap(): string {
    return this.proxies.map((proxy) => `127.0.0.1:${proxy.port}`).join(',');
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
  readonly nodes: readonly LocalNode[];
  readonly #ports: Ports;
  readonly #network: LocalNetwork;
  readonly #data: string;
  readonly #view: ClusterView;
  readonly #apps = new Map<string, LocalApp>();
  readonly #lives: LocalApp[] = [];

  constructor(ports: Ports, network: LocalNetwork, nodes: readonly LocalNode[], data: string) {
    this.bootstrap = network.bootstrap;
    this.nodes = nodes;
    this.#network = network;
    this.#data = data;
    this.#ports = ports;
    this.clock = ports.clock;
    this.#view = new ClusterView(
      ports,
      (id) => ({ host: '127.0.0.1', port: nodeMeant(nodes, id).port }),
      () => nodes.filter((node) => node.isBroker && node.process.isRunning && !node.isPaused).map((node) => node.id),
    );
  }

  can(ability: Ability): boolean {
    if (ability === 'fill-disk') return this.nodes.every((node) => node.disk !== null);
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
    const app = new LocalApp(name, this.#ports, this.#network.life(this.#lives.length));
    this.#apps.set(name, app);
    this.#lives.push(app);
    return app;
  }

  crashApp(name: string): void {
    const app = this.#app(name);
    app.guard.kill();
    for (const proxy of app.proxies) proxy.kill();
  }

  pauseApp(): void {
    throw new UnsupportedByTarget('local', 'pause-app');
  }

  resumeApp(): void {
    throw new UnsupportedByTarget('local', 'pause-app');
  }

  killBroker(id?: number): Promise<void> {
    const node = nodeMeant(this.nodes, id);
    node.isPaused = false;
    return node.process.kill();
  }

  async stopBroker(id?: number): Promise<void> {
    await nodeMeant(this.nodes, id).process.stop(STOP_MS_MAX);
  }

  powerCutBroker(): Promise<void> {
    throw new UnsupportedByTarget('local', 'power-cut');
  }

  async startBroker(id?: number): Promise<void> {
    await nodeMeant(this.nodes, id).process.start();
  }

  /** Together: none is ready before a majority of the controllers is there. */
  async startAll(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.process.start()));
  }

  pauseBroker(id?: number): void {
    const node = nodeMeant(this.nodes, id);
    node.isPaused = node.process.isRunning;
    node.process.pause();
  }

  resumeBroker(id?: number): void {
    const node = nodeMeant(this.nodes, id);
    node.isPaused = false;
    node.process.resume();
  }

  cutNodes(a: number, b: number, direction: NodeDirection = 'both'): void {
    this.#network.cut(nodeMeant(this.nodes, a).id, nodeMeant(this.nodes, b).id, direction);
  }

  healNodes(a: number, b: number): void {
    this.#network.heal(nodeMeant(this.nodes, a).id, nodeMeant(this.nodes, b).id);
  }

  slowLink(a: number, b: number, speed: LinkSpeed): void {
    this.#network.slow(nodeMeant(this.nodes, a).id, nodeMeant(this.nodes, b).id, speed);
  }

  setClock(): void {
    throw new UnsupportedByTarget('local', 'clock-skew');
  }

  fillDisk(id: number): void {
    this.#diskOf(id).fill();
  }

  freeDisk(id: number): void {
    this.#diskOf(id).free();
  }

  cutLink(app: string, direction: 'both' | 'to-broker' | 'to-app' = 'both', id?: number): void {
    for (const proxy of this.#proxiesOf(app, id)) proxy.cut(direction);
  }

  healLink(app: string, id?: number): void {
    for (const proxy of this.#proxiesOf(app, id)) proxy.heal();
  }

  dropNextResponse(app: string): void {
    const { proxies } = this.#app(app);
    // The first of the brokers that answers: the others' answers arrive.
    for (const proxy of proxies) {
      proxy.dropNextResponse(() => {
        for (const other of proxies) if (other !== proxy) other.keepNextResponse();
      });
    }
  }

  partitionOf(topic: string, partition: number): Promise<PartitionState | null> {
    return this.#view.partition(topic, partition);
  }

  controller(): Promise<number | null> {
    return this.#view.controller();
  }

  breakLink(app: string): void {
    for (const proxy of this.#app(app).proxies) proxy.breakAll();
  }

  async heal(): Promise<void> {
    this.#network.healAll();
    for (const node of this.nodes) {
      this.resumeBroker(node.id);
      if (node.disk?.isFull !== true) continue;
      node.disk.free();
      // A log dir that met a full disk is offline until its broker starts again.
      await node.process.kill();
    }
    await this.startAll();
  }

  async close(): Promise<void> {
    this.#view.close();
    for (const node of this.nodes) this.resumeBroker(node.id);
    await Promise.all(this.#lives.map((app) => app.guard.close()));
    await this.#network.close();
    await Promise.all(this.nodes.map((node) => node.process.drop()));
    for (const node of this.nodes) node.disk?.close();
    await rm(this.#data, { recursive: true, force: true });
  }

  #diskOf(id: number): LocalDisk {
    const { disk } = nodeMeant(this.nodes, id);
    if (disk === null) throw new UnsupportedByTarget('local', 'fill-disk');
    return disk;
  }

  #proxiesOf(app: string, id: number | undefined): readonly TcpProxy[] {
    const { proxies } = this.#app(app);
    if (id === undefined) return proxies;
    const brokers = this.nodes.filter((node) => node.isBroker);
    return [proxies[brokers.indexOf(nodeMeant(brokers, id))]!];
  }

  #app(name: string): LocalApp {
    const app = this.#apps.get(name);
    if (app === undefined) throw new Error(`no application process ${name}`);
    return app;
  }
}
