/**
 * Who reaches whom on real sockets, and through which proxy.
 *
 * Invariant: each life of an application process has a listener of every broker to itself, which advertises that life's proxy; each node has a listener of every
 * other broker to itself (`NODE_k`, the name of node k's inter-broker listener), which advertises a proxy for that pair, and reaches the controllers by proxies of
 * its own, named in its controller.quorum.voters. So all bytes between two of them pass where they can be cut, and a cut hits those two alone.
 *
 * | from | to | through |
 * |---|---|---|
 * | life n of an application | broker b | listener `APPn` of b, advertised as its proxy |
 * | node k | broker b | listener `NODE_k` of b, advertised as its proxy |
 * | node k | controller c | a proxy that stands in k's controller.quorum.voters |
 * | the kit | broker b | listener `PLAINTEXT`, directly |
 */
import {
  type ClusterLayout,
  type ClusterNode,
  type ClusterShape,
  layoutProperties,
  planCluster,
  portCount,
  votersText,
} from '@mqlab/core/cli/cluster-layout.ts';
import { freePorts } from '@mqlab/core/cli/free-ports.ts';
import type { LinkSpeed, NodeDirection } from './target.ts';
import { TcpProxy } from './tcp-proxy.ts';

const HOST = '127.0.0.1';
/** Lives of application processes in one run. */
const LIVES_MAX = 24;
const LIVES_MAX_IN_CLUSTER = 12;

interface Listener {
  readonly name: string;
  readonly port: number;
  /** null: reached directly. */
  readonly proxy: TcpProxy | null;
}

export class LocalNetwork {
  readonly layout: ClusterLayout;
  readonly livesMax: number;
  readonly #listeners: ReadonlyMap<number, readonly Listener[]>;
  /** Of each life, by broker in order. */
  readonly #lives: readonly (readonly TcpProxy[])[];
  /** By who connects, then by who is reached. */
  readonly #pairs: ReadonlyMap<string, readonly TcpProxy[]>;
  readonly #controllerProxies: ReadonlyMap<string, TcpProxy>;
  readonly #all: readonly TcpProxy[];

  private constructor(
    layout: ClusterLayout,
    listeners: ReadonlyMap<number, readonly Listener[]>,
    lives: readonly (readonly TcpProxy[])[],
    pairs: ReadonlyMap<string, readonly TcpProxy[]>,
    controllerProxies: ReadonlyMap<string, TcpProxy>,
  ) {
    this.layout = layout;
    this.livesMax = lives.length;
    this.#listeners = listeners;
    this.#lives = lives;
    this.#pairs = pairs;
    this.#controllerProxies = controllerProxies;
    this.#all = [...lives.flat(), ...[...pairs.values()].flat()];
  }

  static async open(shape: ClusterShape, clusterId: string): Promise<LocalNetwork> {
    const isSole = shape.brokers === 1 && shape.controllers === 0;
    const livesMax = isSole ? LIVES_MAX : LIVES_MAX_IN_CLUSTER;
    const ofNodes = portCount(shape);
    const perBroker = livesMax + (isSole ? 0 : shape.brokers);
    const ports = await freePorts(ofNodes + shape.brokers * perBroker);
    const layout = planCluster(shape, clusterId, ports);
    const brokers = layout.nodes.filter((node) => node.isBroker);
    const listeners = new Map<number, readonly Listener[]>();
    const pairs = new Map<string, TcpProxy[]>();
    const controllerProxies = new Map<string, TcpProxy>();
    const lives: TcpProxy[][] = Array.from({ length: livesMax }, () => []);
    let next = ofNodes;
    const openProxy = (port: number): Promise<TcpProxy> => TcpProxy.open({ host: HOST, port });
    const pair = async (from: ClusterNode, to: ClusterNode, port: number): Promise<TcpProxy> => {
      const proxy = await openProxy(port);
      const key = pairKey(from.id, to.id);
      pairs.set(key, [...(pairs.get(key) ?? []), proxy]);
      return proxy;
    };
    for (const broker of brokers) {
      const own: Listener[] = [];
      for (const [at, life] of lives.entries()) {
        const port = ports[next++]!;
        const proxy = await openProxy(port);
        life.push(proxy);
        own.push({ name: `APP${at}`, port, proxy });
      }
      for (const from of isSole ? [] : brokers) {
        const port = ports[next++]!;
        const proxy = from.id === broker.id ? null : await pair(from, broker, port);
        own.push({ name: nodeListener(from.id), port, proxy });
      }
      listeners.set(broker.id, own);
    }
    for (const from of isSole ? [] : layout.nodes) {
      for (const to of layout.nodes) {
        if (!to.isController || to.id === from.id) continue;
        controllerProxies.set(pairKey(from.id, to.id), await pair(from, to, to.controllerPort));
      }
    }
    return new LocalNetwork(layout, listeners, lives, pairs, controllerProxies);
  }

