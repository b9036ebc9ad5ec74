import type { Clock } from '../ports/clock.ts';
import type { Log } from './log.ts';
import type { LogDirectory } from './log-directory.ts';
import type { ManagedLogs } from './managed-logs.ts';

/**
 * The checkpoint files of all log dirs, each written from where the logs in it stand at that moment.
 *
 * Invariant: a log dir that is offline is not written, and a log that could not be opened is in no checkpoint. A file that cannot be written is reported,
 * and the others are written all the same.
 *
 * Not here: how often (`log-manager.ts`), the files themselves (`log-directory.ts`).
 */
export type CheckpointKind = 'recoveryPoints' | 'logStarts' | 'highWatermarks';

export interface LogCheckpointsOptions {
  readonly clock: Clock;
  readonly directories: readonly LogDirectory[];
  readonly managed: ManagedLogs;
  readonly onProblem: (message: string) => void;
}

export class LogCheckpoints {
  private readonly options: LogCheckpointsOptions;
  private soon: Promise<void> | null = null;

  constructor(options: LogCheckpointsOptions) {
    this.options = options;
  }

  /** One kind, of every log dir. */
  async write(kind: CheckpointKind): Promise<void> {
    const { directories, managed, onProblem } = this.options;
    for (const directory of directories) {
      if (directory.offline !== null) continue;
      const logs: Log[] = [];
      for (const known of managed.values()) {
        if (known.directory === directory && known.log.segments.length > 0) logs.push(known.log);
      }
      try {
        if (kind === 'recoveryPoints') await directory.writeRecoveryPoints(logs);
        else if (kind === 'logStarts') await directory.writeLogStarts(logs);
        else await directory.writeHighWatermarks(logs);
      } catch (error) {
        onProblem(`${directory.path}: checkpoint of ${kind}: ${String(error)}`);
      }
    }
  }

  /** The recovery points, once for all truncations of a tick. */
  recoveryPointsSoon(): Promise<void> {
    this.soon ??= new Promise<void>((resolve) => this.options.clock.defer(resolve)).then(() => {
      this.soon = null;
      return this.write('recoveryPoints');
    });
    return this.soon;
  }

  async writeAll(): Promise<void> {
    await this.write('recoveryPoints');
    await this.write('logStarts');
    await this.write('highWatermarks');
  }
}
