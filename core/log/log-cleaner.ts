import type { Clock, Timer } from '../ports/clock.ts';
import { FilesError } from '../ports/files.ts';
import { type CleaningPlan, dirtyRatio, isDue, planCleaning } from './cleaner.ts';
import { folderName } from './file-names.ts';
import type { Log } from './log.ts';
import { type CleaningResult, cleanLog } from './log-cleaning.ts';
import type { LogDirectory } from './log-directory.ts';

/**
 * Cleans the compacted logs of a broker, the dirtiest first, one at a time, and remembers in each log dir's `cleaner-offset-checkpoint` how far it came.
 *
 * Invariant: the checkpoint is written after the swap is on the device, and never says more than was cleaned; what it says too little is cleaned again.
 * Off the hot path: a pass works in turns of one chunk and then rests for twice the time that the chunk took, or as long as
 * log.cleaner.io.max.bytes.per.second asks for; so it takes at most a third of the thread.
 *
 * Not here: what a pass does (`log-cleaning.ts`), what may be cleaned (`cleaner.ts`).
 */
export interface CleanerSettings {
  /** log.cleaner.enable */
  readonly isEnabled: boolean;
  /** log.cleaner.dedupe.buffer.size */
  readonly dedupeBufferBytes: number;
  /** log.cleaner.io.buffer.load.factor */
  readonly loadFactor: number;
  /** log.cleaner.io.max.bytes.per.second, read and written together */
  readonly bytesPerSecondMax: number;
  /** log.cleaner.backoff.ms: how long it waits when nothing was due. */
  readonly backoffMs: number;
}

export const DEFAULT_CLEANER_SETTINGS: CleanerSettings = {
  isEnabled: true,
  dedupeBufferBytes: 128 * 1024 * 1024,
  loadFactor: 0.9,
  bytesPerSecondMax: Number.POSITIVE_INFINITY,
  backoffMs: 15_000,
};

export interface CleanableLog {
  readonly log: Log;
  readonly directory: LogDirectory;
}

export interface LogCleanerOptions {
  readonly clock: Clock;
  readonly directories: readonly LogDirectory[];
  readonly logs: () => Iterable<CleanableLog>;
  /** Asked before every pass: settings may change. */
  readonly settings: () => CleanerSettings;
  /** Brings the recovery points to the checkpoint: what is swapped in must not be recovered as if it were the log's tail. */
  readonly checkpointRecovery: () => Promise<void>;
  readonly onProblem: (message: string) => void;
}

const REST_FACTOR = 2;
/** As timers of the clock. */
const TIMER_MS_MAX = 0x7fff_ffff;

export class LogCleaner {
  private readonly options: LogCleanerOptions;
  private readonly cleaned: ReadonlyMap<LogDirectory, Map<string, number>>;
  /** Logs whose bytes could not be read: left alone until the next start. */
  private readonly uncleanable = new Set<Log>();
  private timer: Timer | null = null;
  private running: Promise<void> | null = null;
  private wake: (() => void) | null = null;
  private isStopped = false;
  /** Passes that came to their end, and what they read and wrote. */
  passCount = 0;
  bytesRead = 0;
  bytesWritten = 0;

  constructor(options: LogCleanerOptions) {
    this.options = options;
    this.cleaned = new Map(options.directories.map((directory) => [directory, directory.readCleanedOffsets()]));
  }

  /** Looks for work every log.cleaner.backoff.ms. */
  start(): void {
    if (this.isStopped) return;
    this.timer = this.options.clock.setTimer(Math.min(this.options.settings().backoffMs, TIMER_MS_MAX), () => {
      this.timer = null;
      void this.cleanDue().then(() => this.start());
    });
  }

  /** Resolves when no pass is under way; none begins any more. */
  async stop(): Promise<void> {
    this.isStopped = true;
    this.timer?.cancel();
    this.timer = null;
    this.wake?.();
    await this.running;
  }

  /** Cleans until no log is due. */
  cleanDue(): Promise<void> {
    this.running ??= this.run().finally(() => {
      this.running = null;
    });
    return this.running;
  }

  private async run(): Promise<void> {
    while (!this.isStopped && this.options.settings().isEnabled) {
      const next = this.dirtiest();
      if (next === null) return;
      if (!(await this.clean(next.plan, next.directory))) return;
    }
  }

  /** Up to where the log was cleaned; undefined = never. */
  cleanedOffset(log: Log, directory: LogDirectory): number | undefined {
    return this.cleaned.get(directory)?.get(folderName(log.topic, log.partition));
  }

