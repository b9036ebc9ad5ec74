import type { Files } from '../ports/files.ts';
import { ErrorCode } from '../protocol/errors.ts';
import { recordsOf } from '../protocol/record.ts';
import type { RecordBatch } from '../protocol/record-batch.ts';
import type { AbortedTransaction } from './aborted-index.ts';
import { type Appended, type AppendOrigin, appended, type Rejected, rejected } from './append-result.ts';
import { joinPath, offsetFileName, offsetOfFileName, SNAPSHOT_SUFFIX } from './file-names.ts';
import { isInSequence, NO_PRODUCER_EPOCH, type ProducerBatch, ProducerEntry } from './producer-entry.ts';
import { decodeSnapshot, encodeSnapshot } from './producer-snapshot.ts';

/**
 * What a partition knows of its idempotent and transactional producers: enough to tell a retry from a gap, and to say up to which offset no
 * transaction is open.
 *
 * Invariant: the state is that of the log up to `endOffset`: it follows from the batches alone, so snapshots only shorten the way there.
 * `check` changes nothing; `update` is called once for each batch, in order, after it was written.
 *
 * Not here: which transactions exist (the transaction coordinator), the aborted index (the segment's).
 */
const CONTROL_ABORT = 0;
const CONTROL_COMMIT = 1;

/** Its marker was written, whether that commits or aborts. */
type CompletedTransaction = Omit<AbortedTransaction, 'lastStableOffset'>;

export class ProducerState {
  readonly entries = new Map<number, ProducerEntry>();
  /** producer id → first offset, in rising order of the latter: insertion order is offset order. */
  private readonly openTransactions = new Map<number, number>();
  /** Complete, but the marker is not below the high watermark yet: still unstable for readers. */
  private unreplicated: CompletedTransaction[] = [];
  private readonly files: Files;
  private directory: string;
  /** Exclusive: the next offset to take into account. */
  endOffset = 0;
  private snapshotOffset = -1;

  constructor(files: Files, directory: string) {
    this.files = files;
    this.directory = directory;
  }

  /** The folder was renamed with the snapshots in it. */
  moveTo(directory: string): void {
    this.directory = directory;
  }

  /** null: may be appended. Appended: the same batch was appended before, and the answer is that of the earlier copy. */
  check(batch: RecordBatch, origin: AppendOrigin): Rejected | Appended | null {
    const producerId = batch.producerId;
    const entry = this.entries.get(producerId);
    if (batch.isControl) return entry === undefined ? null : this.checkMarker(batch, entry);
    if (entry === undefined) return null; // An unknown producer may begin anywhere: its state may have expired here.
    if (origin === 'client') {
      const duplicate = entry.findDuplicate(batch);
      if (duplicate !== null) return earlierCopy(duplicate);
    }
    const epoch = batch.producerEpoch;
    if (epoch < entry.producerEpoch) return staleEpoch(batch, entry);
    if (origin === 'client') {
      const sequence = batch.baseSequence;
      if (epoch !== entry.producerEpoch) {
        if (sequence !== 0 && entry.producerEpoch !== NO_PRODUCER_EPOCH) {
          return outOfOrder(batch, `a new epoch begins with sequence 0, not ${sequence}`);
        }
      } else if (!isInSequence(entry.lastSequence, sequence)) {
        return outOfOrder(batch, `sequence ${sequence} does not follow ${entry.lastSequence}`);
      }
    }
    if (entry.currentTxnFirstOffset !== null && !batch.isTransactional) {
      return rejected(
        ErrorCode.INVALID_TXN_STATE,
        `Producer ${producerId} wrote outside its transaction, which is open since offset ${entry.currentTxnFirstOffset}.`,
      );
    }
    return null;
  }

  private checkMarker(batch: RecordBatch, entry: ProducerEntry): Rejected | null {
    if (batch.producerEpoch < entry.producerEpoch) return staleEpoch(batch, entry);
    const marker = readMarker(batch);
    if (marker !== null && marker.coordinatorEpoch < entry.coordinatorEpoch) {
      return rejected(
        ErrorCode.TRANSACTION_COORDINATOR_FENCED,
        `The marker's coordinator epoch ${marker.coordinatorEpoch} is below ${entry.coordinatorEpoch}.`,
      );
    }
    return null;
  }

