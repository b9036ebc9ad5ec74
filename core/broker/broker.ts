import { Controller, newId } from '../controller/controller.ts';
import { ClusterImage } from '../controller/image.ts';
import { MetadataLog } from '../controller/metadata-log.ts';
import { CONSUMER_OFFSETS_TOPIC, SHARE_GROUP_STATE_TOPIC, TRANSACTION_STATE_TOPIC } from '../controller/topic-name.ts';
import type { MigrationPolicy } from '../groups/consumer-heartbeat.ts';
import { GroupCoordinator } from '../groups/group-coordinator.ts';
import { clusterIdOf } from '../log/log-dirs.ts';
import { LogManager } from '../log/log-manager.ts';
import type { Address, Connection, Listener } from '../ports/network.ts';
import type { Ports } from '../ports/ports.ts';
import { ReplicaManager } from '../replica/replica-manager.ts';
import { ServerConnection } from '../rpc/server-connection.ts';
import { ShareCoordinator } from '../shares/share-coordinator.ts';
import { SharePartitions } from '../shares/share-partitions.ts';
import { ShareSessions } from '../shares/share-sessions.ts';
import { TransactionCoordinator } from '../transactions/transaction-coordinator.ts';
import { NO_OTHER_BROKERS } from './broker-calls.ts';
import type { BrokerConfig } from './config.ts';
import { Dispatch } from './dispatch.ts';
import { gatedByFeature } from './feature-gates.ts';
import { FINALIZED_FEATURES } from './features.ts';
import { FetchSessions } from './fetch-sessions.ts';
import { GroupSettings } from './group-settings.ts';
import { topicsView } from './groups/request-context.ts';
import { HANDLERS, UNADVERTISED_APIS } from './handlers/all.ts';
import { type EndPoint, isWildcard } from './listeners.ts';
import { MetadataApplier } from './metadata-applier.ts';
import { type BrokerMetrics, newBrokerMetrics } from './metrics.ts';
import { ProducerIds } from './producer-ids.ts';
import { Purgatory } from './purgatory.ts';
import { quorumView } from './quorum.ts';
import { ConnectionQuota } from './quotas/connection-quota.ts';
import { Quotas, windowShape } from './quotas/quotas.ts';
import { ReplicaDirectories } from './replica-directories.ts';
import type { BrokerServices } from './services.ts';
import { brokerConfigRules, Settings } from './settings.ts';
import { clusterPersister } from './shares/cluster-persister.ts';
import { ClientInformation } from './telemetry/client-information.ts';
import { ClientTelemetry } from './telemetry/client-telemetry.ts';
import { TopicCreation } from './topic-creation.ts';
import { ClusterMarkers } from './transactions/cluster-markers.ts';
import { Entering } from './transactions/entering.ts';
import { LocalMarkers } from './transactions/local-markers.ts';
import { Verifications } from './transactions/verifications.ts';

/**
 * A broker with its controller in one process: puts the rooms together, starts them from the ground up and stops them in reverse.
 *
 * Invariant: `start` resolves when clients can connect and every partition is recovered; after `shutdown` resolves nothing of it happens any more and the
 * log directories carry the mark of a clean end. It reaches the world only through its ports, so it runs in the simulator as it is.
 */
export interface BrokerOptions {
  readonly ports: Ports;
  readonly config: BrokerConfig;
  /** What people should know: recovery, failed disks, connections refused. */
  readonly onLog?: (message: string) => void;
}

/** Bytes that may wait in a connection before its next request is looked at. */
const SEND_QUEUE_BYTES_MAX = 1024 * 1024;
const LOCALHOST = 'localhost';
/** Beyond this many, a connection over the rate of its address is closed without waiting. */
const THROTTLED_CONNECTIONS_MAX = 10_000;
const THROTTLED = 'throttled';
/** How long connections may take to read what is queued for them when the broker stops. */
const SHUTDOWN_SEND_MS_MAX = 2000;

