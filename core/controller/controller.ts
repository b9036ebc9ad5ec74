import type { Clock } from '../ports/clock.ts';
import type { Random } from '../ports/random.ts';
import { ErrorCode } from '../protocol/errors.ts';
import { type AlteredPartitions, alterPartitions, type PartitionsToAlter } from './alter-partition-decisions.ts';
import { type UncleanAllowed, uncleanAllowed } from './broker-facts.ts';
import { type AlteredResource, alterConfigs, type BrokerConfigRules, type ResourceChange } from './config-decisions.ts';
import type { ControllerSettings } from './controller-settings.ts';
import { ControllerTasks } from './controller-tasks.ts';
import { type Decision, type MutationGate, type Outcome, refused } from './decision.ts';
import { DecisionQueue, type MetadataLogWriter, NotControllerError } from './decision-queue.ts';
import {
  type AssignedDirectories,
  assignDirectories,
  assignReplicasToDirs,
  type DirectoriesToAssign,
  failDirectory,
  type ReplicaPlacement,
} from './directory-decisions.ts';
import {
  balanceLeaders,
  type ElectedTopic,
  type ElectionType,
  electLeaders,
  electUncleanLeaders,
  type TopicPartitions,
} from './election.ts';
import { type FeatureUpdate, type SupportedFeature, updateFeatures } from './feature-decisions.ts';
import {
  fenceBroker,
  type Heartbeat,
  type HeartbeatAnswer,
  heartbeat,
  refusedHeartbeat,
} from './heartbeat-decisions.ts';
import { type FormerController, Heartbeats } from './heartbeats.ts';
import type { ClusterImage } from './image.ts';
import { type AlteredQuotas, alterClientQuotas, type QuotaAlteration } from './quota-decisions.ts';
import { type PartitionToReassign, type ReassignedPartition, reassignPartitions } from './reassignment-decisions.ts';
import type { NewMetadataRecord } from './records/metadata-record.ts';
import {
  type BrokerToRegister,
  type ControllerToRegister,
  type RegisteredBroker,
  registerBroker,
  registerController,
  unregisterBroker,
} from './registration-decisions.ts';
import { type AlteredUser, alterScramCredentials, type ScramDeletion, type ScramUpsertion } from './scram-decisions.ts';
import {
  type CreatedTopic,
  createPartitions,
  createTopics,
  type DeletedTopic,
  type Draws,
  deleteTopics,
  type TopicDefaults,
  type TopicToCreate,
  type TopicToDelete,
  type TopicToGrow,
} from './topic-decisions.ts';

export type { MetadataLogWriter } from './decision-queue.ts';
export { NotControllerError } from './decision-queue.ts';

/**
 * The controller of this node: while it is active (its node leads the metadata quorum) it asks the pure decisions, has the records they give committed and
 * replayed into the image, and answers then. It also knows who was heard of, and acts when somebody was not.
 *
 * Invariant: decisions are made one after another, each on an image that has all records of the one before. When the node is not the leader, or stops being it
 * before the records are committed, what nodes ask is answered with NOT_CONTROLLER, and what clients ask rejects with NotControllerError: whoever sent that asks the
 * new controller.
 */
export interface ControllerOptions {
  readonly image: ClusterImage;
  readonly log: MetadataLogWriter;
  readonly clock: Clock;
  readonly random: Random;
  readonly rules: BrokerConfigRules;
  /** null: brokers of any cluster may register; there is one, and it is this node. */
  readonly clusterId: string | null;
  readonly settings: ControllerSettings;
  readonly onProblem?: (message: string) => void;
}

/** Kafka's size of the blocks in which producer ids are handed to brokers. */
const PRODUCER_ID_BLOCK = 1000;
const PRODUCER_ID_MAX = Number.MAX_SAFE_INTEGER;

export interface ProducerIdBlock {
  readonly first: number;
  readonly count: number;
}

export class Controller {
  private readonly image: ClusterImage;
  private readonly log: MetadataLogWriter;
  private readonly clock: Clock;
  private readonly clusterId: string | null;
  private readonly rules: BrokerConfigRules;
  private readonly uncleanAllowed: UncleanAllowed;
  private readonly draws: Draws;
  private readonly heartbeats: Heartbeats;
  private readonly tasks: ControllerTasks;
  private readonly queue: DecisionQueue;
  private readonly onProblem: (message: string) => void;

