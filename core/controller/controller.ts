import type { Random } from '../ports/random.ts';
import { ZERO_UUID } from '../protocol/writer.ts';
import { unregisterBroker } from './broker-decisions.ts';
import { type AlteredResource, alterConfigs, type BrokerConfigRules, type ResourceChange } from './config-decisions.ts';
import type { Decision, MutationGate, Outcome } from './decision.ts';
import { assignDirectories, failDirectory, type ReplicaPlacement, resignInDirectories } from './directory-decisions.ts';
import {
  type ElectedTopic,
  type ElectionType,
  electLeaders,
  electLeadersOn,
  renewLeaderEpochs,
  type TopicPartitions,
} from './election.ts';
import { type FeatureUpdate, type SupportedFeature, updateFeatures } from './feature-decisions.ts';
import type { ClusterImage } from './image.ts';
import { type AlteredQuotas, alterClientQuotas, type QuotaAlteration } from './quota-decisions.ts';
import { type PartitionToReassign, type ReassignedPartition, reassignPartitions } from './reassignment-decisions.ts';
import type { NewMetadataRecord } from './records/metadata-record.ts';
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

/**
 * The active controller: asks the pure decisions, has the records they give committed and replayed into the image, and answers then.
 *
 * Invariant: decisions are made one after another, each on an image that has all records of the one before.
 */
export interface MetadataLogWriter {
  /** Resolves once the records, one batch, are committed and replayed into the image. Rejects when the disk fails. */
  append(records: readonly NewMetadataRecord[]): Promise<void>;
}

/** Kafka's size of the blocks in which producer ids are handed to brokers. */
const PRODUCER_ID_BLOCK = 1000;

export interface ProducerIdBlock {
  readonly first: number;
  readonly count: number;
}

export interface BrokerToRegister {
  readonly brokerId: number;
  readonly incarnationId: string;
  readonly endPoints: readonly { readonly name: string; readonly host: string; readonly port: number }[];
  readonly rack: string | null;
  /** The ids of its log dirs that it can use. */
  readonly logDirs: readonly string[];
  /** Some of its log dirs could not be opened: what lies in unknown ones is lost for now, not to be made anew. */
  readonly hasOfflineLogDirs?: boolean;
}

const PLAINTEXT_PROTOCOL = 0;

export class Controller {
  private readonly image: ClusterImage;
  private readonly log: MetadataLogWriter;
  private readonly draws: Draws;
  private readonly rules: BrokerConfigRules;
  /** The decision before the next one. */
  private last: Promise<unknown> = Promise.resolve();

  constructor(image: ClusterImage, log: MetadataLogWriter, random: Random, rules: BrokerConfigRules) {
    this.image = image;
    this.log = log;
    this.rules = rules;
    this.draws = {
      topicId: () => newId(random),
      start: (bound) => random.integer(bound),
    };
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

  /** The broker's new life: its address and incarnation from now on; it leads what had no leader without it. Returns its epoch. */
  registerBroker(broker: BrokerToRegister): Promise<number> {
    return this.commit(() => {
      const brokerEpoch = (this.image.brokers.get(broker.brokerId)?.brokerEpoch ?? -1) + 1;
      const record: NewMetadataRecord = {
        kind: 'registerBroker',
        brokerId: broker.brokerId,
        incarnationId: broker.incarnationId,
        brokerEpoch,
        endPoints: broker.endPoints.map((each) => ({ ...each, securityProtocol: PLAINTEXT_PROTOCOL })),
        features: [],
        rack: broker.rack,
        fenced: false,
        logDirs: broker.logDirs,
      };
      const isLost = (directoryId: string) =>
        broker.hasOfflineLogDirs === true && directoryId !== ZERO_UUID && !broker.logDirs.includes(directoryId);
      const resigned = resignInDirectories(this.image, broker.brokerId, isLost);
      const elected = electLeadersOn(this.image, broker.brokerId, isLost);
      const renewed = renewLeaderEpochs(this.image, broker.brokerId, isLost);
      return { records: [record, ...resigned, ...elected, ...renewed], response: brokerEpoch };
    });
  }

  unregisterBroker(brokerId: number): Promise<Outcome> {
    return this.commit(() => unregisterBroker(this.image, brokerId));
  }

  electLeaders(type: ElectionType, partitions: readonly TopicPartitions[] | null): Promise<readonly ElectedTopic[]> {
    return this.commit(() => electLeaders(this.image, type, partitions));
  }

  reassignPartitions(
    partitions: readonly PartitionToReassign[],
    options: { readonly allowReplicationFactorChange: boolean },
  ): Promise<readonly ReassignedPartition[]> {
    return this.commit(() => reassignPartitions(this.image, partitions, options.allowReplicationFactorChange));
  }

  updateFeatures(
    controllerId: number,
    supported: readonly SupportedFeature[],
    updates: readonly FeatureUpdate[],
    options: { readonly validateOnly: boolean },
  ): Promise<Outcome> {
    return this.commit(() => updateFeatures(this.image, controllerId, supported, updates), options.validateOnly);
  }

  /** The broker chose log dirs for its replicas, or moved them. */
  assignDirectories(brokerId: number, placements: readonly ReplicaPlacement[]): Promise<void> {
    return this.commit(() => assignDirectories(this.image, brokerId, placements));
  }

  /** A log dir of the broker failed. */
  directoryFailed(brokerId: number, directoryId: string): Promise<void> {
    return this.commit(() => failDirectory(this.image, brokerId, directoryId));
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

  alterConfigs(
    resources: readonly ResourceChange[],
    mode: 'incremental' | 'replace',
    options: { readonly validateOnly: boolean },
  ): Promise<readonly AlteredResource[]> {
    return this.commit(() => alterConfigs(this.image, resources, this.rules, mode), options.validateOnly);
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

  /** Producer ids that no other broker gets. */
  allocateProducerIds(brokerId: number): Promise<ProducerIdBlock> {
    return this.commit(() => {
      const first = this.image.nextProducerId;
      const brokerEpoch = this.image.brokers.get(brokerId)?.brokerEpoch ?? -1;
      return {
        records: [{ kind: 'producerIds', brokerId, brokerEpoch, nextProducerId: first + PRODUCER_ID_BLOCK }],
        response: { first, count: PRODUCER_ID_BLOCK },
      };
    });
  }

  /** The decision is made when those before it are in the image. */
  private commit<Response>(decide: () => Decision<Response>, validateOnly = false): Promise<Response> {
    const done = this.last.then(async () => {
      const { records, response } = decide();
      if (!validateOnly && records.length > 0) await this.log.append(records);
      return response;
    });
    this.last = done.catch(() => {});
    return done;
  }
}

/** A new random id. Kafka keeps ids that begin with '-' away: command lines would take them for options. */
export function newId(random: Random): string {
  for (;;) {
    const id = random.uuid().toString('base64url');
    if (!id.startsWith('-')) return id;
  }
}