  /** Takes a written batch into account. Returns the transaction that it aborted, for the aborted index; null when it aborted none. */
  update(batch: RecordBatch): AbortedTransaction | null {
    this.endOffset = batch.nextOffset;
    const producerId = batch.producerId;
    if (producerId < 0) return null;
    let entry = this.entries.get(producerId);
    if (entry === undefined) {
      entry = new ProducerEntry(producerId, batch.producerEpoch);
      this.entries.set(producerId, entry);
    }
    if (batch.isControl) return this.updateFromMarker(batch, entry);
    entry.setEpoch(batch.producerEpoch);
    entry.addBatch({
      baseSequence: batch.baseSequence,
      lastSequence: batch.lastSequence,
      lastOffset: batch.lastOffset,
      offsetDelta: batch.lastOffsetDelta,
      timestamp: batch.maxTimestamp,
    });
    if (batch.isTransactional && entry.currentTxnFirstOffset === null) {
      entry.currentTxnFirstOffset = batch.baseOffset;
      this.openTransactions.set(producerId, batch.baseOffset);
    }
    return null;
  }

  private updateFromMarker(batch: RecordBatch, entry: ProducerEntry): AbortedTransaction | null {
    const marker = readMarker(batch);
    if (marker === null) return null;
    const firstOffset = entry.currentTxnFirstOffset;
    entry.setEpoch(batch.producerEpoch);
    entry.coordinatorEpoch = marker.coordinatorEpoch;
    entry.lastTimestamp = batch.maxTimestamp;
    entry.currentTxnFirstOffset = null;
    if (firstOffset === null) return null;
    this.openTransactions.delete(entry.producerId);
    const completed = { producerId: entry.producerId, firstOffset, lastOffset: batch.lastOffset };
    this.unreplicated.push(completed);
    // The last stable offset, had the high watermark reached the marker.
    return marker.isAborted ? { ...completed, lastStableOffset: this.firstOpenOffset ?? batch.nextOffset } : null;
  }

  /** The first offset of the oldest open transaction; null when none is open. */
  get firstOpenOffset(): number | null {
    for (const firstOffset of this.openTransactions.values()) return firstOffset;
    return null;
  }

  /** The first offset that a read_committed reader may not see yet, apart from the high watermark; null when there is none. */
  get firstUnstableOffset(): number | null {
    let first = this.firstOpenOffset;
    for (const completed of this.unreplicated) {
      if (first === null || completed.firstOffset < first) first = completed.firstOffset;
    }
    return first;
  }

  onHighWatermark(highWatermark: number): void {
    if (this.unreplicated.length === 0) return;
    this.unreplicated = this.unreplicated.filter((completed) => completed.lastOffset >= highWatermark);
  }

  /** Forgets producers without an open transaction that wrote nothing for `expirationMs`. */
  removeExpired(nowMs: number, expirationMs: number): void {
    for (const [producerId, entry] of this.entries) {
      if (entry.currentTxnFirstOffset === null && nowMs - entry.lastTimestamp >= expirationMs) {
        this.entries.delete(producerId);
      }
    }
  }

  /** Open transactions whose last batch is older than `timeoutMs`: what a hanging-transaction report shows. */
  get openCount(): number {
    return this.openTransactions.size;
  }

  private clear(): void {
    this.entries.clear();
    this.openTransactions.clear();
    this.unreplicated = [];
  }

  /** The state of an empty log that begins at `offset`. */
  reset(offset: number): void {
    this.clear();
    this.removeSnapshots(() => true);
    this.snapshotOffset = -1;
    this.endOffset = offset;
  }

