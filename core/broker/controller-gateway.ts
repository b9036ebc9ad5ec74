import { NotControllerError } from '../controller/controller.ts';
import { type Clock, sleep } from '../ports/clock.ts';
import { ErrorCode } from '../protocol/errors.ts';
import { readRequestHeader, requestHeaderVersion } from '../protocol/header.ts';
import { Envelope } from '../protocol/messages/58-envelope.ts';
import { Reader } from '../protocol/reader.ts';
import type { Api, Fields, RequestInput, ResponseOf } from '../protocol/schema.ts';
import type { LeaderAndEpoch } from '../quorum/raft-events.ts';
import type { NodeLinks } from '../rpc/node-links.ts';
import { type AnyApi, decodeResponse, encodeRequest } from '../rpc/request-codec.ts';
import { RpcError } from '../rpc/rpc-error.ts';
import { ANONYMOUS_PRINCIPAL, frameOf, hostBytes } from './envelope.ts';
import type { Caller } from './handler.ts';

/**
 * The way to the active controller: within this process when it is here, else over a connection to the node that leads the quorum.
 *
 * What is asked in the broker's own name goes as it is; what a client asked goes in an envelope (KIP-590). While no controller is known, or the one
 * that was asked is it no more, the question is asked again until its time is over: a question that only a controller decides is never decided by two.
 */
export interface ControllerGatewayParts {
  readonly clock: Clock;
  readonly nodeId: number;
  /** There is no other controller to wait for. */
  readonly isAlone: boolean;
  readonly leader: () => LeaderAndEpoch;
  /** The controller of this node decides now. */
  readonly isActiveHere: () => boolean;
  /** Answers a request frame as the controller of this node; the frame of the answer, without its size. */
  readonly handleHere: (frame: Buffer) => Promise<Buffer>;
  readonly links: NodeLinks;
}

const RETRY_BACKOFF_MS = 50;
/** controller.socket.timeout.ms is Kafka's bound on a request of clients that is forwarded. */
const ASK_MS_MAX = 30_000;
const CLIENT_ID = 'mqlab-broker';

export class ControllerGateway {
  private readonly parts: ControllerGatewayParts;

  constructor(parts: ControllerGatewayParts) {
    this.parts = parts;
  }

  get isActiveHere(): boolean {
    return this.parts.isActiveHere();
  }

  /** One try. Rejects with RpcError when no controller answers; its error codes are in the answer. */
  async ask<Req extends Fields, Res extends Fields>(
    api: Api<Req, Res>,
    body: RequestInput<Api<Req, Res>>,
    options: { readonly timeoutMs?: number; readonly channel?: string } = {},
  ): Promise<ResponseOf<Api<Req, Res>>> {
    if (this.parts.isActiveHere()) return this.askHere(api, body);
    return this.parts.links.send(this.leaderElsewhere(), api, body, options);
  }

  /** Asks until an answer comes that is not NOT_CONTROLLER, or rejects with RpcError when the time is over. */
  async askUntil<Req extends Fields, Res extends Fields>(
    api: Api<Req, Res>,
    body: RequestInput<Api<Req, Res>>,
    timeoutMs = ASK_MS_MAX,
  ): Promise<ResponseOf<Api<Req, Res>>> {
    const { clock } = this.parts;
    const deadlineMs = clock.monotonic() + (this.parts.isAlone ? 0 : timeoutMs);
    for (;;) {
      const leftMs = deadlineMs - clock.monotonic();
      try {
        const answer = await this.ask(api, body, { timeoutMs: Math.max(1, leftMs) });
        if (!isNotController(answer)) return answer;
        if (deadlineMs - clock.monotonic() <= RETRY_BACKOFF_MS) return answer;
      } catch (error) {
        if (!(error instanceof RpcError) || error.kind === 'closed') throw error;
        if (deadlineMs - clock.monotonic() <= RETRY_BACKOFF_MS) throw error;
      }
      await sleep(clock, RETRY_BACKOFF_MS);
    }
  }

  /**
   * A client's request as it came (header and body, without the size), which outlives the call. Resolves with the frame of the answer, or null when no
   * controller answered in time.
   */
  async forward(frame: Buffer, api: AnyApi, caller: Caller, timeoutMs = ASK_MS_MAX): Promise<Buffer | null> {
    const { clock } = this.parts;
    const { apiVersion } = readRequestHeader(new Reader(frame), (_, version) => requestHeaderVersion(api, version));
    const deadlineMs = clock.monotonic() + (this.parts.isAlone ? 0 : timeoutMs);
    let isOpen = true;
    const stop = caller.whenClosed(() => {
      isOpen = false;
    });
    try {
      while (isOpen) {
        const answer = await this.forwardOnce(frame, caller, Math.max(1, deadlineMs - clock.monotonic()));
        if (answer !== null && !isNotController(decodeResponse(api, apiVersion, answer))) return answer;
        if (clock.monotonic() + RETRY_BACKOFF_MS >= deadlineMs) return null;
        await sleep(clock, RETRY_BACKOFF_MS);
      }
      return null;
    } finally {
      stop();
    }
  }

  private async forwardOnce(frame: Buffer, caller: Caller, timeoutMs: number): Promise<Buffer | null> {
    if (this.parts.isActiveHere()) {
      try {
        return await this.parts.handleHere(frame);
      } catch (error) {
        if (!(error instanceof NotControllerError)) throw error;
        return null;
      }
    }
    const body = {
      requestData: frame,
      requestPrincipal: ANONYMOUS_PRINCIPAL,
      clientHostAddress: hostBytes(caller.remote.host),
    };
    try {
      const answer = await this.parts.links.send(this.leaderElsewhere(), Envelope, body, { timeoutMs });
      return answer.errorCode === ErrorCode.NONE ? answer.responseData : null;
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      return null;
    }
  }

  private leaderElsewhere(): number {
    const { leaderId } = this.parts.leader();
    // A leader that has not replayed everything yet decides nothing.
    if (leaderId < 0 || leaderId === this.parts.nodeId) {
      throw new RpcError('connect-failed', 'not-sent', 'no active controller is known');
    }
    return leaderId;
  }

  /** Over the bytes, as from another node: defaults are filled in and nothing is shared. */
  private async askHere<Req extends Fields, Res extends Fields>(
    api: Api<Req, Res>,
    body: RequestInput<Api<Req, Res>>,
  ): Promise<ResponseOf<Api<Req, Res>>> {
    const version = api.request.versionMax;
    const frame = frameOf(encodeRequest(api, version, 0, CLIENT_ID, body));
    try {
      return decodeResponse(api, version, await this.parts.handleHere(frame));
    } catch (error) {
      if (!(error instanceof NotControllerError)) throw error;
      throw new RpcError(
        'connection-lost',
        'unknown',
        'the controller of this node is not the active one any more',
        error,
      );
    }
  }
}

/** The answer, or a part of it, says that who was asked is not the active controller. */
export function isNotController(answer: unknown): boolean {
  if (typeof answer !== 'object' || answer === null || Buffer.isBuffer(answer)) return false;
  if ((answer as { errorCode?: number }).errorCode === ErrorCode.NOT_CONTROLLER) return true;
  return Object.values(answer).some((each) => Array.isArray(each) && each.some(isNotController));
}
