import { fc, test } from '@fast-check/vitest';
import { expect, test as plainTest } from 'vitest';
import { CleaningWorld, type KeyValue } from './test/cleaning-world.ts';

/**
 * Random histories of a compacted log, cleaned again and again and interrupted anywhere, against a list of everything that was appended. What is claimed:
 * a read_committed reader finds for every key its last value; offsets, keys and values of what is left are those that were appended, in order; a tombstone
 * goes no earlier than delete.retention.ms after it came; the log's end, the last stable offset and what is known of producers do not change.
 */
type Step =
  | {
      readonly kind: 'plain' | 'idempotent' | 'transactional';
      readonly records: readonly KeyValue[];
      readonly by: number;
    }
  | { readonly kind: 'endTransaction'; readonly isCommit: boolean; readonly by: number }
  | { readonly kind: 'advance'; readonly ms: number }
  | { readonly kind: 'clean' | 'roll' | 'cleanRestart' | 'kill' | 'powerCut' }
  | { readonly kind: 'interruptedClean'; readonly operations: number; readonly how: 'kill' | 'powerCut' };

const record: fc.Arbitrary<KeyValue> = fc.record({
  key: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
  value: fc.oneof({ weight: 1, arbitrary: fc.constant(null) }, { weight: 3, arbitrary: fc.string({ maxLength: 30 }) }),
});

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 14,
    arbitrary: fc.record({
      kind: fc.constantFrom('plain' as const, 'plain' as const, 'idempotent' as const, 'transactional' as const),
      records: fc.array(record, { minLength: 1, maxLength: 4 }),
      by: fc.integer({ min: 0, max: 1 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('endTransaction' as const),
      isCommit: fc.boolean(),
      by: fc.integer({ min: 0, max: 1 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('advance' as const), ms: fc.integer({ min: 1, max: 800 }) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom('clean' as const, 'clean' as const, 'roll' as const, 'roll' as const),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom('cleanRestart' as const, 'kill' as const, 'powerCut' as const),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('interruptedClean' as const),
      operations: fc.integer({ min: 0, max: 60 }),
      how: fc.constantFrom('kill' as const, 'powerCut' as const),
    }),
  },
);

interface Appended {
  readonly offset: number;
  readonly key: string;
  readonly value: string | null;
  readonly appendedMs: number;
  /** null = outside of transactions. */
  readonly transaction: { outcome: 'open' | 'committed' | 'aborted' } | null;
}

class Model {
  readonly sim: CleaningWorld;
  readonly appended = new Map<number, Appended>();
  private readonly open = new Map<number, NonNullable<Appended['transaction']> & { readonly firstOffset: number }>();
  private readonly sequences = new Map<number, number>();
  endOffset = 0;

  constructor(sim: CleaningWorld) {
    this.sim = sim;
  }

  async apply(each: Step): Promise<void> {
    const { sim } = this;
    switch (each.kind) {
      case 'plain':
        return this.append(each.records, null);
      case 'idempotent':
        return this.append(each.records, 10 + each.by);
      case 'transactional':
        return this.append(each.records, 20 + each.by);
      case 'endTransaction': {
        const transaction = this.open.get(20 + each.by);
        if (transaction === undefined) return;
        sim.endTransaction(20 + each.by, each.isCommit);
        transaction.outcome = each.isCommit ? 'committed' : 'aborted';
        this.open.delete(20 + each.by);
        this.endOffset++;
        return;
      }
      case 'advance':
        return sim.advance(each.ms);
      case 'clean':
        return sim.clean();
      case 'roll':
        sim.log.roll();
        return;
      case 'cleanRestart':
        return sim.restart('clean');
      case 'kill':
        return sim.restart('kill');
      case 'powerCut':
        return sim.powerCut();
      case 'interruptedClean':
        await sim.cleanUntil(each.operations, each.how);
    }
  }

  private append(records: readonly KeyValue[], producerId: number | null): void {
    const { sim } = this;
    let transaction: Appended['transaction'] = null;
    if (producerId !== null && producerId >= 20) {
      const known = this.open.get(producerId);
      transaction = known ?? ({ outcome: 'open', firstOffset: this.endOffset } as never);
      if (known === undefined) this.open.set(producerId, transaction as never);
    }
    const baseSequence = this.sequences.get(producerId ?? -1) ?? 0;
    const options =
      producerId === null ? {} : { producerId, producerEpoch: 0, baseSequence, isTransactional: producerId >= 20 };
    const first = sim.append(records, options);
    expect(first).toBe(this.endOffset);
    if (producerId !== null) this.sequences.set(producerId, baseSequence + records.length);
    for (const [index, { key, value }] of records.entries()) {
      const offset = first + index;
      this.appended.set(offset, { offset, key: key!, value, appendedMs: sim.nowMs, transaction });
    }
    this.endOffset += records.length;
  }

  check(): void {
    const { sim } = this;
    // A swap that recovery had to finish comes without its indexes.
    expect(sim.problems.filter((message) => !message.endsWith('the indexes are rebuilt'))).toEqual([]);
    expect(sim.log.offline).toBeNull();
    expect(sim.log.logEndOffset).toBe(this.endOffset);
    const unstable = [...this.open.values()].map((each) => each.firstOffset);
    expect(sim.log.lastStableOffset).toBe(Math.min(this.endOffset, ...unstable));
    for (const { offset, key, value } of sim.records()) {
      expect({ key, value }).toEqual({ key: this.appended.get(offset)?.key, value: this.appended.get(offset)?.value });
    }
    for (const [producerId, next] of this.sequences) {
      if (producerId >= 0) expect(sim.log.producers.entries.get(producerId)?.lastSequence).toBe(next - 1);
    }
    const bound = sim.log.lastStableOffset;
    const wanted = new Map<string, Appended>();
    for (const each of this.appended.values()) {
      if (each.offset < bound && each.transaction?.outcome !== 'aborted') wanted.set(each.key, each);
    }
    const seen = sim.committed();
    for (const [key, { offset, value, appendedMs }] of wanted) {
      const found = seen.get(key);
      if (found === undefined) {
        expect([key, value]).toEqual([key, null]);
        expect(sim.nowMs - appendedMs).toBeGreaterThanOrEqual(1000);
      } else {
        expect({ key, ...found }).toEqual({ key, offset, value });
      }
    }
    for (const key of seen.keys()) expect(wanted.has(key)).toBe(true);
  }
}

test.prop(
  [
    fc.array(step, { minLength: 10, maxLength: 70 }),
    fc.integer({ min: 0, max: 1e6 }),
    fc.constantFrom(24 * 3, 24 * 5, 1 << 20),
  ],
  { numRuns: 120 },
)(
  'a compacted log keeps its last values through cleaning, crashes and power cuts',
  async (steps, seed, dedupeBufferBytes) => {
    const sim = await new CleaningWorld(seed, {}, { dedupeBufferBytes }).open();
    const model = new Model(sim);
    for (const each of steps) {
      await model.apply(each);
      model.check();
    }
    await sim.restart('kill');
    model.check();
  },
);

const story: readonly Step[] = [
  {
    kind: 'plain',
    by: 0,
    records: [
      { key: 'a', value: '1' },
      { key: 'b', value: '1' },
    ],
  },
  { kind: 'idempotent', by: 0, records: [{ key: 'a', value: '2' }] },
  { kind: 'transactional', by: 0, records: [{ key: 'c', value: 'aborted' }] },
  { kind: 'roll' },
  {
    kind: 'plain',
    by: 0,
    records: [
      { key: 'b', value: null },
      { key: 'd', value: 'x' },
    ],
  },
  { kind: 'endTransaction', by: 0, isCommit: false },
  { kind: 'roll' },
  { kind: 'transactional', by: 0, records: [{ key: 'c', value: 'committed' }] },
  { kind: 'endTransaction', by: 0, isCommit: true },
  { kind: 'clean' },
  { kind: 'advance', ms: 1200 },
  ...Array.from(
    { length: 12 },
    (_, index): Step => ({
      kind: 'plain',
      by: 0,
      records: [
        { key: 'a', value: `${index}`.repeat(40) },
        { key: `x${index % 2}`, value: '1' },
      ],
    }),
  ),
  { kind: 'roll' },
];

for (const how of ['kill', 'powerCut'] as const) {
  plainTest(`${how} in front of every disk operation of a pass`, async () => {
    for (let count = 0; ; count++) {
      const sim = await new CleaningWorld(count).open();
      const model = new Model(sim);
      for (const each of story) await model.apply(each);
      model.check();
      const isInterrupted = await sim.cleanUntil(count, how);
      model.check();
      await sim.clean();
      model.check();
      expect(sim.records().length).toBeLessThan(10);
      expect(sim.fileNames().filter((name) => /cleaned|swap/.test(name))).toEqual([]);
      if (!isInterrupted) {
        expect(count).toBeGreaterThan(20);
        break;
      }
    }
  });
}
