/**
 * A simulated disk: folders, files, a capacity, locks, and what a power cut leaves of them. It outlives its processes.
 *
 * Invariant: entries of folders (creations, renames, removals) are journalled in order. `flushDirectory` makes those that touch
 * a folder durable; a power cut undoes a seeded tail of the rest. The bytes of files have their own rule (`inode.ts`).
 */
import { createHash } from 'node:crypto';
import { FilesError } from '../files.ts';
import type { Inode, PowerCutOutcome } from './inode.ts';
import type { SimLife } from './process.ts';
import type { SimRandom } from './random.ts';
import type { SimWorld } from './world.ts';

export interface DirectoryNode {
  readonly kind: 'directory';
  readonly entries: Map<string, DiskNode>;
}

export type DiskNode = DirectoryNode | Inode;

export interface DiskOperation {
  readonly kind: 'open' | 'append' | 'writeAt' | 'read' | 'flush' | 'truncate' | 'rename' | 'remove' | 'flushDirectory';
  readonly path: string;
  readonly position: number;
  readonly bytes: number;
}

/** What a fault plan says to an operation. `delayMs` counts for flushes only: the others take no time. */
export type DiskVerdict = undefined | { readonly error: string } | { readonly delayMs: number };

/** Present entry changes of one operation, undone together. */
interface JournalEntry {
  readonly folders: readonly DirectoryNode[];
  readonly undo: () => void;
}

export interface PowerCutReport {
  readonly outcomes: ReadonlyMap<string, PowerCutOutcome>;
  readonly entriesLost: number;
}

export class SimDisk {
  readonly name: string;
  readonly root: DirectoryNode = newDirectory();
  /** Null: no limit. */
  capacityBytes: number | null = null;
  flushLatencyMs: readonly [min: number, max: number];
  /** Asked before every operation. */
  intercept: ((operation: DiskOperation) => DiskVerdict) | null = null;
  readonly latency: SimRandom;
  readonly #locks = new Map<string, SimLife>();
  #journal: JournalEntry[] = [];
  #usedBytes = 0;

  constructor(world: SimWorld, name: string, flushLatencyMs: readonly [number, number]) {
    this.name = name;
    this.flushLatencyMs = flushLatencyMs;
    this.latency = world.random(`disk:${name}`);
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  find(path: string): DiskNode | null {
    return this.#walk(namesOf(path));
  }

  #walk(names: readonly string[]): DiskNode | null {
    let node: DiskNode = this.root;
    for (const name of names) {
      if (node.kind !== 'directory') return null;
      const next = node.entries.get(name);
      if (next === undefined) return null;
      node = next;
    }
    return node;
  }

  /** The folder that holds `path`, and its last name. ENOENT when there is no such folder. */
  parent(path: string, operation: string): { readonly folder: DirectoryNode; readonly name: string } {
    const names = namesOf(path);
    const name = names.pop();
    if (name === undefined) throw new FilesError('EISDIR', path, operation);
    const folder = this.#walk(names);
    if (folder === null) throw new FilesError('ENOENT', path, operation);
    if (folder.kind !== 'directory') throw new FilesError('ENOTDIR', path, operation);
    return { folder, name };
  }

  /** Sets (or with null removes) entries in one journalled operation. */
  change(changes: readonly (readonly [folder: DirectoryNode, name: string, node: DiskNode | null])[]): void {
    const before = changes.map(([folder, name]) => folder.entries.get(name) ?? null);
    for (const [folder, name, node] of changes) setEntry(folder, name, node);
    const undo = () => {
      for (let index = changes.length - 1; index >= 0; index -= 1) {
        const [folder, name] = changes[index]!;
        setEntry(folder, name, before[index]!);
      }
    };
    this.#journal.push({ folders: changes.map(([folder]) => folder), undo });
    for (const node of before) if (node !== null) this.#dropIfUnlinked(node, changes);
  }

