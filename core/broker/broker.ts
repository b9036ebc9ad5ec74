import { newId } from '../controller/controller.ts';
import { ClusterImage } from '../controller/image.ts';
import type { LogDirectory } from '../log/log-directory.ts';
import { clusterIdOf, type LogDirs, openLogDirs } from '../log/log-dirs.ts';
import { LogManager } from '../log/log-manager.ts';
import type { Address } from '../ports/network.ts';
import type { Ports } from '../ports/ports.ts';
import { BrokerLifecycle, RegistrationError } from './broker-lifecycle.ts';
import { BrokerRole } from './broker-role.ts';
import type { BrokerConfig } from './config.ts';
import { rangesFor, supportedRanges } from './features.ts';
import type { EndPoint } from './listeners.ts';
import { MetadataNode } from './metadata-node.ts';
import { type BrokerMetrics, newBrokerMetrics } from './metrics.ts';
import type { LogView, NodeView } from './node-view.ts';
import { clusterIdOfVoters, controllerEndPointsOf, votersOf } from './quorum-config.ts';
import { ConnectionQuota } from './quotas/connection-quota.ts';
import { windowShape } from './quotas/quotas.ts';
import { Settings } from './settings.ts';
import { SocketServer } from './socket-server.ts';

/**
 * A node of the cluster in one process, with the roles that process.roles gives it: puts the rooms together, starts them from the ground up and stops them
 * in reverse.
 *
 * Invariant: `start` resolves when clients can connect, and of a broker when it is unfenced and every partition is recovered; after `shutdown` resolves
 * nothing of it happens any more and the log directories carry the mark of a clean end. It reaches the world only through its ports, so it runs in the
 * simulator as it is.
 */
export interface BrokerOptions {
  readonly ports: Ports;
  readonly config: BrokerConfig;
  /** What people should know: recovery, failed disks, connections refused. */
  readonly onLog?: (message: string) => void;
  /** The metadata can be kept no longer; default: a node of a cluster shuts down. */
  readonly onFatal?: (error: unknown) => void;
  /** The node ended by itself, after `onFatal`'s default: its process has nothing left to do. */
  readonly onEnded?: () => void;
}

export class Broker {
  readonly metrics: BrokerMetrics = newBrokerMetrics();
  private readonly ports: Ports;
  private readonly config: BrokerConfig;
  private readonly onLog: (message: string) => void;
  private readonly onFatal: (error: unknown) => void;
  private readonly onEnded: () => void;
  private readonly image = new ClusterImage();
  private readonly settings: Settings;
  private readonly sockets: SocketServer;
  private readonly endPoints: EndPoint[] = [];
  private readonly controllerEndPoints: EndPoint[] = [];
  private node: MetadataNode | null = null;
  private role: BrokerRole | null = null;
  private lifecycle: BrokerLifecycle | null = null;
  private logManager: LogManager | null = null;
  /** Of a node that is a controller only. */
  private metadataDirectory: LogDirectory | null = null;
  private state: 'new' | 'started' | 'stopped' = 'new';
  private readonly view: NodeView;
  private readonly whenControllerReady = new Gate();
  private readonly whenBrokerReady = new Gate();

  constructor(options: BrokerOptions) {
    this.ports = options.ports;
    this.config = options.config;
    this.view = this.newView();
    this.onLog = options.onLog ?? (() => {});
    this.onEnded = options.onEnded ?? (() => {});
    this.onFatal = options.onFatal ?? ((error) => this.metadataFailed(error));
    this.settings = new Settings(this.config, this.image);
    const { clock, network } = this.ports;
    const shape = windowShape(this.config, 'quota.window');
    this.sockets = new SocketServer({
      clock,
      network,
      config: this.config,
      quota: new ConnectionQuota(this.image.clientQuotas, shape, () => this.settings.connectionLimits()),
      metrics: this.metrics,
      onLog: this.onLog,
    });
  }

  /** Where clients of the first listener connect; of a node that is a controller only, other nodes. */
  get address(): Address {
    const first = this.endPoints[0] ?? this.controllerEndPoints[0];
    if (first === undefined) throw new Error('the broker is not started');
    return { host: first.host, port: first.port };
  }

