import type { Clock, Timer } from '../ports/clock.ts';
import type { Applier } from './applier.ts';
import type { QuorumLog } from './quorum-log.ts';
import type { QuorumSettings } from './quorum-settings.ts';
import type { Snapshots } from './snapshots.ts';
import type { StateMachine } from './state-machine.ts';

/**
 * When a snapshot is made (after so many bytes of records, or so long after the last one when something has changed), and when old snapshots go, with the
 * part of the log that is before the oldest one left.
 *
 * Invariant: one snapshot is written at a time; the newest one stays, and the log behind the oldest.
 */
export interface SnapshotScheduleOptions {
  readonly clock: Clock;
  readonly settings: QuorumSettings;
  readonly stateMachine: StateMachine;
}

export class SnapshotSchedule {
  private readonly clock: Clock;
  private readonly settings: QuorumSettings;
  private readonly stateMachine: StateMachine;
  private readonly applier: Applier;
  private readonly log: QuorumLog;
  private readonly snapshots: Snapshots;
  /** Work on the folder, which its owner waits for at the end. */
  private readonly write: (work: () => Promise<void>) => void;
  private isWriting = false;
  private timer: Timer | null = null;

  constructor(
    options: SnapshotScheduleOptions,
    applier: Applier,
    log: QuorumLog,
    snapshots: Snapshots,
    write: (work: () => Promise<void>) => void,
  ) {
    this.clock = options.clock;
    this.settings = options.settings;
    this.stateMachine = options.stateMachine;
    this.applier = applier;
    this.log = log;
    this.snapshots = snapshots;
    this.write = write;
  }

  start(): void {
    const { snapshotIntervalMaxMs } = this.settings;
    if (snapshotIntervalMaxMs === 0) return;
    this.timer = this.clock.setTimer(snapshotIntervalMaxMs, () => {
      this.start();
      if (this.applier.hasChanged) this.take();
      else this.cleanUp();
    });
  }

  stop(): void {
    this.timer?.cancel();
  }

  /** The applier went on. */
  applied(): void {
    if (this.applier.bytesSinceSnapshot >= this.settings.recordBytesBetweenSnapshotsMax) this.take();
  }

  private take(): void {
    if (this.isWriting) return;
    const { appliedOffset: offset, appliedTimeMs } = this.applier;
    const id = { offset, epoch: this.log.epochBefore(offset) };
    this.applier.snapshotTaken();
    this.isWriting = true;
    this.write(async () => {
      await this.snapshots.create(id, appliedTimeMs, this.stateMachine.snapshot());
      this.isWriting = false;
      this.cleanUp();
    });
  }

  private cleanUp(): void {
    let hasRemoved = false;
    for (; this.snapshots.ids.length > 1 && this.isOldestOutdated(); hasRemoved = true) this.snapshots.removeOldest();
    if (hasRemoved) this.log.deleteBefore(this.snapshots.ids[0]!.offset);
  }

  private isTooLarge(): boolean {
    const { retentionMaxBytes } = this.settings;
    return retentionMaxBytes >= 0 && this.log.bytes + this.snapshots.bytes > retentionMaxBytes;
  }

  private isOldestOutdated(): boolean {
    const { retentionMaxMs } = this.settings;
    if (this.isTooLarge()) return true;
    const ageMs = this.clock.now() - this.snapshots.timestampOf(this.snapshots.ids[0]!);
    return retentionMaxMs >= 0 && ageMs > retentionMaxMs;
  }
}
