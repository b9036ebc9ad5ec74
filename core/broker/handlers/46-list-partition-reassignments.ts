import type { PartitionImage } from '../../controller/image.ts';
import { ErrorCode } from '../../protocol/errors.ts';
import { ListPartitionReassignments } from '../../protocol/messages/46-list-partition-reassignments.ts';
import { nodeHandlerOf } from '../handler.ts';

/** ListPartitionReassignments 0: those under way, of the named partitions or (null) of all. What is unknown or at rest is left out. */
export const listPartitionReassignmentsHandler = nodeHandlerOf(ListPartitionReassignments, (node, request) => {
  const asked = request.topics?.map(({ name, partitionIndexes }) => ({
    name,
    partitions: partitionIndexes.flatMap((index) => node.image.topics.get(name)?.partitions[index] ?? []),
  }));
  const topics = (asked ?? [...node.image.topics.values()]).map(({ name, partitions }) => ({
    name,
    partitions: partitions.filter(isMoving).map((each) => ({
      partitionIndex: each.partition,
      replicas: each.replicas,
      addingReplicas: each.addingReplicas,
      removingReplicas: each.removingReplicas,
    })),
  }));
  return { errorCode: ErrorCode.NONE, topics: topics.filter(({ partitions }) => partitions.length > 0) };
});

function isMoving({ addingReplicas, removingReplicas }: PartitionImage): boolean {
  return addingReplicas.length > 0 || removingReplicas.length > 0;
}
