import type { Clock, Timer } from '../ports/clock.ts';
import type { Address, Connection, Network, Part } from '../ports/network.ts';
import { ApiVersions } from '../protocol/messages/18-api-versions.ts';
import type { Api, Fields, RequestInput, ResponseOf } from '../protocol/schema.ts';
import { WireError } from '../protocol/wire-error.ts';
import { FrameAssembler } from './frame-assembler.ts';
import { type AnyApi, decodeResponse, encodeRequest, RESPONSE_BYTES_MIN, readCorrelationId } from './request-codec.ts';
import { RpcError } from './rpc-error.ts';

/**
 * The client's side of one connection to one broker.
 *
 * Invariants:
 * - Responses come in the order of requests; another correlation id than the oldest one's ends the connection.
 * - Every call settles exactly once: with the response, or with an RpcError that says whether the outcome is known.
 * - A timed-out request takes the connection with it, as an answer that comes late would be taken for the next one's; the others in flight fail
 *   with `connection-lost`.
 * - A client is used for one connection: after it broke, make a new one. Reconnecting and retrying belong to its user.
 *
 * Responses own their frame: views of record data in them stay valid as long as they are held.
 */
export interface RpcClientOptions {
  readonly clientId: string | null;
  readonly connectTimeoutMs: number;
  readonly requestTimeoutMs: number;
  /** For the versions, which come before every request; left out: as for a request. */
  readonly versionsTimeoutMs?: number | undefined;
  /** Requests on the wire without an answer; further ones wait here. */
  readonly inFlightMax: number;
  /** Requests that wait for a place on the wire; beyond it `busy`. */
  readonly pendingMax: number;
  readonly frameBytesMax: number;
  readonly softwareName: string;
  readonly softwareVersion: string;
}

export const RPC_CLIENT_DEFAULTS: RpcClientOptions = {
  clientId: 'mqlab',
  connectTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  inFlightMax: 5,
  pendingMax: 10_000,
  frameBytesMax: 1024 * 1024 * 1024,
  softwareName: 'mqlab',
  softwareVersion: '0.1.0',
};

export interface SendOptions {
  /** Instead of the client's `requestTimeoutMs`. */
  readonly timeoutMs?: number;
  /** Not a higher version than this one, for requests whose meaning changes with the version. */
  readonly versionMax?: number;
}

export interface VersionRange {
  readonly minVersion: number;
  readonly maxVersion: number;
}

const UNSUPPORTED_VERSION = 35;

interface Call {
  readonly name: string;
  readonly correlationId: number;
  readonly parts: readonly Part[];
  readonly timeoutMs: number;
  deadlineMs: number;
  complete(frame: Buffer): void;
  fail(error: RpcError): void;
}

export class RpcClient {
  readonly address: Address;
  private readonly clock: Clock;
  private readonly options: RpcClientOptions;
  private readonly connection: Connection;
  private readonly assembler: FrameAssembler;
  /** By API key. */
  private readonly versions: (VersionRange | undefined)[] = [];
  private readonly inFlight: Call[] = [];
  private readonly pending: Call[] = [];
  private nextCorrelationId = 0;
  private timer: Timer | null = null;
  /** When the timer rings: never later than the first deadline in flight. */
  private timerDueMs = Number.POSITIVE_INFINITY;
  private closedBy: RpcError | null = null;
  private closeListeners = new Set<(error: RpcError) => void>();
  private readonly drainListeners = new Set<() => void>();
  /** Finalized features by name, as ApiVersions told them. */
  readonly finalizedFeatures = new Map<string, number>();

  private constructor(clock: Clock, connection: Connection, address: Address, options: RpcClientOptions) {
    this.clock = clock;
    this.connection = connection;
    this.address = address;
    this.options = options;
    this.assembler = new FrameAssembler(
      { frameBytesMin: RESPONSE_BYTES_MIN, frameBytesMax: options.frameBytesMax, ownership: 'owned' },
      (frame) => {
        this.onFrame(frame);
        return 'continue';
      },
    );
    connection.start({
      onData: (chunk) => this.onData(chunk),
      onDrain: () => this.onDrain(),
      onClose: (error) => this.fail(`connection to ${this.where} lost${error === undefined ? '' : `: ${error.code}`}`),
    });
  }

  /** Connects and asks for the versions. Rejects with RpcError. */
  static async connect(
    ports: { readonly clock: Clock; readonly network: Network },
    address: Address,
    options: Partial<RpcClientOptions> = {},
  ): Promise<RpcClient> {
    const complete = { ...RPC_CLIENT_DEFAULTS, ...options };
    let connection: Connection;
    try {
      connection = await ports.network.connect(address, complete.connectTimeoutMs);
    } catch (error) {
      const message = `no connection to ${address.host}:${address.port}: ${error instanceof Error ? error.message : error}`;
      throw new RpcError('connect-failed', 'not-sent', message, error);
    }
    const client = new RpcClient(ports.clock, connection, address, complete);
    await client.negotiate();
    return client;
  }

