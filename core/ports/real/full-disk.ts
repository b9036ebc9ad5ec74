import { existsSync } from 'node:fs';
import { type File, type Files, FilesError, type OpenMode } from '../files.ts';

/**
 * A disk that is full while a given file exists: what would make a file longer fails with ENOSPC. For those who test a full disk where they may not mount
 * a small one.
 *
 * Invariant: everything else is the port that was given, its files included (a file on its way to a socket must be the system's own).
 */
export function fullWhile(files: Files, controlFile: string): Files {
  const guard = (path: string, operation: string): void => {
    if (existsSync(controlFile)) throw new FilesError('ENOSPC', path, operation);
  };
  return {
    open: (path, mode) => guarded(files.open(path, mode), mode, guard),
    exists: (path) => files.exists(path),
    sizeOf: (path) => files.sizeOf(path),
    list: (path) => files.list(path),
    makeDirectory: (path) => files.makeDirectory(path),
    rename: (from, to) => files.rename(from, to),
    remove: (path) => files.remove(path),
    flushDirectory: (path) => files.flushDirectory(path),
    lock: (path) => files.lock(path),
    freeBytes: (path) => (existsSync(controlFile) ? 0 : files.freeBytes(path)),
    totalBytes: (path) => files.totalBytes(path),
    absolutePath: (path) => files.absolutePath(path),
  };
}

function guarded(file: File, mode: OpenMode, guard: (path: string, operation: string) => void): File {
  if (mode === 'read') return file;
  const append = file.append.bind(file);
  const writeAt = file.writeAt.bind(file);
  const truncate = file.truncate.bind(file);
  file.append = (parts) => {
    guard(file.path, 'append');
    return append(parts);
  };
  file.writeAt = (bytes, position) => {
    if (position + bytes.byteLength > file.size) guard(file.path, 'writeAt');
    writeAt(bytes, position);
  };
  file.truncate = (size) => {
    if (size > file.size) guard(file.path, 'truncate');
    truncate(size);
  };
  return file;
}
