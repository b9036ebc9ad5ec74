/**
 * Who owns which partition when, and who got its records: written down while a group grows and shrinks. Pure but for the clock that it is given.
 *
 * Invariant: an interval of ownership begins and ends when the member's application learnt of it. Silence is the time between two deliveries of a partition,
 * whoever got them: what a reader of the topic's output would see.
 */
import type { TopicPartition } from '../../kit/history.ts';

export const nameOf = ({ topic, partition }: TopicPartition): string => `${topic}-${partition}`;

export interface Owned {
  readonly partition: string;
  readonly member: string;
  readonly fromMs: number;
  untilMs: number | null;
}

/** Owner by partition. */
export type Assignment = ReadonlyMap<string, string>;

export class OwnershipLog {
  readonly owned: Owned[] = [];
  readonly deliveries = new Map<string, number[]>();
  readonly #now: () => number;
  readonly #open = new Map<string, Owned>();
  changedAtMs = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** The member's application was told that these are its partitions now: all of them. */
  owns(member: string, partitions: readonly TopicPartition[]): void {
    const names = new Set(partitions.map(nameOf));
    for (const [key, open] of this.#open) {
      if (open.member === member && !names.has(open.partition)) this.#end(key, open);
    }
    for (const partition of names) {
      const key = `${member} ${partition}`;
      if (this.#open.has(key)) continue;
      const begun: Owned = { partition, member, fromMs: this.#now(), untilMs: null };
      this.owned.push(begun);
      this.#open.set(key, begun);
      this.changedAtMs = this.#now();
    }
  }

  #end(key: string, open: Owned): void {
    open.untilMs = this.#now();
    this.#open.delete(key);
    this.changedAtMs = this.#now();
  }

  delivered(at: TopicPartition): void {
    const name = nameOf(at);
    const times = this.deliveries.get(name);
    if (times === undefined) this.deliveries.set(name, [this.#now()]);
    else if (times.at(-1) !== this.#now()) times.push(this.#now());
  }

  get assignment(): Assignment {
    return new Map([...this.#open.values()].map(({ partition, member }) => [partition, member]));
  }

  get owners(): number {
    return this.#open.size;
  }
}

export interface Change {
  readonly before: Assignment;
  readonly after: Assignment;
  /** Partitions whose owner changed. */
  readonly moved: number;
  /** Of those, what had to: the partitions of the member that left, or what the new one has. */
  readonly needed: number;
  /** The longest silence of any partition around the change, and of those that kept their owner. */
  readonly silenceMs: number;
  readonly keptSilenceMs: number;
  /** Partitions that kept their owner and were taken from it meanwhile. */
  readonly interrupted: number;
}

/** From two assignments and what was written between `fromMs` and `untilMs`. `member` left or joined. */
export function changeOf(
  log: OwnershipLog,
  before: Assignment,
  after: Assignment,
  member: string,
  fromMs: number,
  untilMs: number,
): Change {
  const moved = [...after].filter(([partition, owner]) => before.get(partition) !== owner);
  const needed = [...after].filter(([partition, owner]) => owner === member || before.get(partition) === member);
  const kept = [...after]
    .filter(([partition, owner]) => before.get(partition) === owner)
    .map(([partition]) => partition);
  const silence = (partitions: Iterable<string>): number =>
    Math.max(
      0,
      ...[...partitions].map((partition) => longestGap(log.deliveries.get(partition) ?? [], fromMs, untilMs)),
    );
  const interrupted = kept.filter((partition) =>
    log.owned.some((owned) => owned.partition === partition && owned.fromMs > fromMs && owned.fromMs <= untilMs),
  ).length;
  return {
    before,
    after,
    moved: moved.length,
    needed: needed.length,
    silenceMs: silence(after.keys()),
    keptSilenceMs: silence(kept),
    interrupted,
  };
}

/** The longest time between two deliveries that overlaps the span. */
export function longestGap(times: readonly number[], fromMs: number, untilMs: number): number {
  let longest = 0;
  for (let at = 1; at < times.length; at++) {
    const [begin, end] = [times[at - 1]!, times[at]!];
    if (end > fromMs && begin < untilMs) longest = Math.max(longest, end - begin);
  }
  return longest;
}