  constructor(options: ControllerOptions) {
    const { image, clock, random, rules, settings } = options;
    this.image = image;
    this.log = options.log;
    this.clock = clock;
    this.clusterId = options.clusterId;
    this.rules = rules;
    this.uncleanAllowed = uncleanAllowed(image, rules);
    this.onProblem = options.onProblem ?? (() => {});
    this.draws = { topicId: () => newId(random), integer: (bound) => random.integer(bound) };
    this.heartbeats = new Heartbeats(settings.brokerSessionTimeoutMs);
    this.queue = new DecisionQueue(options.log, () => this.tasks.appended());
    this.tasks = new ControllerTasks(clock, settings, {
      nextExpiryMs: () => this.heartbeats.nextExpiryMs(image, clock.monotonic()),
      renewSessions: () => this.renewSessions(),
      fenceSilentBrokers: () => this.fenceSilentBrokers(),
      balanceLeaders: () => this.byItself(() => balanceLeaders(image, settings.leaderImbalancePercentageMax)),
      electUncleanLeaders: () => this.byItself(() => electUncleanLeaders(image, this.uncleanAllowed)),
      writeNoOp: () => this.byItself(() => ({ records: [{ kind: 'noOp' }], response: undefined })),
    });
  }

  get isActive(): boolean {
    return this.queue.isActive;
  }

  /** The node leads the quorum, and the image has everything that was committed before. `former`: whom it followed before that. */
  activate(former: FormerController | null = null): void {
    this.queue.open();
    this.heartbeats.activate(this.image, this.clock.monotonic(), former);
    this.tasks.start();
  }

  /** What waits is refused. */
  deactivate(): void {
    this.queue.close();
    this.tasks.stop();
  }

  /** First records of a new cluster's log, or nothing when the log has some. */
  bootstrap(features: ReadonlyMap<string, number>): Promise<void> {
    return this.commit(() => {
      const records: NewMetadataRecord[] = [];
      // Levels of a cluster that exists are changed by its owner (UpdateFeatures), not by a new version of the program.
      if (this.image.features.size > 0) return { records, response: undefined };
      for (const [name, featureLevel] of features) {
        if (featureLevel > 0) records.push({ kind: 'featureLevel', name, featureLevel });
      }
      return { records, response: undefined };
    });
  }

  /** The broker's new life, fenced at first; what the last one led is led by others, or by nobody until this one is unfenced. */
  registerBroker(broker: BrokerToRegister): Promise<RegisteredBroker> {
    const { brokerId } = broker;
    const registered = this.queue.commit(
      () =>
        registerBroker(this.image, this.uncleanAllowed, broker, {
          clusterId: this.clusterId,
          nextEpoch: this.log.logEndOffset,
          hasSession: this.heartbeats.hasSession(brokerId, this.clock.monotonic()),
        }),
      {
        whenCommitted: ({ errorCode, brokerEpoch }) => {
          if (errorCode === 0) this.heartbeats.heard(brokerId, brokerEpoch, this.clock.monotonic());
        },
      },
    );
    return orNotController(registered, (outcome) => ({ ...outcome, brokerEpoch: -1 }));
  }

  /** The broker is alive; it wants to serve, to be fenced, or to stop, and learns what it is now. */
  heartbeat(request: Heartbeat): Promise<HeartbeatAnswer> {
    const { brokerId, brokerEpoch } = request;
    // At once: it is no silence of the broker's when decisions have to wait.
    if (this.isActive && this.image.brokers.get(brokerId)?.brokerEpoch === brokerEpoch) {
      this.heartbeats.heard(brokerId, brokerEpoch, this.clock.monotonic());
    }
    const decided = this.queue.commit(
      (isContinued) =>
        heartbeat(this.image, this.uncleanAllowed, request, {
          lowestActiveOffset: this.heartbeats.lowestActiveOffset(this.image),
          shutdownOffset: this.heartbeats.shutdownOffset(brokerId),
          isContinued,
        }),
      { whenCommitted: (answer, lastOffset) => this.noteHeartbeat(request, answer, lastOffset) },
    );
    return orNotController(decided, ({ errorCode }) => refusedHeartbeat(errorCode));
  }

