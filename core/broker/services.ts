import type { Controller } from '../controller/controller.ts';
import type { ClusterImage } from '../controller/image.ts';
import type { GroupConfigLookup } from '../groups/group-config.ts';
import type { GroupCoordinator } from '../groups/group-coordinator.ts';
import type { LogManager } from '../log/log-manager.ts';
import type { Clock } from '../ports/clock.ts';
import type { MetadataQuorum } from '../quorum/metadata-quorum.ts';
import type { ReplicaManager } from '../replica/replica-manager.ts';
import type { AnyApi } from '../rpc/request-codec.ts';
import type { Reply } from '../rpc/server-connection.ts';
import type { SharePersister } from '../shares/persister.ts';
import type { ShareCoordinator } from '../shares/share-coordinator.ts';
import type { SharePartitions } from '../shares/share-partitions.ts';
import type { ShareSessions } from '../shares/share-sessions.ts';
import type { TransactionCoordinator } from '../transactions/transaction-coordinator.ts';
import type { BrokerCalls } from './broker-calls.ts';
import type { BrokerConfig } from './config.ts';
import type { ControllerGateway } from './controller-gateway.ts';
import type { FetchSessions } from './fetch-sessions.ts';
import type { Caller } from './handler.ts';
import type { EndPoint } from './listeners.ts';
import type { BrokerMetrics } from './metrics.ts';
import type { ProducerIds } from './producer-ids.ts';
import type { Purgatory } from './purgatory.ts';
import type { Quotas } from './quotas/quotas.ts';
import type { Settings } from './settings.ts';
import type { ClientInformation } from './telemetry/client-information.ts';
import type { ClientTelemetry } from './telemetry/client-telemetry.ts';
import type { TopicCreation } from './topic-creation.ts';
import type { Entering } from './transactions/entering.ts';
import type { LocalMarkers } from './transactions/local-markers.ts';
import type { Verifications } from './transactions/verifications.ts';

/** What handlers of every node may use, whatever its roles. `Broker` puts it together. */
export interface NodeServices {
  readonly nodeId: number;
  readonly clusterId: string;
  readonly clock: Clock;
  readonly config: BrokerConfig;
  readonly settings: Settings;
  readonly image: ClusterImage;
  /** Of this node: inactive unless it leads the quorum. */
  readonly controller: Controller;
  readonly quorum: MetadataQuorum;
  /** The way to the active controller, wherever it is. */
  readonly gateway: ControllerGateway;
  /** The voters and where they are reached. */
  readonly controllers: () => readonly (EndPoint & { readonly nodeId: number })[];
  /** A request out of an envelope, as the controller of this node answers it. */
  readonly handleForwarded: (frame: Buffer, from: Caller) => Promise<Reply>;
  readonly quotas: Quotas;
  readonly clientInformation: ClientInformation;
  readonly metrics: BrokerMetrics;
  /** For people. */
  readonly onLog: (message: string) => void;
  /** What ApiVersions names: the APIs that have a handler. */
  readonly apis: readonly AnyApi[];
}

/** What handlers of a broker may use. */
export interface BrokerServices extends NodeServices {
  readonly replicas: ReplicaManager;
  readonly logManager: LogManager;
  readonly groups: GroupCoordinator;
  /** What is set for a group, now. */
  readonly groupConfig: GroupConfigLookup;
  readonly transactions: TransactionCoordinator;
  readonly markers: LocalMarkers;
  /** Asks the coordinators of transactional ids, wherever they are. */
  readonly entering: Entering;
  /** The questions of `entering` that are open. */
  readonly verifications: Verifications;
  /** Requests to other brokers. */
  readonly calls: BrokerCalls;
  /** What this broker keeps of share partitions: for APIs 83–87. */
  readonly shares: ShareCoordinator;
  /** The state of share partitions, wherever it is kept. */
  readonly sharePersister: SharePersister;
  /** Share partitions that members read here. */
  readonly sharePartitions: SharePartitions;
  readonly shareSessions: ShareSessions;
  readonly purgatory: Purgatory;
  readonly telemetry: ClientTelemetry;
  readonly fetchSessions: FetchSessions;
  readonly producerIds: ProducerIds;
  readonly topicCreation: TopicCreation;
  /** The address that clients of a listener are told for a broker; null when the broker has no such listener. */
  endPointOf(brokerId: number, listenerName: string): EndPoint | null;
}
