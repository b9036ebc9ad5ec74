/**
 * The simulated target: brokers, controllers, clients and application in one SimWorld, on virtual time.
 *
 * Invariant: everything that happens follows from the settings and the seed. The lab's own code runs in a process `kit` that no fault touches; each
 * application process is a host of its own, linked to the host `broker`, in a cluster to `broker-1`, `broker-2`… and no controller.
 */

import {
  type ClusterLayout,
  formatLogDir,
  layoutProperties,
  planCluster,
  portCount,
} from '@mqlab/core/cli/cluster-layout.ts';
import type { Clock } from '@mqlab/core/ports/clock.ts';
import type { Ports } from '@mqlab/core/ports/ports.ts';
import type { SimProcess } from '@mqlab/core/ports/sim/process.ts';
import { SimWorld } from '@mqlab/core/ports/sim/world.ts';
import { ClusterInvariants } from '../cluster-invariants.ts';
import type { ClientDriver, ClientName } from '../drivers/driver.ts';
import { mqlabDriver } from '../drivers/mqlab-driver.ts';
import { clientVersion } from '../drivers/versions.ts';
import { ClusterView } from './cluster-view.ts';
import type { startBrokerOn } from './embedded-broker.ts';
import { SimNode } from './sim-node.ts';
import {
  type Ability,
  type AppProcess,
  type ClockChange,
  type LinkSpeed,
  type NodeDirection,
  nodeMeant,
  type PartitionState,
  type Target,
  type TargetSettings,
} from './target.ts';

const BROKER_PORT = 9092;
const CONTROLLER_PORT = 9093;
const LOG_DIR = '/data';
const CLUSTER_ID = 'c2ltdWxhdGVkLWNsdXN0ZQ';
const VIRTUAL_MS_MAX = 3_600_000;
const START_MS_MAX = 60_000;
/** What a slowed link needs besides: as fast as others are at best. */
const LATENCY_SPREAD = 1.5;

