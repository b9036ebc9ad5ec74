import { type Files, FilesError } from '../ports/files.ts';
import { AtomicFile, formatCheckpoint, parseCheckpoint } from './checkpoint-files.ts';

/**
 * Which leader epoch began at which offset of a log: the follower's way to find where it left the leader's history (KIP-101, KIP-279).
 *
 * Invariant: epochs and start offsets rise strictly. The file follows the memory: at once where entries go, with the next flush of the log where one is added.
 * After a crash, recovery adds what the batches behind the recovery point say. Thousands of partitions get a new leader, or their first record, at one moment:
 * two flushes of the device for each would come to nothing more.
 */
export interface LeaderEpochEntry {
  readonly epoch: number;
  readonly startOffset: number;
}

const FILE_NAME = 'leader-epoch-checkpoint';

export class LeaderEpochs {
  private readonly files: Files;
  private file: AtomicFile;
  private list: LeaderEpochEntry[];
  /** What the file says, or will. */
  private saved: string;
  /** While the log is being opened nothing is written: recovery takes entries out and finds most of them again. */
  private isLoading = true;
  private readonly onError: (error: unknown) => void;

  constructor(files: Files, directory: string, onError: (error: unknown) => void) {
    this.files = files;
    this.file = new AtomicFile(files, directory, FILE_NAME);
    this.onError = onError;
    const text = this.readText();
    const lines = text === null ? null : parseCheckpoint(text, 2);
    this.list = (lines ?? []).map(([epoch, startOffset]) => ({
      epoch: Number(epoch),
      startOffset: Number(startOffset),
    }));
    this.saved = this.text;
  }

  /** The log is open: from now on the file follows. What recovery changed waits for the next flush: another crash would find it again. */
  loaded(): void {
    this.isLoading = false;
  }

  private get text(): string {
    return formatCheckpoint(this.list.map((entry) => `${entry.epoch} ${entry.startOffset}`));
  }

  private readText(): string | null {
    try {
      return this.file.read();
    } catch (error) {
      if (!(error instanceof FilesError)) throw error;
      this.onError(error);
      return null;
    }
  }

  /** The folder was renamed; nothing is being written (`settled`). */
  moveTo(directory: string): void {
    this.file = new AtomicFile(this.files, directory, FILE_NAME);
  }

  get entries(): readonly LeaderEpochEntry[] {
    return this.list;
  }

  /** −1 when no epoch is known. */
  get latestEpoch(): number {
    return this.list.at(-1)?.epoch ?? -1;
  }

  /** Notes that records from `startOffset` on were written in `epoch`. Entries that this contradicts (uncommitted ones of a lost leader) go. */
  assign(epoch: number, startOffset: number): void {
    if (epoch < 0 || epoch === this.latestEpoch) return;
    this.list = this.list.filter((entry) => entry.epoch < epoch && entry.startOffset < startOffset);
    this.list.push({ epoch, startOffset });
  }

  /** The epoch in which the record at `offset` was written, −1 when unknown. */
  epochFor(offset: number): number {
    for (let index = this.list.length - 1; index >= 0; index--) {
      const entry = this.list[index]!;
      if (entry.startOffset <= offset) return entry.epoch;
    }
    return -1;
  }

  /**
   * For OffsetForLeaderEpoch: the largest known epoch not above `epoch`, and the offset where it ends. (−1, −1) when `epoch` is
   * later than all that are known.
   */
  endOffsetFor(epoch: number, logEndOffset: number): { readonly epoch: number; readonly endOffset: number } {
    const latest = this.latestEpoch;
    if (epoch < 0 || latest < 0 || epoch > latest) return { epoch: -1, endOffset: -1 };
    if (epoch === latest) return { epoch, endOffset: logEndOffset };
    const higher = this.list.findIndex((entry) => entry.epoch > epoch);
    const next = this.list[higher]!;
    const floor = this.list[higher - 1];
    // Before the first epoch known here: its own number, and where the first begins, as Kafka answers.
    return { epoch: floor === undefined ? epoch : floor.epoch, endOffset: next.startOffset };
  }

  /** The log now ends at `endOffset`. */
  truncateFromEnd(endOffset: number): void {
    if ((this.list.at(-1)?.startOffset ?? -1) < endOffset) return;
    this.list = this.list.filter((entry) => entry.startOffset < endOffset);
    this.save();
  }

  /** The log now begins at `startOffset`: the epoch that holds it begins there. */
  truncateFromStart(startOffset: number): void {
    if ((this.list[0]?.startOffset ?? startOffset) >= startOffset) return;
    const kept = this.list.filter((entry) => entry.startOffset > startOffset);
    const floor = this.list[this.list.length - kept.length - 1]!;
    this.list = [{ epoch: floor.epoch, startOffset }, ...kept];
    this.save();
  }

  clear(): void {
    if (this.list.length === 0) return;
    this.list = [];
    this.save();
  }

  private save(): void {
    const { text } = this;
    if (this.isLoading || text === this.saved) return;
    this.saved = text;
    this.file.write(text).catch(this.onError);
  }

  get isSettled(): boolean {
    return this.file.isSettled;
  }

  /** Until the file says what the memory says: before the recovery point rises. */
  settled(): Promise<void> {
    this.save();
    return this.file.settled().catch(() => {});
  }
}
