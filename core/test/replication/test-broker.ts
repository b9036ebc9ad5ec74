import { Dispatch } from '../../broker/dispatch.ts';
import { FetchSessions } from '../../broker/fetch-sessions.ts';
import type { Handler } from '../../broker/handler.ts';
import { produceHandler } from '../../broker/handlers/00-produce.ts';
import { fetchHandler } from '../../broker/handlers/01-fetch.ts';
import { listOffsetsHandler } from '../../broker/handlers/02-list-offsets.ts';
import { apiVersionsHandler } from '../../broker/handlers/18-api-versions.ts';
import { deleteRecordsHandler } from '../../broker/handlers/21-delete-records.ts';
import { offsetForLeaderEpochHandler } from '../../broker/handlers/23-offset-for-leader-epoch.ts';
import { newBrokerMetrics } from '../../broker/metrics.ts';
import { Purgatory } from '../../broker/purgatory.ts';
import { Quotas } from '../../broker/quotas/quotas.ts';
import type { BrokerServices } from '../../broker/services.ts';
import { ClientInformation } from '../../broker/telemetry/client-information.ts';
import { brokerConfig } from '../../broker/testing.ts';
import { ClusterImage } from '../../controller/image.ts';
import type { MetadataRecord } from '../../controller/records/metadata-record.ts';
import type { LogConfig } from '../../log/log-config.ts';
import { LogManager } from '../../log/log-manager.ts';
import type { Ports } from '../../ports/ports.ts';
import type { SimProcess } from '../../ports/sim/process.ts';
import { DEFAULT_FETCHER_SETTINGS, type FetcherSettings } from '../../replica/fetch-request.ts';
import { ReplicaFetchers } from '../../replica/replica-fetchers.ts';
import { ReplicaManager } from '../../replica/replica-manager.ts';
import { RACK_AWARE_SELECTOR } from '../../replica/replica-selector.ts';
import { NodeLinks } from '../../rpc/node-links.ts';
import { ServerConnection } from '../../rpc/server-connection.ts';
import { type Subscriber, type TestController, TOPIC, TOPIC_ID } from './test-controller.ts';

/**
 * One life of a broker, as far as replication needs one: real logs, partitions, fetchers, sessions, purgatory and handlers over the simulated ports; the
 * metadata comes from the test's controller.
 */
const HANDLERS: readonly Handler[] = [
  produceHandler,
  fetchHandler,
  listOffsetsHandler,
  apiVersionsHandler,
  deleteRecordsHandler,
  offsetForLeaderEpochHandler,
];
const LAG_TIME_MAX_MS = 600;
const FETCHER: FetcherSettings = {
  ...DEFAULT_FETCHER_SETTINGS,
  fetchWaitMsMax: 150,
  backoffMs: 50,
  requestTimeoutMs: 1200,
};

export class TestBroker implements Subscriber {
  readonly process: SimProcess;
  readonly nodeId: number;
  readonly problems: string[] = [];
  readonly replicas: ReplicaManager;
  readonly logManager: LogManager;
  readonly image = new ClusterImage();
  private readonly controller: TestController;
  private readonly logConfig: LogConfig;
  private epoch = -1;
  private batches = 0;
  private caughtUpAt = 0;

