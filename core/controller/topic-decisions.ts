import { ErrorCode } from '../protocol/errors.ts';
import { ZERO_UUID } from '../protocol/writer.ts';
import { defaultDirectory } from './broker-facts.ts';
import { ACCEPTED, type Decision, type MutationGate, type Outcome, refused, UNLIMITED_MUTATIONS } from './decision.ts';
import { type ClusterImage, TOPIC_RESOURCE, type TopicImage } from './image.ts';
import { placeReplicas } from './placement.ts';
import type { NewMetadataRecord } from './records/metadata-record.ts';
import { checkTopicConfigs } from './topic-config.ts';
import { topicNameProblem } from './topic-name.ts';

/**
 * Decisions about topics, pure: `(image, request, draws) → records and answer`. Who may ask, and how the answer looks on the wire, is the broker's business.
 */
export interface TopicToCreate {
  readonly name: string;
  /** −1 = the default, or by `assignments`. */
  readonly partitionCount: number;
  readonly replicationFactor: number;
  /** Replicas by partition, or empty. */
  readonly assignments: readonly { readonly partitionIndex: number; readonly brokerIds: readonly number[] }[];
  readonly configs: readonly { readonly name: string; readonly value: string | null }[];
}

export interface TopicDefaults {
  readonly partitionCount: number;
  readonly replicationFactor: number;
}

export interface CreatedTopic extends Outcome {
  readonly name: string;
  readonly topicId: string;
  readonly partitionCount: number;
  readonly replicationFactor: number;
  readonly configs: ReadonlyMap<string, string>;
}

/** What only chance can give, drawn by the shell. */
export interface Draws {
  topicId(): string;
  /** 0 ≤ x < bound */
  integer(bound: number): number;
}

const PARTITIONS_PER_REQUEST_MAX = 10_000;

export function createTopics(
  image: ClusterImage,
  topics: readonly TopicToCreate[],
  defaults: TopicDefaults,
  draws: Draws,
  mutations: MutationGate = UNLIMITED_MUTATIONS,
): Decision<readonly CreatedTopic[]> {
  const records: NewMetadataRecord[] = [];
  const names = new Map<string, number>();
  for (const { name } of topics) names.set(name, (names.get(name) ?? 0) + 1);
  const accepted = new Set<string>();
  let partitions = 0;
  // A name that comes twice is answered once.
  const response = [...new Map(topics.map((each) => [each.name, each])).values()].map((topic) => {
    const plan = planTopic(image, topic, defaults, draws, names.get(topic.name)! > 1, accepted);
    if ('errorCode' in plan) return failedTopic(topic.name, plan);
    partitions += plan.replicas.length;
    if (partitions > PARTITIONS_PER_REQUEST_MAX) {
      return failedTopic(
        topic.name,
        refused(ErrorCode.POLICY_VIOLATION, `More than ${PARTITIONS_PER_REQUEST_MAX} partitions in one request.`),
      );
    }
    const throttled = mutations(plan.replicas.length);
    if (throttled !== null) return failedTopic(topic.name, throttled);
    accepted.add(topic.name);
    const topicId = draws.topicId();
    records.push({ kind: 'topic', name: topic.name, topicId });
    for (const [name, value] of plan.configs) {
      records.push({ kind: 'config', resourceType: TOPIC_RESOURCE, resourceName: topic.name, name, value });
    }
    plan.replicas.forEach((replicas, partitionId) => {
      records.push(newPartition(image, topicId, partitionId, replicas));
    });
    return {
      ...ACCEPTED,
      name: topic.name,
      topicId,
      partitionCount: plan.replicas.length,
      replicationFactor: plan.replicas[0]!.length,
      configs: plan.configs,
    };
  });
  return { records, response };
}

interface TopicPlan {
  readonly replicas: readonly (readonly number[])[];
  readonly configs: ReadonlyMap<string, string>;
}

