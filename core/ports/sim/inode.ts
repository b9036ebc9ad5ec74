/**
 * The bytes of one simulated file, in two states at once: as processes see it (the page cache), and as the device has it.
 *
 * Invariant: a layer's undo pages over the present bytes give the content at that layer's start; the oldest layer's start is what is
 * certainly on the device. An append costs no undo, since it changes nothing below the durable length.
 * A flush closes a layer when it is called and drops it when it is done: bytes written in between stay at risk.
 *
 * | layers[0]: durable → first flush call | layers[1]: → second flush call | … | last: → now |
 */
import type { SimRandom } from './random.ts';

const PAGE_BYTES = 4096;
const SECTOR_BYTES = 512;
const EMPTY = Buffer.alloc(0);

export interface Layer {
  /** The length at the layer's start. */
  readonly baseSize: number;
  /** By page number: what the page held at the layer's start. */
  readonly undo: Map<number, Buffer>;
}

/** What a power cut did to the unflushed pages of a file. */
export type PowerCutOutcome = 'untouched' | 'lost' | 'kept' | 'prefix' | 'holes';

export class Inode {
  readonly kind = 'file';
  data: Buffer = EMPTY;
  size = 0;
  linked = true;
  /** Disk space taken from the file's start, whatever the length is. */
  reservedBytes = 0;
  handleCount = 0;
  #layers: Layer[] = [{ baseSize: 0, undo: new Map() }];

  write(bytes: Uint8Array, position: number): void {
    if (bytes.byteLength === 0) return;
    const end = position + bytes.byteLength;
    this.#saveForUndo(Math.min(position, this.size), end);
    this.#grow(end);
    if (position > this.size) this.data.fill(0, this.size, position);
    this.data.set(bytes, position);
    this.size = Math.max(this.size, end);
  }

  read(target: Uint8Array, position: number): number {
    const count = Math.max(0, Math.min(target.byteLength, this.size - position));
    if (count > 0) target.set(this.data.subarray(position, position + count), 0);
    return count;
  }

  truncate(size: number): void {
    if (size < this.size) {
      this.#saveForUndo(size, this.size);
    } else {
      this.#grow(size);
      this.data.fill(0, this.size, size);
    }
    this.size = size;
  }

  /** What the file takes of the disk. */
  get allocatedBytes(): number {
    return Math.max(this.size, this.reservedBytes);
  }

  /** Everything written so far belongs to this flush; hand the token to `flushed` when the device has it. */
  beginFlush(): Layer {
    const layer: Layer = { baseSize: this.size, undo: new Map() };
    this.#layers.push(layer);
    return layer;
  }

  flushed(token: Layer): void {
    const index = this.#layers.indexOf(token);
    if (index > 0) this.#layers.splice(0, index);
  }

  get isClean(): boolean {
    return this.size === this.#layers[0]!.baseSize && this.#layers.every((layer) => layer.undo.size === 0);
  }

  /** What is certainly on the device. */
  durable(): Buffer {
    const layers = this.#layers;
    const longest = layers.reduce((size, layer) => Math.max(size, layer.baseSize), this.size);
    const image = Buffer.alloc(longest);
    image.set(this.data.subarray(0, this.size));
    for (let index = layers.length - 1; index >= 0; index -= 1) {
      for (const [page, bytes] of layers[index]!.undo) image.set(bytes, page * PAGE_BYTES);
    }
    return image.subarray(0, layers[0]!.baseSize);
  }

  /** The device's content after a power cut: each unflushed page may be there, be missing, or be torn. */
  powerCut(random: SimRandom): PowerCutOutcome {
    if (this.isClean) return 'untouched';
    const durable = this.durable();
    const outcome = (['lost', 'kept', 'prefix', 'holes'] as const)[random.integer(4)]!;
    switch (outcome) {
      case 'lost':
        this.#become(Buffer.from(durable));
        break;
      case 'kept':
        this.#become(Buffer.from(this.data.subarray(0, this.size)));
        break;
      case 'prefix':
        this.#become(this.#prefixSurvives(durable, random));
        break;
      case 'holes':
        this.#become(this.#someSurvive(durable, random));
        break;
      default:
        throw new Error(`unknown outcome ${outcome satisfies never}`);
    }
    return outcome;
  }

  /** Pages reached the device in order until one was torn at some byte. */
  #prefixSurvives(durable: Buffer, random: SimRandom): Buffer {
    const pages = this.#dirtyPages(durable.byteLength);
    const image = this.#imageOver(durable);
    const whole = random.integer(pages.length);
    let end = durable.byteLength;
    for (let index = 0; index <= whole; index += 1) {
      const page = pages[index]!;
      const cut = index < whole ? PAGE_BYTES : random.integer(PAGE_BYTES);
      this.#copyPage(image, page, 0, cut);
      end = Math.max(end, Math.min(page * PAGE_BYTES + cut, this.size));
    }
    const shrank = this.size < durable.byteLength && random.chance(0.5);
    return image.subarray(0, shrank ? this.size : end);
  }

  /** Each page for itself: written, not written, or torn between two sectors. Where nothing came to lie, a hole of zeros. */
  #someSurvive(durable: Buffer, random: SimRandom): Buffer {
    const image = this.#imageOver(durable);
    for (const page of this.#dirtyPages(durable.byteLength)) {
      const fate = random.integer(3);
      if (fate === 0) this.#copyPage(image, page, 0, PAGE_BYTES);
      else if (fate === 1) this.#copyPage(image, page, 0, random.integer(PAGE_BYTES / SECTOR_BYTES) * SECTOR_BYTES);
    }
    return image.subarray(0, random.chance(0.75) ? this.size : durable.byteLength);
  }

  #imageOver(durable: Buffer): Buffer {
    const image = Buffer.alloc(Math.max(durable.byteLength, this.size));
    image.set(durable);
    return image;
  }

  #copyPage(image: Buffer, page: number, from: number, to: number): void {
    const start = page * PAGE_BYTES;
    const end = Math.min(start + to, this.size);
    if (end > start + from) image.set(this.data.subarray(start + from, end), start + from);
  }

  #dirtyPages(durableSize: number): number[] {
    const pages = new Set<number>();
    for (const layer of this.#layers) for (const page of layer.undo.keys()) pages.add(page);
    for (let page = Math.floor(durableSize / PAGE_BYTES); page * PAGE_BYTES < this.size; page += 1) pages.add(page);
    if (pages.size === 0) pages.add(Math.floor(this.size / PAGE_BYTES));
    return [...pages].sort((a, b) => a - b);
  }

  #become(content: Buffer): void {
    this.data = content;
    this.size = content.byteLength;
    this.#layers = [{ baseSize: this.size, undo: new Map() }];
  }

  /** Keeps the pages of [from, to) as the newest layer's start had them. */
  #saveForUndo(from: number, to: number): void {
    const { baseSize, undo } = this.#layers[this.#layers.length - 1]!;
    const end = Math.min(to, baseSize);
    for (let page = Math.floor(from / PAGE_BYTES); page * PAGE_BYTES < end; page += 1) {
      if (undo.has(page)) continue;
      const start = page * PAGE_BYTES;
      undo.set(page, Buffer.from(this.data.subarray(start, Math.min(start + PAGE_BYTES, baseSize))));
    }
  }

  #grow(size: number): void {
    if (size <= this.data.byteLength) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(size, 2 * this.data.byteLength, 1024));
    larger.set(this.data.subarray(0, Math.max(this.size, 0)));
    this.data = larger;
  }
}
