import type { FeatureRange } from '../controller/registration.ts';
import { type Clock, sleep, type Timer } from '../ports/clock.ts';
import { ErrorCode, errorOf } from '../protocol/errors.ts';
import { BrokerRegistration } from '../protocol/messages/62-broker-registration.ts';
import { BrokerHeartbeat } from '../protocol/messages/63-broker-heartbeat.ts';
import type { ResponseOf } from '../protocol/schema.ts';
import { RpcError } from '../rpc/rpc-error.ts';
import type { ControllerGateway } from './controller-gateway.ts';
import type { EndPoint } from './listeners.ts';

/**
 * A broker's life as the controller sees it (KIP-631): it registers, tells that it is alive, asks to be unfenced, and asks to be let go.
 *
 * Invariants: one heartbeat at a time; the epoch of its registration goes with each, so that a controller can tell this life from an earlier one.
 * A broker that hears nothing from the controller goes on: what it leads it leads until the metadata says otherwise.
 */
export interface BrokerLifecycleParts {
  readonly clock: Clock;
  readonly gateway: ControllerGateway;
  readonly nodeId: number;
  readonly clusterId: string;
  readonly incarnationId: string;
  readonly rack: string | null;
  readonly features: () => readonly FeatureRange[];
  readonly endPoints: () => readonly EndPoint[];
  /** The ids of the log dirs that can be used. */
  readonly logDirs: () => readonly string[];
  /** Those that failed since the registration. */
  readonly offlineLogDirs: () => readonly string[];
  /** The last offset of the metadata that this broker has carried out. */
  readonly metadataOffset: () => number;
  readonly heartbeatIntervalMs: number;
  readonly sessionTimeoutMs: number;
  readonly registrationTimeoutMs: number;
  readonly onLog: (message: string) => void;
}

/** The broker cannot become part of the cluster; the message says why. */
export class RegistrationError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'RegistrationError';
  }
}

const RETRY_MS = 100;
/** While something waits for the next heartbeat. */
const EAGER_INTERVAL_MS = 50;
const SHUTDOWN_MS_MAX = 30_000;
/** Where the quorum is gone, as for the last nodes of a cluster that stops, nobody lets go. */
const SHUTDOWN_UNANSWERED_MS_MAX = 3_000;
const PLAINTEXT_PROTOCOL = 0;

type HeartbeatAnswer = ResponseOf<typeof BrokerHeartbeat>;

export class BrokerLifecycle {
  private readonly parts: BrokerLifecycleParts;
  private epoch = -1;
  private fenced = true;
  /** After it had been let in. */
  private wasFenced = false;
  private mayEnd = false;
  private wantsFence = true;
  private wantsShutDown = false;
  private isClosed = false;
  private isAsking = false;
  /** No controller has answered since; null: the last one did. */
  private unansweredSinceMs: number | null = null;
  private timer: Timer | null = null;
  private listeners: (() => void)[] = [];

  constructor(parts: BrokerLifecycleParts) {
    this.parts = parts;
  }

  /** −1 before the registration. */
  get brokerEpoch(): number {
    return this.epoch;
  }

  get isFenced(): boolean {
    return this.fenced;
  }

  /** Resolves with the broker epoch. Rejects with RegistrationError when the cluster does not take this broker, or none answers in time. */
  async register(): Promise<number> {
    const { clock, gateway, nodeId, clusterId, registrationTimeoutMs, onLog } = this.parts;
    const deadlineMs = clock.monotonic() + registrationTimeoutMs;
    let told = '';
    for (;;) {
      const problem = await this.registerOnce();
      if (problem === null) return this.epoch;
      if (!problem.isRetriable || clock.monotonic() + RETRY_MS >= deadlineMs || this.isClosed) {
        const wait = problem.isRetriable
          ? ` within ${registrationTimeoutMs} ms (initial.broker.registration.timeout.ms)`
          : '';
        throw new RegistrationError(
          `broker ${nodeId} of cluster ${clusterId} was not registered${wait}: ${problem.text}`,
        );
      }
      if (problem.text !== told) onLog(`the registration waits: ${problem.text}`);
      told = problem.text;
      await sleep(clock, gateway.isActiveHere ? RETRY_MS / 10 : RETRY_MS);
    }
  }

  private async registerOnce(): Promise<{ readonly text: string; readonly isRetriable: boolean } | null> {
    const { gateway, nodeId, clusterId, incarnationId, rack } = this.parts;
    const body = {
      brokerId: nodeId,
      clusterId,
      incarnationId,
      listeners: this.parts.endPoints().map((each) => ({ ...each, securityProtocol: PLAINTEXT_PROTOCOL })),
      features: this.parts.features(),
      rack,
      logDirs: this.parts.logDirs(),
    };
    try {
      const { errorCode, brokerEpoch } = await gateway.ask(BrokerRegistration, body, { timeoutMs: 5_000 });
      if (errorCode === ErrorCode.NONE) {
        this.epoch = brokerEpoch;
        return null;
      }
      const text = `${errorOf(errorCode).name}: ${wordsOf(errorCode, nodeId) ?? errorOf(errorCode).message}`;
      return { text, isRetriable: !FINAL.has(errorCode) };
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      return { text: error.message, isRetriable: true };
    }
  }

