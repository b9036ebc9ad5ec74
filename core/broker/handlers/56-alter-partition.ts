import { AlterPartition } from '../../protocol/messages/56-alter-partition.ts';
import { nodeHandlerOf } from '../handler.ts';

/** AlterPartition 2–3, at controllers: a leader says who is in sync (KIP-497); v3 says in which life each replica is (KIP-903). */
export const alterPartitionHandler = nodeHandlerOf(AlterPartition, (node, { brokerId, brokerEpoch, topics }, call) =>
  node.controller.alterPartitions({
    brokerId,
    brokerEpoch,
    topics: topics.map(({ topicId, partitions }) => ({
      topicId,
      partitions: partitions.map(({ newIsr, newIsrWithEpochs, ...each }) => ({
        ...each,
        inSyncReplicas:
          call.apiVersion >= 3 ? newIsrWithEpochs : newIsr.map((id) => ({ brokerId: id, brokerEpoch: -1 })),
      })),
    })),
  }),
);
