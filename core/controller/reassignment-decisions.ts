import { ErrorCode } from '../protocol/errors.ts';
import { electionFor, factsOf, type UncleanAllowed } from './broker-facts.ts';
import { ACCEPTED, type Decision, type Outcome, refused } from './decision.ts';
import type { ClusterImage, PartitionImage } from './image.ts';
import { changePartition, type PartitionTarget } from './partition-change.ts';
import { RECOVERING } from './partition-image.ts';
import type { NewMetadataRecord } from './records/metadata-record.ts';
import { assignmentProblem } from './topic-decisions.ts';

/**
 * Reassignment: which brokers are to hold a partition's replicas (KIP-455, KIP-860). Pure.
 *
 * The partition has both the old and the new replicas until all that are to stay are in sync (AlterPartition says so); where they are already, the change is whole
 * at once.
 */
export interface PartitionToReassign {
  readonly name: string;
  readonly partition: number;
  /** null = cancel the reassignment that is under way. */
  readonly replicas: readonly number[] | null;
}

export interface ReassignedPartition extends Outcome {
  readonly name: string;
  readonly partition: number;
}

export function reassignPartitions(
  image: ClusterImage,
  allowed: UncleanAllowed,
  wanted: readonly PartitionToReassign[],
  allowReplicationFactorChange: boolean,
): Decision<readonly ReassignedPartition[]> {
  const records: NewMetadataRecord[] = [];
  const changed = new Set<PartitionImage>();
  const response = wanted.map(({ name, partition, replicas }): ReassignedPartition => {
    const outcome = (): Outcome => {
      const topic = image.topics.get(name);
      if (topic === undefined) {
        return refused(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `Unable to find a topic named ${name}.`);
      }
      const before = topic.partitions[partition];
      if (before === undefined) {
        return refused(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `Unable to find partition ${name}:${partition}.`);
      }
      if (changed.has(before)) return refused(ErrorCode.INVALID_REQUEST, 'The partition is named twice.');
      const target =
        replicas === null
          ? cancelled(image, before, allowed(name), `${name}:${partition}`)
          : reassigned(image, before, replicas, allowReplicationFactorChange);
      if ('errorCode' in target) return target;
      // A reassignment that is cancelled may need an election; one that begins keeps its leader.
      const election = replicas === null ? electionFor(allowed, name) : 'online';
      const record = changePartition(factsOf(image), topic.topicId, before, { ...target, election });
      if (record === null) return ACCEPTED;
      changed.add(before);
      records.push(record);
      return ACCEPTED;
    };
    return { ...outcome(), name, partition };
  });
  return { records, response };
}

/** Back to the replicas from before. Where none of them is in sync, the first leads without the records that only the others have, if that is allowed. */
function cancelled(
  image: ClusterImage,
  before: PartitionImage,
  isUncleanAllowed: boolean,
  text: string,
): PartitionTarget | Outcome {
  const { replicas, addingReplicas, removingReplicas, inSyncReplicas } = before;
  if (addingReplicas.length === 0 && removingReplicas.length === 0) {
    return { errorCode: ErrorCode.NO_REASSIGNMENT_IN_PROGRESS, errorMessage: null };
  }
  const target = replicas.filter((id) => !addingReplicas.includes(id));
  const isr = inSyncReplicas.filter((id) => target.includes(id));
  const back = { replicas: target, addingReplicas: [], removingReplicas: [] };
  if (isr.length > 0) return { ...back, inSyncReplicas: isr };
  if (!isUncleanAllowed) {
    return refused(
      ErrorCode.INVALID_REPLICA_ASSIGNMENT,
      `Unable to revert partition assignment for ${text} because it would require an unclean leader election.`,
    );
  }
  const next = target.find((id) => image.isActive(id)) ?? target[0]!;
  return { ...back, inSyncReplicas: [next], leaderRecoveryState: RECOVERING };
}

function reassigned(
  image: ClusterImage,
  before: PartitionImage,
  target: readonly number[],
  allowReplicationFactorChange: boolean,
): PartitionTarget | Outcome {
  const problem = assignmentProblem(target, image.brokers);
  if (problem !== null) return problem;
  // What is being added to now was not there before the reassignment under way.
  const original = before.replicas.filter((id) => !before.addingReplicas.includes(id));
  if (!allowReplicationFactorChange && original.length !== target.length) {
    return refused(
      ErrorCode.INVALID_REPLICATION_FACTOR,
      `The replication factor is changed from ${original.length} to ${target.length}`,
    );
  }
  const removing = before.replicas.filter((id) => !target.includes(id));
  return {
    replicas: [...target, ...removing],
    addingReplicas: target.filter((id) => !original.includes(id)),
    removingReplicas: removing,
  };
}
