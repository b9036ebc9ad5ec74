import type { File, Files } from '../ports/files.ts';

/**
 * A file of equally long entries in rising order: what the offset index and the time index have in common.
 *
 * Why not mmap, nor all entries in memory: a full index of a 1 GiB segment is 2 MiB, and a broker has thousands of segments. So the file is the
 * truth for what was written, and only a tail of at most one page is in memory, allocated as it grows: an idle partition pays nothing, a busy one
 * 4 KiB. A lookup near the end of the log never leaves memory; elsewhere a binary search reads at most one page for each of the first halvings
 * (9 for a full index, all from the page cache), through one page that all indexes share.
 *
 * Invariant: entry i is in the file when i < `writtenCount`, else in the tail. The file is opened on need, and only that index keeps it open whose page is
 * in memory. The file may lag behind the log: after a crash it is rebuilt, `write` is called before a clean close.
 */
const PAGE_BYTES = 4096;
const INITIAL_TAIL_ENTRIES = 4;

/** The page that was read last, by whichever index: a cache of one. */
let page: Buffer | null = null;
let pageOwner: IndexFile | null = null;
let pageNumber = -1;

export class IndexFile {
  private readonly files: Files;
  private currentPath: string;
  private readonly entryBytes: number;
  private readonly entriesPerPage: number;
  private readonly entriesMax: number;
  private file: File | null = null;
  /** The file's length now, as far as it is known. */
  private fileBytes: number | null;
  private writtenCount: number;
  private tailCount = 0;
  private tail: Buffer | null = null;
  /** Changed since the last flush. */
  private isDirty = false;

  /** The file's length in bytes when the index was opened; null when it was absent. */
  readonly foundBytes: number | null;

  constructor(files: Files, path: string, entryBytes: number, bytesMax: number, foundBytes: number | null) {
    this.files = files;
    this.currentPath = path;
    this.entryBytes = entryBytes;
    this.entriesPerPage = Math.floor(PAGE_BYTES / entryBytes);
    this.entriesMax = Math.floor(bytesMax / entryBytes);
    this.foundBytes = foundBytes;
    this.fileBytes = foundBytes;
    this.writtenCount = Math.floor((foundBytes ?? 0) / entryBytes);
  }

  get path(): string {
    return this.currentPath;
  }

  get count(): number {
    return this.writtenCount + this.tailCount;
  }

  get isFull(): boolean {
    return this.count >= this.entriesMax;
  }

  get bytes(): number {
    return this.count * this.entryBytes;
  }

  /** Makes room for one entry; the caller fills it at once: `at` in `buffer`. */
  next(): { readonly buffer: Buffer; readonly at: number } {
    if (this.tailCount === this.entriesPerPage) {
      this.write();
      this.close();
    }
    const at = this.tailCount * this.entryBytes;
    let tail = this.tail;
    if (tail === null || at === tail.length) {
      const entries =
        tail === null ? INITIAL_TAIL_ENTRIES : Math.min((tail.length / this.entryBytes) * 2, this.entriesPerPage);
      const grown = Buffer.allocUnsafeSlow(entries * this.entryBytes);
      tail?.copy(grown);
      tail = grown;
      this.tail = tail;
    }
    this.tailCount++;
    return { buffer: tail, at };
  }

  /** Entry `index`, to be read at once: the memory is reused by the next call on any index. */
  entry(index: number): { readonly buffer: Buffer; readonly at: number } {
    if (index >= this.writtenCount) {
      return { buffer: this.tail!, at: (index - this.writtenCount) * this.entryBytes };
    }
    const wanted = Math.floor(index / this.entriesPerPage);
    if (page === null) page = Buffer.allocUnsafeSlow(PAGE_BYTES);
    if (pageOwner !== this || pageNumber !== wanted) {
      if (pageOwner !== this) pageOwner?.close();
      pageOwner = null;
      const pageBytes = this.entriesPerPage * this.entryBytes;
      this.open().readInto(page.subarray(0, pageBytes), wanted * pageBytes);
      pageOwner = this;
      pageNumber = wanted;
    }
    return { buffer: page, at: (index - wanted * this.entriesPerPage) * this.entryBytes };
  }

  /** The number of entries, from the first, for which `holds` is true; `holds` must be true up to some entry and false from there on. */
  countWhile(holds: (buffer: Buffer, at: number) => boolean): number {
    let low = 0;
    let high = this.count;
    // Most lookups want the end of the log: look at the tail alone first.
    if (this.tailCount > 0 && this.writtenCount > 0 && holds(this.tail!, 0)) low = this.writtenCount + 1;
    else if (pageOwner === this) {
      // A reader that goes on from where it was finds its entry in the page at hand.
      const first = pageNumber * this.entriesPerPage;
      const last = Math.min(first + this.entriesPerPage, this.writtenCount) - 1;
      if (!holds(page!, 0)) high = first;
      else if (holds(page!, (last - first) * this.entryBytes)) low = last + 1;
      else [low, high] = [first + 1, last];
    }
    while (low < high) {
      const middle = (low + high) >>> 1;
      const { buffer, at } = this.entry(middle);
      if (holds(buffer, at)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  truncate(count: number): void {
    if (count >= this.count) return;
    if (count < this.writtenCount) {
      this.open().truncate(count * this.entryBytes);
      this.fileBytes = count * this.entryBytes;
      this.writtenCount = count;
      this.tailCount = 0;
      this.isDirty = true;
      this.forgetPage();
    } else {
      this.tailCount = count - this.writtenCount;
    }
  }

  /**
   * Begins anew without an entry. The file is cut when it is next written: recovery finds the same entries again, and after another crash it would begin anew
   * all the same.
   */
  reset(): void {
    this.writtenCount = 0;
    this.tailCount = 0;
    this.isDirty = true;
    this.forgetPage();
  }

  /** Brings the tail to the file (made when absent), and cuts what does not fill an entry. */
  write(): void {
    const bytes = this.writtenCount * this.entryBytes;
    // A broker that ends closes thousands of logs to which nothing was added.
    if (this.tailCount === 0 && this.fileBytes === bytes) return;
    const file = this.open();
    if (file.size !== bytes) file.truncate(bytes);
    this.fileBytes = bytes;
    if (this.tailCount === 0) return;
    file.append([this.tail!.subarray(0, this.tailCount * this.entryBytes)]);
    this.writtenCount += this.tailCount;
    this.fileBytes = this.writtenCount * this.entryBytes;
    this.tailCount = 0;
    this.isDirty = true;
    this.forgetPage();
  }

  /** Writes, and waits until all entries are on the device. */
  async flush(): Promise<void> {
    this.write();
    if (!this.isDirty) return;
    this.isDirty = false;
    await this.open().flush();
  }

  /** Gives the tail's memory and the descriptor back; the index stays usable. */
  release(): void {
    this.write();
    this.tail = null;
    this.close();
  }

  close(): void {
    this.file?.close();
    this.file = null;
    this.forgetPage();
  }

  rename(path: string): void {
    this.close();
    if (this.files.exists(this.currentPath)) this.files.rename(this.currentPath, path);
    this.currentPath = path;
  }

  /** The file has this path now: somebody renamed its folder. An open descriptor goes on. */
  movedTo(path: string): void {
    this.currentPath = path;
  }

  private open(): File {
    this.file ??= this.files.open(this.currentPath, 'create');
    return this.file;
  }

  private forgetPage(): void {
    if (pageOwner === this) pageOwner = null;
  }
}
