import { fc, test as property } from '@fast-check/vitest';
import { expect } from 'vitest';
import { SimWorld } from '../ports/sim/world.ts';
import { IndexFile } from './index-file.ts';

/** Entries of 8 bytes whose number i holds 10 i: whatever page was read last, by whichever index, a search finds the same. */
const ENTRY_BYTES = 8;
const PAGE_ENTRIES = 512;
const ENTRIES_MAX = 5 * PAGE_ENTRIES;

function append(index: IndexFile, count: number): void {
  for (let i = 0; i < count && !index.isFull; i++) {
    const value = index.count * 10;
    const { buffer, at } = index.next();
    buffer.writeInt32BE(value, at);
  }
}

const step = fc.record({
  index: fc.integer({ min: 0, max: 1 }),
  kind: fc.constantFrom('search', 'search', 'search', 'append', 'write', 'truncate'),
  amount: fc.integer({ min: 0, max: ENTRIES_MAX }),
});

property.prop([fc.array(step, { maxLength: 40 })])('a search finds its entry wherever the last one ended', (steps) => {
  const { files } = new SimWorld({ seed: 1 }).process('p').ports;
  files.makeDirectory('/d');
  const indexes = ['/d/a', '/d/b'].map((path) => new IndexFile(files, path, ENTRY_BYTES, ENTRIES_MAX * ENTRY_BYTES, 0));
  for (const index of indexes) append(index, 2 * PAGE_ENTRIES + 100);
  for (const { index: which, kind, amount } of steps) {
    const index = indexes[which]!;
    if (kind === 'append') append(index, amount % PAGE_ENTRIES);
    else if (kind === 'write') index.write();
    else if (kind === 'truncate') index.truncate(index.count - (amount % 100));
    for (const near of [amount, amount + 1, amount + 200]) {
      const expected = Math.min(index.count, near + 1);
      expect(index.countWhile((buffer, at) => buffer.readInt32BE(at) <= near * 10)).toBe(expected);
    }
    expect(index.countWhile(() => false)).toBe(0);
    expect(index.countWhile(() => true)).toBe(index.count);
  }
});
