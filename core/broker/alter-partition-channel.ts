import type { Clock } from '../ports/clock.ts';
import { ErrorCode } from '../protocol/errors.ts';
import { AlterPartition } from '../protocol/messages/56-alter-partition.ts';
import { RpcError } from '../rpc/rpc-error.ts';
import type { ControllerGateway } from './controller-gateway.ts';

/**
 * Changes of in-sync replicas on their way to the controller (KIP-497): gathered while one request is under way, sent together in the next.
 *
 * Invariant: of a partition at most one change waits or is under way (its leader sees to that), so the queue is no longer than the partitions led here.
 * What could not be asked is told as NETWORK_EXCEPTION or NOT_CONTROLLER: whether to try again is the partition's decision.
 */
export interface InSyncReplicaChange {
  readonly topicId: string;
  readonly partition: number;
  readonly leaderEpoch: number;
  readonly partitionEpoch: number;
  readonly inSyncReplicas: readonly { readonly brokerId: number; readonly brokerEpoch: number }[];
  /** 0 recovered, 1 recovering from an unclean election. */
  readonly leaderRecoveryState?: number;
}

export interface InSyncReplicaAnswer {
  readonly errorCode: number;
  readonly leader: number;
  readonly leaderEpoch: number;
  readonly inSyncReplicas: readonly number[];
  readonly partitionEpoch: number;
}

interface Waiting {
  readonly change: InSyncReplicaChange;
  readonly answer: (answer: InSyncReplicaAnswer) => void;
}

const TIMEOUT_MS = 10_000;
/** Changes of one request. */
const BATCH_MAX = 5_000;

export class AlterPartitionChannel {
  private readonly clock: Clock;
  private readonly gateway: ControllerGateway;
  private readonly nodeId: number;
  private readonly brokerEpoch: () => number;
  private waiting: Waiting[] = [];
  private isAsking = false;
  private isClosed = false;

  constructor(parts: {
    readonly clock: Clock;
    readonly gateway: ControllerGateway;
    readonly nodeId: number;
    readonly brokerEpoch: () => number;
  }) {
    this.clock = parts.clock;
    this.gateway = parts.gateway;
    this.nodeId = parts.nodeId;
    this.brokerEpoch = parts.brokerEpoch;
  }

  /** Never rejects. */
  change(change: InSyncReplicaChange): Promise<InSyncReplicaAnswer> {
    return new Promise((answer) => {
      this.waiting.push({ change, answer });
      // Changes of one tick go together.
      if (!this.isAsking) {
        this.isAsking = true;
        this.clock.defer(() => void this.askAll());
      }
    });
  }

  close(): void {
    this.isClosed = true;
    for (const { answer } of this.waiting.splice(0)) answer(failed(ErrorCode.NOT_CONTROLLER));
  }

  private async askAll(): Promise<void> {
    while (this.waiting.length > 0 && !this.isClosed) {
      const batch = this.waiting.splice(0, BATCH_MAX);
      const answers = await this.askOnce(batch.map((each) => each.change));
      batch.forEach(({ answer }, at) => {
        answer(answers[at]!);
      });
    }
    this.isAsking = false;
  }

  private async askOnce(changes: readonly InSyncReplicaChange[]): Promise<readonly InSyncReplicaAnswer[]> {
    const byTopic = new Map<string, InSyncReplicaChange[]>();
    for (const change of changes) {
      const known = byTopic.get(change.topicId);
      if (known === undefined) byTopic.set(change.topicId, [change]);
      else known.push(change);
    }
    const topics = [...byTopic].map(([topicId, partitions]) => ({
      topicId,
      partitions: partitions.map((each) => ({
        partitionIndex: each.partition,
        leaderEpoch: each.leaderEpoch,
        newIsr: each.inSyncReplicas.map(({ brokerId }) => brokerId),
        newIsrWithEpochs: each.inSyncReplicas,
        leaderRecoveryState: each.leaderRecoveryState ?? 0,
        partitionEpoch: each.partitionEpoch,
      })),
    }));
    try {
      const body = { brokerId: this.nodeId, brokerEpoch: this.brokerEpoch(), topics };
      const answer = await this.gateway.ask(AlterPartition, body, { timeoutMs: TIMEOUT_MS });
      if (answer.errorCode !== ErrorCode.NONE) return changes.map(() => failed(answer.errorCode));
      const found = new Map(
        answer.topics.flatMap(({ topicId, partitions }) =>
          partitions.map((each) => [`${topicId}:${each.partitionIndex}`, each] as const),
        ),
      );
      return changes.map(({ topicId, partition }) => {
        const each = found.get(`${topicId}:${partition}`);
        if (each === undefined) return failed(ErrorCode.UNKNOWN_SERVER_ERROR);
        const { errorCode, leaderId, leaderEpoch, isr, partitionEpoch } = each;
        return { errorCode, leader: leaderId, leaderEpoch, inSyncReplicas: isr, partitionEpoch };
      });
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      return changes.map(() => failed(ErrorCode.NETWORK_EXCEPTION));
    }
  }
}

function failed(errorCode: number): InSyncReplicaAnswer {
  return { errorCode, leader: -1, leaderEpoch: -1, inSyncReplicas: [], partitionEpoch: -1 };
}