  private constructor(
    process: SimProcess,
    nodeId: number,
    ports: Ports,
    controller: TestController,
    logManager: LogManager,
    logConfig: LogConfig,
  ) {
    this.process = process;
    this.nodeId = nodeId;
    this.controller = controller;
    this.logManager = logManager;
    this.logConfig = logConfig;
    const onProblem = (message: string) => void this.problems.push(message);
    const addressOf = (id: number) => this.image.brokers.get(id)?.endPoints[0] ?? null;
    const links = new NodeLinks(ports, { addressOf, reconnectBackoffMs: 10, reconnectBackoffMsMax: 50 });
    const fetchers = new ReplicaFetchers({
      clock: ports.clock,
      nodeId,
      brokerEpoch: () => this.epoch,
      send: (id, api, body, options) => links.send(id, api, body, options),
      settings: FETCHER,
      fetchersPerBroker: () => 1,
      onProblem,
    });
    this.replicas = new ReplicaManager(
      nodeId,
      {
        open: (topic, partition, topicId, config) => logManager.getOrCreate(topic, partition, topicId, config),
        remove: (log) => void logManager.delete(log.topic, log.partition),
      },
      {
        clock: ports.clock,
        fetchers,
        brokers: {
          liveEpochOf: (id) => {
            const broker = this.image.brokers.get(id);
            return broker === undefined || broker.isFenced ? null : broker.brokerEpoch;
          },
          isEligible: (id, epoch) => {
            const broker = this.image.brokers.get(id);
            if (broker === undefined || broker.isFenced) return false;
            return epoch === -1 || epoch === broker.brokerEpoch;
          },
        },
        changer: { change: (change) => controller.ask(nodeId, this.epoch, change) },
        brokerEpoch: () => this.epoch,
        lagTimeMaxMs: () => LAG_TIME_MAX_MS,
        onProblem,
      },
    );
  }

  /** Opens and recovers the logs, listens, registers, and leads once it has caught up with the metadata. */
  static async start(
    process: SimProcess,
    nodeId: number,
    ports: Ports,
    controller: TestController,
    logConfig: LogConfig,
  ): Promise<TestBroker> {
    const { clock, random, files, network } = ports;
    const logManager = await LogManager.open({
      files,
      clock,
      random,
      logDirs: ['/data'],
      nodeId,
      clusterId: TOPIC_ID,
      configOf: () => logConfig,
      onProblem: () => {},
      intervals: { highWatermarkCheckpointMs: 300, recoveryPointCheckpointMs: 400, logStartCheckpointMs: 500 },
    });
    const broker = new TestBroker(process, nodeId, ports, controller, logManager, logConfig);
    const dispatch = broker.dispatch(ports);
    await network.listen({ host: '0.0.0.0', port: 9092 }, (connection) => {
      new ServerConnection(
        0,
        connection,
        clock,
        { frameBytesMax: 10_000_000, idleMsMax: -1, sendQueueBytesMax: 1_000_000 },
        (frame, from) => dispatch.handle(frame, from, 'PLAINTEXT'),
        { onClose: () => {} },
      );
    });
    broker.epoch = controller.register(nodeId, broker);
    broker.caughtUpAt = controller.batchCount;
    return broker;
  }

  private dispatch({ clock, random }: Ports): Dispatch<BrokerServices> {
    const { image, replicas, nodeId } = this;
    const config = brokerConfig({ 'node.id': String(nodeId), 'replica.selector.class': RACK_AWARE_SELECTOR });
    const services = {
      nodeId,
      clock,
      config,
      image,
      replicas,
      quorum: { logEndOffset: () => this.batches },
      purgatory: new Purgatory(clock),
      quotas: new Quotas(clock, image.clientQuotas, config),
      clientInformation: new ClientInformation(),
      fetchSessions: new FetchSessions(clock, random, 100),
      metrics: newBrokerMetrics(),
      apis: HANDLERS.map(({ api }) => api),
      endPointOf: (brokerId: number) => image.brokers.get(brokerId)?.endPoints[0] ?? null,
    };
    return new Dispatch(services as unknown as BrokerServices, HANDLERS);
  }

  deliver(records: readonly MetadataRecord[]): void {
    for (const record of records) this.image.replay(record);
    this.batches++;
    // As Kafka: nothing is held before what was decided before this life is known whole.
    if (this.batches < this.caughtUpAt) return;
    const replicas = this.image.topics.get(TOPIC)?.partitions.map((each) => ({ ...each, directoryId: '' }));
    if (replicas !== undefined) this.replicas.hold(TOPIC, TOPIC_ID, replicas, this.logConfig);
    this.controller.unfence(this.nodeId, this.epoch);
  }

  get brokerEpoch(): number {
    return this.epoch;
  }

  /** The broker's heartbeats come through again. */
  rejoin(): void {
    this.controller.unfence(this.nodeId, this.epoch);
  }
}
