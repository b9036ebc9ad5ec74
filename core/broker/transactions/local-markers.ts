import type { ClusterImage } from '../../controller/image.ts';
import { CONSUMER_OFFSETS_TOPIC } from '../../controller/topic-name.ts';
import type { GroupCoordinator } from '../../groups/group-coordinator.ts';
import type { Clock } from '../../ports/clock.ts';
import { buildEndTxnBatch, ControlType } from '../../protocol/control-record.ts';
import { ErrorCode } from '../../protocol/errors.ts';
import type { ReplicaManager } from '../../replica/replica-manager.ts';
import type { Marker, MarkerWriter } from '../../transactions/marker-writer.ts';
import type { TopicPartition } from '../../transactions/transaction.ts';
import { appendAndCommit } from './append-marker.ts';
import type { Verifications } from './verifications.ts';

/**
 * Markers for the partitions that this broker leads: control batches in their logs. One in `__consumer_offsets` also ends the wait of the offsets that
 * the transaction holds, when it is committed.
 *
 * Writing a marker twice is harmless: the second one finds no transaction to end.
 */
export class LocalMarkers implements MarkerWriter {
  private readonly image: ClusterImage;
  private readonly replicas: ReplicaManager;
  private readonly groups: GroupCoordinator;
  private readonly verifications: Verifications;
  private readonly clock: Clock;
  private readonly timeoutMs: number;

  constructor(parts: {
    readonly image: ClusterImage;
    readonly replicas: ReplicaManager;
    readonly groups: GroupCoordinator;
    readonly verifications: Verifications;
    readonly clock: Clock;
    /** How long a marker's commit is waited for: request.timeout.ms. */
    readonly timeoutMs: number;
  }) {
    this.image = parts.image;
    this.replicas = parts.replicas;
    this.groups = parts.groups;
    this.verifications = parts.verifications;
    this.clock = parts.clock;
    this.timeoutMs = parts.timeoutMs;
  }

  async write(marker: Marker, partitions: readonly TopicPartition[]): Promise<readonly TopicPartition[]> {
    const errorCodes = await Promise.all(partitions.map((each) => this.writeOne(marker, each)));
    return partitions.filter((each, i) => mustRetry(this.image, each, errorCodes[i]!));
  }

  /** NONE once the marker is committed, or a Kafka error code. */
  writeOne(marker: Marker, { topic, partition: index }: TopicPartition): Promise<number> {
    const partition = this.replicas.partition(topic, index);
    if (partition === undefined) return Promise.resolve(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    const { producerId, producerEpoch, coordinatorEpoch, isCommit } = marker;
    const type = isCommit ? ControlType.COMMIT : ControlType.ABORT;
    const batch = buildEndTxnBatch({ type, coordinatorEpoch }, this.clock.now(), { producerId, producerEpoch });
    const { clock, timeoutMs } = this;
    this.verifications.markerWritten(partition, producerId);
    return appendAndCommit(partition, batch, {
      clock,
      timeoutMs,
      onCommitted: () => {
        if (topic === CONSUMER_OFFSETS_TOPIC) this.groups.endTransaction(index, producerId, isCommit);
      },
    });
  }
}

/** Whether the marker is still to be written. A code about the log's producer is final: a newer coordinator or a newer epoch has been here. */
export function mustRetry(image: ClusterImage, { topic, partition }: TopicPartition, errorCode: number): boolean {
  switch (errorCode) {
    case ErrorCode.NONE:
    case ErrorCode.TRANSACTION_COORDINATOR_FENCED:
    case ErrorCode.INVALID_PRODUCER_EPOCH:
      return false;
    default:
      return (image.topics.get(topic)?.partitions.length ?? 0) > partition;
  }
}
