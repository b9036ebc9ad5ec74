import { DELETED_SUFFIX, joinPath } from '../log/file-names.ts';
import { type File, type Files, FilesError } from '../ports/files.ts';
import type { SnapshotId } from './raft-log.ts';
import {
  PART_SUFFIX,
  readSnapshot,
  type SnapshotVisitor,
  snapshotFileName,
  snapshotIdOf,
  snapshotTimestamp,
  writeSnapshotPart,
} from './snapshot-file.ts';

/**
 * The snapshots in the folder of the metadata log: made here, or taken over from the leader piece by piece.
 *
 * Invariants: `ids` rises, and names only files that are whole and whose names are on the device; the newest one stays.
 */
interface Entry {
  readonly id: SnapshotId;
  readonly bytes: number;
}

interface Download {
  readonly id: SnapshotId;
  readonly path: string;
  readonly file: File;
}

export class Snapshots {
  private readonly files: Files;
  private readonly directory: string;
  private entries: Entry[] = [];
  private download: Download | null = null;

  /** What an interrupted writing or deletion left goes. */
  constructor(files: Files, directory: string) {
    this.files = files;
    this.directory = directory;
    files.makeDirectory(directory);
    for (const { name } of files.list(directory)) {
      if (name.endsWith(`.checkpoint${PART_SUFFIX}`) || name.endsWith(`.checkpoint${DELETED_SUFFIX}`)) {
        files.remove(joinPath(directory, name));
        continue;
      }
      const id = snapshotIdOf(name);
      if (id !== null) this.add(id);
    }
  }

  private add(id: SnapshotId): void {
    const file = this.files.open(this.path(id), 'read');
    const bytes = file.size;
    file.close();
    this.entries = this.entries.filter((entry) => entry.id.offset !== id.offset || entry.id.epoch !== id.epoch);
    this.entries.push({ id, bytes });
    this.entries.sort((a, b) => a.id.offset - b.id.offset || a.id.epoch - b.id.epoch);
  }

  get ids(): readonly SnapshotId[] {
    return this.entries.map(({ id }) => id);
  }

  get latest(): SnapshotId | null {
    return this.entries.at(-1)?.id ?? null;
  }

  get bytes(): number {
    return this.entries.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  path(id: SnapshotId): string {
    return joinPath(this.directory, snapshotFileName(id));
  }

  /** Makes one of what is applied now; the values are taken before the call returns. */
  async create(id: SnapshotId, timestamp: number, values: Iterable<Buffer>): Promise<void> {
    await this.publish(id, await writeSnapshotPart(this.files, this.directory, id, timestamp, values));
    this.add(id);
  }

  private async publish(id: SnapshotId, part: string): Promise<void> {
    this.files.rename(part, this.path(id));
    await this.files.flushDirectory(this.directory);
  }

  /** Throws when it is not whole. */
  read(id: SnapshotId, visitor: SnapshotVisitor): void {
    readSnapshot(this.files, this.path(id), visitor);
  }

  /** A piece for another node: null when there is no such snapshot, no bytes when the position lies outside. */
  piece(id: SnapshotId, position: number, maxBytes: number): { readonly size: number; readonly bytes: Buffer } | null {
    const entry = this.entries.find((each) => each.id.offset === id.offset && each.id.epoch === id.epoch);
    if (entry === undefined) return null;
    const bytes = Buffer.allocUnsafe(Math.max(0, Math.min(maxBytes, entry.bytes - position)));
    const file = this.files.open(this.path(id), 'read');
    const read = file.readInto(bytes, position);
    file.close();
    return { size: entry.bytes, bytes: bytes.subarray(0, read) };
  }

  /** Takes the next piece of a snapshot from the leader; the first one begins it anew. */
  take(id: SnapshotId, position: number, bytes: Buffer): void {
    if (position === 0) this.beginDownload(id);
    const { download } = this;
    if (download === null || download.file.size !== position) {
      throw new Error(`a piece of a snapshot at ${position}, where ${download?.file.size ?? 0} should be`);
    }
    download.file.append([bytes]);
  }

  private beginDownload(id: SnapshotId): void {
    this.endDownload();
    const path = joinPath(this.directory, snapshotFileName(id) + PART_SUFFIX);
    const file = this.files.open(path, 'create');
    file.truncate(0);
    this.download = { id, path, file };
  }

  private endDownload(): void {
    if (this.download === null) return;
    this.download.file.close();
    this.files.remove(this.download.path);
    this.download = null;
  }

  /**
   * The last piece is there: brings the snapshot to the device. `isWanted` is asked before it becomes one of `ids`; false when it is no longer, or when
   * what came is not whole.
   */
  async finish(isWanted: () => boolean, onProblem: (message: string) => void): Promise<boolean> {
    const { download } = this;
    if (download === null) return false;
    await download.file.flush();
    if (this.download !== download) return false;
    try {
      readSnapshot(this.files, download.path, { header: () => {}, values: () => {} });
    } catch (error) {
      if (error instanceof FilesError) throw error;
      onProblem(`a snapshot that was fetched is left out: ${String(error)}`);
      this.endDownload();
      return false;
    }
    if (!isWanted()) {
      this.endDownload();
      return false;
    }
    download.file.close();
    this.download = null;
    await this.publish(download.id, download.path);
    if (!isWanted()) {
      this.files.remove(this.path(download.id));
      return false;
    }
    this.add(download.id);
    return true;
  }

  /** When the newest record in it was appended: milliseconds since the epoch. */
  timestampOf(id: SnapshotId): number {
    return snapshotTimestamp(this.files, this.path(id));
  }

  /** Removes the oldest one; the newest stays. */
  removeOldest(): void {
    if (this.entries.length < 2) throw new Error('the newest snapshot is not removed');
    const { id } = this.entries.shift()!;
    this.files.remove(this.path(id));
  }

  close(): void {
    this.endDownload();
  }
}
