import { fc, test as property } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import { keyOf, type TopicPartition } from '../topic-partition.ts';
import type { Assignor, GroupAssignment, GroupMember } from './assignor.ts';
import { ASSIGNORS } from './assignors.ts';
import { ASSIGNOR_NAMES } from './names.ts';

const TOPICS = ['a', 'b', 'c'];

function member(
  memberId: string,
  topics: readonly string[],
  owned: readonly TopicPartition[] = [],
  generation = 1,
): GroupMember {
  const userData = ASSIGNORS.sticky.userData!(owned, generation);
  return { memberId, groupInstanceId: null, topics, ownedPartitions: owned, generation, userData };
}

/** The same member as its assignor would describe it. */
function told(assignor: Assignor, base: GroupMember): GroupMember {
  const { ownedPartitions, generation } = base;
  return { ...base, userData: assignor.userData?.(ownedPartitions, generation) ?? null };
}

function placesOf(counts: ReadonlyMap<string, number>, topics: Iterable<string>): TopicPartition[] {
  return [...new Set(topics)].flatMap((topic) =>
    Array.from({ length: counts.get(topic) ?? 0 }, (_, partition) => ({ topic, partition })),
  );
}

const countsArb = fc
  .array(fc.integer({ min: 1, max: 9 }), { minLength: 3, maxLength: 3 })
  .map((list) => new Map(TOPICS.map((topic, i) => [topic, list[i]!])));
const membersArb = fc
  .array(fc.subarray(TOPICS, { minLength: 1 }), { minLength: 1, maxLength: 6 })
  .map((lists) => lists.map((topics, i) => member(`m${i}`, topics)));

function expectComplete(
  counts: ReadonlyMap<string, number>,
  members: readonly GroupMember[],
  assignment: GroupAssignment,
) {
  const given = [...assignment].flatMap(([memberId, list]) => list.map((each) => [keyOf(each), memberId] as const));
  const wanted = placesOf(
    counts,
    members.flatMap((each) => each.topics),
  ).map(keyOf);
  expect(given.map(([key]) => key).sort()).toEqual(wanted.sort());
  for (const each of members) {
    for (const place of assignment.get(each.memberId)!) expect(each.topics).toContain(place.topic);
  }
}

for (const name of ASSIGNOR_NAMES) {
  const assignor = ASSIGNORS[name];
  property.prop([countsArb, membersArb])(
    `${name}: each partition to exactly one member that wants it`,
    (counts, members) => {
      const asked = members.map((each) => told(assignor, each));
      expectComplete(counts, asked, assignor.assign(counts, asked));
    },
  );

  property.prop([countsArb, membersArb])(`${name}: the order of members does not matter`, (counts, members) => {
    const asked = members.map((each) => told(assignor, each));
    const one = assignor.assign(counts, asked);
    const other = assignor.assign(counts, [...asked].reverse());
    for (const each of asked) expect(other.get(each.memberId)).toEqual(one.get(each.memberId));
  });
}

property.prop([countsArb, fc.integer({ min: 1, max: 6 })])(
  'with one subscription for all: balanced within one',
  (counts, size) => {
    for (const name of ['roundrobin', 'sticky', 'cooperative-sticky'] as const) {
      const members = Array.from({ length: size }, (_, i) => told(ASSIGNORS[name], member(`m${i}`, TOPICS)));
      const loads = [...ASSIGNORS[name].assign(counts, members).values()].map((list) => list.length);
      expect(Math.max(...loads) - Math.min(...loads)).toBeLessThanOrEqual(1);
    }
  },
);

test('range: neighbours together, the first ones take the remainder of each topic', () => {
  const counts = new Map([
    ['a', 3],
    ['b', 3],
  ]);
  const assignment = ASSIGNORS.range.assign(counts, [member('m0', ['a', 'b']), member('m1', ['a', 'b'])]);
  expect(assignment.get('m0')!.map(keyOf)).toEqual(['a-0', 'a-1', 'b-0', 'b-1']);
  expect(assignment.get('m1')!.map(keyOf)).toEqual(['a-2', 'b-2']);
});

