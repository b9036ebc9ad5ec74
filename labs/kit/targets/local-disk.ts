/**
 * A small disk under a real node: a tmpfs of its own where this process may mount one, else a quota that the node's file port keeps.
 *
 * Invariant: `fill` leaves no room for a byte more, `free` gives the room back; what the node wrote stays. A tmpfs is unmounted by `close`, or it
 * would outlive the run.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const BALLAST = '.ballast';
const CHUNK_BYTES = 1024 * 1024;

/** Whatever ends this process must not leave file systems behind. */
const mounted = new Set<string>();
process.once('exit', () => {
  for (const folder of mounted) unmount(folder);
});

export class LocalDisk {
  /** While it exists the node's file port says that the disk is full: see `core/ports/real/full-disk.ts`. null: the disk itself does. */
  readonly fullFile: string | null;
  readonly #folder: string;
  #isFull = false;

  private constructor(folder: string, isMounted: boolean) {
    this.#folder = folder;
    this.fullFile = isMounted ? null : `${folder}.full`;
  }

  static open(folder: string, bytesMax: number): LocalDisk {
    mkdirSync(folder, { recursive: true });
    return new LocalDisk(folder, mount(folder, bytesMax));
  }

  get isFull(): boolean {
    return this.#isFull;
  }

  get kind(): 'tmpfs' | 'quota' {
    return this.fullFile === null ? 'tmpfs' : 'quota';
  }

  fill(): void {
    this.#isFull = true;
    if (this.fullFile !== null) {
      writeFileSync(this.fullFile, '');
      return;
    }
    const file = openSync(join(this.#folder, BALLAST), 'a');
    try {
      for (let bytes = CHUNK_BYTES; bytes >= 1; ) {
        try {
          if (writeSync(file, Buffer.alloc(bytes)) < bytes) bytes = Math.floor(bytes / 2);
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
          bytes = Math.floor(bytes / 2);
        }
      }
    } finally {
      closeSync(file);
    }
  }

  free(): void {
    this.#isFull = false;
    rmSync(this.fullFile ?? join(this.#folder, BALLAST), { force: true });
  }

  close(): void {
    this.free();
    if (this.fullFile === null) unmount(this.#folder);
  }
}

/** True when there is a tmpfs now: on Linux, for root, where mounting is allowed. */
function mount(folder: string, bytesMax: number): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0 || !existsSync('/proc/mounts')) return false;
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${bytesMax}`, 'mqlab', folder], {
    stdio: 'ignore',
  });
  if (status === 0) mounted.add(folder);
  return status === 0;
}

function unmount(folder: string): void {
  mounted.delete(folder);
  spawnSync('umount', ['-l', folder], { stdio: 'ignore' });
}