  /**
   * Back to the newest sound snapshot that is not above `endOffset`; without one to an empty state at `logStartOffset`. Snapshots above `logEndOffset` are of
   * what was cut, and removed. The caller then replays the log from `this.endOffset`. `snapshots`: where they stand, rising, of a caller who has just looked.
   */
  load(
    logStartOffset: number,
    endOffset: number,
    logEndOffset: number = endOffset,
    snapshots: readonly number[] = this.snapshotOffsets(),
  ): void {
    const { unreplicated } = this;
    this.clear();
    this.endOffset = logStartOffset;
    this.snapshotOffset = -1;
    for (const offset of snapshots.toReversed()) {
      if (offset > logEndOffset) this.files.remove(this.snapshotPath(offset));
      if (offset > endOffset) continue;
      const entries = this.readSnapshot(offset);
      if (entries === null) {
        this.files.remove(this.snapshotPath(offset));
        continue;
      }
      const open: ProducerEntry[] = [];
      for (const entry of entries) {
        this.entries.set(entry.producerId, entry);
        if (entry.currentTxnFirstOffset !== null) open.push(entry);
      }
      open.sort((a, b) => a.currentTxnFirstOffset! - b.currentTxnFirstOffset!);
      for (const entry of open) this.openTransactions.set(entry.producerId, entry.currentTxnFirstOffset!);
      this.endOffset = Math.max(offset, logStartOffset);
      this.snapshotOffset = offset;
      // What ended before the snapshot and beyond the watermark is in no snapshot: of a log that was cut it is still known.
      this.unreplicated = unreplicated.filter((completed) => completed.lastOffset < this.endOffset);
      return;
    }
  }

  /** Writes the state as of `endOffset`, unless that was done. */
  takeSnapshot(): void {
    if (this.snapshotOffset === this.endOffset) return;
    const file = this.files.open(this.snapshotPath(this.endOffset), 'create');
    if (file.size > 0) file.truncate(0);
    file.append([encodeSnapshot(this.entries.values(), this.entries.size)]);
    file.close();
    this.snapshotOffset = this.endOffset;
  }

  /** Removes the snapshots for whose offset `isObsolete` holds. */
  removeSnapshots(isObsolete: (offset: number) => boolean): void {
    for (const offset of this.snapshotOffsets()) {
      if (isObsolete(offset)) this.files.remove(this.snapshotPath(offset));
    }
  }

  /** Rising. */
  snapshotOffsets(): number[] {
    const offsets: number[] = [];
    for (const entry of this.files.list(this.directory)) {
      const offset = offsetOfFileName(entry.name, SNAPSHOT_SUFFIX);
      if (offset !== null) offsets.push(offset);
    }
    return offsets.sort((a, b) => a - b);
  }

  private readSnapshot(offset: number): ProducerEntry[] | null {
    const file = this.files.open(this.snapshotPath(offset), 'read');
    const buffer = Buffer.allocUnsafe(file.size);
    const read = file.readInto(buffer, 0);
    file.close();
    return decodeSnapshot(buffer.subarray(0, read));
  }

  private snapshotPath(offset: number): string {
    return joinPath(this.directory, offsetFileName(offset, SNAPSHOT_SUFFIX));
  }
}

/** As in Kafka the time is that of the copy which is there, whosever time that is. */
function earlierCopy({ lastOffset, offsetDelta, timestamp }: ProducerBatch): Appended {
  return appended(lastOffset - offsetDelta, lastOffset, timestamp, true);
}

function staleEpoch(batch: RecordBatch, entry: ProducerEntry): Rejected {
  return rejected(
    ErrorCode.INVALID_PRODUCER_EPOCH,
    `Producer ${entry.producerId} wrote with epoch ${batch.producerEpoch}; the current one is ${entry.producerEpoch}.`,
  );
}

function outOfOrder(batch: RecordBatch, problem: string): Rejected {
  return rejected(
    ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
    `Producer ${batch.producerId}, epoch ${batch.producerEpoch}: ${problem}.`,
  );
}

/** Key: version i16, type i16. Value: version i16, coordinatorEpoch i32. null: a control record of another kind. */
function readMarker(batch: RecordBatch): { readonly isAborted: boolean; readonly coordinatorEpoch: number } | null {
  for (const record of recordsOf(batch)) {
    if (record.key === null || record.key.length < 4) return null;
    const type = record.key.readInt16BE(2);
    if (type !== CONTROL_ABORT && type !== CONTROL_COMMIT) return null;
    const coordinatorEpoch = record.value !== null && record.value.length >= 6 ? record.value.readInt32BE(2) : -1;
    return { isAborted: type === CONTROL_ABORT, coordinatorEpoch };
  }
  return null;
}
