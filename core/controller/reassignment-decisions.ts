import { ErrorCode } from '../protocol/errors.ts';
import { ZERO_UUID } from '../protocol/writer.ts';
import { ACCEPTED, type Decision, type Outcome, refused } from './decision.ts';
import { type ClusterImage, NO_LEADER, type PartitionImage } from './image.ts';
import type { NewMetadataRecord } from './records/metadata-record.ts';
import { assignmentProblem } from './topic-decisions.ts';

/**
 * Reassignment: which brokers are to hold a partition's replicas (KIP-455, KIP-860). Pure.
 *
 * Where replicas have to be made first, the partition has both the old and the new ones until these are in sync; where none is to be added, the change is
 * whole at once.
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
  wanted: readonly PartitionToReassign[],
  allowReplicationFactorChange: boolean,
): Decision<readonly ReassignedPartition[]> {
  const records: NewMetadataRecord[] = [];
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
      const change =
        replicas === null ? cancelled(before) : reassigned(image, before, replicas, allowReplicationFactorChange);
      if ('errorCode' in change) return change;
      if (change.length > 0) {
        records.push(
          Object.assign(
            { kind: 'partitionChange', partitionId: partition, topicId: topic.topicId } as const,
            ...change,
          ),
        );
      }
      return ACCEPTED;
    };
    return { ...outcome(), name, partition };
  });
  return { records, response };
}

/** The fields of a change of the partition: none when nothing is to be done. */
type Change = readonly {
  readonly replicas?: readonly number[];
  readonly isr?: readonly number[];
  readonly leader?: number;
  readonly addingReplicas?: readonly number[];
  readonly removingReplicas?: readonly number[];
  readonly directories?: readonly string[];
}[];

function cancelled(before: PartitionImage): Change | Outcome {
  const { replicas, addingReplicas, removingReplicas, inSyncReplicas, leader } = before;
  if (addingReplicas.length === 0 && removingReplicas.length === 0) {
    return { errorCode: ErrorCode.NO_REASSIGNMENT_IN_PROGRESS, errorMessage: null };
  }
  const target = replicas.filter((id) => !addingReplicas.includes(id));
  const isr = inSyncReplicas.filter((id) => target.includes(id));
  if (isr.length === 0) {
    return refused(
      ErrorCode.INVALID_REPLICA_ASSIGNMENT,
      'Cannot cancel the reassignment: none of the replicas that were there before is in sync.',
    );
  }
  const next = { replicas: target, isr, addingReplicas: [], removingReplicas: [], ...placed(before, target) };
  return [isr.includes(leader) ? next : { ...next, leader: isr[0]! }];
}

function reassigned(
  image: ClusterImage,
  before: PartitionImage,
  target: readonly number[],
  allowReplicationFactorChange: boolean,
): Change | Outcome {
  const problem = assignmentProblem(target, image.liveBrokers());
  if (problem !== null) return problem;
  // What is being added to now was not there before the reassignment under way.
  const original = before.replicas.filter((id) => !before.addingReplicas.includes(id));
  if (!allowReplicationFactorChange && original.length !== target.length) {
    return refused(
      ErrorCode.INVALID_REPLICATION_FACTOR,
      `The replication factor is changed from ${original.length} to ${target.length}`,
    );
  }
  const adding = target.filter((id) => !original.includes(id));
  const removing = original.filter((id) => !target.includes(id));
  const inSync = before.inSyncReplicas.filter((id) => target.includes(id));
  if (adding.length > 0 || inSync.length === 0) {
    const all = [...target, ...removing];
    return [{ replicas: all, addingReplicas: adding, removingReplicas: removing, ...placed(before, all) }];
  }
  const isUnchanged =
    removing.length === 0 && before.addingReplicas.length === 0 && target.every((id, i) => before.replicas[i] === id);
  if (isUnchanged) return [];
  const next = { replicas: target, isr: inSync, addingReplicas: [], removingReplicas: [], ...placed(before, target) };
  const { leader } = before;
  return [leader === NO_LEADER || inSync.includes(leader) ? next : { ...next, leader: inSync[0]! }];
}

/** The log dir of each replica goes with it. */
function placed({ replicas, directories }: PartitionImage, target: readonly number[]): { directories: string[] } {
  return { directories: target.map((id) => directories[replicas.indexOf(id)] ?? ZERO_UUID) };
}
