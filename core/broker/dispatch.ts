import { ErrorCode } from '../protocol/errors.ts';
import { readRequestHeader, requestHeaderVersion } from '../protocol/header.ts';
import { ApiVersions } from '../protocol/messages/18-api-versions.ts';
import { Reader } from '../protocol/reader.ts';
import { encodeResponse } from '../rpc/request-codec.ts';
import type { Reply, ServerConnection } from '../rpc/server-connection.ts';
import { type Handler, NoResponse } from './handler.ts';
import { RequestThrottle } from './quotas/quotas.ts';
import type { BrokerServices } from './services.ts';

/** Array elements of one request, all together: a frame of 100 MiB could hold so many that the objects would fill the heap. */
const ELEMENTS_MAX = 500_000;

/**
 * From frame to handler to frame.
 *
 * Invariants:
 * - A request is decoded only at a key and version that have a handler; any other one closes the connection, except ApiVersions at an unknown version,
 *   which is answered in version 0 without a look at its body, so that the client can choose again.
 * - Every answer says for how long its client is throttled, if it is, and the connection is not read for so long after it.
 * - Bytes that cannot be read close the connection (WireError). Bytes behind the request are not looked at, as in Kafka: librdkafka 2.16 sends three of them
 *   with Metadata v13.
 */
export class Dispatch {
  private readonly broker: BrokerServices;
  private readonly handlers: ReadonlyMap<number, Handler>;

  constructor(broker: BrokerServices, handlers: readonly Handler[]) {
    this.broker = broker;
    this.handlers = new Map(handlers.map((each) => [each.api.key, each]));
  }

  handle(frame: Buffer, connection: ServerConnection, listenerName: string): Reply | Promise<Reply> {
    const reader = new Reader(frame);
    const header = readRequestHeader(reader, (apiKey, apiVersion) => {
      const api = this.handlers.get(apiKey)?.api;
      if (api === undefined || apiVersion < api.request.versionMin || apiVersion > api.request.versionMax) return;
      return requestHeaderVersion(api, apiVersion);
    });
    const { apiKey, apiVersion, correlationId } = header;
    const handler = this.handlers.get(apiKey);
    if (handler === undefined) return this.refuse(`unknown API key ${apiKey}`);
    const { api } = handler;
    if (apiVersion < api.request.versionMin || apiVersion > api.request.versionMax) {
      if (apiKey === ApiVersions.key) return { kind: 'send', parts: unsupportedApiVersions(correlationId) };
      return this.refuse(`${api.name} has no version ${apiVersion}`);
    }
    reader.elementsLeft = ELEMENTS_MAX;
    const request = api.request.read(reader, apiVersion);
    this.count(api.name);
    this.broker.metrics.tally?.note(apiKey, apiVersion, header.clientId, connection, request as object);
    const { clock, quotas } = this.broker;
    const throttle = new RequestThrottle(quotas, clock, header.clientId);
    const answer = handler.handle(this.broker, request, {
      apiVersion,
      clientId: header.clientId,
      connection,
      listenerName,
      frameBytes: frame.length,
      throttle,
    });
    const reply = (body: unknown): Reply => {
      throttle.chargeTime();
      const muteMs = throttle.throttleMs;
      if (body instanceof NoResponse) {
        return body.closeReason === null ? { kind: 'nothing', muteMs } : { kind: 'close', reason: body.closeReason };
      }
      const told = muteMs > 0 ? { ...(body as object), throttleTimeMs: muteMs } : body;
      return { kind: 'send', parts: encodeResponse(api, apiVersion, correlationId, told as never), muteMs };
    };
    if (!(answer instanceof Promise)) return reply(answer);
    throttle.waits();
    return answer.then(reply);
  }

  private count(name: string): void {
    const { requests } = this.broker.metrics;
    requests.set(name, (requests.get(name) ?? 0) + 1);
  }

  private refuse(reason: string): Reply {
    this.broker.metrics.requestsRefused++;
    return { kind: 'close', reason };
  }
}

function unsupportedApiVersions(correlationId: number) {
  const { key, request } = ApiVersions;
  return encodeResponse(ApiVersions, 0, correlationId, {
    errorCode: ErrorCode.UNSUPPORTED_VERSION,
    apiKeys: [{ apiKey: key, minVersion: request.versionMin, maxVersion: request.versionMax }],
  });
}
