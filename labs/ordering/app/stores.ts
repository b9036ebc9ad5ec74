/**
 * The outside store in which effects are made, as the simulated workers use it.
 *
 * `PlainStore` takes whatever comes. `FencedStore` refuses what is late or repeated, in the same step in which it would make the effect:
 * a record not newer than what its key already has, and a writer of an older generation than the partition's owner.
 */
import type { Job } from './worker.ts';

/** `repeat`: the key has it already, so the record is done. `not-owner`: nothing is known of it. */
export type StoreAnswer = 'made' | 'repeat' | 'not-owner';

export interface Store {
  /** Called by a new owner before it begins. */
  fence(partition: number, generation: number): void;
  /** Makes the effect, or refuses it. */
  apply(job: Job): StoreAnswer;
}

export class PlainStore implements Store {
  fence(): void {}

  apply(): 'made' {
    return 'made';
  }
}

// #excerpt fenced-store
export class FencedStore implements Store {
  readonly #generations = new Map<number, number>();
  readonly #versions = new Map<string, number>();

  fence(partition: number, generation: number): void {
    this.#generations.set(partition, Math.max(generation, this.#generations.get(partition) ?? -1));
  }

  apply({ partition, offset, key, generation }: Job): StoreAnswer {
    if (generation < (this.#generations.get(partition) ?? -1)) return 'not-owner';
    const row = `${partition}/${key}`;
    if (offset <= (this.#versions.get(row) ?? -1)) return 'repeat'; // or older than what is there
    this.#versions.set(row, offset);
    return 'made';
  }
}
// #end
