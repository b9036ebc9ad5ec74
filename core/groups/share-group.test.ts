import { fc, test as property } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import { ErrorCode } from '../protocol/errors.ts';
import { ShareGroup } from './share-group.ts';
import { decodeShareGroupRecord, encodeShareGroupRecord, type ShareGroupRecord } from './share-group-records.ts';
import {
  leaveShareGroup,
  removeShareMembers,
  type ShareHeartbeat,
  type ShareHeartbeatOutcome,
  shareDeleteRecordsOf,
  shareHeartbeat,
} from './share-heartbeat.ts';
import {
  deleted,
  deletingAll,
  deletingTopics,
  initialized,
  initializingFailed,
  topicGone,
} from './share-partition-states.ts';
import { listed, type TopicPartitions, type TopicsView } from './topic-partitions.ts';

const RETRY_MS = 1000;
/** Ids of topics, as the wire has them. */
const idOf = (name: string) => Buffer.alloc(16, name).toString('base64url');
const topicsOf = (counts: ReadonlyMap<string, number>): TopicsView => ({
  byName: (name) => (counts.has(name) ? { topicId: idOf(name), partitionCount: counts.get(name)! } : undefined),
  nameOf: (id) => [...counts.keys()].find((name) => idOf(name) === id),
  names: () => counts.keys(),
});

/** A group with all that surrounds it: its clock, its topics, its log. */
class World {
  group = new ShareGroup('g');
  readonly counts = new Map<string, number>();
  readonly log: ShareGroupRecord[] = [];
  nowMs = 10_000;
  assignmentIntervalMs = 0;
  sizeMax = 4;

  get topics(): TopicsView {
    return topicsOf(this.counts);
  }

  get env() {
    const { topics, nowMs, assignmentIntervalMs, sizeMax } = this;
    const limits = { sizeMax, initializeRetryMs: RETRY_MS };
    return { limits, heartbeatIntervalMs: 5000, assignmentIntervalMs, topics, isMetadataStale: true, wallNowMs: nowMs };
  }

  store(records: readonly (ShareGroupRecord | null)[]): void {
    for (const record of records) {
      if (record === null) continue;
      this.log.push(record);
      this.group.replay(record, this.nowMs);
    }
  }

  beat(memberId: string, memberEpoch: number, subscribedTopicNames: readonly string[] | null = null) {
    const request: ShareHeartbeat = {
      memberId,
      memberEpoch,
      subscribedTopicNames,
      rackId: null,
      clientId: 'c',
      clientHost: '/h',
    };
    const decide = memberEpoch < 0 ? leaveShareGroup : shareHeartbeat;
    const outcome: ShareHeartbeatOutcome = decide(this.group, request, this.env);
    if (outcome.kind === 'accepted') this.store(outcome.records);
    return outcome;
  }

  accepted(...args: Parameters<World['beat']>) {
    const outcome = this.beat(...args);
    if (outcome.kind === 'refused') throw new Error(outcome.refusal.errorMessage);
    return outcome;
  }

  errorCode(...args: Parameters<World['beat']>): number {
    const outcome = this.beat(...args);
    return outcome.kind === 'refused' ? outcome.refusal.errorCode : ErrorCode.NONE;
  }

  /** The keeper of states has done all that was begun. */
  finish(): void {
    const begun = this.group.partitionStates?.initializing ?? new Map();
    const done: TopicPartitions = new Map([...begun].map(([topicId, { partitions }]) => [topicId, partitions]));
    if (done.size > 0) this.store([initialized(this.group, done, this.topics)]);
  }

  /** The group as its log has it, through the bytes. */
  replayed(): ShareGroup {
    const group = new ShareGroup('g');
    for (const record of this.log) {
      const { key, value } = encodeShareGroupRecord(record);
      group.replay(decodeShareGroupRecord(key, value)!, this.nowMs);
    }
    return group;
  }
}

const shown = (assignment: TopicPartitions | null) =>
  assignment && Object.fromEntries(listed(assignment).map((each) => [each.topicId, each.partitions]));

test('partitions are assigned once their state is initialized; an answer that got lost is given again', () => {
  const world = new World();
  world.counts.set('t', 2);
  const joined = world.accepted('m', 0, ['t']);
  expect(joined.answer).toMatchObject({ memberEpoch: 2, heartbeatIntervalMs: 5000 });
  expect(shown(joined.answer.assignment)).toEqual({});
  expect([...joined.toInitialize.keys()]).toEqual([idOf('t')]);
  // Somebody is at work: nothing is begun a second time.
  expect(world.accepted('m', 2).toInitialize.size).toBe(0);
  world.finish();
  const given = world.accepted('m', 2);
  expect(given.answer.memberEpoch).toBe(3);
  expect(shown(given.answer.assignment)).toEqual({ [idOf('t')]: [0, 1] });
  expect(world.accepted('m', 3).answer.assignment).toBeNull();
  expect(world.accepted('m', 2).answer.memberEpoch).toBe(3);
  expect(world.errorCode('m', 1)).toBe(ErrorCode.FENCED_MEMBER_EPOCH);
  expect(world.errorCode('m', 4)).toBe(ErrorCode.FENCED_MEMBER_EPOCH);
  expect(shown(world.accepted('m', 0, ['t']).answer.assignment)).toEqual({ [idOf('t')]: [0, 1] });
});