  /** The logs are open: the broker may be unfenced from now on. Resolves once it is. */
  becomeReady(): Promise<void> {
    this.wantsFence = false;
    return this.until(() => !this.fenced);
  }

  /** Tells at the next moment what changed: a log dir that failed. */
  hurry(): void {
    this.schedule(0);
  }

  /** Asks the controller to move what this broker leads to others, and resolves when it may go, or has waited long enough. */
  async controlledShutdown(): Promise<void> {
    if (this.epoch < 0 || this.isClosed) return;
    this.wantsShutDown = true;
    let isOver = false;
    const timer = this.parts.clock.setTimer(SHUTDOWN_MS_MAX, () => {
      isOver = true;
      this.parts.onLog('the controller did not let this broker go in time');
      this.notify();
    });
    await this.until(() => this.mayEnd || isOver || this.unansweredMs > SHUTDOWN_UNANSWERED_MS_MAX);
    timer.cancel();
  }

  private get unansweredMs(): number {
    return this.unansweredSinceMs === null ? 0 : this.parts.clock.monotonic() - this.unansweredSinceMs;
  }

  close(): void {
    this.isClosed = true;
    this.timer?.cancel();
    this.notify();
  }

  private until(isSo: () => boolean): Promise<void> {
    if (isSo() || this.isClosed) return Promise.resolve();
    this.schedule(0);
    return new Promise((resolve) => {
      const look = (): void => {
        if (!isSo() && !this.isClosed) return;
        this.listeners = this.listeners.filter((each) => each !== look);
        resolve();
      };
      this.listeners.push(look);
    });
  }

  private notify(): void {
    for (const listener of [...this.listeners]) listener();
  }

  private schedule(delayMs: number): void {
    if (this.isClosed || this.isAsking) return;
    this.timer?.cancel();
    this.timer = this.parts.clock.setTimer(delayMs, () => void this.beat());
  }

  private async beat(): Promise<void> {
    if (this.isClosed || this.isAsking) return;
    this.isAsking = true;
    const answer = await this.askOnce();
    this.isAsking = false;
    if (answer !== null) this.unansweredSinceMs = null;
    else this.unansweredSinceMs ??= this.parts.clock.monotonic();
    if (answer !== null && answer.errorCode === ErrorCode.NONE) {
      if (this.fenced !== answer.isFenced) this.fencedChanged(answer.isFenced);
      this.mayEnd = answer.shouldShutDown;
    }
    this.notify();
    const isAwaited = this.listeners.length > 0;
    const { heartbeatIntervalMs } = this.parts;
    this.schedule(
      answer === null ? RETRY_MS : isAwaited ? Math.min(EAGER_INTERVAL_MS, heartbeatIntervalMs) : heartbeatIntervalMs,
    );
  }

  private fencedChanged(isFenced: boolean): void {
    this.fenced = isFenced;
    if (this.wantsShutDown) return;
    // Being let in for the first time is no news.
    if (isFenced) this.parts.onLog('the controller has fenced this broker: it leads nothing');
    else if (this.wasFenced) this.parts.onLog('this broker is not fenced any more');
    this.wasFenced = isFenced;
  }

  private async askOnce(): Promise<HeartbeatAnswer | null> {
    const { gateway, nodeId, sessionTimeoutMs } = this.parts;
    const body = {
      brokerId: nodeId,
      brokerEpoch: this.epoch,
      currentMetadataOffset: this.parts.metadataOffset(),
      wantFence: this.wantsFence,
      wantShutDown: this.wantsShutDown,
      offlineLogDirs: this.parts.offlineLogDirs(),
    };
    try {
      // A heartbeat that takes half a session is better asked again.
      return await gateway.ask(BrokerHeartbeat, body, {
        timeoutMs: Math.max(100, sessionTimeoutMs / 2),
        channel: 'heartbeat',
      });
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      return null;
    }
  }
}

/** What no waiting mends. */
const FINAL: ReadonlySet<number> = new Set([
  ErrorCode.INCONSISTENT_CLUSTER_ID,
  ErrorCode.UNSUPPORTED_VERSION,
  ErrorCode.INVALID_REGISTRATION,
]);

function wordsOf(errorCode: number, nodeId: number): string | null {
  switch (errorCode) {
    case ErrorCode.INCONSISTENT_CLUSTER_ID:
      return "the controller belongs to another cluster; cluster.id in meta.properties of log.dirs must be the controller's";
    case ErrorCode.DUPLICATE_BROKER_REGISTRATION:
      return `another broker with node.id ${nodeId} is alive, or was until a moment ago (broker.session.timeout.ms)`;
    case ErrorCode.NOT_CONTROLLER:
      return 'no active controller';
    default:
      return null;
  }
}
