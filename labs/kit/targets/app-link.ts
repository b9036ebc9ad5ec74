/**
 * The link between an application process here and a cluster that the kit did not start: each address that the cluster advertises is reached through a TCP proxy of this
 * process's own, so that its link can be cut and broken, its answers lost and its life ended, and nobody else's.
 *
 * Invariant: the addresses stay the cluster's, for the proxy is put in where a connection is made. So this holds for clients that connect by the network port, the own one; foreign
 * clients open sockets themselves. What was said of the link holds for proxies opened later too; there is one for each address of the cluster.
 */
import type { Address, Connection, Network } from '@mqlab/core/ports/network.ts';
import { NetworkError } from '@mqlab/core/ports/network.ts';
import { TcpProxy } from './tcp-proxy.ts';

export type LinkDirection = 'both' | 'to-broker' | 'to-app';

export class AppLink {
  readonly network: Network;
  readonly #proxies = new Map<string, Promise<TcpProxy>>();
  readonly #opened = new Map<string, TcpProxy>();
  /** By address; `null` is every address. */
  readonly #cuts = new Map<string | null, LinkDirection>();
  #losesAnswer = false;
  #isDead = false;

  constructor(network: Network) {
    this.network = {
      listen: (address, onConnection) => network.listen(address, onConnection),
      connect: (address, timeoutMs) => this.#connect(network, address, timeoutMs),
    };
  }

  cut(direction: LinkDirection, address?: Address): void {
    const key = address === undefined ? null : keyOf(address);
    this.#cuts.set(key, direction);
    for (const proxy of this.#proxiesOf(key)) proxy.cut(direction);
  }

  heal(address?: Address): void {
    const key = address === undefined ? null : keyOf(address);
    if (key === null) {
      this.#cuts.clear();
      this.#losesAnswer = false;
    } else this.#cuts.delete(key);
    for (const proxy of this.#proxiesOf(key)) proxy.heal();
  }

  /** Of the first broker that answers: the others' answers arrive. */
  loseNextAnswer(): void {
    this.#losesAnswer = true;
    for (const proxy of this.#opened.values()) this.#loseAnswerOf(proxy);
  }

  breakAll(): void {
    for (const proxy of this.#opened.values()) proxy.breakAll();
  }

  /** The process is gone: its connections end, and it makes no new ones. */
  kill(): void {
    this.#isDead = true;
    for (const proxy of this.#opened.values()) proxy.kill();
  }

  async close(): Promise<void> {
    this.kill();
    const proxies = await Promise.all(this.#proxies.values());
    await Promise.all(proxies.map((proxy) => proxy.close()));
  }

  async #connect(network: Network, address: Address, timeoutMs: number): Promise<Connection> {
    const proxy = await this.#proxyTo(address);
    if (this.#isDead) throw new NetworkError('ECONNREFUSED', 'the application process is gone');
    return network.connect({ host: '127.0.0.1', port: proxy.port }, timeoutMs);
  }

  #proxyTo(address: Address): Promise<TcpProxy> {
    const key = keyOf(address);
    const known = this.#proxies.get(key);
    if (known !== undefined) return known;
    const opening = TcpProxy.open(address).then((proxy) => {
      this.#opened.set(key, proxy);
      for (const cut of [this.#cuts.get(null), this.#cuts.get(key)]) if (cut !== undefined) proxy.cut(cut);
      if (this.#losesAnswer) this.#loseAnswerOf(proxy);
      if (this.#isDead) proxy.kill();
      return proxy;
    });
    this.#proxies.set(key, opening);
    return opening;
  }

  #loseAnswerOf(proxy: TcpProxy): void {
    proxy.dropNextResponse(() => {
      this.#losesAnswer = false;
      for (const other of this.#opened.values()) if (other !== proxy) other.keepNextResponse();
    });
  }

  #proxiesOf(key: string | null): readonly TcpProxy[] {
    if (key === null) return [...this.#opened.values()];
    const proxy = this.#opened.get(key);
    return proxy === undefined ? [] : [proxy];
  }
}

function keyOf({ host, port }: Address): string {
  return `${host}:${port}`;
}
