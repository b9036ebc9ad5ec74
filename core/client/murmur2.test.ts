import { createRequire } from 'node:module';
import { fc, test as property } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import { murmur2, partitionOfKey } from './murmur2.ts';

const theirs = createRequire(import.meta.url)('kafkajs/src/producer/partitioners/default/murmur2.js') as (
  key: Buffer,
) => number;

test.each([
  ['21', -973932308],
  ['foobar', -790332482],
  ['a-little-bit-long-string', -985981536],
  ['a-little-bit-longer-string', -1486304829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ['abc', 479470107],
])('murmur2 of %s is what the Java client computes', (text, hash) => {
  expect(murmur2(Buffer.from(text))).toBe(hash);
});

property.prop([fc.uint8Array({ maxLength: 64 })])('murmur2 is the same as in kafkajs', (bytes) => {
  expect(murmur2(bytes)).toBe(theirs(Buffer.from(bytes)));
});

property.prop([fc.uint8Array(), fc.integer({ min: 1, max: 1000 })])('a key has a partition in range', (key, count) => {
  const partition = partitionOfKey(key, count);
  expect(partition).toBeGreaterThanOrEqual(0);
  expect(partition).toBeLessThan(count);
});
