/**
 * Exclusive file locks between processes, as Kafka takes them on a data folder's `.lock`.
 *
 * POSIX record locks, so that this broker and a Java one exclude each other. They belong to the process: a second lock by the
 * same process would succeed, hence the registry; and closing any descriptor of the file drops the lock, hence
 * nobody else may open a file that is locked here. Where record locks cannot be reached, a file `<path>.pid` that names the holder serves.
 */
import fs from 'node:fs';
import type { FileLock } from '../files.ts';
import { FilesError } from '../files.ts';
import { posix } from './posix.ts';

/** Device and inode of what this process holds. */
const held = new Set<string>();

type SystemLock = (fd: number, exclusive: boolean) => number;

/** Null when another process, or this one, holds the lock. */
export function lockFile(path: string, system: SystemLock | null = posix()?.lock ?? null): FileLock | null {
  const existing = identify(path);
  // Asked before opening: closing a second descriptor of the file would drop the lock that this process holds.
  if (existing !== null && held.has(existing)) return null;
  const release = system === null ? holdPidFile(`${path}.pid`) : holdRecordLock(path, system);
  if (release === null) return null;
  if (system === null) fs.closeSync(openOrCreate(path));
  const identity = identify(path)!;
  held.add(identity);
  let open = true;
  return {
    release() {
      if (!open) return;
      open = false;
      held.delete(identity);
      release();
    },
  };
}

function identify(path: string): string | null {
  const stat = fs.statSync(path, { throwIfNoEntry: false, bigint: true });
  return stat === undefined ? null : `${stat.dev}:${stat.ino}`;
}

function openOrCreate(path: string): number {
  try {
    return fs.openSync(path, fs.constants.O_RDWR | fs.constants.O_CREAT, 0o644);
  } catch (error) {
    throw new FilesError((error as NodeJS.ErrnoException).code ?? 'EIO', path, 'lock');
  }
}

function holdRecordLock(path: string, system: SystemLock): (() => void) | null {
  const fd = openOrCreate(path);
  if (system(fd, true) < 0) {
    fs.closeSync(fd);
    return null;
  }
  return () => {
    system(fd, false);
    fs.closeSync(fd);
  };
}

function holdPidFile(path: string): (() => void) | null {
  for (let attempt = 0; attempt < 2; attempt += 1) {
    try {
      fs.writeFileSync(path, String(process.pid), { flag: 'wx' });
      return () => fs.rmSync(path, { force: true });
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? 'EIO';
      if (code !== 'EEXIST') throw new FilesError(code, path, 'lock');
      if (isAlive(Number(fs.readFileSync(path, 'utf8')))) return null;
      fs.rmSync(path, { force: true });
    }
  }
  return null;
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
