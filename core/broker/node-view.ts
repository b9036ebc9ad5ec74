import type { Log } from '../log/log.ts';
import { RecordBatch } from '../protocol/record-batch.ts';

/**
 * What a node holds, for those who check from outside that a cluster keeps its promises: the logs of its partitions and of the metadata.
 *
 * Invariant: looking changes nothing. A view is of the moment: it is asked again each time. Batches are named by their header: the CRC covers the records,
 * base offset and leader epoch stand beside it.
 */
export interface BatchMark {
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly leaderEpoch: number;
  readonly crc: number;
}

export interface LogView {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  /** This node takes itself for the leader. */
  readonly isLeader: boolean;
  readonly leaderEpoch: number;
  /** Its cleaner rewrites batches. */
  readonly isCompacted: boolean;
  readonly logStartOffset: number;
  readonly highWatermark: number;
  readonly logEndOffset: number;
  /** As this node knows them; absent for the metadata log. */
  readonly inSyncReplicas?: readonly number[];
  /** Whole batches from the one that holds `from` on that end below `until`; none where the log cannot be read. */
  batches(from: number, until: number): Iterable<BatchMark>;
}

export interface NodeView {
  readonly nodeId: number;
  partitions(): Iterable<LogView>;
  /** The log of the metadata; null for a node that has none yet. */
  readonly metadata: LogView | null;
}

const READ_BYTES_MAX = 64 * 1024;

/** The batches of a log between two offsets (`LogView.batches`), read from its files. */
export function* batchesOf(log: Log, from: number, until: number): Generator<BatchMark> {
  let at = Math.max(from, log.logStartOffset);
  const end = Math.min(until, log.logEndOffset);
  while (at < end) {
    const read = log.read(at, { maxBytes: READ_BYTES_MAX, maxOffset: end, minOneBatch: true });
    if (read.kind !== 'read' || read.slice === null) return;
    const { file, position, length } = read.slice;
    const bytes = Buffer.allocUnsafe(length);
    file.readInto(bytes, position);
    for (let start = 0; start < length; ) {
      const batch = new RecordBatch(bytes, start);
      const { baseOffset, lastOffset, partitionLeaderEpoch, crc } = batch;
      yield { baseOffset, lastOffset, leaderEpoch: partitionLeaderEpoch, crc };
      start += batch.bytes;
    }
    if (read.endOffset <= at) return;
    at = read.endOffset;
  }
}

/** What only who holds the log knows. */
export interface LogRole {
  readonly topicId: string;
  readonly isLeader: boolean;
  readonly leaderEpoch: number;
  /** Where it is not the log's own: the metadata log's is the quorum's. */
  readonly highWatermark?: number;
  readonly inSyncReplicas?: readonly number[];
}

export function logView(log: Log, role: LogRole): LogView {
  return {
    topic: log.topic,
    topicId: role.topicId,
    partition: log.partition,
    isLeader: role.isLeader,
    leaderEpoch: role.leaderEpoch,
    isCompacted: log.isCompacted,
    logStartOffset: log.logStartOffset,
    highWatermark: role.highWatermark ?? log.highWatermark,
    logEndOffset: log.logEndOffset,
    ...(role.inSyncReplicas === undefined ? {} : { inSyncReplicas: role.inSyncReplicas }),
    batches: (from, until) => batchesOf(log, from, until),
  };
}
