import { Controller } from '../controller/controller.ts';
import { type ControllerSettings, IDLE_CONTROLLER } from '../controller/controller-settings.ts';
import type { ClusterImage } from '../controller/image.ts';
import {
  decodeMetadataRecord,
  encodeMetadataRecord,
  type NewMetadataRecord,
} from '../controller/records/metadata-record.ts';
import type { Clock } from '../ports/clock.ts';
import type { Ports } from '../ports/ports.ts';
import { ErrorCode } from '../protocol/errors.ts';
import { MetadataQuorum } from '../quorum/metadata-quorum.ts';
import type { QuorumSettings } from '../quorum/quorum-settings.ts';
import type { LeaderAndEpoch } from '../quorum/raft-events.ts';
import type { CommittedBatch } from '../quorum/state-machine.ts';
import { NodeLinks } from '../rpc/node-links.ts';
import type { BrokerConfig } from './config.ts';
import { ControllerGateway } from './controller-gateway.ts';
import { Dispatch } from './dispatch.ts';
import { frameOf } from './envelope.ts';
import { FINALIZED_FEATURES } from './features.ts';
import type { Caller } from './handler.ts';
import { CONTROLLER_HANDLERS, UNADVERTISED_APIS } from './handlers/all.ts';
import type { EndPoint } from './listeners.ts';
import type { BrokerMetrics } from './metrics.ts';
import { type LogHolder, type LogView, logView } from './node-view.ts';
import { votersOf } from './quorum-config.ts';
import { Quotas } from './quotas/quotas.ts';
import type { NodeServices } from './services.ts';
import { brokerConfigRules, type Settings } from './settings.ts';
import { ClientInformation } from './telemetry/client-information.ts';

/**
 * What every node of the cluster has, whatever its roles: its member of the metadata quorum, the image that the committed records give, a controller
 * that decides while this node leads the quorum, and the way to the one that does.
 *
 * Invariant: the image holds exactly the records below `quorum.lastAppliedOffset`; listeners hear of each change after it is whole.
 */
export interface MetadataNodeParts {
  readonly ports: Ports;
  readonly config: BrokerConfig;
  readonly settings: Settings;
  readonly image: ClusterImage;
  readonly metrics: BrokerMetrics;
  readonly clusterId: string;
  /** Of the log dir with the metadata log. */
  readonly directoryId: string;
  readonly logDir: string;
  readonly isClean: boolean;
  readonly onProblem: (message: string) => void;
  /** Where controllers are reached, as far as this node knows of itself. */
  readonly endPoints: () => readonly EndPoint[];
  /** The metadata cannot be kept or carried out any more: this node must end. */
  readonly onFatal: (error: unknown) => void;
}

const LOOPBACK = { host: '127.0.0.1', port: 0 };
/** This node asks its own controller. */
const SELF: Caller = { remote: LOOPBACK, local: LOOPBACK, whenClosed: () => () => {} };
/** As Kafka has it. */
const METADATA_TOPIC_ID = 'AAAAAAAAAAAAAAAAAAAAAQ';
const OWN_LISTENER = 'CONTROLLER';
/** leader.imbalance.per.broker.percentage, which Kafka 4 has fixed. */
const LEADER_IMBALANCE_PERCENTAGE_MAX = 10;

export class MetadataNode {
  readonly image: ClusterImage;
  readonly quorum: MetadataQuorum;
  readonly controller: Controller;
  readonly gateway: ControllerGateway;
  readonly services: NodeServices;
  readonly dispatch: Dispatch<NodeServices>;
  private readonly clock: Clock;
  private readonly links: NodeLinks;
  private readonly onProblem: (message: string) => void;
  private readonly isAlone: boolean;
  private readonly holder: LogHolder;
  private isTold = false;
  private readonly listeners = new Set<() => void>();
  private controllerKnown: (problem?: string) => void = () => {};
  /** Resolves when an active controller is known for the first time; with a problem when there will be none for this node. */
  readonly whenControllerKnown = new Promise<string | undefined>((resolve) => {
    this.controllerKnown = resolve;
  });

