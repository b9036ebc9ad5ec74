import { createRequire } from 'node:module';
import { fc, test as property } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import { decodeAssignment, decodeSubscription, encodeAssignment, encodeSubscription } from './consumer-protocol.ts';

const kafkajs = createRequire(import.meta.url)('kafkajs/src/consumer/assignerProtocol.js') as {
  MemberMetadata: {
    encode(value: { version: number; topics: string[]; userData: Buffer }): Buffer;
    decode(buffer: Buffer): { version: number; topics: string[] };
  };
  MemberAssignment: {
    encode(value: { version: number; assignment: Record<string, number[]>; userData: Buffer }): Buffer;
    decode(buffer: Buffer): { assignment: Record<string, number[]> };
  };
};

const places = fc.uniqueArray(fc.record({ topic: fc.constantFrom('a', 'b', 'c-1'), partition: fc.nat(20) }), {
  selector: (each) => `${each.topic}-${each.partition}`,
});

property.prop([places])('an assignment survives, and kafkajs reads it', (partitions) => {
  const encoded = encodeAssignment(partitions);
  const sorted = (list: readonly { topic: string; partition: number }[]) =>
    list.map((each) => `${each.topic}-${each.partition}`).sort();
  expect(sorted(decodeAssignment(encoded))).toEqual(sorted(partitions));
  const { assignment } = kafkajs.MemberAssignment.decode(encoded);
  const theirs = Object.entries(assignment).flatMap(([topic, list]) => list.map((partition) => ({ topic, partition })));
  expect(sorted(theirs)).toEqual(sorted(partitions));
});

property.prop([places, fc.integer({ min: 0, max: 3 })])(
  'a subscription survives at every version',
  (owned, version) => {
    const metadata = {
      topics: ['a', 'b'],
      userData: Buffer.from('x'),
      ownedPartitions: owned,
      generation: 7,
      rackId: 'r',
    };
    const decoded = decodeSubscription(encodeSubscription(metadata, version));
    expect(decoded.topics).toEqual(['a', 'b']);
    expect(decoded.ownedPartitions.length).toBe(version >= 1 ? owned.length : 0);
    expect(decoded.generation).toBe(version >= 2 ? 7 : -1);
    expect(decoded.rackId).toBe(version >= 3 ? 'r' : null);
  },
);

test('a subscription of kafkajs is read, and the other way round', () => {
  const theirs = kafkajs.MemberMetadata.encode({ version: 1, topics: ['t'], userData: Buffer.alloc(0) });
  expect(decodeSubscription(theirs.subarray(0)).topics).toEqual(['t']);
  const ours = encodeSubscription({ topics: ['t'], userData: null, ownedPartitions: [], generation: -1, rackId: null });
  expect(kafkajs.MemberMetadata.decode(ours)).toMatchObject({ topics: ['t'] });
});

test('no bytes are no partitions', () => {
  expect(decodeAssignment(Buffer.alloc(0))).toEqual([]);
});
