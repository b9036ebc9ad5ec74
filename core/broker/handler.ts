import type { Address } from '../ports/network.ts';
import type { Api, Fields, RequestOf, ResponseInput } from '../protocol/schema.ts';
import type { AnyApi } from '../rpc/request-codec.ts';
import type { RequestThrottle } from './quotas/quotas.ts';
import type { BrokerServices, NodeServices } from './services.ts';

/** Who sent the request: a connection, or this node itself. */
export interface Caller {
  readonly remote: Address;
  readonly local: Address;
  /** Returns how to stop listening. */
  whenClosed(listener: () => void): () => void;
}

/** The request beside its body. */
export interface RequestCall {
  readonly apiVersion: number;
  readonly clientId: string | null;
  readonly connection: Caller;
  /** The name of the listener that the client came through: it is told addresses of that name. */
  readonly listenerName: string;
  /** The size of the whole request. */
  readonly frameBytes: number;
  /** What it uses of its client's quotas. */
  readonly throttle: RequestThrottle;
}

/** Instead of a response: produce with acks=0 has none, and ends the connection on an error. */
export class NoResponse {
  /** Why the connection is to be closed, or null. */
  readonly closeReason: string | null;

  constructor(closeReason: string | null = null) {
    this.closeReason = closeReason;
  }
}

export type Answer<A> = ResponseInput<A> | NoResponse;

/**
 * One API's handler. Byte views in the request are valid until the first await: the frame's memory is used again. Who keeps them copies them.
 *
 * `Services` is what it needs: a controller serves those that do with `NodeServices`.
 */
export interface Handler<Services = BrokerServices> {
  readonly api: AnyApi;
  // biome-ignore lint/suspicious/noExplicitAny: typed where it is made, by handlerOf
  readonly handle: (node: Services, request: any, call: RequestCall) => any;
}

type Handle<Services, Req extends Fields, Res extends Fields> = (
  node: Services,
  request: RequestOf<Api<Req, Res>>,
  call: RequestCall,
) => Answer<Api<Req, Res>> | Promise<Answer<Api<Req, Res>>>;

export function handlerOf<Req extends Fields, Res extends Fields>(
  api: Api<Req, Res>,
  handle: Handle<BrokerServices, Req, Res>,
): Handler {
  return { api, handle };
}

/** Of an API that nodes without the broker's role serve as well. */
export function nodeHandlerOf<Req extends Fields, Res extends Fields>(
  api: Api<Req, Res>,
  handle: Handle<NodeServices, Req, Res>,
): Handler<NodeServices> {
  return { api, handle };
}