  constructor(parts: MetadataNodeParts) {
    const { ports, config, settings, image, clusterId, directoryId } = parts;
    const { clock, random, files } = ports;
    const { nodeId } = config;
    this.image = image;
    this.clock = clock;
    this.onProblem = parts.onProblem;
    const voters = votersOf(config);
    this.links = new NodeLinks(ports, {
      clientId: `mqlab-node-${nodeId}`,
      addressOf: (id) => voters.find((each) => each.nodeId === id) ?? null,
      requestTimeoutMs: config.number('controller.socket.timeout.ms'),
    });
    const isAlone = voters.length === 0;
    this.isAlone = isAlone;
    this.quorum = MetadataQuorum.open({
      clock,
      random,
      files,
      logDir: parts.logDir,
      isClean: parts.isClean,
      nodeId,
      clusterId,
      directoryId,
      voters: isAlone
        ? [{ nodeId, address: null }]
        : voters.map(({ nodeId: id, host, port }) => ({ nodeId: id, address: { host, port } })),
      settings: quorumSettingsOf(config),
      send: async (peer, api, body, options) => {
        const answer = await this.links.send(peer, api, body, options);
        if ((answer as { errorCode?: number }).errorCode === ErrorCode.INCONSISTENT_CLUSTER_ID) this.isStranger(peer);
        return answer;
      },
      stateMachine: {
        apply: (batch) => this.apply(batch),
        reset: () => this.image.reset(),
        snapshot: () => this.snapshot(),
        leaderChanged: (leader, isLeader) => this.leaderChanged(leader, isLeader),
      },
      onProblem: parts.onProblem,
      onFatal: parts.onFatal,
    });
    const { quorum } = this;
    this.holder = holderOf(quorum, nodeId);
    this.controller = new Controller({
      image,
      log: {
        append: (records: readonly NewMetadataRecord[]) => quorum.append(records.map(encodeMetadataRecord)),
        get logEndOffset() {
          return quorum.logEndOffset;
        },
      },
      clock,
      random,
      clusterId,
      rules: brokerConfigRules(settings),
      settings: controllerSettingsOf(config, isAlone),
      onProblem: parts.onProblem,
    });
    const { controller } = this;
    this.gateway = new ControllerGateway({
      clock,
      nodeId,
      isAlone,
      leader: () => quorum.leader,
      isActiveHere: () => controller.isActive,
      handleHere: (frame) => this.handleHere(frame),
      links: this.links,
    });
    this.services = {
      nodeId,
      clusterId,
      clock,
      config,
      settings,
      image,
      controller,
      quorum,
      gateway: this.gateway,
      controllers: () => {
        const [own] = parts.endPoints();
        if (isAlone) return own === undefined ? [] : [{ nodeId, ...own }];
        const name = config.list('controller.listener.names')[0] ?? OWN_LISTENER;
        return voters.map((voter) => ({ name, ...voter }));
      },
      handleForwarded: async (frame, from) => this.dispatch.handle(frame, from, OWN_LISTENER),
      quotas: new Quotas(clock, image.clientQuotas, config),
      clientInformation: new ClientInformation(),
      metrics: parts.metrics,
      onLog: parts.onProblem,
      apis: CONTROLLER_HANDLERS.filter(({ api }) => !UNADVERTISED_APIS.has(api.key)).map(({ api }) => api),
    };
    this.dispatch = new Dispatch(this.services, CONTROLLER_HANDLERS);
  }

  start(): void {
    this.quorum.start();
  }

  /** A voter says that this node's folder is another cluster's. */
  private isStranger(voter: number): void {
    const { clusterId } = this.services;
    const text = `INCONSISTENT_CLUSTER_ID: controller ${voter} belongs to another cluster than ${clusterId}; cluster.id in meta.properties of log.dirs must be the controller's`;
    if (!this.isTold) this.onProblem(text);
    this.isTold = true;
    this.controllerKnown(text);
  }

  /** Resolves when it is so after some change of the image, or the time is over. */
  until(isSo: () => boolean, timeoutMs = Number.POSITIVE_INFINITY): Promise<void> {
    if (isSo()) return Promise.resolve();
    return new Promise((resolve) => {
      const end = (): void => {
        this.listeners.delete(look);
        timer?.cancel();
        resolve();
      };
      const look = (): void => {
        if (isSo()) end();
      };
      const timer = Number.isFinite(timeoutMs) ? this.clock.setTimer(timeoutMs, end) : null;
      this.listeners.add(look);
    });
  }

  /** Told after each change of the image. */
  whenReplayed(listener: () => void): void {
    this.listeners.add(listener);
  }

