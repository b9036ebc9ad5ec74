import type { Api, Fields, RequestOf, ResponseInput } from '../protocol/schema.ts';
import type { AnyApi } from '../rpc/request-codec.ts';
import type { ServerConnection } from '../rpc/server-connection.ts';
import type { RequestThrottle } from './quotas/quotas.ts';
import type { BrokerServices } from './services.ts';

/** The request beside its body. */
export interface RequestCall {
  readonly apiVersion: number;
  readonly clientId: string | null;
  readonly connection: ServerConnection;
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
 */
export interface Handler {
  readonly api: AnyApi;
  // biome-ignore lint/suspicious/noExplicitAny: typed where it is made, by handlerOf
  handle(broker: BrokerServices, request: any, call: RequestCall): any;
}

export function handlerOf<Req extends Fields, Res extends Fields>(
  api: Api<Req, Res>,
  handle: (
    broker: BrokerServices,
    request: RequestOf<Api<Req, Res>>,
    call: RequestCall,
  ) => Answer<Api<Req, Res>> | Promise<Answer<Api<Req, Res>>>,
): Handler {
  return { api, handle };
}
