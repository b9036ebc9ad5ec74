import { recordsOf } from '../protocol/record.ts';
import { batchesIn } from '../protocol/record-batch.ts';
import type { QuorumLog } from './quorum-log.ts';
import type { SnapshotId } from './raft-log.ts';
import type { Snapshots } from './snapshots.ts';
import type { StateMachine } from './state-machine.ts';

/**
 * Gives the state machine what is committed: the newest snapshot at the start, then batch after batch.
 *
 * Invariant: everything below `appliedOffset`, and nothing else, is in the state machine.
 */
export class Applier {
  /** Exclusive. */
  appliedOffset = 0;
  /** Of the last batch that was applied; −1: none. */
  appliedTimeMs = -1;
  /** Bytes of batches applied since the last snapshot. */
  bytesSinceSnapshot = 0;
  /** Records came since the last snapshot: what an election leaves in the log is none of them. */
  hasChanged = false;
  private readonly log: QuorumLog;
  private readonly snapshots: Snapshots;
  private readonly stateMachine: StateMachine;

  constructor(log: QuorumLog, snapshots: Snapshots, stateMachine: StateMachine) {
    this.log = log;
    this.snapshots = snapshots;
    this.stateMachine = stateMachine;
  }

  /** The state is that of the snapshot. */
  load(id: SnapshotId): void {
    this.stateMachine.reset();
    const offset = id.offset - 1;
    this.snapshots.read(id, {
      header: (timestamp) => {
        this.appliedTimeMs = timestamp;
      },
      values: (values) => {
        const { appliedTimeMs: appendTimeMs } = this;
        this.stateMachine.apply({ baseOffset: offset, lastOffset: offset, epoch: id.epoch, appendTimeMs, values });
      },
    });
    this.appliedOffset = id.offset;
    this.snapshotTaken();
  }

  snapshotTaken(): void {
    this.bytesSinceSnapshot = 0;
    this.hasChanged = false;
  }

  /** Applies what lies below `offset`. */
  applyTo(offset: number): void {
    while (this.appliedOffset < offset) {
      const bytes = this.log.read(this.appliedOffset, undefined, offset);
      if (bytes.length === 0) {
        throw new Error(
          `${this.log.directory} has nothing at ${this.appliedOffset}, below the high watermark ${offset}`,
        );
      }
      for (const batch of batchesIn(bytes)) {
        const { baseOffset, lastOffset, partitionLeaderEpoch: epoch, maxTimestamp: appendTimeMs } = batch;
        if (!batch.isControl) {
          const values: Buffer[] = [];
          for (const { value } of recordsOf(batch)) if (value !== null) values.push(value);
          this.stateMachine.apply({ baseOffset, lastOffset, epoch, appendTimeMs, values });
          this.hasChanged = true;
        }
        this.appliedOffset = batch.nextOffset;
        this.appliedTimeMs = appendTimeMs;
        this.bytesSinceSnapshot += batch.bytes;
      }
    }
  }
}