function planTopic(
  image: ClusterImage,
  topic: TopicToCreate,
  defaults: TopicDefaults,
  draws: Draws,
  isDuplicate: boolean,
  accepted: ReadonlySet<string>,
): TopicPlan | Outcome {
  if (isDuplicate) return refused(ErrorCode.INVALID_REQUEST, `Duplicate topic name ${topic.name}.`);
  const nameProblem = topicNameProblem(topic.name);
  if (nameProblem !== null) return refused(ErrorCode.INVALID_TOPIC_EXCEPTION, nameProblem);
  if (image.topics.has(topic.name)) {
    return refused(ErrorCode.TOPIC_ALREADY_EXISTS, `Topic '${topic.name}' already exists.`);
  }
  const collision = collidingName(image, accepted, topic.name);
  if (collision !== null) {
    return refused(
      ErrorCode.INVALID_TOPIC_EXCEPTION,
      `Topic '${topic.name}' collides with existing topic: ${collision}`,
    );
  }
  const configs = new Map<string, string>();
  for (const { name, value } of topic.configs) {
    if (value === null) return refused(ErrorCode.INVALID_CONFIG, `Null value not supported for topic configs: ${name}`);
    configs.set(name, value);
  }
  const configProblem = checkTopicConfigs(configs);
  if (configProblem !== null) return refused(ErrorCode.INVALID_CONFIG, configProblem);
  if (topic.assignments.length > 0) {
    const replicas = byHand(image, topic);
    return Array.isArray(replicas) ? { replicas, configs } : (replicas as Outcome);
  }
  const partitionCount = topic.partitionCount === -1 ? defaults.partitionCount : topic.partitionCount;
  const replicationFactor = topic.replicationFactor === -1 ? defaults.replicationFactor : topic.replicationFactor;
  if (partitionCount <= 0) {
    return refused(ErrorCode.INVALID_PARTITIONS, 'Number of partitions was set to an invalid non-positive value.');
  }
  if (partitionCount > PARTITIONS_PER_REQUEST_MAX) {
    return refused(ErrorCode.INVALID_PARTITIONS, `At most ${PARTITIONS_PER_REQUEST_MAX} partitions at a time.`);
  }
  const placed = placeReplicas(image, partitionCount, replicationFactor, draws);
  return 'errorCode' in placed ? placed : { replicas: placed, configs };
}

/** Replicas by partition, or why the assignment cannot be. */
function byHand(image: ClusterImage, topic: TopicToCreate): number[][] | Outcome {
  if (topic.partitionCount !== -1 || topic.replicationFactor !== -1) {
    return refused(
      ErrorCode.INVALID_REQUEST,
      'A manual partition assignment was specified, but numPartitions or replicationFactor was not set to -1.',
    );
  }
  const replicas: number[][] = [];
  for (const { partitionIndex, brokerIds } of topic.assignments) {
    if (replicas[partitionIndex] !== undefined) {
      return refused(
        ErrorCode.INVALID_REPLICA_ASSIGNMENT,
        `Found multiple manual partition assignments for partition ${partitionIndex}`,
      );
    }
    const problem = assignmentProblem(brokerIds, image.brokers) ?? nobodyActive(image, partitionIndex, brokerIds);
    if (problem !== null) return problem;
    if (partitionIndex < 0 || partitionIndex >= topic.assignments.length) {
      return refused(
        ErrorCode.INVALID_REPLICA_ASSIGNMENT,
        'partitions should be a consecutive 0-based integer sequence',
      );
    }
    replicas[partitionIndex] = [...brokerIds];
  }
  if (replicas.some((each) => each.length !== replicas[0]!.length)) {
    return refused(
      ErrorCode.INVALID_REPLICA_ASSIGNMENT,
      'The manual partition assignment gives partitions different numbers of replicas.',
    );
  }
  return replicas;
}

