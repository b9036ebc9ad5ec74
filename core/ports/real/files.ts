/**
 * The real files: node:fs, synchronous for data, a promise for what waits for the device.
 *
 * Invariant: the descriptor stays open while the owner has not closed the file, or a flush or a slice in flight still needs it
 * (`retain` and `release`); a number that the system could give to another file is never used.
 * Appends are written at the length known here, so a failed one leaves at most bytes beyond it, and these are cut off.
 */
import fs from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { DirectoryEntry, File, FileLock, Files, OpenMode } from '../files.ts';
import { FilesError } from '../files.ts';
import { lockFile } from './file-lock.ts';
import { posix } from './posix.ts';

/** Below the system's limit of 1024 buffers in one gathered write. */
const GATHER_COUNT_MAX = 512;

const OPEN_FLAGS: Readonly<Record<OpenMode, number>> = {
  read: fs.constants.O_RDONLY,
  write: fs.constants.O_RDWR,
  create: fs.constants.O_RDWR | fs.constants.O_CREAT,
  createNew: fs.constants.O_RDWR | fs.constants.O_CREAT | fs.constants.O_EXCL,
};

export class RealFile implements File {
  readonly path: string;
  #fd: number;
  #size: number;
  #holders = 1;
  #closed = false;

  constructor(path: string, fd: number, size: number) {
    this.path = path;
    this.#fd = fd;
    this.#size = size;
  }

  get size(): number {
    return this.#size;
  }

  /** Keeps the descriptor open, also beyond `close`, until as many calls of `release`. */
  retain(): number {
    if (this.#fd < 0) throw new FilesError('EBADF', this.path, 'retain');
    this.#holders += 1;
    return this.#fd;
  }

  release(): void {
    this.#holders -= 1;
    if (this.#holders > 0) return;
    const fd = this.#fd;
    this.#fd = -1;
    fs.closeSync(fd);
  }

  append(parts: readonly Uint8Array[]): number {
    const fd = this.#open('append');
    const start = this.#size;
    try {
      const end = parts.length === 1 ? writeAll(fd, parts[0]!, start) : writeGathered(fd, parts, start);
      this.#size = end;
      return start;
    } catch (error) {
      this.#cutBack(fd, start);
      throw failure(error, this.path, 'append');
    }
  }

  writeAt(bytes: Uint8Array, position: number): void {
    const fd = this.#open('writeAt');
    try {
      this.#size = Math.max(this.#size, writeAll(fd, bytes, position));
    } catch (error) {
      this.#cutBack(fd, this.#size);
      throw failure(error, this.path, 'writeAt');
    }
  }

  readInto(target: Uint8Array, position: number): number {
    const fd = this.#open('readInto');
    try {
      return readAll(fd, target, position);
    } catch (error) {
      throw failure(error, this.path, 'readInto');
    }
  }

  flush(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#open('flush');
      const fd = this.retain();
      fs.fdatasync(fd, (error) => {
        this.release();
        if (error === null) resolve();
        else reject(failure(error, this.path, 'flush'));
      });
    });
  }

  truncate(size: number): void {
    const fd = this.#open('truncate');
    try {
      fs.ftruncateSync(fd, size);
      this.#size = size;
    } catch (error) {
      throw failure(error, this.path, 'truncate');
    }
  }