export class Broker {
  readonly metrics: BrokerMetrics = newBrokerMetrics();
  private readonly ports: Ports;
  private readonly config: BrokerConfig;
  private readonly onLog: (message: string) => void;
  private readonly image = new ClusterImage();
  private readonly connections = new Set<ServerConnection>();
  private readonly settings: Settings;
  private readonly connectionQuota: ConnectionQuota;
  /** Connections over the rate of their address, which wait to be closed. */
  private throttledConnections = 0;
  private readonly listeners: Listener[] = [];
  private readonly endPoints: EndPoint[] = [];
  private metadataLog: MetadataLog | null = null;
  private logManager: LogManager | null = null;
  private services: BrokerServices | null = null;
  private replicaDirectories: ReplicaDirectories | null = null;
  private dispatch: Dispatch | null = null;
  private nextConnectionId = 0;
  private state: 'new' | 'started' | 'stopped' = 'new';
  private whenReady: Promise<void> | null = null;

  constructor(options: BrokerOptions) {
    this.ports = options.ports;
    this.config = options.config;
    this.onLog = options.onLog ?? (() => {});
    this.settings = new Settings(this.config, this.image);
    const shape = windowShape(this.config, 'quota.window');
    this.connectionQuota = new ConnectionQuota(this.image.clientQuotas, shape, () => this.settings.connectionLimits());
  }

  /** Where clients of the first listener connect. */
  get address(): Address {
    const first = this.endPoints[0];
    if (first === undefined) throw new Error('the broker is not started');
    return { host: first.host, port: first.port };
  }

  /** Rejects with LogDirectoryError (folder in use, or another's), NetworkError (port taken) or FilesError. */
  async start(): Promise<Address> {
    if (this.state !== 'new') throw new Error('a broker is started once');
    this.state = 'started';
    let ready = (): void => {};
    this.whenReady = new Promise((resolve) => {
      ready = resolve;
    });
    try {
      await this.startRooms();
    } catch (error) {
      await this.shutdown();
      throw error;
    }
    ready();
    this.whenReady = null;
    return this.address;
  }