test('initializing that failed is begun again at once, one that nobody ended after the retry interval', () => {
  const world = new World();
  world.counts.set('t', 1);
  world.accepted('m', 0, ['t']);
  world.store([initializingFailed(world.group, new Map([[idOf('t'), new Set([0])]]))]);
  expect(world.accepted('m', 2).toInitialize.size).toBe(1);
  world.nowMs += RETRY_MS - 1;
  expect(world.accepted('m', 2).toInitialize.size).toBe(0);
  world.nowMs += 1;
  expect(world.accepted('m', 2).toInitialize.size).toBe(1);
  // Failure of what is not begun changes nothing.
  world.finish();
  expect(initializingFailed(world.group, new Map([[idOf('t'), new Set([0])]]))).toBeNull();
});

test('a target is computed not more often than the assignment interval; the member waits with its epoch', () => {
  const world = new World();
  world.assignmentIntervalMs = 1000;
  world.counts.set('t', 1);
  world.accepted('m', 0, ['t']);
  world.finish();
  expect(world.accepted('m', 2).answer.memberEpoch).toBe(2);
  expect([world.group.groupEpoch, world.group.assignmentEpoch]).toEqual([3, 2]);
  world.nowMs += 1000;
  expect(world.accepted('m', 2).answer.memberEpoch).toBe(3);
});

test('a full group takes its members only', () => {
  const world = new World();
  world.sizeMax = 1;
  world.accepted('a', 0, ['t']);
  expect(world.errorCode('b', 0, ['t'])).toBe(ErrorCode.GROUP_MAX_SIZE_REACHED);
  expect(world.errorCode('a', 2)).toBe(ErrorCode.NONE);
  expect(world.errorCode('b', 2)).toBe(ErrorCode.GROUP_MAX_SIZE_REACHED);
  world.accepted('a', -1);
  expect(world.group.state).toBe('Empty');
  expect(world.errorCode('a', -1)).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
});

test('what is to be deleted is asked for again until it is gone; a topic that is gone itself needs no asking', () => {
  const world = new World();
  world.counts.set('t', 2).set('u', 1);
  world.accepted('m', 0, ['t', 'u']);
  world.finish();
  world.accepted('m', -1);
  const [t, u] = [idOf('t'), idOf('u')];
  const first = deletingTopics(world.group, [t, idOf('absent')], world.topics);
  expect([...first.unknown]).toEqual([idOf('absent')]);
  expect(first.partitions).toEqual([0, 1].map((partition) => ({ topicId: t, partition })));
  world.store([first.record]);
  expect(deletingTopics(world.group, [t], world.topics).partitions.length).toBe(2);
  const all = deletingAll(world.group, world.topics)!;
  expect(all.partitions.length).toBe(3);
  world.store([all.record]);
  expect([...world.group.partitionStates!.deleting.keys()].sort()).toEqual([t, u].sort());
  world.store([deleted(world.group, [t])]);
  expect([...world.group.partitionStates!.deleting.keys()]).toEqual([u]);
  world.store([topicGone(world.group, u)]);
  expect(topicGone(world.group, u)).toBeNull();
  expect(world.group.partitionStates!.deleting.size).toBe(0);
  world.store(shareDeleteRecordsOf(world.group));
  expect(world.group.partitionStates).toBeNull();
});

test('what is left of a deleted topic neither raises epochs, when there is another of its name, nor keeps the group from being deleted', () => {
  const world = new World();
  world.counts.set('t', 1);
  world.accepted('m', 0, ['t']);
  world.finish();
  world.accepted('m', 2);
  // As after a crash between the deletion of the topic and the record about it.
  const stale = new Map([[idOf('old'), { topicName: 't', partitions: new Set([0]) }]]);
  const states = world.group.partitionStates!;
  const value = { ...states, initialized: new Map([...states.initialized, ...stale]) };
  world.store([{ type: 'sharePartitionStates', groupId: 'g', value }]);
  const { groupEpoch } = world.group;
  for (let i = 0; i < 3; i++) world.accepted('m', 3);
  expect(world.group.groupEpoch).toBe(groupEpoch);
  expect(deletingAll(world.group, world.topics)!.partitions).toEqual([{ topicId: idOf('t'), partition: 0 }]);
});

