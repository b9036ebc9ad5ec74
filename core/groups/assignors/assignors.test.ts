import { fc, test as property } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import { countOf, hasPartition, NO_PARTITIONS, partitionsOf, type TopicPartitions } from '../topic-partitions.ts';
import type { AssignmentSpec, Assignor } from './assignor.ts';
import { range } from './range.ts';
import { simple } from './simple.ts';
import { uniform } from './uniform.ts';

const member = (memberId: string, topicIds: readonly string[], assigned: TopicPartitions = NO_PARTITIONS) => ({
  memberId,
  instanceId: null,
  topicIds: new Set(topicIds),
  assigned,
});
const shown = (assignor: Assignor, spec: AssignmentSpec) =>
  Object.fromEntries(
    [...assignor(spec)].map(([id, topics]) => [id, [...partitionsOf(topics)].map(([t, p]) => `${t}${p}`).join(' ')]),
  );

test('range: runs of each topic, co-partitioned topics together, the first get one more', () => {
  const spec = {
    members: [member('m2', ['s', 't']), member('m1', ['s', 't']), member('m3', ['t'])],
    partitionCounts: new Map([
      ['s', 3],
      ['t', 5],
    ]),
  };
  expect(shown(range, spec)).toEqual({ m1: 's0 s1 t0 t1', m2: 's2 t2 t3', m3: 't4' });
  const statics = [member('a', ['s']), { ...member('b', ['s']), instanceId: 'i' }];
  expect(shown(range, { members: statics, partitionCounts: new Map([['s', 2]]) })).toEqual({ b: 's0', a: 's1' });
});

test('uniform: a new member takes from the fullest only what balance asks for', () => {
  const spec = {
    members: [
      member('m1', ['t'], new Map([['t', new Set([0, 1, 2])]])),
      member('m2', ['t'], new Map([['t', new Set([3, 4])]])),
      member('m3', ['t']),
    ],
    partitionCounts: new Map([['t', 5]]),
  };
  expect(shown(uniform, spec)).toEqual({ m1: 't0 t1', m2: 't3 t4', m3: 't2' });
});

test('simple: partitions are shared by as many members as there are too many of them; only those with state', () => {
  const two = { partitionCounts: new Map([['t', 2]]) };
  const crowd = ['m1', 'm2', 'm3'].map((id) => member(id, ['t']));
  expect(shown(simple, { ...two, members: crowd })).toEqual({ m1: 't0 t1', m2: 't0', m3: 't1' });
  const assignable = new Map([['t', new Set([1])]]);
  expect(shown(simple, { ...two, members: crowd, assignable })).toEqual({ m1: 't1', m2: 't1', m3: 't1' });
  // Who has something keeps it, up to its share.
  const kept = [member('m1', ['t']), member('m2', ['t'], new Map([['t', new Set([0, 1])]]))];
  expect(shown(simple, { ...two, members: kept })).toEqual({ m1: 't1', m2: 't0' });
  // Each topic among its subscribers.
  const differ = [member('m1', ['s']), member('m2', ['s', 't'])];
  const counts = new Map([
    ['s', 2],
    ['t', 1],
  ]);
  expect(shown(simple, { members: differ, partitionCounts: counts })).toEqual({ m1: 's0', m2: 's1 t0' });
});

const specs = fc
  .record({
    counts: fc.array(fc.nat(9), { minLength: 1, maxLength: 4 }),
    subscriptions: fc.array(fc.array(fc.nat(3), { maxLength: 4 }), { minLength: 1, maxLength: 6 }),
    isHomogeneous: fc.boolean(),
  })
  .map(({ counts, subscriptions, isHomogeneous }) => {
    const known = subscriptions.map((each) => [...new Set(each)].filter((i) => i < counts.length).map((i) => `t${i}`));
    const members = known.map((topics, i) => member(`m${i}`, isHomogeneous ? known[0]! : topics));
    const partitionCounts = new Map(
      counts.map((count, i) => [`t${i}`, count] as const).filter(([id]) => members.some((m) => m.topicIds.has(id))),
    );
    return { members, partitionCounts, isHomogeneous };
  });

function checkComplete(spec: AssignmentSpec, assignor: Assignor) {
  const assignment = assignor(spec);
  for (const [topicId, count] of spec.partitionCounts) {
    for (let partition = 0; partition < count; partition++) {
      const owners = spec.members.filter((m) => hasPartition(assignment.get(m.memberId)!, topicId, partition));
      expect(owners.length).toBe(1);
      expect(owners[0]!.topicIds.has(topicId)).toBe(true);
    }
  }
  return assignment;
}

property.prop([specs])('range gives every partition to one subscriber', (spec) => {
  checkComplete(spec, range);
});

property.prop([specs, fc.nat(5)])(
  'uniform: every partition to one subscriber, balanced within one, sticky',
  (spec, goes) => {
    const first = checkComplete(spec, uniform);
    const loads = [...first.values()].map(countOf);
    if (spec.isHomogeneous) expect(Math.max(...loads) - Math.min(...loads)).toBeLessThanOrEqual(1);
    const withTarget = spec.members.map((each) => ({ ...each, assigned: first.get(each.memberId)! }));
    // Nothing changed: nothing moves.
    const again = checkComplete({ ...spec, members: withTarget }, uniform);
    for (const { memberId } of spec.members) {
      expect(new Set([...partitionsOf(again.get(memberId)!)].map(String))).toEqual(
        new Set([...partitionsOf(first.get(memberId)!)].map(String)),
      );
    }
    // One member goes: what the others have they keep, where all subscribe to the same.
    const left = withTarget.filter((_, i) => i !== goes % spec.members.length);
    if (left.length === 0 || !spec.isHomogeneous) return;
    const after = checkComplete({ ...spec, members: left }, uniform);
    for (const { memberId, assigned } of left) {
      for (const [topicId, partition] of partitionsOf(assigned)) {
        expect(hasPartition(after.get(memberId)!, topicId, partition)).toBe(true);
      }
    }
  },
);

property.prop([specs])(
  'simple: no partition without a subscriber, shared by no more than it takes, and nothing moves without need',
  (spec) => {
    const first = simple(spec);
    for (const [topicId, count] of spec.partitionCounts) {
      const subscribers = spec.members.filter((m) => m.topicIds.has(topicId));
      for (let partition = 0; partition < count; partition++) {
        const owners = spec.members.filter((m) => hasPartition(first.get(m.memberId)!, topicId, partition));
        expect(owners.length).toBeGreaterThan(0);
        expect(owners.every((m) => m.topicIds.has(topicId))).toBe(true);
        expect(owners.length).toBeLessThanOrEqual(Math.ceil(subscribers.length / (spec.isHomogeneous ? 1 : count)));
      }
    }
    const again = simple({ ...spec, members: spec.members.map((m) => ({ ...m, assigned: first.get(m.memberId)! })) });
    for (const { memberId } of spec.members) {
      const before = [...partitionsOf(first.get(memberId)!)].map(String);
      expect([...partitionsOf(again.get(memberId)!)].map(String)).toEqual(expect.arrayContaining(before));
    }
  },
);
