import { NotControllerError } from '../controller/controller.ts';
import { ErrorCode } from '../protocol/errors.ts';
import { type RequestHeader, readRequestHeader, requestHeaderVersion } from '../protocol/header.ts';
import { ApiVersions } from '../protocol/messages/18-api-versions.ts';
import { Reader } from '../protocol/reader.ts';
import { encodeResponse } from '../rpc/request-codec.ts';
import type { Reply } from '../rpc/server-connection.ts';
import { type Caller, type Handler, NoResponse, type RequestCall } from './handler.ts';
import { RequestThrottle } from './quotas/quotas.ts';
import type { NodeServices } from './services.ts';
import { unanswered } from './unanswered.ts';

/** Array elements of one request, all together: a frame of 100 MiB could hold so many that the objects would fill the heap. */
const ELEMENTS_MAX = 500_000;
const NONE: ReadonlySet<number> = new Set();
const SIZE_BYTES = 4;

/**
 * From frame to handler to frame.
 *
 * Invariants:
 * - A request is decoded only at a key and version that have a handler; any other one closes the connection, except ApiVersions at an unknown version,
 *   which is answered in version 0 without a look at its body, so that the client can choose again.
 * - Every answer says for how long its client is throttled, if it is, and the connection is not read for so long after it.
 * - Bytes that cannot be read close the connection (WireError). Bytes behind the request are not looked at, as in Kafka: librdkafka 2.16 sends three of them
 *   with Metadata v13.
 * - What only the controller decides goes to the active one, and its answer back as it is; where none answers in time REQUEST_TIMED_OUT is (`unanswered.ts`).
 */
export class Dispatch<Services extends NodeServices> {
  private readonly node: Services;
  private readonly handlers: ReadonlyMap<number, Handler<Services>>;
  private readonly forwarded: ReadonlySet<number>;

  /** `forwarded`: the keys that the active controller answers. */
  constructor(node: Services, handlers: readonly Handler<Services>[], forwarded: ReadonlySet<number> = NONE) {
    this.node = node;
    this.handlers = new Map(handlers.map((each) => [each.api.key, each]));
    this.forwarded = forwarded;
  }

  handle(frame: Buffer, connection: Caller, listenerName: string): Reply | Promise<Reply> {
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
    this.node.metrics.tally?.note(apiKey, apiVersion, header.clientId, connection, request as object);
    if (this.forwarded.has(apiKey))
      return this.decided(Buffer.from(frame), handler, request, header, connection, listenerName);
    return this.answer(handler, request, header, { connection, listenerName, frameBytes: frame.length });
  }

  /** Answered by the active controller: here when it is this node's, and elsewhere also when it stopped being it meanwhile. */
  private async decided(
    frame: Buffer,
    handler: Handler<Services>,
    request: unknown,
    header: RequestHeader,
    from: Caller,
    listenerName: string,
  ): Promise<Reply> {
    const { gateway } = this.node;
    if (gateway.isActiveHere) {
      try {
        return await this.answer(handler, request, header, {
          connection: from,
          listenerName,
          frameBytes: frame.length,
        });
      } catch (error) {
        if (!(error instanceof NotControllerError)) throw error;
      }
    }
    const answer = await gateway.forward(frame, handler.api, from);
    if (answer !== null) return { kind: 'send', parts: [withSize(answer)] };
    const { apiVersion, correlationId } = header;
    const refusal = unanswered(handler.api.key, request, apiVersion);
    if (refusal === null) return this.refuse(`${handler.api.name}: no active controller answered`);
    return { kind: 'send', parts: encodeResponse(handler.api, apiVersion, correlationId, refusal as never) };
  }

  private answer(
    handler: Handler<Services>,
    request: unknown,
    { apiVersion, correlationId, clientId }: RequestHeader,
    from: Pick<RequestCall, 'connection' | 'listenerName' | 'frameBytes'>,
  ): Reply | Promise<Reply> {
    const { api } = handler;
    const { clock, quotas } = this.node;
    const throttle = new RequestThrottle(quotas, clock, clientId);
    const answer = handler.handle(this.node, request, { apiVersion, clientId, ...from, throttle });
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
    const { requests } = this.node.metrics;
    requests.set(name, (requests.get(name) ?? 0) + 1);
  }

  private refuse(reason: string): Reply {
    this.node.metrics.requestsRefused++;
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

function withSize(answer: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(SIZE_BYTES + answer.length);
  frame.writeInt32BE(answer.length, 0);
  answer.copy(frame, SIZE_BYTES);
  return frame;
}
