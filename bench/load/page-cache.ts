/**
 * What earlier windows wrote and nobody reads any more leaves memory: a window begins with its own writes to pay for and with memory at hand.
 *
 * Two things make later windows of a run slower than earlier ones, whatever system is measured: what the earlier ones wrote is written back meanwhile, or holds up the
 * writer (dirty pages above a share of memory); and the page cache grows into memory that a virtual machine has not had for some time, where a page costs its first touch
 * (2 GB/s into memory at hand, 0.36 into other, by `dd` of 16 KiB blocks on the machine of `HOT-PATH.md`).
 *
 * Where there is no `sync` program, or no `posix_fadvise`, that part does not happen.
 */
import { spawn } from 'node:child_process';
import { closeSync, openSync, readdirSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

/** POSIX_FADV_DONTNEED on Linux. */
const DONT_NEED = 4;
/** Of each file, at its end: the next append would else have to read its last page back from the device. */
const STAYING_BYTES = 64 * 1024;
const PAGE_BYTES = 4096;
/** Segments of Kafka's log. Other files stay: a journal that is written over again would have to be read back. */
const SEGMENT = /\.log$/;

type Advise = (fd: number, offset: number, bytes: number, advice: number) => number;
let loaded: Advise | null | undefined;

/** Everything that was written lies on the device. */
export function writeBack(): Promise<void> {
  return new Promise((resolve) => {
    const child = spawn('sync', { stdio: 'ignore' });
    child.once('error', () => resolve());
    child.once('exit', () => resolve());
  });
}

/** `writeBack`, and the log segments in this folder (null: a server of another machine) are no longer in the page cache, but for their ends. */
export async function forgetSegments(dataDir: string | null): Promise<void> {
  await writeBack();
  const advise = posixFadvise();
  if (advise === null || dataDir === null) return;
  for (const entry of readdirSync(dataDir, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !SEGMENT.test(entry.name)) continue;
    const path = join(entry.parentPath, entry.name);
    try {
      const bytes = Math.floor((statSync(path).size - STAYING_BYTES) / PAGE_BYTES) * PAGE_BYTES;
      if (bytes > 0) forget(path, bytes, advise);
    } catch {
      // The server has removed it.
    }
  }
}

function forget(path: string, bytes: number, advise: Advise): void {
  const fd = openSync(path, 'r');
  try {
    advise(fd, 0, bytes, DONT_NEED);
  } finally {
    closeSync(fd);
  }
}

function posixFadvise(): Advise | null {
  if (loaded !== undefined) return loaded;
  try {
    const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
    const isLinux64 = process.platform === 'linux' && ['x64', 'arm64'].includes(process.arch);
    const call = koffi.load(null).func('int posix_fadvise(int fd, int64_t offset, int64_t len, int advice)');
    loaded = isLinux64 ? (call as unknown as Advise) : null;
  } catch {
    loaded = null;
  }
  return loaded;
}
