/**
 * The world's agenda: events ordered by virtual time, then by the order in which they were scheduled. A binary heap.
 *
 * Invariant: two events never compare equal (the sequence number decides), so the order does not depend on the heap's shape.
 * Cancelled events stay where they are until they surface; when they are the majority the heap is rebuilt without them.
 */
import type { SimLife } from './process.ts';

export interface SimEvent {
  timeMs: number;
  sequence: number;
  /** Whose event it is: it waits while its process is paused, and never happens once that life has ended. Null: the world's own. */
  readonly life: SimLife | null;
  readonly kind: number;
  readonly callback: () => void;
  cancelled: boolean;
  inQueue: boolean;
}

const COMPACT_COUNT_MIN = 256;

export class EventQueue {
  #heap: SimEvent[] = [];
  #cancelledCount = 0;

  get size(): number {
    return this.#heap.length - this.#cancelledCount;
  }

  push(event: SimEvent): void {
    const heap = this.#heap;
    event.inQueue = true;
    let index = heap.length;
    heap.push(event);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const other = heap[parent]!;
      if (isBefore(other, event)) break;
      heap[index] = other;
      index = parent;
    }
    heap[index] = event;
  }

  cancel(event: SimEvent): void {
    if (event.cancelled) return;
    event.cancelled = true;
    if (!event.inQueue) return;
    this.#cancelledCount += 1;
    if (this.#cancelledCount >= COMPACT_COUNT_MIN && this.#cancelledCount * 2 > this.#heap.length) this.#compact();
  }

  /** The next event, left in place; cancelled ones on the way are dropped. */
  peek(): SimEvent | null {
    while (this.#heap.length > 0) {
      const first = this.#heap[0]!;
      if (!first.cancelled) return first;
      this.#removeFirst();
      this.#cancelledCount -= 1;
    }
    return null;
  }

  pop(): SimEvent | null {
    const first = this.peek();
    if (first === null) return null;
    this.#removeFirst();
    first.inQueue = false;
    return first;
  }

  #removeFirst(): void {
    const last = this.#heap.pop()!;
    if (this.#heap.length > 0) this.#sink(last, 0);
  }

  #sink(event: SimEvent, from: number): void {
    const heap = this.#heap;
    const length = heap.length;
    let index = from;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= length) break;
      if (child + 1 < length && isBefore(heap[child + 1]!, heap[child]!)) child += 1;
      const other = heap[child]!;
      if (isBefore(event, other)) break;
      heap[index] = other;
      index = child;
    }
    heap[index] = event;
  }

  #compact(): void {
    this.#heap = this.#heap.filter((event) => !event.cancelled);
    this.#cancelledCount = 0;
    for (let index = (this.#heap.length >> 1) - 1; index >= 0; index -= 1) this.#sink(this.#heap[index]!, index);
  }
}

function isBefore(a: SimEvent, b: SimEvent): boolean {
  return a.timeMs < b.timeMs || (a.timeMs === b.timeMs && a.sequence < b.sequence);
}
