import { type Clock, sleep } from '../ports/clock.ts';
import { ErrorCode } from '../protocol/errors.ts';
import { RecordBatch } from '../protocol/record-batch.ts';
import type { Log } from './log.ts';
import type { LogDirectory } from './log-directory.ts';

/**
 * The move of a partition to another log dir of the same broker (KIP-113): a second log, the future one, is filled from the current one while that goes on
 * taking appends, and takes its place once it has everything.
 *
 * Invariant: nothing of the current log goes before the future one has it, on the device too. The last step, from the last batch copied to the change of
 * places, is one synchronous turn, so no append can fall between the two.
 *
 * Off the hot path: after each chunk it rests for as long as the chunk took, or as the throttle asks for.
 * Not here: folders and who knows which log is the current one (`log-manager.ts`).
 */
export interface LogMoveOptions {
  readonly clock: Clock;
  readonly current: Log;
  readonly future: Log;
  readonly target: LogDirectory;
  /** replica.alter.log.dirs.io.max.bytes.per.second */
  readonly bytesPerSecondMax: () => number;
  /** Both logs hold the same: the future one takes the current one's place, in this very call. */
  readonly onCaughtUp: (move: LogMove) => void;
  readonly onProblem: (message: string) => void;
}

const CHUNK_BYTES = 256 * 1024;
/** Chunks that the last, synchronous turn may copy; more: the move goes on with rests in between. */
const LAST_TURN_CHUNKS_MAX = 16;
const PAUSE_MS_MAX = 60_000;

type Step = 'copied' | 'caughtUp' | 'failed';

export class LogMove {
  readonly current: Log;
  readonly future: Log;
  readonly target: LogDirectory;
  private readonly options: LogMoveOptions;
  private truncationCount: number;
  private isStopped = false;
  private lastBytes = 0;

  constructor(options: LogMoveOptions) {
    this.options = options;
    this.current = options.current;
    this.future = options.future;
    this.target = options.target;
    this.truncationCount = options.current.truncationCount;
  }

  /** How many records the future log lacks. */
  get lag(): number {
    return this.current.logEndOffset - this.future.logEndOffset;
  }

  /** Copies nothing more. What was copied stays in the future log's folder. */
  stop(): void {
    this.isStopped = true;
  }

  /** Resolves when the places were changed, or the move was given up. */
  async run(): Promise<void> {
    const { clock } = this.options;
    let isFlushed = false;
    while (!this.isStopped) {
      const startMs = clock.monotonic();
      const step = isFlushed ? this.lastTurn() : this.copyChunk();
      if (step === 'failed' || this.isStopped) return;
      if (step === 'copied') {
        await this.rest(clock.monotonic() - startMs);
        continue;
      }
      if (isFlushed && this.future.isQuiet) return this.options.onCaughtUp(this);
      try {
        // Most of it to the device before, so that little is left to do after the change.
        await this.future.flush();
        await this.future.epochs.settled();
      } catch {
        return; // The future log is offline, and said so.
      }
      isFlushed = true;
    }
  }

  private rest(workedMs: number): Promise<void> {
    const throttledMs = (this.lastBytes / this.options.bytesPerSecondMax()) * 1000 - workedMs;
    return sleep(this.options.clock, Math.min(Math.max(workedMs, throttledMs, 0), PAUSE_MS_MAX));
  }

  private lastTurn(): Step {
    for (let chunk = 0; chunk < LAST_TURN_CHUNKS_MAX; chunk++) {
      const step = this.copyChunk();
      if (step !== 'copied') return step;
    }
    return 'copied';
  }

  private copyChunk(): Step {
    const { current, future } = this;
    if (current.offline !== null || future.offline !== null) return 'failed';
    if (current.truncationCount !== this.truncationCount || future.logEndOffset > current.logEndOffset) {
      this.truncationCount = current.truncationCount;
      future.truncateFully(current.logStartOffset);
    }
    if (future.logEndOffset < current.logStartOffset) future.truncateFully(current.logStartOffset);
    if (future.logEndOffset === current.logEndOffset) return 'caughtUp';
    const read = current.read(future.logEndOffset, {
      maxBytes: CHUNK_BYTES,
      maxOffset: current.logEndOffset,
      minOneBatch: true,
    });
    if (read.kind === 'rejected' || read.slice === null) {
      return this.fail(read.kind === 'rejected' ? read.message : `nothing to read at offset ${future.logEndOffset}`);
    }
    const bytes = Buffer.allocUnsafe(read.slice.length);
    const length = read.slice.file.readInto(bytes, read.slice.position);
    this.lastBytes = length;
    const first = new RecordBatch(bytes);
    // The log start lies inside a batch: the whole batch is kept.
    if (first.baseOffset < future.logEndOffset) future.truncateFully(first.baseOffset);
    const appended = future.appendAsFollower(bytes.subarray(0, length));
    if (appended.kind === 'appended') return 'copied';
    return appended.errorCode === ErrorCode.KAFKA_STORAGE_ERROR ? 'failed' : this.fail(appended.message);
  }

  private fail(reason: string): Step {
    this.options.onProblem(`${this.current.directory}: the move to ${this.target.path} was given up: ${reason}`);
    return 'failed';
  }
}