export async function openSimTarget(settings: TargetSettings): Promise<Target> {
  if (settings.withoutBroker === true) return new SimTarget(settings, null);
  // Loading takes real time, so it is done before the world begins.
  const { startBrokerOn } = await import('./embedded-broker.ts');
  const target = new SimTarget(settings, startBrokerOn);
  await target.run(() => target.startAll(), START_MS_MAX);
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

export class SimTarget implements Target {
  readonly kind = 'sim';
  readonly bootstrap: string;
  readonly version = `mqlab ${clientVersion('mqlab')}`;
  readonly clock: Clock;
  readonly world: SimWorld;
  readonly nodes: readonly SimNode[];
  readonly #kit: SimProcess;
  readonly #view: ClusterView;
  readonly #apps = new Map<string, SimProcess>();
  readonly #interceptions = new Set<() => void>();
  readonly #diskBytes: number | null;
  readonly #skewed = new Set<SimNode>();
  readonly #filled = new Set<SimNode>();

  constructor(settings: TargetSettings, start: typeof startBrokerOn | null) {
    this.world = new SimWorld({ seed: settings.seed });
    this.#kit = this.world.process('kit');
    this.clock = this.#kit.ports.clock;
    const layout = layoutOf(settings);
    this.#diskBytes = settings.diskBytes ?? null;
    this.nodes = start === null ? [] : nodesOf(this.world, layout, settings, start);
    const brokers = layout.nodes.filter((node) => node.isBroker);
    this.bootstrap = brokers.map(({ host, port }) => `${host}:${port}`).join(',');
    this.#view = new ClusterView(
      this.#kit.ports,
      (id) => ({ host: nodeMeant(this.nodes, id).host, port: BROKER_PORT }),
      () => this.nodes.filter((node) => node.isBroker && node.isReachable).map((node) => node.id),
    );
    for (const node of this.nodes) node.process.disk.capacityBytes = this.#diskBytes;
    const { onInvariant } = settings;
    if (onInvariant !== undefined && this.nodes.length > 0) this.#watch(onInvariant);
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
    if (name === 'kit' || this.nodes.some((node) => node.host === name)) {
      throw new Error(`${name} is not an application process`);
    }
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

  async killBroker(id?: number): Promise<void> {
    nodeMeant(this.nodes, id).kill();
  }

  stopBroker(id?: number): Promise<void> {
    return nodeMeant(this.nodes, id).stop();
  }

  async powerCutBroker(ids?: number | readonly number[]): Promise<void> {
    const meant = typeof ids === 'object' ? ids.map((id) => nodeMeant(this.nodes, id)) : [nodeMeant(this.nodes, ids)];
    for (const node of meant) node.ended();
    this.world.powerCut(meant.map((node) => node.host));
  }

  startBroker(id?: number): Promise<void> {
    return nodeMeant(this.nodes, id).start();
  }

  /** Together: none is ready before a majority of the controllers is there. */
  async startAll(): Promise<void> {
    if (this.nodes.length === 1) return this.nodes[0]!.start();
    await Promise.all(this.nodes.map((node) => node.start()));
  }

  pauseBroker(id?: number): void {
    nodeMeant(this.nodes, id).process.pause();
  }

  resumeBroker(id?: number): void {
    nodeMeant(this.nodes, id).process.resume();
  }

  cutNodes(a: number, b: number, direction: NodeDirection = 'both'): void {
    const [one, other] = [nodeMeant(this.nodes, a).host, nodeMeant(this.nodes, b).host];
    if (direction !== 'b-to-a') this.world.network.cut(one, other, { oneWay: true });
    if (direction !== 'a-to-b') this.world.network.cut(other, one, { oneWay: true });
  }

  healNodes(a: number, b: number): void {
    const [one, other] = [nodeMeant(this.nodes, a).host, nodeMeant(this.nodes, b).host];
    this.world.network.heal(one, other);
    this.world.network.reset(one, other);
  }

  slowLink(a: number, b: number, { latencyMs, bytesPerMs }: LinkSpeed): void {
    this.world.network.link(nodeMeant(this.nodes, a).host, nodeMeant(this.nodes, b).host, {
      ...(latencyMs === undefined ? {} : { latencyMs: [latencyMs, latencyMs * LATENCY_SPREAD] as const }),
      ...(bytesPerMs === undefined ? {} : { bytesPerMs }),
    });
  }

  setClock(id: number, change: ClockChange): void {
    const node = nodeMeant(this.nodes, id);
    this.#skewed.add(node);
    node.process.setClock(change);
  }

  fillDisk(id: number): void {
    const node = nodeMeant(this.nodes, id);
    const { disk } = node.process;
    this.#filled.add(node);
    disk.capacityBytes = disk.usedBytes;
  }

  freeDisk(id: number): void {
    const node = nodeMeant(this.nodes, id);
    this.#filled.delete(node);
    node.process.disk.capacityBytes = this.#diskBytes;
  }

  cutLink(app: string, direction: 'both' | 'to-broker' | 'to-app' = 'both', id?: number): void {
    const { network } = this.world;
    for (const host of this.#brokerHosts(id)) {
      if (direction === 'both') network.cut(app, host);
      else if (direction === 'to-broker') network.cut(app, host, { oneWay: true });
      else network.cut(host, app, { oneWay: true });
    }
  }

  healLink(app: string, id?: number): void {
    for (const host of this.#brokerHosts(id)) this.world.network.heal(app, host);
  }

  dropNextResponse(app: string): void {
    const hosts = this.#brokerHosts(undefined);
    const stop = this.world.network.intercept((event) => {
      if (event.kind !== 'send' || event.to !== app || !hosts.includes(event.from)) return 'deliver';
      stop();
      this.#interceptions.delete(stop);
      return 'drop-connection-before';
    });
    this.#interceptions.add(stop);
  }

  breakLink(app: string): void {
    for (const host of this.#brokerHosts(undefined)) this.world.network.break(app, host);
  }

  partitionOf(topic: string, partition: number): Promise<PartitionState | null> {
    return this.#view.partition(topic, partition);
  }

  controller(): Promise<number | null> {
    return this.#view.controller();
  }

  async heal(): Promise<void> {
    for (const stop of this.#interceptions) stop();
    this.#interceptions.clear();
    this.world.network.healAll();
    for (const node of this.#skewed) node.process.setClock({ skewMs: 0, driftPpm: 0 });
    this.#skewed.clear();
    for (const node of this.#filled) {
      this.freeDisk(node.id);
      // A log dir that met a full disk is offline until its broker starts again.
      node.kill();
    }
    for (const process of this.world.processes) process.resume();
    if (this.nodes.length > 0) await this.startAll();
  }

  async close(): Promise<void> {
    this.#view.close();
    for (const process of this.world.processes) process.crash();
  }

  #watch(onInvariant: NonNullable<TargetSettings['onInvariant']>): void {
    const invariants = new ClusterInvariants(onInvariant);
    const byProcess = new Map(this.nodes.map((node) => [node.process, node]));
    this.world.observer = (life) => {
      const node = life === null ? undefined : byProcess.get(life.process);
      const view = node?.running?.inspect?.();
      if (view === undefined || !life!.alive) return;
      invariants.observe(view, life!.id);
    };
  }

  #brokerHosts(id: number | undefined): string[] {
    const meant = id === undefined ? this.nodes.filter((node) => node.isBroker) : [nodeMeant(this.nodes, id)];
    return meant.map((node) => node.host);
  }

  #app(name: string): SimProcess {
    const process = this.#apps.get(name);
    if (process === undefined) throw new Error(`no application process ${name}`);
    return process;
  }
}

function layoutOf({ brokers = 1, controllers = 0 }: TargetSettings): ClusterLayout {
  const isSole = brokers === 1 && controllers === 0;
  const shape = { brokers, controllers };
  const ports = Array.from({ length: portCount(shape) }, (_, at) => (at < brokers ? BROKER_PORT : CONTROLLER_PORT));
  const hostOf = (id: number): string => (isSole ? 'broker' : id > brokers ? `controller-${id}` : `broker-${id}`);
  return planCluster(shape, CLUSTER_ID, ports, hostOf);
}

function nodesOf(
  world: SimWorld,
  layout: ClusterLayout,
  settings: TargetSettings,
  start: typeof startBrokerOn,
): SimNode[] {
  const isSole = layout.nodes.length === 1;
  return layout.nodes.map((node) => {
    const rack = settings.racks?.[(node.id - 1) % settings.racks.length];
    const properties = {
      ...layoutProperties(layout, node, LOG_DIR),
      ...(rack === undefined || !node.isBroker ? {} : { 'broker.rack': rack }),
      ...settings.broker,
    };
    return new SimNode(world, node, node.host, node.port || node.controllerPort, (ports) => {
      if (!isSole) formatLogDir(ports.files, LOG_DIR, layout.clusterId, node.id);
      return start(ports, properties);
    });
  });
}
