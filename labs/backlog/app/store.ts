/**
 * The store outside Kafka that the work ends up in, as the application sees it: a table of effects, and beside it a table of origins with a unique key on
 * (source partition, source offset), both written in one transaction.
 *
 * Invariant: `applyOnce` takes effect at most once for each origin, whoever calls it and however often; it outlives every application process.
 * A stand-in for a database: what a real one does in such a transaction, crashes included, is the subject of the lab `dedup`.
 */
import type { PolledRecord } from '../../kit/drivers/driver.ts';
import { originOf } from './origin.ts';

export class Store {
  readonly #applied = new Set<string>();
  readonly #onEffect: (process: string, record: PolledRecord) => void;
  readonly #onRepeat: (process: string, record: PolledRecord) => void;

  constructor(
    onEffect: (process: string, record: PolledRecord) => void,
    onRepeat: (process: string, record: PolledRecord) => void = () => {},
  ) {
    this.#onEffect = onEffect;
    this.#onRepeat = onRepeat;
  }

  /** Takes effect, also the second time. */
  apply(process: string, record: PolledRecord): void {
    this.#onEffect(process, record);
  }

  // #excerpt apply-once
  /** Takes effect unless the record that stood there in the source topic already has. */
  applyOnce(process: string, record: PolledRecord): void {
    const { partition, offset } = originOf(record);
    const origin = `${partition}:${offset}`;
    if (this.#applied.has(origin)) return this.#onRepeat(process, record);
    this.#applied.add(origin);
    this.#onEffect(process, record);
  }
  // #end
}