  private dirtiest(): { readonly plan: CleaningPlan; readonly directory: LogDirectory } | null {
    const nowMs = this.options.clock.now();
    let best: { plan: CleaningPlan; directory: LogDirectory } | null = null;
    for (const { log, directory } of this.options.logs()) {
      if (!log.isCompacted || log.segments.length < 2 || log.offline !== null || this.uncleanable.has(log)) continue;
      const plan = planCleaning(log, this.cleanedOffset(log, directory), nowMs);
      if (isDue(plan) && (best === null || dirtyRatio(plan) > dirtyRatio(best.plan))) best = { plan, directory };
    }
    return best;
  }

  /** False when the pass was given up: to try again at once would be of no use. */
  private async clean(plan: CleaningPlan, directory: LogDirectory): Promise<boolean> {
    const { log } = plan;
    const { clock, onProblem, checkpointRecovery, settings } = this.options;
    try {
      await log.flush();
      await checkpointRecovery();
      if (this.isStopped || log.offline !== null) return false;
      const { dedupeBufferBytes, loadFactor } = settings();
      const pause = this.pacer();
      const result = await cleanLog(plan, { nowMs: clock.now(), dedupeBufferBytes, loadFactor, pause });
      if (result === null) return false;
      this.count(result);
      await this.setCleanedOffset(log, directory, result.endOffset);
      return true;
    } catch (error) {
      if (log.offline !== null) return false; // It said so itself.
      if (error instanceof FilesError) {
        onProblem(`${log.directory}: could not be compacted now: ${error.message}`);
        return false;
      }
      this.uncleanable.add(log);
      onProblem(
        `${log.directory}: could not be compacted, and is left as it is until the next start: ${String(error)}`,
      );
      return true;
    }
  }

  private count({ bytesRead, bytesWritten }: CleaningResult): void {
    this.passCount++;
    this.bytesRead += bytesRead;
    this.bytesWritten += bytesWritten;
  }

  /** Ends a turn: resolves false when the cleaner stops meanwhile. */
  private pacer(): (bytes: number) => Promise<boolean> {
    const { clock, settings } = this.options;
    let turnStartMs = clock.monotonic();
    return async (bytes) => {
      if (this.isStopped) return false;
      const workedMs = clock.monotonic() - turnStartMs;
      const restMs = Math.max(workedMs * REST_FACTOR, (bytes / settings().bytesPerSecondMax) * 1000 - workedMs);
      await new Promise<void>((resolve) => {
        const timer = clock.setTimer(Math.min(Math.max(restMs, 0), TIMER_MS_MAX), resolve);
        this.wake = () => {
          timer.cancel();
          resolve();
        };
      });
      this.wake = null;
      turnStartMs = clock.monotonic();
      return !this.isStopped;
    };
  }

  private async setCleanedOffset(log: Log, directory: LogDirectory, offset: number): Promise<void> {
    this.cleaned.get(directory)!.set(folderName(log.topic, log.partition), offset);
    await this.writeCheckpoint(directory);
  }

  private async writeCheckpoint(directory: LogDirectory): Promise<void> {
    if (directory.offline !== null) return;
    const offsets = this.cleaned.get(directory)!;
    const entries: { topic: string; partition: number; offset: number }[] = [];
    const known = new Set<string>();
    for (const { log, directory: of } of this.options.logs()) {
      const folder = folderName(log.topic, log.partition);
      const offset = of === directory ? offsets.get(folder) : undefined;
      if (offset === undefined) continue;
      known.add(folder);
      entries.push({ topic: log.topic, partition: log.partition, offset });
    }
    for (const folder of offsets.keys()) if (!known.has(folder)) offsets.delete(folder);
    try {
      await directory.writeCleanedOffsets(entries);
    } catch (error) {
      this.options.onProblem(`${directory.path}: checkpoint of cleaned offsets: ${String(error)}`);
    }
  }

  /** The log was truncated: what comes anew above its end is dirty. */
  onTruncated(log: Log, directory: LogDirectory): void {
    const offset = this.cleanedOffset(log, directory);
    if (offset !== undefined && offset > log.logEndOffset) void this.setCleanedOffset(log, directory, log.logEndOffset);
  }

  /** The log was deleted: another one of its name begins uncleaned. */
  forget(log: Log, directory: LogDirectory): void {
    this.uncleanable.delete(log);
    if (this.cleaned.get(directory)!.delete(folderName(log.topic, log.partition))) void this.writeCheckpoint(directory);
  }
}
