import type { TopicPartition } from '../topic-partition.ts';

/**
 * Divides partitions among the members of a group. Run by the group's leader; pure: members and counts in, assignment out.
 *
 * Invariant of every assignor: each partition of a topic that someone subscribed to goes to exactly one member who did (a cooperative one may
 * leave out a partition for one round, while its old owner gives it up).
 */
export interface GroupMember {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly topics: readonly string[];
  /** What it owned when it joined, in which generation (−1: unknown). */
  readonly ownedPartitions: readonly TopicPartition[];
  readonly generation: number;
  readonly userData: Buffer | null;
}

export type GroupAssignment = ReadonlyMap<string, readonly TopicPartition[]>;

/**
 * `eager`: every member gives up everything before it joins. `cooperative` (KIP-429): members keep what they own and give up only what moves,
 * in a second round.
 */
export type RebalanceProtocol = 'eager' | 'cooperative';

export interface Assignor {
  /** The name under which members agree on it. */
  readonly name: string;
  readonly rebalanceProtocols: readonly RebalanceProtocol[];
  /** `partitionCounts` by topic; a topic that does not exist is not in it. */
  assign(partitionCounts: ReadonlyMap<string, number>, members: readonly GroupMember[]): GroupAssignment;
  /** What a member says of itself beside its topics. */
  userData?(owned: readonly TopicPartition[], generation: number): Buffer | null;
}

/** The order in which members take turns: static members first, by instance id; then by member id. */
export function sortMembers<T extends Pick<GroupMember, 'memberId' | 'groupInstanceId'>>(members: readonly T[]): T[] {
  return [...members].sort((a, b) => {
    if (a.groupInstanceId !== null && b.groupInstanceId !== null)
      return compareText(a.groupInstanceId, b.groupInstanceId);
    if (a.groupInstanceId !== null) return -1;
    if (b.groupInstanceId !== null) return 1;
    return compareText(a.memberId, b.memberId);
  });
}

export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Topics that exist and that someone wants, sorted. */
export function wantedTopics(counts: ReadonlyMap<string, number>, members: readonly GroupMember[]): string[] {
  return [...new Set(members.flatMap((member) => member.topics))]
    .filter((topic) => counts.has(topic))
    .sort(compareText);
}