  reserve(bytes: number): void {
    const fd = this.#open('reserve');
    if (bytes > this.#size) posix()?.reserve?.(fd, this.#size, bytes - this.#size);
  }

  trim(): void {
    this.truncate(this.#size);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.release();
  }

  #open(operation: string): number {
    if (this.#closed) throw new FilesError('EBADF', this.path, operation);
    return this.#fd;
  }

  /** After a failed write; if this fails too, the next append overwrites what is left. */
  #cutBack(fd: number, size: number): void {
    try {
      fs.ftruncateSync(fd, size);
    } catch {
      // The first error is the one to report.
    }
  }
}

/** Writes all bytes, whatever the system takes at a time; returns the position after them. */
function writeAll(fd: number, bytes: Uint8Array, position: number): number {
  let written = 0;
  while (written < bytes.byteLength) {
    const count = fs.writeSync(fd, bytes, written, bytes.byteLength - written, position + written);
    if (count === 0) throw Object.assign(new Error('nothing written'), { code: 'ENOSPC' });
    written += count;
  }
  return position + written;
}

function writeGathered(fd: number, parts: readonly Uint8Array[], position: number): number {
  let at = position;
  for (let first = 0; first < parts.length; first += GATHER_COUNT_MAX) {
    const group = parts.length <= GATHER_COUNT_MAX ? parts : parts.slice(first, first + GATHER_COUNT_MAX);
    let taken = fs.writevSync(fd, group, at);
    at += taken;
    // Usually the system takes everything; what it left is written part by part.
    for (const part of group) {
      if (taken >= part.byteLength) {
        taken -= part.byteLength;
        continue;
      }
      at = writeAll(fd, part.subarray(taken), at);
      taken = 0;
    }
  }
  return at;
}

/** Fills `target`; fewer bytes only at the end of the file. */
export function readAll(fd: number, target: Uint8Array, position: number): number {
  let read = 0;
  while (read < target.byteLength) {
    const count = fs.readSync(fd, target, read, target.byteLength - read, position + read);
    if (count === 0) break;
    read += count;
  }
  return read;
}

function failure(error: unknown, path: string, operation: string): FilesError {
  if (error instanceof FilesError) return error;
  const code = (error as NodeJS.ErrnoException).code;
  // A wrong argument is a bug of the caller, not a failure of the system.
  if (code === undefined || code.startsWith('ERR_')) throw error;
  return new FilesError(code, path, operation);
}

function attempt<T>(path: string, operation: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw failure(error, path, operation);
  }
}

export function realFiles(): Files {
  return {
    open,
    exists: fs.existsSync,
    sizeOf,
    list,
    makeDirectory,
    rename,
    remove,
    flushDirectory,
    lock,
    freeBytes: (path) => spaceOf(path, ({ bavail, bsize }) => bavail * bsize),
    totalBytes: (path) => spaceOf(path, ({ blocks, bsize }) => blocks * bsize),
    absolutePath: resolve,
  };
}

function open(path: string, mode: OpenMode): File {
  return attempt(path, 'open', () => {
    const fd = fs.openSync(path, OPEN_FLAGS[mode], 0o644);
    const stat = fs.fstatSync(fd);
    if (stat.isDirectory()) {
      fs.closeSync(fd);
      throw new FilesError('EISDIR', path, 'open');
    }
    return new RealFile(path, fd, stat.size);
  });
}

function list(path: string): DirectoryEntry[] {
  const entries = attempt(path, 'list', () => fs.readdirSync(path, { withFileTypes: true }));
  return entries
    .map((entry) => ({ name: entry.name, kind: entry.isDirectory() ? ('directory' as const) : ('file' as const) }))
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

function sizeOf(path: string): number | null {
  const stat = attempt(path, 'sizeOf', () => fs.statSync(path, { throwIfNoEntry: false }));
  return stat === undefined ? null : stat.size;
}

function makeDirectory(path: string): void {
  attempt(path, 'makeDirectory', () => fs.mkdirSync(path, { recursive: true }));
}

function rename(from: string, to: string): void {
  attempt(from, 'rename', () => fs.renameSync(from, to));
}

function remove(path: string): void {
  attempt(path, 'remove', () => fs.rmSync(path, { recursive: true, force: true }));
}

function flushDirectory(path: string): Promise<void> {
  // Windows cannot flush a folder; its file system journals the entries by itself.
  if (process.platform === 'win32') return Promise.resolve();
  return new Promise((resolve, reject) => {
    fs.open(path, fs.constants.O_RDONLY, (openError, fd) => {
      if (openError !== null) {
        reject(failure(openError, path, 'flushDirectory'));
        return;
      }
      fs.fsync(fd, (error) => {
        fs.closeSync(fd);
        if (error === null) resolve();
        else reject(failure(error, path, 'flushDirectory'));
      });
    });
  });
}

function lock(path: string): FileLock | null {
  return lockFile(path);
}

function spaceOf(path: string, bytesOf: (stat: fs.StatsFs) => number): number | null {
  for (let at = path; ; at = dirname(at)) {
    try {
      return bytesOf(fs.statfsSync(at));
    } catch {
      if (at === dirname(at)) return null;
    }
  }
}
