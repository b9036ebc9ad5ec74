/**
 * The file port of one life of a simulated process, over its disk. Data operations take no virtual time; a flush takes the disk's.
 */
import type { DirectoryEntry, File, FileLock, Files, OpenMode } from '../files.ts';
import { FilesError } from '../files.ts';
import { type DiskOperation, namesOf, newDirectory, type SimDisk, sortedNames } from './disk.ts';
import { Inode } from './inode.ts';
import { ProcessEnded, type SimLife } from './process.ts';
import { EVENT_DISK, type SimWorld } from './world.ts';

export class SimFiles implements Files {
  readonly #world: SimWorld;
  readonly #life: SimLife;
  readonly #disk: SimDisk;
  readonly #open = new Set<SimFile>();

  constructor(world: SimWorld, life: SimLife, disk: SimDisk) {
    this.#world = world;
    this.#life = life;
    this.#disk = disk;
  }

  open(path: string, mode: OpenMode): File {
    this.check('open', path, 0, 0);
    const { folder, name } = this.#disk.parent(path, 'open');
    let node = folder.entries.get(name) ?? null;
    if (node?.kind === 'directory') throw new FilesError('EISDIR', path, 'open');
    if (node !== null && mode === 'createNew') throw new FilesError('EEXIST', path, 'open');
    if (node === null) {
      if (mode === 'read' || mode === 'write') throw new FilesError('ENOENT', path, 'open');
      node = new Inode();
      this.#disk.change([[folder, name, node]]);
    }
    node.handleCount += 1;
    const file = new SimFile(this, node, path, mode === 'read');
    this.#open.add(file);
    return file;
  }

  /** The process has ended: its descriptors are closed. */
  endLife(): void {
    for (const file of [...this.#open]) file.close();
  }

  closed(file: SimFile, inode: Inode): void {
    if (this.#open.delete(file)) this.#disk.released(inode);
  }

  /** False when the disk is full. */
  charge(bytes: number): boolean {
    return this.#disk.charge(bytes);
  }

  exists(path: string): boolean {
    this.#checkAlive();
    return this.#disk.find(path) !== null;
  }

  sizeOf(path: string): number | null {
    this.#checkAlive();
    const node = this.#disk.find(path);
    return node?.kind === 'file' ? node.size : null;
  }

  list(path: string): DirectoryEntry[] {
    this.#checkAlive();
    const node = this.#disk.find(path);
    if (node === null) throw new FilesError('ENOENT', path, 'list');
    if (node.kind !== 'directory') throw new FilesError('ENOTDIR', path, 'list');
    return sortedNames(node).map((name) => ({ name, kind: node.entries.get(name)!.kind }));
  }

  makeDirectory(path: string): void {
    this.#checkAlive();
    let folder = this.#disk.root;
    for (const name of path.split(/[\\/]/)) {
      if (name === '' || name === '.') continue;
      let node = folder.entries.get(name);
      if (node === undefined) {
        node = newDirectory();
        this.#disk.change([[folder, name, node]]);
      }
      if (node.kind !== 'directory') throw new FilesError('ENOTDIR', path, 'makeDirectory');
      folder = node;
    }
  }

  rename(from: string, to: string): void {
    this.check('rename', from, 0, 0);
    const source = this.#disk.parent(from, 'rename');
    const target = this.#disk.parent(to, 'rename');
    const node = source.folder.entries.get(source.name);
    if (node === undefined) throw new FilesError('ENOENT', from, 'rename');
    const existing = target.folder.entries.get(target.name);
    if (existing === node) return;
    if (existing?.kind === 'directory') {
      if (node.kind !== 'directory') throw new FilesError('EISDIR', to, 'rename');
      if (existing.entries.size > 0) throw new FilesError('ENOTEMPTY', to, 'rename');
    } else if (existing !== undefined && node.kind === 'directory') {
      throw new FilesError('ENOTDIR', to, 'rename');
    }
    this.#disk.change([
      [source.folder, source.name, null],
      [target.folder, target.name, node],
    ]);
  }

  remove(path: string): void {
    this.check('remove', path, 0, 0);
    if (this.#disk.find(path) === null) return;
    const { folder, name } = this.#disk.parent(path, 'remove');
    this.#disk.change([[folder, name, null]]);
  }

  flushDirectory(path: string): Promise<void> {
    return this.flushing('flushDirectory', path, () => {
      const node = this.#disk.find(path);
      if (node?.kind !== 'directory') throw new FilesError('ENOENT', path, 'flushDirectory');
      const entries = this.#disk.beginDirectoryFlush(node);
      return () => this.#disk.directoryFlushed(entries);
    });
  }

  lock(path: string): FileLock | null {
    this.#checkAlive();
    if (!this.exists(path)) this.open(path, 'create').close();
    if (!this.#disk.takeLock(path, this.#life)) return null;
    let held = true;
    return {
      release: () => {
        if (held && this.#life.alive) this.#disk.releaseLock(path);
        held = false;
      },
    };
  }

  freeBytes(_path: string): number | null {
    const { capacityBytes, usedBytes } = this.#disk;
    return capacityBytes === null ? null : Math.max(0, capacityBytes - usedBytes);
  }

  totalBytes(_path: string): number | null {
    return this.#disk.capacityBytes;
  }

  absolutePath(path: string): string {
    return `/${namesOf(path).join('/')}`;
  }

  /** Asks the fault plan, and stops code of an ended life. Returns the delay that the plan wants. */
  check(kind: DiskOperation['kind'], path: string, position: number, bytes: number): number {
    this.#checkAlive();
    const verdict = this.#disk.intercept?.({ kind, path, position, bytes });
    if (verdict === undefined) return 0;
    if ('error' in verdict) throw new FilesError(verdict.error, path, kind);
    return verdict.delayMs;
  }

  written(path: string, position: number, bytes: Uint8Array): void {
    this.#world.trace.word(path.length);
    this.#world.trace.number(position);
    this.#world.trace.bytes(bytes);
  }

  /** `begin` marks what belongs to the flush and returns what makes it durable when the device is done. */
  flushing(kind: 'flush' | 'flushDirectory', path: string, begin: () => () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#checkAlive();
      const [min, max] = this.#disk.flushLatencyMs;
      let delayMs = this.#disk.latency.between(min, max);
      let failure: FilesError | null = null;
      let finish: () => void = () => {};
      try {
        delayMs += this.check(kind, path, 0, 0);
        finish = begin();
      } catch (error) {
        if (!(error instanceof FilesError)) throw error;
        failure = error;
      }
      this.#world.schedule(delayMs, this.#life, EVENT_DISK, () => {
        if (failure !== null) {
          reject(failure);
          return;
        }
        finish();
        resolve();
      });
    });
  }