  /** Its own log, as it has it now. */
  get view(): LogView {
    return logView(this.holder);
  }

  async close(): Promise<void> {
    this.controller.deactivate();
    await this.quorum.close();
    this.links.close();
  }

  /** A frame to the controller of this node, and the frame of its answer. */
  private async handleHere(frame: Buffer): Promise<Buffer> {
    const reply = await this.dispatch.handle(frame, SELF, OWN_LISTENER);
    if (reply.kind !== 'send') throw new Error(`the controller did not answer: ${reply.kind}`);
    return frameOf(reply.parts);
  }

  private apply({ values }: CommittedBatch): void {
    let isChange = false;
    for (const value of values) {
      const record = decodeMetadataRecord(value);
      if (record === null || record.kind === 'noOp') continue;
      this.image.replay(record);
      isChange = true;
    }
    if (isChange) for (const listener of [...this.listeners]) listener();
  }

  private *snapshot(): Generator<Buffer> {
    for (const record of this.image.toRecords()) yield encodeMetadataRecord(record);
  }

  private leaderChanged({ leaderId, epoch }: LeaderAndEpoch, isLeader: boolean): void {
    if (!isLeader) {
      this.controller.deactivate();
      if (leaderId >= 0 && leaderId !== this.services.nodeId) this.controllerKnown();
      return;
    }
    if (!this.isAlone) this.onProblem(`controller ${leaderId} is active in epoch ${epoch}`);
    const { lastLeader } = this.quorum;
    this.controller.activate(lastLeader && { nodeId: lastLeader.leaderId, heardMs: lastLeader.heardMs });
    this.controllerKnown();
    this.controller.bootstrap(FINALIZED_FEATURES).catch(() => {}); // Leadership ended meanwhile: the next controller does it.
  }
}

/** This node leads as soon as it is elected, whatever it has applied. */
function holderOf(quorum: MetadataQuorum, nodeId: number): LogHolder {
  return {
    log: quorum.metadataLog,
    topicId: METADATA_TOPIC_ID,
    get isLeader() {
      return quorum.leader.leaderId === nodeId;
    },
    get leaderEpoch() {
      return quorum.leader.epoch;
    },
    get highWatermark() {
      return Math.max(0, quorum.highWatermark);
    },
  };
}

function quorumSettingsOf(config: BrokerConfig): QuorumSettings {
  const number = (name: string): number => config.number(name);
  return {
    electionTimeoutMs: number('controller.quorum.election.timeout.ms'),
    fetchTimeoutMs: number('controller.quorum.fetch.timeout.ms'),
    electionBackoffMaxMs: number('controller.quorum.election.backoff.max.ms'),
    requestTimeoutMs: number('controller.quorum.request.timeout.ms'),
    retryBackoffMs: number('controller.quorum.retry.backoff.ms'),
    fetchMaxBytes: number('controller.quorum.fetch.max.bytes'),
    fetchSnapshotMaxBytes: number('controller.quorum.fetch.snapshot.max.bytes'),
    logSegmentBytes: number('metadata.log.segment.bytes'),
    logSegmentMs: number('metadata.log.segment.ms'),
    recordBytesBetweenSnapshotsMax: number('metadata.log.max.record.bytes.between.snapshots'),
    snapshotIntervalMaxMs: number('metadata.log.max.snapshot.interval.ms'),
    retentionMaxBytes: number('metadata.max.retention.bytes'),
    retentionMaxMs: number('metadata.max.retention.ms'),
  };
}

function controllerSettingsOf(config: BrokerConfig, isAlone: boolean): ControllerSettings {
  // A node alone has nobody to watch, and nobody to tell that it is there.
  if (isAlone) return IDLE_CONTROLLER;
  const never = Number.POSITIVE_INFINITY;
  const idleMs = config.number('metadata.max.idle.interval.ms');
  return {
    brokerSessionTimeoutMs: config.number('broker.session.timeout.ms'),
    leaderImbalanceCheckIntervalMs: config.boolean('auto.leader.rebalance.enable')
      ? config.number('leader.imbalance.check.interval.seconds') * 1000
      : never,
    leaderImbalancePercentageMax: LEADER_IMBALANCE_PERCENTAGE_MAX,
    uncleanLeaderElectionIntervalMs: config.number('unclean.leader.election.interval.ms'),
    metadataMaxIdleIntervalMs: idleMs === 0 ? never : idleMs,
  };
}