  /** For the kit: no fault touches it. */
  get bootstrap(): string {
    return this.layout.nodes
      .filter((node) => node.isBroker)
      .map(({ host, port }) => `${host}:${port}`)
      .join(',');
  }

  propertiesOf(node: ClusterNode, logDir: string): Record<string, string> {
    const properties = layoutProperties(this.layout, node, logDir);
    const own = this.#listeners.get(node.id) ?? [];
    const voters = votersText(this.layout, (voter) => {
      const proxy = this.#controllerProxies.get(pairKey(node.id, voter.id));
      return { host: HOST, port: proxy?.port ?? voter.controllerPort };
    });
    if (own.length === 0) return { ...properties, 'controller.quorum.voters': voters };
    const isSole = voters === '';
    return {
      ...properties,
      listeners: [properties.listeners!, ...own.map(({ name, port }) => `${name}://${HOST}:${port}`)].join(','),
      'advertised.listeners': [
        `PLAINTEXT://${HOST}:${node.port}`,
        ...own.map(({ name, port, proxy }) => `${name}://${HOST}:${proxy?.port ?? port}`),
      ].join(','),
      'listener.security.protocol.map': ['PLAINTEXT', ...(isSole ? [] : ['CONTROLLER']), ...own.map(({ name }) => name)]
        .map((name) => `${name}:PLAINTEXT`)
        .join(','),
      'inter.broker.listener.name': isSole ? 'PLAINTEXT' : nodeListener(node.id),
      ...(isSole ? {} : { 'controller.quorum.voters': voters }),
    };
  }

  /** The proxies of a life of an application, by broker in order. */
  life(at: number): readonly TcpProxy[] {
    const proxies = this.#lives[at];
    if (proxies === undefined) throw new Error(`more than ${this.livesMax} lives of application processes in one run`);
    return proxies;
  }

  cut(a: number, b: number, direction: NodeDirection): void {
    // What `a` opened carries its bytes towards the broker; what `b` opened carries them towards the application.
    const [forth, back] = [this.#between(a, b), this.#between(b, a)];
    if (direction !== 'b-to-a') {
      for (const proxy of forth) proxy.cut('to-broker');
      for (const proxy of back) proxy.cut('to-app');
    }
    if (direction !== 'a-to-b') {
      for (const proxy of forth) proxy.cut('to-app');
      for (const proxy of back) proxy.cut('to-broker');
    }
  }

  slow(a: number, b: number, speed: LinkSpeed): void {
    for (const proxy of [...this.#between(a, b), ...this.#between(b, a)]) proxy.slow(speed);
  }

  heal(a: number, b: number): void {
    for (const proxy of [...this.#between(a, b), ...this.#between(b, a)]) proxy.heal();
  }

  healAll(): void {
    for (const proxy of this.#all) proxy.heal();
  }

  async close(): Promise<void> {
    await Promise.all(this.#all.map((proxy) => proxy.close()));
  }

  #between(from: number, to: number): readonly TcpProxy[] {
    return this.#pairs.get(pairKey(from, to)) ?? [];
  }
}

function pairKey(from: number, to: number): string {
  return `${from}>${to}`;
}

function nodeListener(id: number): string {
  return `NODE_${id}`;
}