test('round robin: one after the other over all topics', () => {
  const counts = new Map([
    ['a', 3],
    ['b', 3],
  ]);
  const assignment = ASSIGNORS.roundrobin.assign(counts, [member('m0', ['a', 'b']), member('m1', ['a', 'b'])]);
  expect(assignment.get('m0')!.map(keyOf)).toEqual(['a-0', 'a-2', 'b-1']);
  expect(assignment.get('m1')!.map(keyOf)).toEqual(['a-1', 'b-0', 'b-2']);
});

/** The most partitions that can stay where they are in any assignment balanced within one (all members want all topics). */
function keptMax(owned: readonly number[], total: number): number {
  const share = Math.floor(total / owned.length);
  let extra = total % owned.length;
  let kept = 0;
  for (const count of [...owned].sort((a, b) => b - a)) {
    const quota = extra > 0 ? share + 1 : share;
    if (extra > 0) extra--;
    kept += Math.min(count, quota);
  }
  return kept;
}

const scatterArb = fc.record({
  partitions: fc.integer({ min: 1, max: 12 }),
  owners: fc.array(fc.integer({ min: -1, max: 4 }), { minLength: 12, maxLength: 12 }),
  size: fc.integer({ min: 1, max: 5 }),
});

for (const name of ['sticky', 'cooperative-sticky'] as const) {
  property.prop([scatterArb])(`${name}: as few moves as balance allows`, ({ partitions, owners, size }) => {
    const counts = new Map([['a', partitions]]);
    const owned: TopicPartition[][] = Array.from({ length: size }, () => []);
    for (let partition = 0; partition < partitions; partition++) {
      owned[owners[partition]!]?.push({ topic: 'a', partition });
    }
    const members = owned.map((list, i) => told(ASSIGNORS[name], member(`m${i}`, ['a'], list)));
    const assignment = ASSIGNORS[name].assign(counts, members);
    const kept = members.reduce((sum, each) => {
      const before = new Set(each.ownedPartitions.map(keyOf));
      return sum + assignment.get(each.memberId)!.filter((place) => before.has(keyOf(place))).length;
    }, 0);
    expect(kept).toBe(
      keptMax(
        owned.map((list) => list.length),
        partitions,
      ),
    );
  });
}

property.prop([countsArb, membersArb, fc.array(fc.nat(5), { minLength: 27, maxLength: 27 })])(
  'sticky: no single move evens out more',
  (counts, members, owners) => {
    const owned = new Map<string, TopicPartition[]>();
    placesOf(counts, TOPICS).forEach((place, i) => {
      const owner = members[owners[i % owners.length]! % members.length]!;
      if (owner.topics.includes(place.topic)) owned.set(owner.memberId, [...(owned.get(owner.memberId) ?? []), place]);
    });
    const asked = members.map((each) => member(each.memberId, each.topics, owned.get(each.memberId) ?? []));
    const assignment = ASSIGNORS.sticky.assign(counts, asked);
    expectComplete(counts, asked, assignment);
    for (const from of asked) {
      for (const to of asked) {
        const movable = assignment.get(from.memberId)!.some((place) => to.topics.includes(place.topic));
        const difference = assignment.get(from.memberId)!.length - assignment.get(to.memberId)!.length;
        if (movable) expect(difference).toBeLessThan(2);
      }
    }
  },
);

test('cooperative-sticky: what moves is withheld for a round, and the second round is complete', () => {
  const counts = new Map([['a', 4]]);
  const assignor = ASSIGNORS['cooperative-sticky'];
  const all = placesOf(counts, ['a']);
  const first = assignor.assign(counts, [member('m0', ['a'], all), member('m1', ['a'])]);
  expect(first.get('m0')!.length).toBe(2);
  expect(first.get('m1')).toEqual([]);
  const members = [member('m0', ['a'], first.get('m0')!, 2), member('m1', ['a'], [], 2)];
  const second = assignor.assign(counts, members);
  expectComplete(counts, members, second);
  expect(second.get('m0')).toEqual(first.get('m0'));
});

test('of two claims the newer generation wins, equal ones cancel each other', () => {
  const counts = new Map([['a', 2]]);
  const place = { topic: 'a', partition: 0 };
  const newer = ASSIGNORS.sticky.assign(counts, [member('m0', ['a'], [place], 4), member('m1', ['a'], [place], 5)]);
  expect(newer.get('m1')!.map(keyOf)).toEqual(['a-0']);
});
