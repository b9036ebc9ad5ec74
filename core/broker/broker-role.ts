import type { ProducerIdBlock } from '../controller/controller.ts';
import type { ClusterImage } from '../controller/image.ts';
import { GroupCoordinator } from '../groups/group-coordinator.ts';
import type { LogManager } from '../log/log-manager.ts';
import type { Ports } from '../ports/ports.ts';
import { ErrorCode, errorOf } from '../protocol/errors.ts';
import { AllocateProducerIds } from '../protocol/messages/67-allocate-producer-ids.ts';
import type { FetcherSettings } from '../replica/fetch-request.ts';
import type { BrokersView } from '../replica/leadership.ts';
import type { Partition } from '../replica/partition.ts';
import { ReplicaFetchers } from '../replica/replica-fetchers.ts';
import { ReplicaManager } from '../replica/replica-manager.ts';
import { NodeLinks } from '../rpc/node-links.ts';
import { ShareCoordinator } from '../shares/share-coordinator.ts';
import { SharePartitions } from '../shares/share-partitions.ts';
import { ShareSessions } from '../shares/share-sessions.ts';
import { TransactionCoordinator } from '../transactions/transaction-coordinator.ts';
import { AlterPartitionChannel } from './alter-partition-channel.ts';
import type { BrokerCalls } from './broker-calls.ts';
import type { BrokerLifecycle } from './broker-lifecycle.ts';
import type { BrokerConfig } from './config.ts';
import type { ControllerGateway } from './controller-gateway.ts';
import { groupConfigOf, shareConfigOf, transactionConfigOf } from './coordinator-config.ts';
import { Dispatch } from './dispatch.ts';
import { gatedByFeature } from './feature-gates.ts';
import { FetchSessions } from './fetch-sessions.ts';
import { GroupSettings } from './group-settings.ts';
import { topicsView } from './groups/request-context.ts';
import { FORWARDED_APIS, HANDLERS, UNADVERTISED_APIS } from './handlers/all.ts';
import type { EndPoint } from './listeners.ts';
import { MetadataApplier } from './metadata-applier.ts';
import type { MetadataNode } from './metadata-node.ts';
import { type LogView, logView } from './node-view.ts';
import { ProducerIds } from './producer-ids.ts';
import { Purgatory } from './purgatory.ts';
import { ReplicaDirectories } from './replica-directories.ts';
import type { BrokerServices } from './services.ts';
import { clusterPersister } from './shares/cluster-persister.ts';
import { ClientTelemetry } from './telemetry/client-telemetry.ts';
import { TopicCreation } from './topic-creation.ts';
import { ClusterTopicCreator } from './topic-creator.ts';
import { ClusterMarkers } from './transactions/cluster-markers.ts';
import { Entering } from './transactions/entering.ts';
import { LocalMarkers } from './transactions/local-markers.ts';
import { Verifications } from './transactions/verifications.ts';

const PRODUCER_IDS_MS_MAX = 5_000;

/**
 * What a node with the broker's role has: logs and replicas, coordinators, parked requests, and the handlers of clients' requests.
 *
 * Invariant: after `apply` it is what the image says; `close` leaves nothing behind that could still act.
 */
export interface BrokerRoleParts {
  readonly ports: Ports;
  readonly node: MetadataNode;
  readonly logManager: LogManager;
  readonly lifecycle: BrokerLifecycle;
  readonly onProblem: (message: string) => void;
}

export class BrokerRole {
  readonly services: BrokerServices;
  readonly dispatch: Dispatch<BrokerServices>;
  readonly replicas: ReplicaManager;
  readonly directories: ReplicaDirectories;
  private readonly applier: MetadataApplier;
  private readonly links: NodeLinks;
  private readonly fetchers: ReplicaFetchers;
  private fetchersPerBroker: number;
  private readonly changes: AlterPartitionChannel;
  private readonly logManager: LogManager;
  private viewed: { readonly partitions: readonly Partition[]; readonly views: readonly LogView[] } | null = null;

