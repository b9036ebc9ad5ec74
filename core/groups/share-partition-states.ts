import {
  NO_PARTITION_STATES,
  type ShareGroup,
  type SharePartitionStates,
  type SharePartitions,
} from './share-group.ts';
import type { ShareGroupRecord } from './share-group-records.ts';
import type { SharePartitionName } from './share-state-keeper.ts';
import { partitionsOf, type TopicPartitions, type TopicsView } from './topic-partitions.ts';

/**
 * How far the durable state of a share group's partitions is (KIP-932). Pure: each function takes the group and says what is to be stored.
 *
 *     subscribed ──► initializing ── the state keeper has it ──► initialized ── group or offsets deleted ──► deleting ── it is gone ──► (nothing)
 *                        │  ▲ not done for a while: again           │
 *                        └──┴ failed: forgotten, and begun again    └── topic deleted ──► (nothing: the state keeper sees that by itself)
 *
 * The keeper itself is called by the shell, in `share-groups.ts`; a step is stored before it is asked for, so that it is taken up again after a crash.
 */
type Topics = ReadonlyMap<string, SharePartitions>;

function record(group: ShareGroup, change: Partial<SharePartitionStates>): ShareGroupRecord {
  const value = { ...(group.partitionStates ?? NO_PARTITION_STATES), ...change };
  return { type: 'sharePartitionStates', groupId: group.groupId, value };
}

function union(topics: Topics, more: Topics): Map<string, SharePartitions> {
  const all = new Map(topics);
  for (const [topicId, { topicName, partitions }] of more) {
    all.set(topicId, { topicName, partitions: new Set([...(all.get(topicId)?.partitions ?? []), ...partitions]) });
  }
  return all;
}

function without(topics: Topics, gone: TopicPartitions): Map<string, SharePartitions> {
  const left = new Map<string, SharePartitions>();
  for (const [topicId, { topicName, partitions }] of topics) {
    const kept = new Set([...partitions].filter((partition) => !gone.get(topicId)?.has(partition)));
    if (kept.size > 0) left.set(topicId, { topicName, partitions: kept });
  }
  return left;
}

function named(partitions: TopicPartitions, known: Topics, topics: TopicsView): Map<string, SharePartitions> {
  return new Map(
    [...partitions].map(([topicId, each]) => {
      const topicName = topics.nameOf(topicId) ?? known.get(topicId)?.topicName ?? '<UNKNOWN>';
      return [topicId, { topicName, partitions: each }];
    }),
  );
}

function range(count: number): Set<number> {
  return new Set(Array.from({ length: count }, (_, i) => i));
}

/** Subscribed partitions that have no state and that nobody has been initializing for less than `retryMs`. */
export function partitionsToInitialize(
  group: ShareGroup,
  topics: TopicsView,
  retryMs: number,
  wallNowMs: number,
): Map<string, SharePartitions> {
  const { initialized, initializing } = group.partitionStates ?? NO_PARTITION_STATES;
  const isFresh = wallNowMs - group.partitionStatesAtMs < retryMs;
  const begun = isFresh ? union(initialized, initializing) : initialized;
  const wanted = new Map<string, SharePartitions>();
  for (const topicName of group.subscribedTopics()) {
    const topic = topics.byName(topicName);
    if (topic === undefined) continue;
    const known = begun.get(topic.topicId)?.partitions;
    const partitions = new Set([...range(topic.partitionCount)].filter((partition) => known?.has(partition) !== true));
    if (partitions.size > 0) wanted.set(topic.topicId, { topicName, partitions });
  }
  return wanted;
}

export function initializing(group: ShareGroup, begun: Topics): ShareGroupRecord {
  const states = group.partitionStates ?? NO_PARTITION_STATES;
  const deleting = new Map([...states.deleting].filter(([topicId]) => !begun.has(topicId)));
  return record(group, { initializing: union(states.initializing, begun), deleting });
}

export function initialized(group: ShareGroup, done: TopicPartitions, topics: TopicsView): ShareGroupRecord {
  const states = group.partitionStates ?? NO_PARTITION_STATES;
  return record(group, {
    initializing: without(states.initializing, done),
    initialized: union(states.initialized, named(done, states.initializing, topics)),
  });
}

/** Initializing these failed: the next heartbeat begins again. Null: nothing to store. */
export function initializingFailed(group: ShareGroup, failed: TopicPartitions): ShareGroupRecord | null {
  const states = group.partitionStates;
  if (states === null || states.initializing.size === 0 || failed.size === 0) return null;
  return record(group, { initializing: without(states.initializing, failed) });
}

