/**
 * The file port. Data operations are synchronous on purpose: they meet the page cache (microseconds), they leave no gap in
 * which another writer of the same partition could run, and a frame can go to its segment straight from the receive buffer.
 * Only `flush`, which waits for the device, is asynchronous.
 *
 * What is promised:
 * | after            | process crash (kill −9)     | power cut                                                   |
 * |------------------|-----------------------------|-------------------------------------------------------------|
 * | append, writeAt  | kept                        | any prefix or hole of what was written since the last flush |
 * | flush resolved   | kept                        | kept: bytes and length of that file                         |
 * | create, rename, remove | kept                  | kept once `flushDirectory` of the parent resolved           |
 *
 * Errors: `FilesError` with the system's code (`ENOENT`, `EEXIST`, `ENOSPC`, `EIO`, `EACCES`, `EMFILE`…).
 */
export interface Files {
  /**
   * Opens a file.
   * - `read`: must exist, only for reading.
   * - `write`: must exist, reading and writing.
   * - `create`: reading and writing, made empty when absent, kept as it is when present.
   * - `createNew`: must not exist.
   */
  open(path: string, mode: OpenMode): File;
  exists(path: string): boolean;
  /** The length of a file in bytes; null when there is none. */
  sizeOf(path: string): number | null;
  /** Names in the folder, sorted by code unit. ENOENT when the folder is absent. */
  list(path: string): DirectoryEntry[];
  /** Makes the folder and its parents; no error when it exists. */
  makeDirectory(path: string): void;
  /** Atomic within one file system; replaces an existing file. */
  rename(from: string, to: string): void;
  /** Removes a file or a whole folder; no error when absent. */
  remove(path: string): void;
  /** Makes the folder's entries (creations, renames, removals) survive a power cut. */
  flushDirectory(path: string): Promise<void>;
  /** Takes the exclusive lock of a file (made when absent), held until `release` or the process's end; null when another process holds it. */
  lock(path: string): FileLock | null;
  /** Bytes free on the device that holds `path`, or null when unknown. */
  freeBytes(path: string): number | null;
  /** The size of the device that holds `path` in bytes, or null when unknown. */
  totalBytes(path: string): number | null;
  /** `path` from the root on. */
  absolutePath(path: string): string;
}

export type OpenMode = 'read' | 'write' | 'create' | 'createNew';

export interface DirectoryEntry {
  readonly name: string;
  readonly kind: 'file' | 'directory';
}

export interface FileLock {
  release(): void;
}

/** An open file. Its owner is the room that opened it; nobody else closes it. */
export interface File {
  readonly path: string;
  /** The length in bytes as this process sees it. */
  readonly size: number;
  /** Gathered write at the end: all parts or, on an error, none that counts (the file is cut back). Returns the position of the first byte. The parts may be reused as soon as it returns. */
  append(parts: readonly Uint8Array[]): number;
  /** Overwrites in place, may extend the file. */
  writeAt(bytes: Uint8Array, position: number): void;
  /** Fills `target` from `position`; returns the bytes read, fewer only at the end of the file. */
  readInto(target: Uint8Array, position: number): number;
  /** fdatasync: when it resolves, everything written before the call is on the device. */
  flush(): Promise<void>;
  /** Cuts (or extends with zeros) to `size` bytes. */
  truncate(size: number): void;
  /** Asks for disk space up to `bytes` from the file's start to be reserved without changing the length; a hint, no error when unsupported or when there is no room. */
  reserve(bytes: number): void;
  /** Gives back what was reserved beyond the length. Bytes are not touched, so slices in flight go on. */
  trim(): void;
  /** Idempotent. A FileSlice that is still being sent keeps the underlying descriptor open until it is done. */
  close(): void;
}

/**
 * Bytes of a file on their way to a socket: `length` bytes from `position`. The real network sends them by sendfile.
 * Who makes a slice promises that the range is neither overwritten nor truncated while it may be in flight.
 */
export class FileSlice {
  readonly file: File;
  readonly position: number;
  readonly length: number;

  constructor(file: File, position: number, length: number) {
    this.file = file;
    this.position = position;
    this.length = length;
  }
}

export class FilesError extends Error {
  readonly code: string;
  readonly path: string;

  constructor(code: string, path: string, operation: string) {
    super(`${operation} ${path}: ${code}`);
    this.name = 'FilesError';
    this.code = code;
    this.path = path;
  }
}