  /**
   * The metadata can be kept no longer. A node of a cluster ends: it would not hear when others lead what it leads. One that is alone goes on with what
   * there is; what the controller decides is refused.
   */
  private metadataFailed(error: unknown): void {
    const cause = error instanceof Error ? error.message : String(error);
    if (votersOf(this.config).length === 0) {
      this.onLog(`the metadata cannot be changed before the next start: ${cause}`);
      return;
    }
    this.onLog(`this node cannot go on: ${cause}`);
    void this.shutdown().finally(() => this.onEnded());
  }

  /** Rejects with LogDirectoryError (folder in use, or another's), NetworkError (port taken), RegistrationError or FilesError. */
  async start(): Promise<Address> {
    if (this.state !== 'new') throw new Error('a broker is started once');
    this.state = 'started';
    try {
      // Before recovery: a port that is taken should be told at once.
      await this.listen();
      if (this.config.isBroker) await this.startBroker();
      else await this.startController();
    } catch (error) {
      await this.shutdown();
      throw error;
    }
    this.whenBrokerReady.open();
    return this.address;
  }

  private async listen(): Promise<void> {
    for (const endPoint of this.config.endPoints) {
      const { name } = endPoint;
      this.endPoints.push(
        await this.sockets.listen({
          endPoint,
          advertised: this.config.advertised.get(name),
          whenReady: () => this.whenBrokerReady.wait,
          handle: (frame, from) => this.role!.dispatch.handle(frame, from, name),
        }),
      );
    }
    if (!this.config.isController) return;
    for (const endPoint of controllerEndPointsOf(this.config)) {
      this.controllerEndPoints.push(
        await this.sockets.listen({
          endPoint,
          advertised: undefined,
          whenReady: () => this.whenControllerReady.wait,
          handle: (frame, from) => this.node!.dispatch.handle(frame, from, endPoint.name),
        }),
      );
    }
  }

  private async startController(): Promise<void> {
    const { files, random } = this.ports;
    const { nodeId, metadataLogDir } = this.config;
    const clusterId = this.clusterId();
    const dirs = await openLogDirs({
      files,
      random,
      logDirs: [metadataLogDir],
      metadataLogDir,
      nodeId,
      clusterId,
      onProblem: this.onLog,
    });
    this.metadataDirectory = dirs.metadata;
    this.openNode(dirs, clusterId);
  }

  private async startBroker(): Promise<void> {
    const { ports, config, settings } = this;
    const { files, clock, random } = ports;
    const clusterId = this.clusterId();
    const logManager = await LogManager.open({
      files,
      clock,
      random,
      logDirs: config.logDirs,
      metadataLogDir: config.metadataLogDir,
      nodeId: config.nodeId,
      clusterId,
      configOf: (topic) => settings.logConfigOf(topic),
      onProblem: this.onLog,
      whenLocked: (dirs) => this.enterCluster(dirs, clusterId),
      intervals: this.intervals(),
      cleanerSettings: () => settings.cleanerSettings(),
      moveBytesPerSecondMax: () => settings.number('replica.alter.log.dirs.io.max.bytes.per.second'),
      onMoved: (log) => this.role?.directories.moved(log),
      onDirectoryFailed: () => this.role?.directories.failed(),
    });
    this.logManager = logManager;
    const node = this.node!;
    const lifecycle = this.lifecycle!;
    const role = new BrokerRole({ ports, node, logManager, lifecycle, onProblem: this.onLog });
    this.role = role;
    role.removeStrayLogs(this.onLog);
    role.apply();
    node.whenReplayed(() => role.apply());
    logManager.resumeMoves();
    await lifecycle.becomeReady();
    await node.until(() => this.image.brokers.get(config.nodeId)?.isFenced === false || this.state === 'stopped');
  }