  #checkAlive(): void {
    if (!this.#life.alive) throw new ProcessEnded(this.#life.process.name);
  }
}

class SimFile implements File {
  readonly path: string;
  readonly #files: SimFiles;
  readonly #inode: Inode;
  readonly #readOnly: boolean;
  #closed = false;

  constructor(files: SimFiles, inode: Inode, path: string, readOnly: boolean) {
    this.#files = files;
    this.#inode = inode;
    this.path = path;
    this.#readOnly = readOnly;
  }

  get size(): number {
    return this.#inode.size;
  }

  append(parts: readonly Uint8Array[]): number {
    const start = this.#inode.size;
    const bytes = parts.reduce((sum, part) => sum + part.byteLength, 0);
    this.#prepare('append', start, bytes, start + bytes);
    let at = start;
    for (const part of parts) {
      this.#files.written(this.path, at, part);
      this.#inode.write(part, at);
      at += part.byteLength;
    }
    return start;
  }

  writeAt(bytes: Uint8Array, position: number): void {
    this.#prepare('writeAt', position, bytes.byteLength, position + bytes.byteLength);
    this.#files.written(this.path, position, bytes);
    this.#inode.write(bytes, position);
  }

  readInto(target: Uint8Array, position: number): number {
    this.#checkOpen('readInto');
    this.#files.check('read', this.path, position, target.byteLength);
    return this.#inode.read(target, position);
  }

  flush(): Promise<void> {
    if (this.#closed) return Promise.reject(new FilesError('EBADF', this.path, 'flush'));
    return this.#files.flushing('flush', this.path, () => {
      const token = this.#inode.beginFlush();
      return () => this.#inode.flushed(token);
    });
  }

  truncate(size: number): void {
    this.#checkOpen('truncate');
    this.#checkWritable('truncate');
    this.#files.check('truncate', this.path, size, 0);
    const delta = size - this.#inode.allocatedBytes;
    if (!this.#files.charge(delta)) throw new FilesError('ENOSPC', this.path, 'truncate');
    this.#inode.truncate(size);
    this.#inode.reservedBytes = 0;
  }

  reserve(bytes: number): void {
    this.#checkOpen('reserve');
    const growth = bytes - this.#inode.allocatedBytes;
    if (growth > 0 && this.#files.charge(growth)) this.#inode.reservedBytes = bytes;
  }

  trim(): void {
    this.truncate(this.#inode.size);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#files.closed(this, this.#inode);
  }

  #prepare(kind: 'append' | 'writeAt', position: number, bytes: number, end: number): void {
    this.#checkOpen(kind);
    this.#checkWritable(kind);
    this.#files.check(kind, this.path, position, bytes);
    const growth = Math.max(0, end - this.#inode.allocatedBytes);
    if (!this.#files.charge(growth)) throw new FilesError('ENOSPC', this.path, kind);
  }

  #checkOpen(operation: string): void {
    if (this.#closed) throw new FilesError('EBADF', this.path, operation);
  }

  #checkWritable(operation: string): void {
    if (this.#readOnly) throw new FilesError('EBADF', this.path, operation);
  }
}
