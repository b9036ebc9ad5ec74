import type { Address } from '../ports/network.ts';
import type { Api, Fields, RequestInput, ResponseOf } from '../protocol/schema.ts';
import { Link, type LinkOptions, type LinkPorts } from './link.ts';
import type { SendOptions } from './rpc-client.ts';
import { RpcError } from './rpc-error.ts';

/**
 * The other nodes of the cluster as this one reaches them, by node id. Where a node is reached now is asked at each request: it moves with its registration.
 *
 * Invariants: one connection to a node and channel (a server answers one request at a time on each, so a long poll must not hold up what is urgent);
 * nothing is repeated here: who asks knows whether it may ask again.
 */
export interface NodeLinksOptions extends Partial<LinkOptions> {
  /** Null while nobody knows. */
  readonly addressOf: (nodeId: number) => Address | null;
}

const DEFAULTS: LinkOptions = {
  clientId: 'mqlab-node',
  inFlightMax: 100,
  requestTimeoutMs: 30_000,
  reconnectBackoffMs: 50,
  reconnectBackoffMsMax: 500,
  setupTimeoutMs: 2_000,
  setupTimeoutMsMax: 5_000,
  versionsTimeoutMs: 2_000,
  idleMsMax: 300_000,
};

export class NodeLinks {
  private readonly ports: LinkPorts;
  private readonly options: LinkOptions;
  private readonly addressOf: (nodeId: number) => Address | null;
  private readonly links = new Map<string, Link>();
  private closed = false;

  constructor(ports: LinkPorts, { addressOf, ...options }: NodeLinksOptions) {
    this.ports = ports;
    this.options = { ...DEFAULTS, ...options };
    this.addressOf = addressOf;
  }

  /** Rejects with RpcError: also when nobody knows where the node is. */
  send<Req extends Fields, Res extends Fields>(
    nodeId: number,
    api: Api<Req, Res>,
    body: RequestInput<Api<Req, Res>>,
    options: SendOptions & { readonly channel?: string } = {},
  ): Promise<ResponseOf<Api<Req, Res>>> {
    const link = this.link(nodeId, options.channel ?? 'main');
    if (link === null) {
      const message = this.closed ? 'the links of this node are closed' : `nobody knows where node ${nodeId} is`;
      return Promise.reject(new RpcError(this.closed ? 'closed' : 'connect-failed', 'not-sent', message));
    }
    return link.request(api, body, options);
  }

  /** Ends the connections to a node: the next request makes new ones. What is open on them fails. */
  drop(nodeId: number): void {
    for (const [key, link] of this.links) {
      if (!key.startsWith(`${nodeId}:`)) continue;
      link.close();
      this.links.delete(key);
    }
  }

  close(): void {
    this.closed = true;
    for (const link of this.links.values()) link.close();
    this.links.clear();
  }

  private link(nodeId: number, channel: string): Link | null {
    const address = this.addressOf(nodeId);
    if (address === null || this.closed) return null;
    const key = `${nodeId}:${channel}`;
    const existing = this.links.get(key);
    if (existing !== undefined) {
      if (existing.address.host === address.host && existing.address.port === address.port) return existing;
      existing.close();
    }
    const link = new Link(this.ports, address, this.options);
    this.links.set(key, link);
    return link;
  }
}
