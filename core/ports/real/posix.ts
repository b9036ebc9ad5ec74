/**
 * The system calls that the runtime does not offer, or offers only behind a stream, through koffi: sendfile, send, fallocate and fcntl record locks.
 *
 * `posix()` is null, or lacks a call, wherever koffi cannot load or the platform has no such call: every user of this file has
 * another way. Nothing is loaded before the first question, and a failure to load is never an error.
 */
import { createRequire } from 'node:module';
import { constants } from 'node:os';

export interface Posix {
  /** Returns the bytes sent (0 at the end of the file), or a negated errno. */
  readonly sendfile: ((socketFd: number, fileFd: number, position: number, length: number) => number) | null;
  /** Hands bytes to a non-blocking socket; `hasMore`: they wait for what follows at once. Returns the bytes taken or a negated errno. */
  readonly send: ((socketFd: number, bytes: Uint8Array, hasMore: boolean) => number) | null;
  /** Reserves `bytes` from `position` without changing the file's length. Returns 0 or a negated errno. */
  readonly reserve: ((fd: number, position: number, bytes: number) => number) | null;
  /** Takes (or drops) the exclusive lock of the whole file without waiting. Returns 0 or a negated errno. */
  readonly lock: ((fd: number, exclusive: boolean) => number) | null;
}

export const EAGAIN = constants.errno.EAGAIN;
export const EINTR = constants.errno.EINTR;

const FALLOC_FL_KEEP_SIZE = 1;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const MSG_MORE = 0x8000;
/** 64-bit Linux: what the structs below are laid out for. */
const LINUX_64 = process.platform === 'linux' && ['x64', 'arm64', 'riscv64', 'loong64'].includes(process.arch);
const DARWIN = process.platform === 'darwin';

let loaded: Posix | null | undefined;

export function posix(): Posix | null {
  if (loaded === undefined) loaded = load();
  return loaded;
}

/** The name of an errno (`EPIPE`), as the runtime's own errors carry it. */
export function errnoName(errno: number): string {
  for (const [name, value] of Object.entries(constants.errno)) if (value === errno) return name;
  return `E${errno}`;
}

function load(): Posix | null {
  if (!LINUX_64 && !DARWIN) return null;
  try {
    const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
    const libc = koffi.load(null);
    return {
      sendfile: LINUX_64 ? loadSendfile(koffi, libc) : null,
      send: LINUX_64 ? loadSend(koffi, libc) : null,
      reserve: LINUX_64 ? loadReserve(koffi, libc) : null,
      lock: loadLock(koffi, libc),
    };
  } catch {
    return null;
  }
}

type Koffi = typeof import('koffi');
type Library = ReturnType<Koffi['load']>;

function loadSendfile(koffi: Koffi, libc: Library): Posix['sendfile'] {
  const call = libc.func('int64_t sendfile(int out_fd, int in_fd, void *offset, size_t count)');
  const offset = new BigInt64Array(1);
  return (socketFd, fileFd, position, length) => {
    offset[0] = BigInt(position);
    const sent = Number(call(socketFd, fileFd, offset, length));
    return sent >= 0 ? sent : -koffi.errno();
  };
}

function loadSend(koffi: Koffi, libc: Library): Posix['send'] {
  const call = libc.func('int64_t send(int fd, const void *bytes, size_t length, int flags)');
  const flags = MSG_DONTWAIT | MSG_NOSIGNAL;
  return (socketFd, bytes, hasMore) => {
    const sent = Number(call(socketFd, bytes, bytes.byteLength, hasMore ? flags | MSG_MORE : flags));
    return sent >= 0 ? sent : -koffi.errno();
  };
}

function loadReserve(koffi: Koffi, libc: Library): Posix['reserve'] {
  const call = libc.func('int fallocate(int fd, int mode, int64_t offset, int64_t len)');
  return (fd, position, bytes) => (call(fd, FALLOC_FL_KEEP_SIZE, position, bytes) === 0 ? 0 : -koffi.errno());
}

/**
 * struct flock:
 * | Linux 64 | l_type i16 @0, l_whence i16 @2, l_start i64 @8, l_len i64 @16, l_pid i32 @24 |
 * | Darwin   | l_start i64 @0, l_len i64 @8, l_pid i32 @16, l_type i16 @20, l_whence i16 @22 |
 * Start and length 0: the whole file, which is what Java's `FileChannel.tryLock` takes.
 */
function loadLock(koffi: Koffi, libc: Library): Posix['lock'] {
  const call = libc.func('int fcntl(int fd, int cmd, ...)');
  const setLock = DARWIN ? 8 : 6;
  const writeLock = DARWIN ? 3 : 1;
  const unlock = 2;
  return (fd, exclusive) => {
    const flock = Buffer.alloc(32);
    flock.writeInt16LE(exclusive ? writeLock : unlock, DARWIN ? 20 : 0);
    return call(fd, setLock, 'void *', flock) === 0 ? 0 : -koffi.errno();
  };
}
