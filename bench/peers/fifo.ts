/** First in, first out, at the same cost however much waits. */
export class Fifo<T> {
  private items: T[] = [];
  /** Of the first. */
  private next = 0;

  get count(): number {
    return this.items.length - this.next;
  }

  push(item: T): void {
    this.items.push(item);
  }

  /** There must be one. */
  shift(): T {
    const item = this.items[this.next++]!;
    // What was taken is dropped once it is half of the array: each item is moved once at most, on average.
    if (this.next * 2 >= this.items.length) {
      this.items = this.items.slice(this.next);
      this.next = 0;
    }
    return item;
  }
}
