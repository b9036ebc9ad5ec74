import { directoryIdOf, NO_LEADER, type PartitionImage, RECOVERING, UNASSIGNED_DIRECTORY } from './partition-image.ts';
import type { NewMetadataRecord } from './records/metadata-record.ts';

/**
 * One change of a partition: what is wanted of it (other in-sync replicas, other replicas, a leader) becomes the record that does it, with everything that
 * follows: a reassignment that is now complete, the election that is now needed, epochs. Pure.
 *
 * Invariant: the record leaves a partition whose leader is in sync and may lead, or that has none; no replica comes in sync but those that were named, and
 * the winner of an unclean election, who is then alone in it.
 */
export interface PartitionTarget {
  readonly inSyncReplicas?: readonly number[];
  readonly replicas?: readonly number[];
  readonly addingReplicas?: readonly number[];
  readonly removingReplicas?: readonly number[];
  /** Log dirs of single replicas. */
  readonly directories?: ReadonlyMap<number, string>;
  readonly leaderRecoveryState?: number;
  readonly election?: Election;
}

/**
 * online: the leader stays when it may; else the first in-sync replica, in the order of assignment, that may lead. preferred: the first replica of the
 * assignment takes over when it may. unclean: as online, and when nobody in sync may lead, the first replica that may, whatever that loses.
 */
export type Election = 'online' | 'preferred' | 'unclean';

/** What the partition has to know of brokers. */
export interface BrokerFacts {
  /** Alive, not about to stop, and able to use the log dir (the zero id: not chosen yet). */
  mayLead(brokerId: number, directoryId: string): boolean;
  /** Where a new replica lies: the broker's only log dir, or not chosen yet. */
  defaultDirectory(brokerId: number): string;
}

export type PartitionChange = Extract<NewMetadataRecord, { kind: 'partitionChange' }>;

/** null: all is as it is wanted. */
export function changePartition(
  facts: BrokerFacts,
  topicId: string,
  before: PartitionImage,
  target: PartitionTarget,
): PartitionChange | null {
  const assignment = completed({
    replicas: target.replicas ?? before.replicas,
    adding: target.addingReplicas ?? before.addingReplicas,
    removing: target.removingReplicas ?? before.removingReplicas,
    isr: target.inSyncReplicas ?? before.inSyncReplicas,
  });
  const { replicas, adding, removing } = assignment;
  const directories = replicas.map((id) => directoryOf(facts, before, target, id));
  const elected = elect(facts, before, assignment, directories, target.election ?? 'online');
  const leader = elected.leader;
  // The last in-sync replicas stay what they are while there is no leader: nobody else has all records.
  const isr = elected.isr.length === 0 ? before.inSyncReplicas : elected.isr;
  const recoveryState = elected.isUnclean ? RECOVERING : (target.leaderRecoveryState ?? before.leaderRecoveryState);
  // Once somebody leads, records may be committed without them.
  const stillEligible = leader === NO_LEADER && before.leader === NO_LEADER;
  const eligible = stillEligible ? before.eligibleLeaderReplicas : [];
  // Who is not a replica any more has to learn that, and with it the leader's epoch that others have from then on.
  const lostReplica = before.replicas.some((id) => !replicas.includes(id));
  const change = {
    ...(leader !== before.leader || lostReplica ? { leader } : {}),
    ...(same(isr, before.inSyncReplicas) ? {} : { isr }),
    ...(same(replicas, before.replicas) ? {} : { replicas }),
    ...(same(adding, before.addingReplicas) ? {} : { addingReplicas: adding }),
    ...(same(removing, before.removingReplicas) ? {} : { removingReplicas: removing }),
    ...(same(directories, before.directories) ? {} : { directories }),
    ...(same(eligible, before.eligibleLeaderReplicas) ? {} : { eligibleLeaderReplicas: eligible }),
    ...(recoveryState === before.leaderRecoveryState ? {} : { leaderRecoveryState: recoveryState }),
  };
  if (Object.keys(change).length === 0) return null;
  return { kind: 'partitionChange', partitionId: before.partition, topicId, ...change };
}

interface Assignment {
  readonly replicas: readonly number[];
  readonly adding: readonly number[];
  readonly removing: readonly number[];
  readonly isr: readonly number[];
}

/** A reassignment is complete when every replica that is to stay is in sync: those that are to go are gone with it. */
function completed(assignment: Assignment): Assignment {
  const { replicas, adding, removing, isr } = assignment;
  if (adding.length === 0 && removing.length === 0) return assignment;
  const staying = replicas.filter((id) => !removing.includes(id));
  if (staying.length === 0 || !staying.every((id) => isr.includes(id))) return assignment;
  return { replicas: staying, adding: [], removing: [], isr: isr.filter((id) => !removing.includes(id)) };
}

function directoryOf(facts: BrokerFacts, before: PartitionImage, target: PartitionTarget, brokerId: number): string {
  const wanted = target.directories?.get(brokerId);
  if (wanted !== undefined) return wanted;
  const at = before.replicas.indexOf(brokerId);
  return at < 0 ? facts.defaultDirectory(brokerId) : (before.directories[at] ?? UNASSIGNED_DIRECTORY);
}

interface Elected {
  readonly leader: number;
  readonly isr: readonly number[];
  readonly isUnclean: boolean;
}

function elect(
  facts: BrokerFacts,
  before: PartitionImage,
  { replicas, isr }: Assignment,
  directories: readonly string[],
  election: Election,
): Elected {
  const placed = { ...before, replicas, directories };
  const isAble = (id: number) => replicas.includes(id) && facts.mayLead(id, directoryIdOf(placed, id));
  const isSure = (id: number) =>
    isr.includes(id) || (isr.length === 0 && before.leader === NO_LEADER && before.eligibleLeaderReplicas.includes(id));
  const isClean = (id: number) => isSure(id) && isAble(id);
  const current = before.leader;
  const first = election === 'preferred' && isClean(replicas[0]!) ? replicas[0] : undefined;
  const clean = first ?? (isClean(current) ? current : replicas.find(isClean));
  if (clean !== undefined) return { leader: clean, isr: isr.length === 0 ? [clean] : isr, isUnclean: false };
  const unclean = election === 'unclean' ? replicas.find(isAble) : undefined;
  if (unclean !== undefined) return { leader: unclean, isr: [unclean], isUnclean: true };
  return { leader: NO_LEADER, isr, isUnclean: false };
}

export function same<T>(a: readonly T[], b: readonly T[]): boolean {
  return a.length === b.length && a.every((each, i) => each === b[i]);
}