/** A subscribed topic has partitions with state that nobody is to have yet. What is left of a topic that was there under the name before does not count. */
export function hasUnassigned(group: ShareGroup, topics: TopicsView): boolean {
  if (group.members.size === 0 || group.partitionStates === null) return false;
  const subscribed = group.subscribedTopics();
  const targeted = new Map<string, Set<number>>();
  for (const target of group.targets.values()) {
    for (const [topicId, partition] of partitionsOf(target)) {
      const known = targeted.get(topicId);
      if (known === undefined) targeted.set(topicId, new Set([partition]));
      else known.add(partition);
    }
  }
  for (const [topicId, { topicName, partitions }] of group.partitionStates.initialized) {
    if (!subscribed.has(topicName) || topics.byName(topicName)?.topicId !== topicId) continue;
    const found = targeted.get(topicId);
    if (found === undefined || found.size !== partitions.size || !found.isSubsetOf(partitions)) return true;
  }
  return false;
}

/** What stands for a topic whose deletion was begun and not ended: all its partitions. */
function allOf(topicId: string, topicName: string, topics: TopicsView): SharePartitions | null {
  const topic = topics.byName(topics.nameOf(topicId) ?? '');
  return topic === undefined ? null : { topicName, partitions: range(topic.partitionCount) };
}

/** The group is to go: every state that it has or may have. Null: it never had any. */
export function deletingAll(
  group: ShareGroup,
  topics: TopicsView,
): { readonly record: ShareGroupRecord; readonly partitions: SharePartitionName[] } | null {
  const states = group.partitionStates;
  if (states === null) return null;
  const again = new Map<string, SharePartitions>();
  for (const [topicId, topicName] of states.deleting) {
    const all = allOf(topicId, topicName, topics);
    if (all !== null) again.set(topicId, all);
  }
  const all = union(union(states.initialized, states.initializing), again);
  // Of a topic that is gone nothing is kept, and nobody could be asked.
  const gone = new Map([...all].filter(([topicId]) => topics.nameOf(topicId) !== undefined));
  const deleting = new Map([...gone].map(([topicId, { topicName }]) => [topicId, topicName]));
  return {
    record: record(group, { initializing: new Map(), initialized: new Map(), deleting }),
    partitions: flat(gone),
  };
}

/** The state of these topics is to go. `unknown` are topics of which there is none; `record` is null for a group that never had any. */
export function deletingTopics(
  group: ShareGroup,
  topicIds: readonly string[],
  topics: TopicsView,
): {
  readonly record: ShareGroupRecord | null;
  readonly partitions: SharePartitionName[];
  readonly unknown: ReadonlySet<string>;
} {
  const states = group.partitionStates;
  if (states === null) return { record: null, partitions: [], unknown: new Set() };
  const left = new Map(states.initialized);
  const deleting = new Map(states.deleting);
  const gone = new Map<string, SharePartitions>();
  const unknown = new Set<string>();
  for (const topicId of topicIds) {
    const known = left.get(topicId) ?? (deleting.has(topicId) ? allOf(topicId, deleting.get(topicId)!, topics) : null);
    if (known === null) {
      unknown.add(topicId);
      continue;
    }
    gone.set(topicId, known);
    left.delete(topicId);
    deleting.set(topicId, known.topicName);
  }
  return { record: record(group, { initialized: left, deleting }), partitions: flat(gone), unknown };
}

export function deleted(group: ShareGroup, topicIds: Iterable<string>): ShareGroupRecord {
  const deleting = new Map(group.partitionStates?.deleting);
  for (const topicId of topicIds) deleting.delete(topicId);
  return record(group, { deleting });
}

/** The topic itself is deleted, and with it its state. Null: the group has none of it. */
export function topicGone(group: ShareGroup, topicId: string): ShareGroupRecord | null {
  const states = group.partitionStates;
  if (states === null) return null;
  const { initializing, initialized, deleting } = states;
  if (!initializing.has(topicId) && !initialized.has(topicId) && !deleting.has(topicId)) return null;
  const left = <T>(map: ReadonlyMap<string, T>): Map<string, T> => new Map([...map].filter(([id]) => id !== topicId));
  return record(group, {
    initializing: left(initializing),
    initialized: left(initialized),
    deleting: left(deleting),
  });
}

export function flat(topics: Topics): SharePartitionName[] {
  return [...topics].flatMap(([topicId, { partitions }]) =>
    [...partitions].map((partition) => ({ topicId, partition })),
  );
}
