import type { Log } from '../log/log.ts';
import { RecordBatch } from '../protocol/record-batch.ts';

/**
 * What a node holds, for those who check from outside that a cluster keeps its promises: the logs of its partitions and of the metadata.
 *
 * Invariant: looking changes nothing. A view tells what is so when it is asked, not when it was made; which logs there are is asked each time. Batches are named by their header: the CRC covers the records,
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
  /** Its log dir has failed: nobody is told anything of it any more. */
  readonly isOffline: boolean;
  /** Its cleaner rewrites batches. */
  readonly isCompacted: boolean;
  readonly logStartOffset: number;
  readonly highWatermark: number;
  readonly logEndOffset: number;
  /** As this node knows them; absent for the metadata log. */
  readonly inSyncReplicas?: readonly number[] | undefined;
  /** Whole batches from the one that holds `from` on that end below `until`; none where the log cannot be read. */
  batches(from: number, until: number): Iterable<BatchMark>;
}

export interface NodeView {
  readonly nodeId: number;
  /** The same list until a partition comes or goes. */
  partitions(): readonly LogView[];
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

/** What a view looks at: a partition of this node, or the quorum. */
export interface LogHolder {
  readonly log: Log;
  readonly topicId: string;
  readonly isLeader: boolean;
  readonly leaderEpoch: number;
  /** Where it is not the log's own: the metadata log's is the quorum's. */
  readonly highWatermark: number;
  readonly inSyncReplicas?: readonly number[];
}

/** Looks anew each time that it is asked: made once for a log that is looked at after every step. */
class LiveLogView implements LogView {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  private readonly holder: LogHolder;

  constructor(holder: LogHolder) {
    this.topic = holder.log.topic;
    this.topicId = holder.topicId;
    this.partition = holder.log.partition;
    this.holder = holder;
  }

  get isLeader(): boolean {
    return this.holder.isLeader;
  }

  get leaderEpoch(): number {
    return this.holder.leaderEpoch;
  }

  get isOffline(): boolean {
    return this.holder.log.offline !== null;
  }

  get isCompacted(): boolean {
    return this.holder.log.isCompacted;
  }

  get logStartOffset(): number {
    return this.holder.log.logStartOffset;
  }

  get highWatermark(): number {
    return this.holder.highWatermark;
  }

  get logEndOffset(): number {
    return this.holder.log.logEndOffset;
  }

  get inSyncReplicas(): readonly number[] | undefined {
    return this.holder.inSyncReplicas;
  }

  batches(from: number, until: number): Iterable<BatchMark> {
    return batchesOf(this.holder.log, from, until);
  }
}

const views = new WeakMap<LogHolder, LogView>();

/** Of one holder always the same one. */
export function logView(holder: LogHolder): LogView {
  let view = views.get(holder);
  if (view === undefined) views.set(holder, (view = new LiveLogView(holder)));
  return view;
}
