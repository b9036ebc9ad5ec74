import type { Files } from '../ports/files.ts';

/**
 * Makes the names in a folder survive a power cut, for many who ask at one moment: a thousand new partitions are two flushes of their log dir.
 *
 * Invariant: what resolves began after it was asked for. A flush that is under way may have missed a name, so who comes then shares the next one.
 */
interface Flushing {
  readonly running: Promise<void>;
  next: Promise<void> | null;
}

export class FolderFlushes {
  private readonly files: Files;
  private readonly underWay = new Map<string, Flushing>();

  constructor(files: Files) {
    this.files = files;
  }

  flush(folder: string): Promise<void> {
    const known = this.underWay.get(folder);
    if (known === undefined) return this.begin(folder);
    const again = (): Promise<void> => this.begin(folder);
    known.next ??= known.running.then(again, again);
    return known.next;
  }

  private begin(folder: string): Promise<void> {
    const flushing: Flushing = { running: this.files.flushDirectory(folder), next: null };
    this.underWay.set(folder, flushing);
    const ended = (): void => {
      if (flushing.next === null) this.underWay.delete(folder);
    };
    flushing.running.then(ended, ended);
    return flushing.running;
  }
}