  constructor({ ports, node, logManager, lifecycle, onProblem }: BrokerRoleParts) {
    const { clock, random } = ports;
    const { image, gateway } = node;
    const { nodeId, config, settings, metrics } = node.services;
    const brokerEpoch = (): number => lifecycle.brokerEpoch;
    this.logManager = logManager;
    const endPointOf = (brokerId: number, listenerName: string): EndPoint | null =>
      image.brokers.get(brokerId)?.endPoints.find((each) => each.name === listenerName) ?? null;
    this.links = new NodeLinks(ports, {
      clientId: `broker-${nodeId}`,
      addressOf: (brokerId) => endPointOf(brokerId, config.interBrokerListener),
      requestTimeoutMs: config.number('replica.socket.timeout.ms'),
    });
    const { links } = this;
    this.changes = new AlterPartitionChannel({ clock, gateway, nodeId, brokerEpoch });
    const fetchers = new ReplicaFetchers({
      clock,
      nodeId,
      brokerEpoch,
      send: (brokerId, api, body, options) => links.send(brokerId, api, body, options),
      settings: fetcherSettingsOf(config),
      fetchersPerBroker: () => settings.number('num.replica.fetchers'),
      onProblem,
    });
    this.fetchers = fetchers;
    this.fetchersPerBroker = settings.number('num.replica.fetchers');
    const replicas = new ReplicaManager(
      nodeId,
      {
        open: (topic, partition, topicId, logConfig, directoryId) =>
          logManager.getOrCreate(topic, partition, topicId, logConfig, directoryId),
        remove: (log) => logManager.delete(log.topic, log.partition),
      },
      {
        clock,
        fetchers,
        brokers: brokersView(image),
        changer: this.changes,
        brokerEpoch,
        lagTimeMaxMs: () => config.number('replica.lag.time.max.ms'),
        onProblem,
      },
    );
    this.replicas = replicas;
    const calls: BrokerCalls = { send: (brokerId, api, body, options) => links.send(brokerId, api, body, options) };
    const shares = new ShareCoordinator({
      clock,
      config: shareConfigOf(config, image),
      partitionExists: (topicId, partition) => image.topicById(topicId)?.partitions[partition] !== undefined,
      onProblem,
    });
    const sharePartitions = new SharePartitions();
    const topicCreation = new TopicCreation(
      image,
      new ClusterTopicCreator({ ...node, until: (isSo, ms) => node.until(isSo, ms) }),
      config,
    );
    const timeoutMs = config.number('request.timeout.ms');
    const sharePersister = clusterPersister({
      nodeId,
      image,
      coordinator: shares,
      calls,
      clock,
      timeoutMs,
      ensureTopic: () => topicCreation.ensureShareStateTopic(),
    });
    const { groupConfig } = new GroupSettings(image, settings);
    const groups = new GroupCoordinator({
      clock,
      random,
      config: groupConfigOf(config, image),
      topics: topicsView(image),
      configOf: groupConfig,
      shareStates: sharePersister,
      onProblem,
    });
    const producerIds = new ProducerIds(() => nextProducerIds(gateway, nodeId, brokerEpoch()), clock);
    const verifications = new Verifications();
    const markers = new LocalMarkers({ image, replicas, groups, verifications, clock, timeoutMs });
    const transactions = new TransactionCoordinator({
      clock,
      config: transactionConfigOf(config, image),
      markers: new ClusterMarkers({ local: markers, image, nodeId, calls, timeoutMs }),
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
    this.services = {
      ...node.services,
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
      telemetry: new ClientTelemetry(image, clock, random, config.number('telemetry.max.bytes')),
      fetchSessions: new FetchSessions(clock, random, config.number('max.incremental.fetch.session.cache.slots')),
      producerIds,
      topicCreation,
      metrics,
      apis: HANDLERS.filter(({ api }) => !UNADVERTISED_APIS.has(api.key)).map(({ api }) => api),
      endPointOf,
    };
    this.applier = new MetadataApplier({
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
    this.directories = new ReplicaDirectories({
      image,
      nodeId,
      gateway,
      brokerEpoch,
      replicas,
      logManager,
      onDirectoryFailed: () => lifecycle.hurry(),
      onProblem,
    });
    this.dispatch = new Dispatch(this.services, HANDLERS.map(gatedByFeature), FORWARDED_APIS);
  }

  /** Folders of partitions that went elsewhere while this broker was down. */
  removeStrayLogs(onLog: (message: string) => void): void {
    const { image, nodeId } = this.services;
    for (const log of [...this.logManager.logs()]) {
      const topicId = this.logManager.topicId(log.topic, log.partition);
      const topic = image.topics.get(log.topic);
      const isThere = topic !== undefined && (topicId === null || topicId === topic.topicId);
      if (isThere && topic.partitions[log.partition]?.replicas.includes(nodeId)) continue;
      onLog(
        `${log.directory}: ${isThere ? 'the partition lies on other brokers' : 'no topic of the cluster has it'}; it is removed`,
      );
      this.logManager.delete(log.topic, log.partition);
    }
  }

  /** Becomes what the image says. */
  apply(): void {
    this.applier.apply();
    this.directories.assign();
    const fetchersPerBroker = this.services.settings.number('num.replica.fetchers');
    if (fetchersPerBroker === this.fetchersPerBroker) return;
    this.fetchersPerBroker = fetchersPerBroker;
    this.fetchers.resize();
  }

  /** The same list until a partition comes or goes. */
  views(): readonly LogView[] {
    const partitions = this.replicas.all();
    if (this.viewed?.partitions !== partitions) this.viewed = { partitions, views: partitions.map(logView) };
    return this.viewed.views;
  }

  /** Nobody is coordinated, followed or parked any more: whoever waits is answered. */
  stop(): void {
    const { groups, transactions, sharePartitions, shares, purgatory } = this.services;
    this.replicas.close();
    this.changes.close();
    groups.close();
    transactions.close();
    sharePartitions.close();
    shares.close();
    purgatory.close();
    this.links.close();
  }
}

async function nextProducerIds(
  gateway: ControllerGateway,
  brokerId: number,
  brokerEpoch: number,
): Promise<ProducerIdBlock> {
  const answer = await gateway.askUntil(AllocateProducerIds, { brokerId, brokerEpoch }, PRODUCER_IDS_MS_MAX);
  if (answer.errorCode !== ErrorCode.NONE) throw new Error(errorOf(answer.errorCode).name);
  return { first: answer.producerIdStart, count: answer.producerIdLen };
}

function brokersView(image: ClusterImage): BrokersView {
  return {
    liveEpochOf: (brokerId) => {
      const broker = image.brokers.get(brokerId);
      return broker === undefined || broker.isFenced ? null : broker.brokerEpoch;
    },
    isEligible: (brokerId, brokerEpoch) => {
      const broker = image.brokers.get(brokerId);
      return (
        broker !== undefined && image.isActive(brokerId) && (brokerEpoch < 0 || broker.brokerEpoch === brokerEpoch)
      );
    },
  };
}

function fetcherSettingsOf(config: BrokerConfig): FetcherSettings {
  return {
    fetchWaitMsMax: config.number('replica.fetch.wait.max.ms'),
    fetchMinBytes: config.number('replica.fetch.min.bytes'),
    fetchBytesMax: config.number('replica.fetch.max.bytes'),
    responseBytesMax: config.number('replica.fetch.response.max.bytes'),
    backoffMs: config.number('replica.fetch.backoff.ms'),
    requestTimeoutMs: config.number('replica.socket.timeout.ms'),
  };
}
