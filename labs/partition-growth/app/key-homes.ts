/**
 * A partitioner that keeps a key where it was first put, however many partitions there are by now.
 *
 * Invariant: a key's count of partitions is written down before its first record is sent, and never changes. In production the map is a compacted topic or a table that every producer reads; here it is a
 * map that outlives the producers.
 */
import { javaHash } from './hashes.ts';

// #excerpt keep-old-keys
export class KeyHomes {
  readonly #countOf = new Map<string, number>();

  partitionOf(key: string, partitions: number): number {
    const count = this.#countOf.get(key) ?? partitions;
    this.#countOf.set(key, count);
    return javaHash(key, count);
  }
}
// #end