/** Brokers that are fenced may be named: they will hold the partition once they are back. */
export function assignmentProblem(brokerIds: readonly number[], brokers: ReadonlyMap<number, unknown>): Outcome | null {
  if (brokerIds.length === 0) {
    return refused(
      ErrorCode.INVALID_REPLICA_ASSIGNMENT,
      'The manual partition assignment includes an empty replica list.',
    );
  }
  const twice = brokerIds.find((id, i) => brokerIds.indexOf(id) !== i);
  if (twice !== undefined) {
    return refused(
      ErrorCode.INVALID_REPLICA_ASSIGNMENT,
      `The manual partition assignment includes the broker ${twice} more than once.`,
    );
  }
  const unknown = brokerIds.find((id) => !brokers.has(id));
  if (unknown !== undefined) {
    return refused(
      ErrorCode.INVALID_REPLICA_ASSIGNMENT,
      `The manual partition assignment includes broker ${unknown}, but no such broker is registered.`,
    );
  }
  return null;
}

function nobodyActive(image: ClusterImage, partition: number, brokerIds: readonly number[]): Outcome | null {
  if (brokerIds.some((id) => image.isActive(id))) return null;
  return refused(
    ErrorCode.INVALID_REPLICA_ASSIGNMENT,
    `All brokers specified in the manual partition assignment for partition ${partition} are fenced or in controlled shutdown.`,
  );
}

/** Names that differ only in '.' and '_' would share the names of metrics. */
function collidingName(image: ClusterImage, accepted: ReadonlySet<string>, name: string): string | null {
  if (!name.includes('.') && !name.includes('_')) return null;
  const plain = name.replaceAll('.', '_');
  for (const existing of [...image.topics.keys(), ...accepted]) {
    if (existing !== name && existing.replaceAll('.', '_') === plain) return existing;
  }
  return null;
}

function newPartition(
  image: ClusterImage,
  topicId: string,
  partitionId: number,
  replicas: readonly number[],
): NewMetadataRecord {
  const isr = replicas.filter((id) => image.isActive(id));
  return {
    kind: 'partition',
    partitionId,
    topicId,
    replicas,
    isr,
    removingReplicas: [],
    addingReplicas: [],
    leader: isr[0]!,
    leaderEpoch: 0,
    partitionEpoch: 0,
    directories: replicas.map((id) => defaultDirectory(image.brokers.get(id))),
  };
}

function failedTopic(name: string, outcome: Outcome): CreatedTopic {
  return {
    errorCode: outcome.errorCode,
    errorMessage: outcome.errorMessage,
    name,
    topicId: ZERO_UUID,
    partitionCount: -1,
    replicationFactor: -1,
    configs: new Map(),
  };
}

export interface TopicToDelete {
  /** null = by id. */
  readonly name: string | null;
  readonly topicId: string;
}

export interface DeletedTopic extends Outcome {
  readonly name: string | null;
  readonly topicId: string;
}

export function deleteTopics(
  image: ClusterImage,
  topics: readonly TopicToDelete[],
  mutations: MutationGate = UNLIMITED_MUTATIONS,
): Decision<readonly DeletedTopic[]> {
  const records: NewMetadataRecord[] = [];
  const taken = new Set<string>();
  const named = new Map<string, number>();
  for (const { name } of topics) if (name !== null) named.set(name, (named.get(name) ?? 0) + 1);
  const told = new Set<string>();
  const once = topics.filter(({ name }) => name === null || (!told.has(name) && told.add(name)));
  const response = once.map(({ name, topicId }): DeletedTopic => {
    // Told once, and left alone.
    if (name !== null && named.get(name)! > 1) {
      return { ...refused(ErrorCode.INVALID_REQUEST, 'Duplicate topic name.'), name, topicId };
    }
    if (name !== null && topicId !== ZERO_UUID) {
      return {
        ...refused(ErrorCode.INVALID_REQUEST, 'You may not specify both topic name and topic id.'),
        name,
        topicId,
      };
    }
    const topic: TopicImage | undefined = name === null ? image.topicById(topicId) : image.topics.get(name);
    if (topic === undefined) {
      return name === null
        ? { ...refused(ErrorCode.UNKNOWN_TOPIC_ID, 'This server does not host this topic ID.'), name, topicId }
        : {
            ...refused(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, 'This server does not host this topic-partition.'),
            name,
            topicId,
          };
    }
    if (taken.has(topic.topicId)) {
      return { ...refused(ErrorCode.INVALID_REQUEST, 'The topic is named twice.'), name, topicId };
    }
    const throttled = mutations(topic.partitions.length);
    if (throttled !== null) return { ...throttled, name, topicId };
    taken.add(topic.topicId);
    records.push({ kind: 'removeTopic', topicId: topic.topicId });
    return { ...ACCEPTED, name: topic.name, topicId: topic.topicId };
  });
  return { records, response };
}