  /** Counts `delta` more bytes. False when the disk has not got them. */
  charge(delta: number): boolean {
    if (delta > 0 && this.capacityBytes !== null && this.#usedBytes + delta > this.capacityBytes) return false;
    this.#usedBytes += delta;
    return true;
  }

  /** A handle of the file was closed. */
  released(inode: Inode): void {
    inode.handleCount -= 1;
    if (inode.handleCount === 0 && !inode.linked) this.charge(-inode.allocatedBytes);
  }

  /** Journal entries that touch the folder now; hand them to `directoryFlushed`. */
  beginDirectoryFlush(folder: DirectoryNode): ReadonlySet<object> {
    return new Set(this.#journal.filter((entry) => entry.folders.includes(folder)));
  }

  directoryFlushed(entries: ReadonlySet<object>): void {
    this.#journal = this.#journal.filter((entry) => !entries.has(entry));
  }

  takeLock(path: string, life: SimLife): boolean {
    const key = namesOf(path).join('/');
    if (this.#locks.has(key)) return false;
    this.#locks.set(key, life);
    return true;
  }

  releaseLock(path: string): void {
    this.#locks.delete(namesOf(path).join('/'));
  }

  releaseLocks(life: SimLife): void {
    for (const [path, holder] of this.#locks) if (holder === life) this.#locks.delete(path);
  }

  powerCut(random: SimRandom): PowerCutReport {
    const kept = random.integer(this.#journal.length + 1);
    const entriesLost = this.#journal.length - kept;
    for (let index = this.#journal.length - 1; index >= kept; index -= 1) this.#journal[index]!.undo();
    this.#journal = [];
    const outcomes = new Map<string, PowerCutOutcome>();
    this.#usedBytes = 0;
    for (const [path, inode] of this.files()) {
      outcomes.set(path, inode.powerCut(random));
      inode.linked = true;
      inode.handleCount = 0;
      inode.reservedBytes = 0;
      this.#usedBytes += inode.size;
    }
    return { outcomes, entriesLost };
  }

  /** All files with their paths, in order. */
  files(): [path: string, inode: Inode][] {
    const found: [string, Inode][] = [];
    walk(this.root, '', (path, inode) => found.push([path, inode]));
    return found;
  }

  /** Copies of all files as processes see them. */
  snapshot(): Map<string, Buffer> {
    return new Map(this.files().map(([path, inode]) => [path, Buffer.from(inode.data.subarray(0, inode.size))]));
  }

  /** Of all paths and bytes. */
  hash(): string {
    const hash = createHash('sha256');
    for (const [path, inode] of this.files()) {
      hash.update(`${path}\0${inode.size}\0`);
      hash.update(inode.data.subarray(0, inode.size));
    }
    return hash.digest('hex');
  }

  /** Changes bytes behind everybody's back: bit rot. */
  corrupt(path: string, position: number, bytes: Uint8Array): void {
    const node = this.find(path);
    if (node?.kind !== 'file') throw new FilesError('ENOENT', path, 'corrupt');
    node.write(bytes, position);
  }

  #dropIfUnlinked(node: DiskNode, changes: readonly (readonly [DirectoryNode, string, DiskNode | null])[]): void {
    if (changes.some(([, , now]) => now === node)) return;
    walk(node, '', (_, inode) => {
      inode.linked = false;
      if (inode.handleCount === 0) this.charge(-inode.allocatedBytes);
    });
  }
}

export function newDirectory(): DirectoryNode {
  return { kind: 'directory', entries: new Map() };
}

/** `/a/./b//c` and `a/b/c` are one path; `..` goes up. */
export function namesOf(path: string): string[] {
  const names: string[] = [];
  for (const name of path.split(/[\\/]/)) {
    if (name === '' || name === '.') continue;
    if (name === '..') names.pop();
    else names.push(name);
  }
  return names;
}

function setEntry(folder: DirectoryNode, name: string, node: DiskNode | null): void {
  if (node === null) folder.entries.delete(name);
  else folder.entries.set(name, node);
}

export function sortedNames(folder: DirectoryNode): string[] {
  return [...folder.entries.keys()].sort();
}

function walk(node: DiskNode, path: string, visit: (path: string, inode: Inode) => void): void {
  if (node.kind === 'file') {
    visit(path, node);
    return;
  }
  for (const name of sortedNames(node)) walk(node.entries.get(name)!, `${path}/${name}`, visit);
}
