import { ErrorCode } from '../protocol/errors.ts';
import type { PersisterAnswer, SharePartitionName, SharePersister } from './persister.ts';
import type { ShareCoordinator } from './share-coordinator.ts';
import { answered, failedStateRead, failedSummary } from './share-state.ts';

/**
 * The persister where the share coordinator is this broker's own: makes `__share_group_state` on its first use, then asks the coordinator in-process.
 *
 * In a cluster the coordinator of a share partition may be another broker; the same calls then go out as APIs 83–87.
 */
export function localPersister(coordinator: ShareCoordinator, ensureTopic: () => Promise<boolean>): SharePersister {
  async function ask<P extends SharePartitionName, A>(
    groupId: string,
    partitions: readonly P[],
    call: () => Promise<readonly A[]>,
    failed: (answer: PersisterAnswer) => A,
  ): Promise<readonly A[]> {
    if (partitions.length === 0) return [];
    if (partitions.every(({ topicId, partition }) => coordinator.coordinates({ groupId, topicId, partition }))) {
      return call();
    }
    const exists = await ensureTopic().catch(() => false);
    if (exists) return call();
    return partitions.map((each) => failed(answered(each, ErrorCode.COORDINATOR_NOT_AVAILABLE)));
  }
  const same = (answer: PersisterAnswer): PersisterAnswer => answer;
  return {
    initializeState: (groupId, partitions) =>
      ask(groupId, partitions, () => coordinator.initializeState(groupId, partitions), same),
    readState: (groupId, partitions) =>
      ask(groupId, partitions, () => coordinator.readState(groupId, partitions), failedStateRead),
    writeState: (groupId, partitions) =>
      ask(groupId, partitions, () => coordinator.writeState(groupId, partitions), same),
    readStateSummary: (groupId, partitions) =>
      ask(groupId, partitions, () => coordinator.readStateSummary(groupId, partitions), failedSummary),
    deleteState: (groupId, partitions) =>
      ask(groupId, partitions, () => coordinator.deleteState(groupId, partitions), same),
  };
}