  /** The metadata as far as this broker's registration: what its logs are opened by. */
  private async enterCluster(dirs: LogDirs, clusterId: string): Promise<void> {
    const { clock, random } = this.ports;
    const { config } = this;
    const node = this.openNode(dirs, clusterId);
    const lifecycle = new BrokerLifecycle({
      clock,
      gateway: node.gateway,
      nodeId: config.nodeId,
      clusterId,
      incarnationId: newId(random),
      rack: config.text('broker.rack'),
      features: () => (votersOf(config).length === 0 ? rangesFor(this.image.features) : supportedRanges()),
      endPoints: () => this.endPoints,
      logDirs: () => dirs.directories.map((each) => each.directoryId),
      offlineLogDirs: () => dirs.directories.filter((each) => each.offline !== null).map((each) => each.directoryId),
      metadataOffset: () => node.quorum.lastAppliedOffset - 1,
      heartbeatIntervalMs: config.number('broker.heartbeat.interval.ms'),
      sessionTimeoutMs: config.number('broker.session.timeout.ms'),
      registrationTimeoutMs: config.number('initial.broker.registration.timeout.ms'),
      onLog: this.onLog,
    });
    this.lifecycle = lifecycle;
    const timeoutMs = config.number('initial.broker.registration.timeout.ms');
    const late = `no active controller was found within ${timeoutMs} ms (initial.broker.registration.timeout.ms)`;
    const problem = await new Promise<string | undefined>((resolve) => {
      const timer = clock.setTimer(timeoutMs, () => resolve(late));
      void node.whenControllerKnown.then((found) => {
        timer.cancel();
        resolve(found);
      });
    });
    if (problem !== undefined) {
      throw new RegistrationError(`broker ${config.nodeId} of cluster ${clusterId} was not registered: ${problem}`);
    }
    const brokerEpoch = await lifecycle.register();
    await node.quorum.whenApplied(brokerEpoch + 1);
  }

  private openNode(dirs: LogDirs, clusterId: string): MetadataNode {
    const { ports, config, settings, image, metrics } = this;
    const { path, directoryId, wasClean } = dirs.metadata;
    const node = new MetadataNode({
      ports,
      config,
      settings,
      image,
      metrics,
      clusterId,
      directoryId,
      logDir: path,
      isClean: wasClean,
      endPoints: () => (this.controllerEndPoints.length > 0 ? this.controllerEndPoints : this.endPoints.slice(0, 1)),
      onProblem: this.onLog,
      onFatal: this.onFatal,
    });
    this.node = node;
    node.start();
    this.whenControllerReady.open();
    return node;
  }

  private clusterId(): string {
    const { files, random } = this.ports;
    const { metadataLogDir, logDirs } = this.config;
    const known = clusterIdOf(files, [metadataLogDir, ...(this.config.isBroker ? logDirs : [])]);
    return known ?? clusterIdOfVoters(this.config) ?? newId(random);
  }

  private intervals() {
    const { config, settings } = this;
    return {
      retentionCheckMs: config.number('log.retention.check.interval.ms'),
      flushSchedulerMs: config.number('log.flush.scheduler.interval.ms'),
      recoveryPointCheckpointMs: config.number('log.flush.offset.checkpoint.interval.ms'),
      logStartCheckpointMs: config.number('log.flush.start.offset.checkpoint.interval.ms'),
      highWatermarkCheckpointMs: config.number('replica.high.watermark.checkpoint.interval.ms'),
      producerIdExpirationMs: () => settings.number('producer.id.expiration.ms'),
      producerIdExpirationCheckMs: config.number('producer.id.expiration.check.interval.ms'),
      fileDeleteDelayMs: () => settings.number('log.segment.delete.delay.ms'),
    };
  }

  /** What it leads goes to others, whoever is parked is answered, connections end, every log is closed cleanly. Idempotent. */
  async shutdown(): Promise<void> {
    if (this.state === 'stopped') return;
    const wasReady = this.whenBrokerReady.isOpen;
    this.state = 'stopped';
    if (wasReady && this.config.boolean('controlled.shutdown.enable') && this.hasOthers()) {
      await this.lifecycle?.controlledShutdown();
    }
    await this.sockets.stopListening();
    this.lifecycle?.close();
    this.role?.stop();
    await this.sockets.drain();
    await this.node?.close();
    await this.logManager?.close();
    await this.metadataDirectory?.close(true);
  }

  /** What the node holds now. */
  inspect(): NodeView {
    return this.view;
  }

  private newView(): NodeView {
    const broker = this;
    return {
      nodeId: this.config.nodeId,
      partitions: () => broker.role?.views() ?? NO_VIEWS,
      get metadata() {
        return broker.node?.view ?? null;
      },
    };
  }

  /** Somebody could take over. */
  private hasOthers(): boolean {
    return this.image.liveBrokers().some((each) => each.brokerId !== this.config.nodeId);
  }
}

const NO_VIEWS: readonly LogView[] = [];

/** Closed until it is opened, once. */
class Gate {
  /** Null once it is open. */
  wait: Promise<void> | null;
  private resolve: () => void = () => {};

  constructor() {
    this.wait = new Promise((resolve) => {
      this.resolve = resolve;
    });
  }

  get isOpen(): boolean {
    return this.wait === null;
  }

  open(): void {
    this.wait = null;
    this.resolve();
  }
}
