import { type Files, FilesError } from '../ports/files.ts';
import { readTopicId, writeTopicId } from './checkpoint-files.ts';
import { joinPath } from './file-names.ts';
import type { FolderFlushes } from './folder-flushes.ts';
import type { ManagedLogs } from './managed-logs.ts';

/**
 * The partition.metadata files: which topic each partition's folder was made for.
 *
 * Invariant: once `settled` resolves, each id that `save` was given before is on the device with its folder's name, or it was reported that it is not.
 *
 * Not here: what an id that differs means (`log-manager.ts`), the bytes (`checkpoint-files.ts`).
 */
export class TopicIds {
  private readonly files: Files;
  private readonly folderFlushes: FolderFlushes;
  private readonly managed: ManagedLogs;
  private readonly onProblem: (message: string) => void;
  /** On their way to their files: a clean end waits for them. */
  private readonly saving = new Set<Promise<void>>();

  constructor(files: Files, folderFlushes: FolderFlushes, managed: ManagedLogs, onProblem: (message: string) => void) {
    this.files = files;
    this.folderFlushes = folderFlushes;
    this.managed = managed;
    this.onProblem = onProblem;
  }

  /** null when the folder has none, or the disk refuses. */
  read(path: string): string | null {
    try {
      return readTopicId(this.files, path);
    } catch (error) {
      if (!(error instanceof FilesError)) throw error;
      return null;
    }
  }

  save(logDir: string, folder: string, topicId: string): void {
    const path = joinPath(logDir, folder);
    const saving = writeTopicId(this.files, path, topicId)
      .then(() => this.folderFlushes.flush(logDir))
      .catch((error) => {
        // The folder may have been deleted meanwhile.
        if (this.managed.get(folder)?.topicId === topicId) {
          this.onProblem(`${path}: partition.metadata: ${String(error)}`);
        }
      })
      .finally(() => this.saving.delete(saving));
    this.saving.add(saving);
  }

  async settled(): Promise<void> {
    await Promise.all(this.saving);
  }
}