  get isClosed(): boolean {
    return this.closedBy !== null;
  }

  /** Requests that have no answer yet, on the wire or waiting. */
  get openCount(): number {
    return this.inFlight.length + this.pending.length;
  }

  /** Bytes sent and not yet taken by the system: the only brake on requests that have no answer. */
  get queuedBytes(): number {
    return this.connection.queuedBytes;
  }

  /** Called once, when `queuedBytes` falls to zero or the connection ends. */
  whenDrained(listener: () => void): void {
    this.drainListeners.add(listener);
  }

  private onDrain(): void {
    const listeners = [...this.drainListeners];
    this.drainListeners.clear();
    for (const listener of listeners) listener();
  }

  private get where(): string {
    return `${this.address.host}:${this.address.port}`;
  }

  /** The highest version that both sides have, or null. */
  versionOf(api: AnyApi, versionMax = 0x7fff): number | null {
    const theirs = this.versions[api.key];
    if (theirs === undefined) return null;
    const version = Math.min(theirs.maxVersion, api.request.versionMax, versionMax);
    return version >= Math.max(theirs.minVersion, api.request.versionMin) ? version : null;
  }

  /** Called once when the connection is gone, with what open calls got. */
  whenClosed(listener: (error: RpcError) => void): void {
    if (this.closedBy !== null) listener(this.closedBy);
    else this.closeListeners.add(listener);
  }

  /** Sends a request and resolves with its response. Rejects with RpcError; Kafka's error codes are in the response. */
  send<Req extends Fields, Res extends Fields>(
    api: Api<Req, Res>,
    body: RequestInput<Api<Req, Res>>,
    options: SendOptions = {},
  ): Promise<ResponseOf<Api<Req, Res>>> {
    const version = this.versionOf(api as AnyApi, options.versionMax);
    if (version === null) return Promise.reject(this.unsupported(api as AnyApi));
    return this.call(api, version, body, options.timeoutMs, (frame) => decodeResponse(api, version, frame));
  }

  /** Sends a request that has no response (produce with acks=0). Its outcome is never known; throws RpcError when it could not be sent. */
  sendOneWay<Req extends Fields, Res extends Fields>(
    api: Api<Req, Res>,
    body: RequestInput<Api<Req, Res>>,
    options: SendOptions = {},
  ): void {
    const version = this.versionOf(api as AnyApi, options.versionMax);
    if (version === null) throw this.unsupported(api as AnyApi);
    if (this.closedBy !== null) throw this.refused();
    this.connection.send(encodeRequest(api, version, this.correlate(), this.options.clientId, body));
  }

  /** Ends the connection; open calls fail with `closed`. */
  close(): void {
    this.end(new RpcError('closed', 'unknown', `the client of ${this.where} was closed`));
  }

  private async negotiate(): Promise<void> {
    const body = {
      clientSoftwareName: this.options.softwareName,
      clientSoftwareVersion: this.options.softwareVersion,
    };
    let answer = await this.askVersions(ApiVersions.request.versionMax, body);
    if (answer.errorCode === UNSUPPORTED_VERSION) {
      const range = answer.apiKeys.find((each) => each.apiKey === ApiVersions.key);
      answer = await this.askVersions(Math.min(range?.maxVersion ?? 0, ApiVersions.request.versionMax), body);
    }
    if (answer.errorCode !== 0) {
      const error = new RpcError(
        'unsupported-version',
        'not-sent',
        `${this.where} refused ApiVersions with error ${answer.errorCode}`,
      );
      this.end(error);
      throw error;
    }
    for (const each of answer.apiKeys) if (each.apiKey >= 0) this.versions[each.apiKey] = each;
    for (const each of answer.finalizedFeatures) this.finalizedFeatures.set(each.name, each.maxVersionLevel);
  }

  private askVersions(version: number, body: RequestInput<typeof ApiVersions>) {
    return this.call(ApiVersions, version, body, this.options.versionsTimeoutMs, (frame) => {
      // The error code stands first in every version: 35 means that the rest is v0.
      const refused = frame.length >= 6 && frame.readInt16BE(4) === UNSUPPORTED_VERSION;
      return decodeResponse(ApiVersions, refused ? 0 : version, frame);
    });
  }

