import type { Random } from '../ports/random.ts';
import { type AlteredResource, alterConfigs, type BrokerConfigRules, type ResourceChange } from './config-decisions.ts';
import type { Decision, Outcome } from './decision.ts';
import type { ClusterImage } from './image.ts';
import type { NewMetadataRecord } from './records/metadata-record.ts';
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
 * The active controller: asks the pure decisions, appends the records they give, replays them into the image, and answers once they are committed.
 *
 * Invariant: decisions are made one after another, each on an image that has all records of the one before.
 * `log` decides what "committed" means: here one local log, whose append has committed when it returns.
 */
export interface MetadataLogWriter {
  /** Appends the records as one batch and has them committed and replayed into the image before it returns. */
  append(records: readonly NewMetadataRecord[]): void;
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
  readonly logDirs: readonly string[];
}

const PLAINTEXT_PROTOCOL = 0;

export class Controller {
  private readonly image: ClusterImage;
  private readonly log: MetadataLogWriter;
  private readonly draws: Draws;
  private readonly rules: BrokerConfigRules;

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
  bootstrap(features: ReadonlyMap<string, number>): void {
    const records: NewMetadataRecord[] = [];
    for (const [name, featureLevel] of features) {
      if (this.image.features.get(name) !== featureLevel) records.push({ kind: 'featureLevel', name, featureLevel });
    }
    this.commit({ records, response: undefined });
  }

  /** The broker's new life: its address and incarnation from now on. Returns its epoch. */
  registerBroker(broker: BrokerToRegister): number {
    const before = this.image.brokers.get(broker.brokerId);
    const brokerEpoch = (before?.brokerEpoch ?? -1) + 1;
    return this.commit({
      records: [
        {
          kind: 'registerBroker',
          brokerId: broker.brokerId,
          incarnationId: broker.incarnationId,
          brokerEpoch,
          endPoints: broker.endPoints.map((each) => ({ ...each, securityProtocol: PLAINTEXT_PROTOCOL })),
          features: [],
          rack: broker.rack,
          fenced: false,
          logDirs: broker.logDirs,
        },
      ],
      response: brokerEpoch,
    });
  }

  createTopics(
    topics: readonly TopicToCreate[],
    defaults: TopicDefaults,
    options: { readonly validateOnly: boolean },
  ): readonly CreatedTopic[] {
    return this.commit(createTopics(this.image, topics, defaults, this.draws), options.validateOnly);
  }

  deleteTopics(topics: readonly TopicToDelete[]): readonly DeletedTopic[] {
    return this.commit(deleteTopics(this.image, topics));
  }

  createPartitions(
    topics: readonly TopicToGrow[],
    options: { readonly validateOnly: boolean },
  ): readonly (Outcome & { readonly name: string })[] {
    return this.commit(createPartitions(this.image, topics, this.draws), options.validateOnly);
  }

  alterConfigs(
    resources: readonly ResourceChange[],
    mode: 'incremental' | 'replace',
    options: { readonly validateOnly: boolean },
  ): readonly AlteredResource[] {
    return this.commit(alterConfigs(this.image, resources, this.rules, mode), options.validateOnly);
  }

  /** Producer ids that no other broker gets. */
  allocateProducerIds(brokerId: number): ProducerIdBlock {
    const first = this.image.nextProducerId;
    const brokerEpoch = this.image.brokers.get(brokerId)?.brokerEpoch ?? -1;
    return this.commit({
      records: [{ kind: 'producerIds', brokerId, brokerEpoch, nextProducerId: first + PRODUCER_ID_BLOCK }],
      response: { first, count: PRODUCER_ID_BLOCK },
    });
  }

  private commit<Response>(decision: Decision<Response>, validateOnly = false): Response {
    if (!validateOnly && decision.records.length > 0) this.log.append(decision.records);
    return decision.response;
  }
}

/** A new random id. Kafka keeps ids that begin with '-' away: command lines would take them for options. */
export function newId(random: Random): string {
  for (;;) {
    const id = random.uuid().toString('base64url');
    if (!id.startsWith('-')) return id;
  }
}