  private async startRooms(): Promise<void> {
    const { ports, config, image, settings } = this;
    const { clock, random, files } = ports;
    const nodeId = config.nodeId;
    const { logDirs, metadataLogDir } = config;
    const clusterId = clusterIdOf(files, [metadataLogDir, ...logDirs]) ?? newId(random);
    const onProblem = this.onLog;
    // Before recovery: a port that is taken should be told at once.
    await this.listen();
    let metadataDirectoryId = '';
    const logManager = await LogManager.open({
      files,
      clock,
      random,
      logDirs,
      metadataLogDir,
      nodeId,
      clusterId,
      configOf: (topic) => settings.logConfigOf(topic),
      onProblem,
      whenLocked: ({ path, wasClean, directoryId }) => {
        metadataDirectoryId = directoryId;
        this.metadataLog = new MetadataLog({ files, clock, random, logDir: path, isClean: wasClean, onProblem }, image);
      },
      intervals: this.intervals(),
      cleanerSettings: () => settings.cleanerSettings(),
      moveBytesPerSecondMax: () => settings.number('replica.alter.log.dirs.io.max.bytes.per.second'),
      onMoved: (log) => this.replicaDirectories?.moved(log),
      onDirectoryFailed: (directory) => this.replicaDirectories?.failed(directory),
    });
    this.logManager = logManager;
    const metadataLog = this.metadataLog!;
    const controller = new Controller(image, metadataLog, random, brokerConfigRules(settings));
    const replicas = new ReplicaManager(nodeId, {
      open: (topic, partition, topicId, logConfig, directoryId) =>
        logManager.getOrCreate(topic, partition, topicId, logConfig, directoryId),
      remove: (log) => logManager.delete(log.topic, log.partition),
    });
    const shares = new ShareCoordinator({
      clock,
      config: this.shareConfig(),
      partitionExists: (topicId, partition) => image.topicById(topicId)?.partitions[partition] !== undefined,
      onProblem,
    });
    const sharePartitions = new SharePartitions();
    const topicCreation = new TopicCreation(image, controller, config);
    const calls = NO_OTHER_BROKERS;
    const timeoutMs = config.number('request.timeout.ms');
    const ensureTopic = () => topicCreation.ensureShareStateTopic();
    const sharePersister = clusterPersister({
      nodeId,
      image,
      coordinator: shares,
      calls,
      clock,
      timeoutMs,
      ensureTopic,
    });
    const { groupConfig } = new GroupSettings(image, settings);
    const groups = new GroupCoordinator({
      clock,
      random,
      config: this.groupConfig(),
      topics: topicsView(image),
      configOf: groupConfig,
      shareStates: sharePersister,
      onProblem,
    });
    const producerIds = new ProducerIds(() => controller.allocateProducerIds(nodeId), clock);
    const verifications = new Verifications();
    const markers = new LocalMarkers({ image, replicas, groups, verifications, clock, timeoutMs });
    const transactions = new TransactionCoordinator({
      clock,
      config: this.transactionConfig(),
      markers: new ClusterMarkers({ nodeId, image, local: markers, calls, timeoutMs }),
      takeProducerId: () => producerIds.take(),
      onProblem,
    });
    const entering = new Entering({
      nodeId,
      image,
      transactions,
      calls,
      clock,
      timeoutMs,
      retryBackoffMs: config.number('add.partitions.to.txn.retry.backoff.ms'),
      retryMsMax: config.number('add.partitions.to.txn.retry.backoff.max.ms'),
    });
    const services: BrokerServices = {
      nodeId,
      clusterId,
      clock,
      config,
      settings,
      image,
      controller,
      quorum: quorumView({
        metadataLog,
        directoryId: metadataDirectoryId,
        controllerNames: config.list('controller.listener.names'),
        listeners: config.list('listeners'),
        endPoints: () => this.endPoints,
      }),
      replicas,
      logManager,
      groups,
      groupConfig,
      transactions,
      markers,
      entering,
      verifications,
      calls,
      shares,
      sharePersister,
      sharePartitions,
      shareSessions: new ShareSessions(() => config.number('group.share.max.share.sessions')),
      purgatory: new Purgatory(clock),
      quotas: new Quotas(clock, image.clientQuotas, config),
      telemetry: new ClientTelemetry(image, clock, random, config.number('telemetry.max.bytes')),
      clientInformation: new ClientInformation(),
      fetchSessions: new FetchSessions(clock, random, config.number('max.incremental.fetch.session.cache.slots')),
      producerIds,
      topicCreation,
      metrics: this.metrics,
      apis: HANDLERS.filter((handler) => !UNADVERTISED_APIS.has(handler.api.key)).map((handler) => handler.api),
      endPointOf: (brokerId, listenerName) => {
        const found = image.brokers.get(brokerId)?.endPoints.find((each) => each.name === listenerName);
        return found === undefined ? null : { name: found.name, host: found.host, port: found.port };
      },
    };
    this.services = services;
    await controller.bootstrap(FINALIZED_FEATURES);
    await controller.registerBroker({
      brokerId: nodeId,
      incarnationId: newId(random),
      endPoints: this.endPoints,
      rack: config.text('broker.rack'),
      logDirs: logManager.directories.filter((each) => each.offline === null).map((each) => each.directoryId),
      hasOfflineLogDirs:
        logManager.directories.length < logDirs.length || logManager.directories.some((each) => each.offline !== null),
    });
    this.removeStrayLogs(logManager);
    const applier = new MetadataApplier({
      image,
      nodeId,
      replicas,
      groups,
      transactions,
      shares,
      sharePartitions,
      settings,
      clock,
      onProblem,
    });
    const directories = new ReplicaDirectories({ image, nodeId, controller, replicas, logManager, onProblem });
    this.replicaDirectories = directories;
    applier.apply();
    directories.assign();
    metadataLog.whenReplayed(() => {
      applier.apply();
      directories.assign();
    });
    logManager.resumeMoves();
    this.dispatch = new Dispatch(services, HANDLERS.map(gatedByFeature));
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

  /** A topic that exists has its partitions, whatever the setting says now: groups, transactional ids and share partitions are found by them. */
  private partitionsOf(topic: string, setting: string): () => number {
    const wanted = this.config.number(setting);
    return () => this.image.topics.get(topic)?.partitions.length ?? wanted;
  }

  private groupConfig() {
    const { config } = this;
    return {
      sessionTimeoutMinMs: config.number('group.min.session.timeout.ms'),
      sessionTimeoutMaxMs: config.number('group.max.session.timeout.ms'),
      initialRebalanceDelayMs: config.number('group.initial.rebalance.delay.ms'),
      sizeMax: config.number('group.max.size'),
      offsetsPartitions: this.partitionsOf(CONSUMER_OFFSETS_TOPIC, 'offsets.topic.num.partitions'),
      offsetMetadataLengthMax: config.number('offset.metadata.max.bytes'),
      offsetsRetentionMs: config.number('offsets.retention.minutes') * 60_000,
      offsetsRetentionCheckIntervalMs: config.number('offsets.retention.check.interval.ms'),
      consumer: {
        sessionTimeoutMs: config.number('group.consumer.session.timeout.ms'),
        heartbeatIntervalMs: config.number('group.consumer.heartbeat.interval.ms'),
        assignmentIntervalMs: config.number('group.consumer.assignment.interval.ms'),
        sizeMax: config.number('group.consumer.max.size'),
        assignors: config.list('group.consumer.assignors'),
        migrationPolicy: config.text('group.consumer.migration.policy') as MigrationPolicy,
      },
      share: {
        sizeMax: config.number('group.share.max.size'),
        initializeRetryMs: config.number('group.share.initialize.retry.interval.ms'),
      },
    };
  }

  private shareConfig() {
    const { config } = this;
    return {
      statePartitions: this.partitionsOf(SHARE_GROUP_STATE_TOPIC, 'share.coordinator.state.topic.num.partitions'),
      updatesPerSnapshot: config.number('share.coordinator.snapshot.update.records.per.snapshot'),
      pruneIntervalMs: config.number('share.coordinator.state.topic.prune.interval.ms'),
      coldSnapshotIntervalMs: config.number('share.coordinator.cold.partition.snapshot.interval.ms'),
    };
  }

  private transactionConfig() {
    const { config } = this;
    return {
      statePartitions: this.partitionsOf(TRANSACTION_STATE_TOPIC, 'transaction.state.log.num.partitions'),
      timeoutMsMax: config.number('transaction.max.timeout.ms'),
      abortIntervalMs: config.number('transaction.abort.timed.out.transaction.cleanup.interval.ms'),
      expirationMs: config.number('transactional.id.expiration.ms'),
      expirationCheckIntervalMs: config.number('transaction.remove.expired.transaction.cleanup.interval.ms'),
      transactionVersion: () => this.image.features.get('transaction.version') ?? 0,
    };
  }

  /** Folders of topics that were deleted while their broker was down. */
  private removeStrayLogs(logManager: LogManager): void {
    for (const log of [...logManager.logs()]) {
      const topicId = logManager.topicId(log.topic, log.partition);
      const topic = this.image.topics.get(log.topic);
      if (topic !== undefined && (topicId === null || topicId === topic.topicId)) continue;
      this.onLog(`${log.directory}: no topic of the cluster has it; it is removed`);
      logManager.delete(log.topic, log.partition);
    }
  }

  private async listen(): Promise<void> {
    for (const endPoint of this.config.endPoints) {
      const listener = await this.ports.network.listen(
        { host: isWildcard(endPoint.host) ? '0.0.0.0' : endPoint.host, port: endPoint.port },
        (connection) => this.accept(connection, endPoint.name),
      );
      this.listeners.push(listener);
      const advertised = this.config.advertised.get(endPoint.name);
      const host = isWildcard(endPoint.host) ? LOCALHOST : endPoint.host;
      const port = advertised?.port || listener.address.port;
      this.endPoints.push({ name: endPoint.name, host: advertised?.host ?? host, port });
    }
  }

  private accept(connection: Connection, listenerName: string): void {
    const { clock } = this.ports;
    const ip = ipOf(connection.remote);
    const admission = this.connectionQuota.admit(ip, clock.monotonic());
    const isRefused = admission.kind === 'refuse';
    if (isRefused) this.onLog(`${ip}: refused, ${admission.reason}`);
    const mayWait = this.throttledConnections < THROTTLED_CONNECTIONS_MAX;
    if (this.state === 'stopped' || (isRefused && (admission.waitMs === 0 || !mayWait))) {
      if (!isRefused) this.connectionQuota.closed(ip);
      connection.destroy();
      return;
    }
    if (isRefused) this.throttledConnections++;
    else this.metrics.connectionsAccepted++;
    const limits = {
      frameBytesMax: this.config.number('socket.request.max.bytes'),
      idleMsMax: this.config.number('connections.max.idle.ms'),
      sendQueueBytesMax: SEND_QUEUE_BYTES_MAX,
    };
    const id = this.nextConnectionId++;
    const server = new ServerConnection(
      id,
      connection,
      clock,
      limits,
      (frame, from) => {
        if (this.whenReady === null) return this.dispatch!.handle(frame, from, listenerName);
        const kept = Buffer.from(frame);
        return this.whenReady.then(() => this.dispatch!.handle(kept, from, listenerName));
      },
      {
        onClose: (closed, reason) => {
          if (isRefused) this.throttledConnections--;
          else this.connectionQuota.closed(ip);
          this.onClosed(closed, reason);
        },
      },
    );
    if (server.isClosed) return;
    this.connections.add(server);
    if (admission.waitMs === 0) return;
    // One that is refused is closed a moment before it would be read.
    if (isRefused) clock.setTimer(admission.waitMs, () => server.close(THROTTLED));
    server.mute(admission.waitMs);
  }

  private onClosed(connection: ServerConnection, reason: string): void {
    this.connections.delete(connection);
    this.metrics.connectionsClosed++;
    if (!isOrdinary(reason)) this.onLog(`${connection.remote.host}:${connection.remote.port}: closed: ${reason}`);
  }

  /** Answers who is parked, ends the connections, closes every log cleanly. Idempotent. */
  async shutdown(): Promise<void> {
    if (this.state === 'stopped') return;
    this.state = 'stopped';
    for (const listener of this.listeners) await listener.close();
    this.services?.groups.close();
    this.services?.transactions.close();
    this.services?.sharePartitions.close();
    this.services?.shares.close();
    this.services?.purgatory.close();
    await this.drainConnections();
    await this.metadataLog?.close();
    await this.logManager?.close();
  }

  private async drainConnections(): Promise<void> {
    const { clock } = this.ports;
    const deadlineMs = clock.monotonic() + SHUTDOWN_SEND_MS_MAX;
    // One turn, so that answers which were released just now are queued.
    await new Promise<void>((resolve) => clock.defer(resolve));
    while ([...this.connections].some((each) => each.queuedBytes > 0) && clock.monotonic() < deadlineMs) {
      await new Promise<void>((resolve) => clock.setTimer(10, resolve));
    }
    for (const connection of [...this.connections]) connection.end('the broker stops');
  }
}

function isOrdinary(reason: string): boolean {
  return (
    reason === 'closed by the peer' ||
    reason === 'the broker stops' ||
    reason === THROTTLED ||
    reason === 'ECONNRESET' ||
    reason === 'EPIPE'
  );
}

/** An IPv4 client of an IPv6 socket is the same client. */
function ipOf({ host }: Address): string {
  return host.startsWith('::ffff:') ? host.slice('::ffff:'.length) : host;
}