  private noteHeartbeat(request: Heartbeat, answer: HeartbeatAnswer, lastOffset: number | null): void {
    const { brokerId, currentMetadataOffset } = request;
    if (answer.errorCode !== 0) return;
    this.heartbeats.applied(brokerId, currentMetadataOffset);
    if (answer.shouldShutDown) this.heartbeats.forget(brokerId);
    if (answer.isFenced || this.image.brokers.get(brokerId)?.isInControlledShutdown !== true) return;
    // Every active broker has to know where the leaderships went; of those that a former controller moved, this one knows only that they are in the log.
    const isKnown = this.heartbeats.shutdownOffset(brokerId) !== null;
    if (lastOffset === null && isKnown) return;
    this.heartbeats.setShutdownOffset(brokerId, lastOffset ?? this.log.logEndOffset - 1);
  }

  unregisterBroker(brokerId: number): Promise<Outcome> {
    return this.queue.commit(() => unregisterBroker(this.image, this.uncleanAllowed, brokerId), {
      whenCommitted: ({ errorCode }) => {
        if (errorCode === 0) this.heartbeats.forget(brokerId);
      },
    });
  }

  registerController(controller: ControllerToRegister): Promise<Outcome> {
    return orNotController(
      this.commit(() => registerController(controller)),
      (outcome) => outcome,
    );
  }

  /** A leader says who is in sync. */
  alterPartitions(request: PartitionsToAlter): Promise<AlteredPartitions> {
    return orNotController(
      this.commit(() => alterPartitions(this.image, this.uncleanAllowed, request)),
      ({ errorCode }) => ({ errorCode, topics: [] }),
    );
  }

  electLeaders(type: ElectionType, partitions: readonly TopicPartitions[] | null): Promise<readonly ElectedTopic[]> {
    return this.commit(() => electLeaders(this.image, type, partitions));
  }

  reassignPartitions(
    partitions: readonly PartitionToReassign[],
    options: { readonly allowReplicationFactorChange: boolean },
  ): Promise<readonly ReassignedPartition[]> {
    const { allowReplicationFactorChange } = options;
    return this.commit(() =>
      reassignPartitions(this.image, this.uncleanAllowed, partitions, allowReplicationFactorChange),
    );
  }

  updateFeatures(
    controllerId: number,
    supported: readonly SupportedFeature[],
    updates: readonly FeatureUpdate[],
    options: { readonly validateOnly: boolean },
  ): Promise<Outcome> {
    return this.commit(() => updateFeatures(this.image, controllerId, supported, updates), options.validateOnly);
  }

  /** The broker chose log dirs for its replicas, or moved them: as AssignReplicasToDirs says it. */
  assignReplicasToDirs(request: DirectoriesToAssign): Promise<AssignedDirectories> {
    return orNotController(
      this.commit(() => assignReplicasToDirs(this.image, this.uncleanAllowed, request)),
      ({ errorCode }) => ({ errorCode, directories: [] }),
    );
  }

  /** The same for a broker of this node. */
  async assignDirectories(brokerId: number, placements: readonly ReplicaPlacement[]): Promise<void> {
    await this.commit(() => assignDirectories(this.image, this.uncleanAllowed, brokerId, placements));
  }

  /** A log dir of the broker failed. */
  directoryFailed(brokerId: number, directoryId: string): Promise<void> {
    return this.commit(() => failDirectory(this.image, this.uncleanAllowed, brokerId, directoryId));
  }

  createTopics(
    topics: readonly TopicToCreate[],
    defaults: TopicDefaults,
    options: { readonly validateOnly: boolean; readonly mutations?: MutationGate },
  ): Promise<readonly CreatedTopic[]> {
    const { validateOnly, mutations } = options;
    return this.commit(() => createTopics(this.image, topics, defaults, this.draws, mutations), validateOnly);
  }

  deleteTopics(topics: readonly TopicToDelete[], mutations?: MutationGate): Promise<readonly DeletedTopic[]> {
    return this.commit(() => deleteTopics(this.image, topics, mutations));
  }

  createPartitions(
    topics: readonly TopicToGrow[],
    options: { readonly validateOnly: boolean; readonly mutations?: MutationGate },
  ): Promise<readonly (Outcome & { readonly name: string })[]> {
    const { validateOnly, mutations } = options;
    return this.commit(() => createPartitions(this.image, topics, this.draws, mutations), validateOnly);
  }