export interface TopicToGrow {
  readonly name: string;
  /** The new total. */
  readonly count: number;
  /** Replicas of the new partitions, or null. */
  readonly assignments: readonly { readonly brokerIds: readonly number[] }[] | null;
}

export function createPartitions(
  image: ClusterImage,
  topics: readonly TopicToGrow[],
  draws: Draws,
  mutations: MutationGate = UNLIMITED_MUTATIONS,
): Decision<readonly (Outcome & { readonly name: string })[]> {
  const records: NewMetadataRecord[] = [];
  const names = new Map<string, number>();
  for (const { name } of topics) names.set(name, (names.get(name) ?? 0) + 1);
  const response = [...new Map(topics.map((each) => [each.name, each])).values()].map((each) => {
    const outcome =
      names.get(each.name)! > 1
        ? refused(ErrorCode.INVALID_REQUEST, `Duplicate topic name ${each.name}.`)
        : growTopic(image, each, draws, mutations, records);
    return { ...outcome, name: each.name };
  });
  return { records, response };
}

function growTopic(
  image: ClusterImage,
  wanted: TopicToGrow,
  draws: Draws,
  mutations: MutationGate,
  records: NewMetadataRecord[],
): Outcome {
  const topic = image.topics.get(wanted.name);
  if (topic === undefined) {
    return refused(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, 'This server does not host this topic-partition.');
  }
  const before = topic.partitions.length;
  if (wanted.count === before) {
    return refused(ErrorCode.INVALID_PARTITIONS, `Topic already has ${before} partition(s).`);
  }
  if (wanted.count < before) {
    return refused(
      ErrorCode.INVALID_PARTITIONS,
      `The topic ${wanted.name} currently has ${before} partition(s); ${wanted.count} would not be an increase.`,
    );
  }
  const added = wanted.count - before;
  if (added > PARTITIONS_PER_REQUEST_MAX) {
    return refused(ErrorCode.INVALID_PARTITIONS, `At most ${PARTITIONS_PER_REQUEST_MAX} partitions at a time.`);
  }
  const replicationFactor = topic.partitions[0]!.replicas.length;
  let replicas: readonly (readonly number[])[];
  if (wanted.assignments === null) {
    const placed = placeReplicas(image, added, replicationFactor, draws);
    if ('errorCode' in placed) return placed;
    replicas = placed;
  } else {
    if (wanted.assignments.length !== added) {
      return refused(
        ErrorCode.INVALID_REPLICA_ASSIGNMENT,
        `Attempted to add ${added} additional partition(s), but ${wanted.assignments.length} assignment(s) were specified.`,
      );
    }
    for (const [i, { brokerIds }] of wanted.assignments.entries()) {
      const problem = assignmentProblem(brokerIds, image.brokers) ?? nobodyActive(image, before + i, brokerIds);
      if (problem !== null) return problem;
      if (brokerIds.length !== replicationFactor) {
        return refused(
          ErrorCode.INVALID_REPLICA_ASSIGNMENT,
          `The manual partition assignment includes a partition with ${brokerIds.length} replica(s), but the topic has ${replicationFactor}.`,
        );
      }
    }
    replicas = wanted.assignments.map((each) => each.brokerIds);
  }
  const throttled = mutations(added);
  if (throttled !== null) return throttled;
  replicas.forEach((each, i) => {
    records.push(newPartition(image, topic.topicId, before + i, each));
  });
  return ACCEPTED;
}