const MEMBERS = ['a', 'b', 'c', 'd', 'e'];
const TOPICS = ['t', 'u', 'v'];
const steps = fc.array(
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({ kind: fc.constant('beat' as const), member: fc.nat(4), isLost: fc.boolean() }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant('join' as const),
        member: fc.nat(4),
        topics: fc.uniqueArray(fc.constantFrom(...TOPICS), { minLength: 1 }),
      }),
    },
    fc.record({ kind: fc.constant('leave' as const), member: fc.nat(4) }),
    fc.record({ kind: fc.constant('late' as const), members: fc.uniqueArray(fc.nat(4)) }),
    fc.record({ kind: fc.constant('grow' as const), topic: fc.nat(2), by: fc.integer({ min: 1, max: 3 }) }),
    fc.record({ kind: fc.constant('drop' as const), topic: fc.nat(2) }),
    fc.record({ kind: fc.constant('finish' as const) }),
    fc.record({ kind: fc.constant('fail' as const), topic: fc.nat(2) }),
    fc.record({ kind: fc.constant('time' as const), ms: fc.nat(2000) }),
  ),
  { maxLength: 40 },
);

property.prop([steps])(
  'whatever happens, nobody is given a partition without state, and once it is quiet every partition has a member',
  (plan) => {
    const world = new World();
    world.sizeMax = 5;
    const epochs = new Map<string, number>();
    const beat = (member: string, epoch: number, topics: readonly string[] | null, isLost = false) => {
      const outcome = world.beat(member, epoch, topics);
      if (outcome.kind === 'accepted' && !isLost) epochs.set(member, outcome.answer.memberEpoch);
      if (outcome.kind === 'refused' && outcome.refusal.errorCode === ErrorCode.FENCED_MEMBER_EPOCH) {
        world.accepted(member, 0, world.group.members.get(member)!.subscribedTopicNames);
        epochs.set(member, world.group.members.get(member)!.memberEpoch);
      }
    };
    for (const step of plan) {
      if (step.kind === 'beat') beat(MEMBERS[step.member]!, epochs.get(MEMBERS[step.member]!) ?? 1, null, step.isLost);
      else if (step.kind === 'join') beat(MEMBERS[step.member]!, 0, step.topics);
      else if (step.kind === 'leave') world.beat(MEMBERS[step.member]!, -1);
      else if (step.kind === 'late') {
        const late = step.members.map((i) => MEMBERS[i]!).filter((id) => world.group.members.has(id));
        if (late.length > 0) world.store(removeShareMembers(world.group, late, world.env));
      } else if (step.kind === 'grow') {
        const name = TOPICS[step.topic]!;
        world.counts.set(name, (world.counts.get(name) ?? 0) + step.by);
      } else if (step.kind === 'drop') {
        const name = TOPICS[step.topic]!;
        if (world.counts.delete(name)) world.store([topicGone(world.group, idOf(name))]);
      } else if (step.kind === 'finish') world.finish();
      else if (step.kind === 'fail') {
        const topicId = idOf(TOPICS[step.topic]!);
        const failed = world.group.partitionStates?.initializing.get(topicId);
        if (failed !== undefined)
          world.store([initializingFailed(world.group, new Map([[topicId, failed.partitions]]))]);
      } else world.nowMs += step.ms;
      for (const [memberId, member] of world.group.members) {
        for (const [topicId, partitions] of member.assigned) {
          expect(member.subscribedTopicNames.map(idOf)).toContain(topicId);
          const ready = world.group.partitionStates?.initialized.get(topicId)?.partitions;
          const name = world.topics.nameOf(topicId);
          if (name !== undefined) expect(partitions.isSubsetOf(ready!), memberId).toBe(true);
        }
      }
    }
    expect({ ...world.replayed(), partitionStatesAtMs: 0 }).toEqual({ ...world.group, partitionStatesAtMs: 0 });
    // Quiet: everybody's heartbeats go on, and whatever is begun ends.
    for (let round = 0; round < 4; round++) {
      world.nowMs += RETRY_MS;
      for (const [memberId, { memberEpoch }] of [...world.group.members]) world.accepted(memberId, memberEpoch);
      world.finish();
    }
    const { members, assignmentEpoch, groupEpoch } = world.group;
    if (members.size > 0) expect(assignmentEpoch).toBe(groupEpoch);
    const counts = [...members.values()].map((member) => {
      expect(member.memberEpoch).toBe(assignmentEpoch);
      return [...member.assigned.values()].reduce((sum, each) => sum + each.size, 0);
    });
    for (const name of world.group.subscribedTopics()) {
      for (let partition = 0; partition < (world.counts.get(name) ?? 0); partition++) {
        const holders = [...members.values()].filter((member) => member.assigned.get(idOf(name))?.has(partition));
        expect(holders.length).toBeGreaterThan(0);
      }
    }
    const subscriptions = new Set([...members.values()].map((each) => each.subscribedTopicNames.join()));
    // Where all subscribe to the same, nobody is idle and nobody has two more than another.
    if (subscriptions.size === 1 && counts.some((count) => count > 0)) {
      expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
    }
  },
);
