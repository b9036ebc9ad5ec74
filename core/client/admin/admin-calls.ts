import type { Clock, Timer } from '../../ports/clock.ts';
import { ErrorCode } from '../../protocol/errors.ts';
import { DescribeCluster } from '../../protocol/messages/60-describe-cluster.ts';
import type { Api, Fields, RequestInput, ResponseOf } from '../../protocol/schema.ts';
import { backoffMs } from '../../rpc/backoff.ts';
import type { Link } from '../../rpc/link.ts';
import { type AdminConfig, type AdminConfigInput, parseAdminConfig } from '../client-config.ts';
import { brokerError, ClientError, connectionError } from '../client-error.ts';
import { type ClientPorts, Connections } from '../connections.ts';
import { findGroupCoordinator, findTransactionCoordinator } from '../find-coordinator.ts';
import type { BrokerMetadata } from '../metadata.ts';

/**
 * How an admin calls: any broker, a named one, the controller, a coordinator; with retries.
 *
 * Invariant: what a retry can cure is tried again within default.api.timeout.ms; everything else rejects with ClientError at once. A coordinator is
 * looked for afresh after each failure.
 */
export interface ClusterDescription {
  readonly clusterId: string;
  readonly controllerId: number;
  readonly brokers: readonly BrokerMetadata[];
}

export type CoordinatorKind = 'group' | 'transaction';

export class AdminCalls {
  readonly config: AdminConfig;
  readonly connections: Connections;
  private readonly clock: Clock;
  private readonly ports: ClientPorts;
  private readonly coordinators = new Map<string, { link: Link; nodeId: number }>();
  private readonly timers = new Map<Timer, () => void>();
  private closed = false;

  /** Throws ConfigError. */
  constructor(ports: ClientPorts, config: AdminConfigInput) {
    this.ports = ports;
    this.clock = ports.clock;
    this.config = parseAdminConfig(config);
    this.connections = new Connections(ports, this.config);
  }

  /** Throws what an error code says. A topic that is not there is what the caller asked about, not something to wait for. */
  check(code: number, context: string, detail: string | null = null): void {
    if (code === ErrorCode.NONE) return;
    const error = brokerError(code, context, code === ErrorCode.REQUEST_TIMED_OUT ? 'unknown' : 'failed', detail);
    if (code === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION) throw error.withoutRetry();
    if (error.retriable || code !== ErrorCode.NOT_CONTROLLER) throw error;
    throw new ClientError(error.kind, error.message, { code, retriable: true });
  }

  async at<Req extends Fields, Res extends Fields>(
    link: Link,
    api: Api<Req, Res>,
    body: RequestInput<Api<Req, Res>>,
  ): Promise<ResponseOf<Api<Req, Res>>> {
    try {
      return await link.request(api, body);
    } catch (error) {
      throw connectionError(error, api.name);
    }
  }

  atAny<Req extends Fields, Res extends Fields>(
    api: Api<Req, Res>,
    body: RequestInput<Api<Req, Res>>,
  ): Promise<ResponseOf<Api<Req, Res>>> {
    return this.at(this.connections.any(), api, body);
  }

  /** Changes go to the controller; under KRaft any broker passes them on. */
  async atController<Req extends Fields, Res extends Fields>(
    api: Api<Req, Res>,
    body: RequestInput<Api<Req, Res>>,
  ): Promise<ResponseOf<Api<Req, Res>>> {
    const { controllerId } = await this.describeCluster();
    return this.at(this.connections.link(controllerId) ?? this.connections.any(), api, body);
  }

  async atBroker<Req extends Fields, Res extends Fields>(
    nodeId: number,
    api: Api<Req, Res>,
    body: RequestInput<Api<Req, Res>>,
  ): Promise<ResponseOf<Api<Req, Res>>> {
    if (!this.connections.nodeIds().includes(nodeId)) await this.describeCluster();
    const link = this.connections.link(nodeId);
    if (link === null) throw new ClientError('BROKER_NOT_AVAILABLE', `there is no broker ${nodeId}`);
    return this.at(link, api, body);
  }

  async atCoordinator(
    kind: CoordinatorKind,
    id: string,
    action: (link: Link, nodeId: number) => Promise<void>,
  ): Promise<void> {
    const name = kind === 'group' ? `group ${id}` : `transactional id ${id}`;
    const key = `${kind}:${id}`;
    await this.retrying(name, async () => {
      let coordinator = this.coordinators.get(key);
      if (coordinator === undefined) {
        const find = kind === 'group' ? findGroupCoordinator : findTransactionCoordinator;
        const found = await find(this.connections, id).catch((error) => {
          throw connectionError(error, `coordinator of ${name}`);
        });
        this.check(found.errorCode, `coordinator of ${name}`, found.detail);
        coordinator = { link: this.connections.linkTo(found.broker, 'coordinator'), nodeId: found.broker.nodeId };
        this.coordinators.set(key, coordinator);
      }
      try {
        await action(coordinator.link, coordinator.nodeId);
      } catch (error) {
        this.coordinators.delete(key);
        throw error;
      }
    });
  }

  /** One attempt; callers retry. */
  async describeCluster(): Promise<ClusterDescription> {
    const response = await this.atAny(DescribeCluster, { includeClusterAuthorizedOperations: false });
    this.check(response.errorCode, 'cluster', response.errorMessage);
    const brokers = response.brokers.map(({ brokerId, host, port, rack }) => ({ nodeId: brokerId, host, port, rack }));
    this.connections.updateBrokers(brokers);
    return { clusterId: response.clusterId, controllerId: response.controllerId, brokers };
  }

  async retrying<T>(what: string, attempt: () => Promise<T>): Promise<T> {
    const deadlineMs = this.clock.monotonic() + this.config['default.api.timeout.ms'];
    for (let failures = 1; ; failures++) {
      if (this.closed) throw new ClientError('CLOSED', 'the admin was closed');
      try {
        return await attempt();
      } catch (error) {
        if (this.closed) throw new ClientError('CLOSED', 'the admin was closed');
        if (!(error instanceof ClientError) || !error.retriable) throw error;
        const { 'retry.backoff.ms': base, 'retry.backoff.max.ms': max } = this.config;
        const delayMs = backoffMs(this.ports.random, base, max, failures);
        if (this.clock.monotonic() + delayMs >= deadlineMs) {
          const message = `${what}: not within default.api.timeout.ms; last: ${error.message}`;
          throw new ClientError('TIMEOUT', message, { retriable: true, outcome: error.outcome, cause: error });
        }
        await this.pause(delayMs);
      }
    }
  }

  /** Ends all connections; calls under way reject. */
  close(): void {
    this.closed = true;
    this.connections.close();
    for (const [timer, end] of this.timers) {
      timer.cancel();
      end();
    }
    this.timers.clear();
  }

  private pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.clock.setTimer(delayMs, () => {
        this.timers.delete(timer);
        resolve();
      });
      this.timers.set(timer, resolve);
    });
  }
}
