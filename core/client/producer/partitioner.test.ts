import { fc, test as property } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import { SimWorld } from '../../ports/sim/world.ts';
import { roundRobinPartitioner, StickyPartition, weightedIndex } from './partitioner.ts';

test('round robin takes turns over the partitions that have a leader, by topic', () => {
  const choose = roundRobinPartitioner();
  const ask = (topic: string) =>
    choose({
      record: { topic, value: null },
      key: null,
      value: null,
      partitionCount: 4,
      availablePartitions: [0, 2, 3],
    });
  expect([ask('a'), ask('a'), ask('b'), ask('a'), ask('a')]).toEqual([0, 2, 0, 3, 0]);
});

test('sticky: stays until a batch is full, then moves on', () => {
  const random = new SimWorld({ seed: 1 }).random('test');
  const sticky = new StickyPartition(random, 100);
  const ask = () => (sticky.isChosen(8) ? sticky.current : sticky.choose(8, [0, 1, 2, 3, 4, 5, 6, 7], null));
  const first = ask();
  sticky.appended(60, false);
  expect(ask()).toBe(first);
  sticky.appended(60, false); // enough, but in the middle of a batch
  expect(ask()).toBe(first);
  sticky.appended(100, false);
  const chosen = new Set<number>();
  for (let i = 0; i < 200; i++) {
    chosen.add(ask());
    sticky.appended(100, true);
  }
  expect(chosen.size).toBe(8);
});

property.prop([fc.array(fc.nat(5), { minLength: 1, maxLength: 6 }), fc.nat()])(
  'a weighted index is in range',
  (lengths, seed) => {
    const index = weightedIndex(new SimWorld({ seed }).random('w'), lengths);
    expect(index).toBeGreaterThanOrEqual(0);
    expect(index).toBeLessThan(lengths.length);
  },
);
