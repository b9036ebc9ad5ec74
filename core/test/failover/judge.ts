/**
 * What was acknowledged against what is stored: nothing lost, nothing twice, each partition in the order of sending; and what a consumer of the load's own kind read
 * meanwhile against both.
 */
export interface Judgement {
  readonly acknowledged: number;
  readonly lost: number;
  readonly duplicates: number;
  readonly outOfOrder: number;
  /** Of the consumer that ran beside; null without one. */
  readonly consumer: ConsumerJudgement | null;
}

export interface ConsumerJudgement {
  /** Delivered, each offset once. */
  readonly read: number;
  /** Delivered again after a rebalance or a restart, as at-least-once allows. */
  readonly again: number;
  /** Stored, and never delivered. */
  readonly missed: number;
  /** Delivered, and not what is stored there. */
  readonly wrong: number;
}

/** By partition: the value at each offset, from 0. */
export type Stored = ReadonlyMap<number, readonly number[]>;

/** By partition and offset, with the number of deliveries in all. */
export interface Consumed {
  readonly values: ReadonlyMap<number, readonly (number | undefined)[]>;
  readonly deliveries: number;
}

export function judge(
  acknowledged: ReadonlyMap<number, readonly number[]>,
  stored: Stored,
  consumed: Consumed | null,
): Judgement {
  const sums = { acknowledged: 0, lost: 0, duplicates: 0, outOfOrder: 0 };
  for (const [partition, values] of stored) {
    const there = new Set(values);
    sums.duplicates += values.length - there.size;
    for (let at = 1; at < values.length; at++) if (values[at]! < values[at - 1]!) sums.outOfOrder++;
    const acked = acknowledged.get(partition) ?? [];
    sums.acknowledged += acked.length;
    for (const value of acked) if (!there.has(value)) sums.lost++;
  }
  return { ...sums, consumer: consumed === null ? null : judgeConsumer(stored, consumed) };
}

function judgeConsumer(stored: Stored, { values, deliveries }: Consumed): ConsumerJudgement {
  let read = 0;
  let missed = 0;
  let wrong = 0;
  for (const [partition, there] of stored) {
    const seen = values.get(partition) ?? [];
    for (let offset = 0; offset < there.length; offset++) {
      if (seen[offset] === undefined) missed++;
      else {
        read++;
        if (seen[offset] !== there[offset]) wrong++;
      }
    }
    wrong += Math.max(0, seen.length - there.length);
  }
  return { read, again: deliveries - read, missed, wrong };
}

export function isSound({ lost, duplicates, outOfOrder, consumer }: Judgement): boolean {
  return lost + duplicates + outOfOrder + (consumer?.missed ?? 0) + (consumer?.wrong ?? 0) === 0;
}
