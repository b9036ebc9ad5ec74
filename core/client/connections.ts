import type { Address } from '../ports/network.ts';
import { Link, type LinkOptions, type LinkPorts } from '../rpc/link.ts';
import { addressOf, type CommonConfig } from './client-config.ts';

/** The ports that a client needs: it has no files. */
export type ClientPorts = LinkPorts;

export interface BrokerAddress extends Address {
  readonly nodeId: number;
}

/**
 * The brokers that this client talks to: links by node id, and the bootstrap addresses until (and whenever) no broker is known or can be reached.
 *
 * A channel is a connection of its own to the same broker: a broker answers one request at a time on each, so a long poll on one
 * must not hold up heartbeats on another.
 */
export class Connections {
  private readonly ports: ClientPorts;
  private readonly options: LinkOptions;
  private readonly bootstrap: Map<string, Link>;
  private readonly links = new Map<string, Link>();
  private brokers = new Map<number, BrokerAddress>();
  private closed = false;

  constructor(ports: ClientPorts, config: CommonConfig, inFlightMax = 100) {
    this.ports = ports;
    this.options = {
      clientId: config['client.id'],
      inFlightMax,
      requestTimeoutMs: config['request.timeout.ms'],
      reconnectBackoffMs: config['reconnect.backoff.ms'],
      reconnectBackoffMsMax: config['reconnect.backoff.max.ms'],
      setupTimeoutMs: config['socket.connection.setup.timeout.ms'],
      setupTimeoutMsMax: config['socket.connection.setup.timeout.max.ms'],
      idleMsMax: config['connections.max.idle.ms'],
    };
    this.bootstrap = new Map(config['bootstrap.servers'].map((server) => [server, this.make(addressOf(server))]));
  }

  /** Takes the brokers that metadata named; links to those that are gone or moved are closed. */
  updateBrokers(brokers: readonly BrokerAddress[]): void {
    if (this.closed || brokers.length === 0) return;
    this.brokers = new Map(brokers.map((broker) => [broker.nodeId, broker]));
    this.dropMoved();
    for (const [server, link] of this.bootstrap) {
      if (link.openCount > 0 || link.ready === null) continue;
      link.close();
      this.bootstrap.set(server, this.make(addressOf(server)));
    }
  }

  /** Brokers that an answer named beside a new leader, before metadata does. */
  addBrokers(brokers: readonly BrokerAddress[]): void {
    if (this.closed) return;
    for (const broker of brokers) this.brokers.set(broker.nodeId, broker);
    this.dropMoved();
  }

  private dropMoved(): void {
    for (const [key, link] of this.links) {
      const broker = this.brokers.get(Number(key.split(':')[0]));
      if (broker === undefined) {
        if (link.openCount > 0) continue;
      } else if (broker.host === link.address.host && broker.port === link.address.port) continue;
      link.close();
      this.links.delete(key);
    }
  }

  /** The link to a broker, or null while metadata does not name it. */
  link(nodeId: number, channel = 'main'): Link | null {
    const key = `${nodeId}:${channel}`;
    const existing = this.links.get(key);
    if (existing !== undefined) return existing;
    const broker = this.brokers.get(nodeId);
    if (broker === undefined || this.closed) return null;
    const link = this.make({ host: broker.host, port: broker.port });
    this.links.set(key, link);
    return link;
  }

  /** The link to a broker whose address came with an answer (a coordinator). */
  linkTo(broker: BrokerAddress, channel: string): Link {
    const key = `${broker.nodeId}:${channel}`;
    const existing = this.links.get(key);
    if (existing !== undefined) {
      if (existing.address.host === broker.host && existing.address.port === broker.port) return existing;
      existing.close();
    }
    const link = this.make({ host: broker.host, port: broker.port });
    this.links.set(key, link);
    return link;
  }

  /**
   * Some broker: of those that are connected one that is least busy, else a random one that may be tried now, else the one that may be tried first.
   * Not always the same one: a broker that is cut off from its cluster answers what was true before.
   */
  any(): Link {
    const known = [...this.brokers.keys()].map((nodeId) => this.link(nodeId)).filter((link) => link !== null);
    const usable = known.filter((link) => link.ready !== null || link.backoffLeftMs === 0);
    const candidates = usable.length > 0 ? usable : [...known, ...this.bootstrap.values()];
    const ready = candidates.filter((link) => link.ready !== null);
    if (ready.length > 0) {
      const openCount = Math.min(...ready.map((link) => link.openCount));
      return this.oneOf(ready.filter((link) => link.openCount === openCount));
    }
    const now = candidates.filter((link) => link.backoffLeftMs === 0);
    if (now.length > 0) return now[this.ports.random.integer(now.length)]!;
    return candidates.reduce((a, b) => (b.backoffLeftMs < a.backoffLeftMs ? b : a));
  }

  private oneOf(links: readonly Link[]): Link {
    return links.length === 1 ? links[0]! : links[this.ports.random.integer(links.length)]!;
  }

  nodeIds(): readonly number[] {
    return [...this.brokers.keys()];
  }

  close(): void {
    this.closed = true;
    for (const link of this.links.values()) link.close();
    for (const link of this.bootstrap.values()) link.close();
  }

  private make(address: Address): Link {
    return new Link(this.ports, address, this.options);
  }
}