  async alterConfigs(
    resources: readonly ResourceChange[],
    mode: 'incremental' | 'replace',
    options: { readonly validateOnly: boolean },
  ): Promise<readonly AlteredResource[]> {
    const altered = await this.commit(
      () => alterConfigs(this.image, resources, this.rules, mode),
      options.validateOnly,
    );
    // A topic that had nobody to lead it may have somebody now.
    if (!options.validateOnly) await this.byItself(() => electUncleanLeaders(this.image, this.uncleanAllowed));
    return altered;
  }

  alterClientQuotas(
    alterations: readonly QuotaAlteration[],
    options: { readonly validateOnly: boolean },
  ): Promise<readonly AlteredQuotas[]> {
    return this.commit(() => alterClientQuotas(this.image.clientQuotas, alterations), options.validateOnly);
  }

  alterScramCredentials(
    deletions: readonly ScramDeletion[],
    upsertions: readonly ScramUpsertion[],
  ): Promise<readonly AlteredUser[]> {
    return this.commit(() => alterScramCredentials(this.image.scramCredentials, deletions, upsertions));
  }

  /** Producer ids that no other broker gets. Without an epoch the broker is of this node. */
  allocateProducerIds(
    brokerId: number,
    brokerEpoch?: number,
  ): Promise<ProducerIdBlock & { readonly errorCode: number }> {
    const none = (errorCode: number) => ({ errorCode, first: 0, count: 0 });
    const allocated = this.commit<ProducerIdBlock & { readonly errorCode: number }>(() => {
      const first = this.image.nextProducerId;
      const epoch = this.image.brokers.get(brokerId)?.brokerEpoch ?? -1;
      if (brokerEpoch !== undefined && (epoch !== brokerEpoch || epoch === -1)) {
        return { records: [], response: none(ErrorCode.STALE_BROKER_EPOCH) };
      }
      if (first > PRODUCER_ID_MAX - PRODUCER_ID_BLOCK) {
        return { records: [], response: none(ErrorCode.UNKNOWN_SERVER_ERROR) };
      }
      const nextProducerId = first + PRODUCER_ID_BLOCK;
      return {
        records: [{ kind: 'producerIds', brokerId, brokerEpoch: epoch, nextProducerId }],
        response: { errorCode: 0, first, count: PRODUCER_ID_BLOCK },
      };
    });
    return orNotController(allocated, ({ errorCode }) => none(errorCode));
  }

  private commit<Response>(decide: () => Decision<Response>, validateOnly = false): Promise<Response> {
    return this.queue.commit(decide, { validateOnly });
  }

  /** Nobody waits for it; when this node is not the controller any more, another one does it. */
  private async byItself(decide: () => Decision<unknown>): Promise<void> {
    try {
      await this.queue.commit(decide);
    } catch (error) {
      if (!(error instanceof NotControllerError)) this.onProblem(`a task of the controller failed: ${String(error)}`);
    }
  }

  private renewSessions(): void {
    this.onProblem('the controller stood still: every broker gets a new session');
    this.heartbeats.renewAll(this.clock.monotonic());
  }

  /** One after another, so that each finds what became of the one before. */
  private fenceSilentBrokers(): Promise<void> {
    return this.byItself(() => {
      const brokerId = this.heartbeats.silentBroker(this.image, this.clock.monotonic());
      if (brokerId === null) return { records: [], response: undefined };
      this.onProblem(`broker ${brokerId} is fenced: its session is over`);
      return { ...fenceBroker(this.image, this.uncleanAllowed, brokerId), isPartial: true };
    });
  }
}

/** What a node asked is answered with the error of a controller that is none. */
async function orNotController<Response>(
  decided: Promise<Response>,
  refusal: (outcome: Outcome) => Response,
): Promise<Response> {
  try {
    return await decided;
  } catch (error) {
    if (!(error instanceof NotControllerError)) throw error;
    return refusal(refused(error.errorCode, error.message));
  }
}

/** A new random id. Kafka keeps ids that begin with '-' away: command lines would take them for options. */
export function newId(random: Random): string {
  for (;;) {
    const id = random.uuid().toString('base64url');
    if (!id.startsWith('-')) return id;
  }
}
