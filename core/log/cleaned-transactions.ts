import { ControlType, endTxnMarkerOf } from '../protocol/control-record.ts';
import type { RecordBatch } from '../protocol/record-batch.ts';
import type { AbortedIndex, AbortedTransaction } from './aborted-index.ts';

/**
 * Which transactions the cleaner is inside of while it walks a log in offset order: tells batches of aborted ones, and markers that no batch needs any more.
 *
 * Invariant: a marker is kept as long as any batch of its transaction is, also one that was only kept for its sequence; then the aborted index of the cleaned
 * segment has its transaction too.
 */
interface OpenAborted {
  readonly transaction: AbortedTransaction;
  /** A batch of it was met. */
  hasBatches: boolean;
}

export class CleanedTransactions {
  /** Where aborted transactions that keep their marker are noted; null while only keys are mapped. */
  index: AbortedIndex | null = null;
  private expected: AbortedTransaction[] = [];
  private readonly aborted = new Map<number, OpenAborted>();
  private readonly committed = new Set<number>();

  /** The aborted transactions that touch the segment which is read next. */
  expect(transactions: readonly AbortedTransaction[]): void {
    this.expected.push(...transactions);
    this.expected.sort((a, b) => a.firstOffset - b.firstOffset);
  }

  private begin(lastOffset: number): void {
    let count = 0;
    for (const transaction of this.expected) {
      if (transaction.firstOffset > lastOffset) break;
      count++;
      if (!this.aborted.has(transaction.producerId)) {
        this.aborted.set(transaction.producerId, { transaction, hasBatches: false });
      }
    }
    if (count > 0) this.expected.splice(0, count);
  }

  /** True when the batch belongs to an aborted transaction. */
  onDataBatch(batch: RecordBatch): boolean {
    this.begin(batch.lastOffset);
    if (!batch.isTransactional) return false;
    const open = this.aborted.get(batch.producerId);
    if (open === undefined) {
      this.committed.add(batch.producerId);
      return false;
    }
    open.hasBatches = true;
    return true;
  }

  /** True when no batch of the marker's transaction is left. */
  onControlBatch(batch: RecordBatch): boolean {
    this.begin(batch.lastOffset);
    if (batch.recordCount === 0) return true; // Its record went in an earlier pass.
    const marker = endTxnMarkerOf(batch);
    if (marker === undefined) return false;
    if (marker.type === ControlType.COMMIT) return !this.committed.delete(batch.producerId);
    const open = this.aborted.get(batch.producerId);
    this.aborted.delete(batch.producerId);
    if (open === undefined || !open.hasBatches) return true;
    this.index?.append(open.transaction);
    return false;
  }
}