  private call<Req extends Fields, Res extends Fields>(
    api: Api<Req, Res>,
    version: number,
    body: RequestInput<Api<Req, Res>>,
    timeoutMs: number | undefined,
    decode: (frame: Buffer) => ResponseOf<Api<Req, Res>>,
  ): Promise<ResponseOf<Api<Req, Res>>> {
    return new Promise((resolve, reject) => {
      if (this.closedBy !== null) return reject(this.refused());
      if (this.pending.length >= this.options.pendingMax) {
        return reject(new RpcError('busy', 'not-sent', `${this.pending.length} requests wait for ${this.where}`));
      }
      const correlationId = this.correlate();
      const call: Call = {
        name: `${api.name} v${version}`,
        correlationId,
        parts: encodeRequest(api, version, correlationId, this.options.clientId, body),
        timeoutMs: timeoutMs ?? this.options.requestTimeoutMs,
        deadlineMs: Number.POSITIVE_INFINITY,
        complete: (frame) => resolve(decode(frame)),
        fail: reject,
      };
      this.pending.push(call);
      this.pump();
    });
  }

  private correlate(): number {
    const id = this.nextCorrelationId;
    this.nextCorrelationId = (id + 1) & 0x7fff_ffff;
    return id;
  }

  /** Puts waiting requests on the wire while there is room. The time limit runs from here. */
  private pump(): void {
    while (this.inFlight.length < this.options.inFlightMax) {
      const call = this.pending.shift();
      if (call === undefined) return;
      call.deadlineMs = this.clock.monotonic() + call.timeoutMs;
      this.inFlight.push(call);
      this.connection.send(call.parts);
      if (call.deadlineMs < this.timerDueMs) this.armTimer();
    }
  }

  private armTimer(): void {
    let dueMs = Number.POSITIVE_INFINITY;
    for (const call of this.inFlight) dueMs = Math.min(dueMs, call.deadlineMs);
    this.disarmTimer();
    if (dueMs === Number.POSITIVE_INFINITY) return;
    this.timerDueMs = dueMs;
    this.timer = this.clock.setTimer(Math.max(0, dueMs - this.clock.monotonic()), () => this.onTimer());
  }

  private disarmTimer(): void {
    this.timer?.cancel();
    this.timer = null;
    this.timerDueMs = Number.POSITIVE_INFINITY;
  }

  private onTimer(): void {
    this.disarmTimer();
    const nowMs = this.clock.monotonic();
    const late = this.inFlight.find((call) => call.deadlineMs <= nowMs);
    if (late === undefined) return this.armTimer();
    this.inFlight.splice(this.inFlight.indexOf(late), 1);
    late.fail(
      new RpcError('timeout', 'unknown', `${late.name} to ${this.where}: no answer within ${late.timeoutMs} ms`),
    );
    this.fail(`connection to ${this.where} given up: ${late.name} timed out`);
  }

  private onData(chunk: Buffer): void {
    if (this.closedBy !== null) return;
    try {
      this.assembler.push(chunk);
    } catch (error) {
      this.end(new RpcError('bad-response', 'unknown', `${this.where}: ${(error as Error).message}`, error));
    }
  }

  private onFrame(frame: Buffer): void {
    if (this.closedBy !== null) return;
    const call = this.inFlight[0];
    const correlationId = readCorrelationId(frame);
    if (call === undefined || call.correlationId !== correlationId) {
      throw new WireError(`an answer to ${correlationId} where ${call?.correlationId ?? 'none'} is due`);
    }
    call.complete(frame); // throws when it cannot be read: the call then fails with the connection
    this.inFlight.shift();
    if (this.inFlight.length === 0) {
      this.disarmTimer();
    }
    this.pump();
  }

  private fail(message: string): void {
    this.end(new RpcError('connection-lost', 'unknown', message));
  }

  private end(error: RpcError): void {
    if (this.closedBy !== null) return;
    this.closedBy = error;
    this.disarmTimer();
    this.connection.destroy();
    const sent = this.inFlight.splice(0);
    const unsent = this.pending.splice(0);
    for (const call of sent) call.fail(new RpcError(error.kind, 'unknown', `${call.name}: ${error.message}`, error));
    for (const call of unsent) call.fail(new RpcError(error.kind, 'not-sent', `${call.name}: ${error.message}`, error));
    const listeners = [...this.closeListeners];
    this.closeListeners.clear();
    for (const listener of listeners) listener(error);
    this.onDrain();
  }

  private refused(): RpcError {
    const cause = this.closedBy!;
    return new RpcError(cause.kind, 'not-sent', cause.message, cause);
  }

  private unsupported(api: AnyApi): RpcError {
    const theirs = this.versions[api.key];
    const range =
      theirs === undefined ? 'does not have it' : `has versions ${theirs.minVersion} to ${theirs.maxVersion}`;
    return new RpcError(
      'unsupported-version',
      'not-sent',
      `${api.name} v${api.request.versionMin}–${api.request.versionMax}: ${this.where} ${range}`,
    );
  }
}
