import { fc, test as property } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import { sleep } from '../ports/clock.ts';
import { SimWorld } from '../ports/sim/world.ts';
import { ErrorCode } from '../protocol/errors.ts';
import { GroupCoordinator, type GroupCoordinatorConfig, groupPartition } from './group-coordinator.ts';
import { decodeGroupRecord, groupRecord, offsetRecord } from './records.ts';
import { NO_STATE_KEEPER } from './share-state-keeper.ts';
import { GROUP_CONFIG, MemoryLog } from './testing.ts';
import { NO_TOPICS } from './topic-partitions.ts';

const CONFIG: GroupCoordinatorConfig = {
  initialRebalanceDelayMs: 100,
  sessionTimeoutMinMs: 1000,
  sessionTimeoutMaxMs: 60_000,
  sizeMax: 100,
  offsetsPartitions: () => 1,
  offsetMetadataLengthMax: 16,
  offsetsRetentionMs: 60_000,
  offsetsRetentionCheckIntervalMs: 10_000,
  consumer: {
    sessionTimeoutMs: 45_000,
    heartbeatIntervalMs: 5000,
    assignmentIntervalMs: 0,
    sizeMax: 100,
    migrationPolicy: 'bidirectional',
    assignors: ['uniform', 'range'],
  },
  share: { sizeMax: 3, initializeRetryMs: 30_000 },
};

function open(seed = 1) {
  const world = new SimWorld({ seed });
  const { ports } = world.process('broker');
  const log = new MemoryLog(world);
  const start = (): GroupCoordinator => {
    const groups = new GroupCoordinator({
      clock: ports.clock,
      random: ports.random,
      config: CONFIG,
      topics: NO_TOPICS,
      configOf: () => GROUP_CONFIG,
      shareStates: NO_STATE_KEEPER,
    });
    groups.elected(0, 0, () => log);
    return groups;
  };
  return { world, ports, log, start, groups: start() };
}

const NOBODY = { memberId: '', groupInstanceId: null, generationId: -1 };
const COMMIT = { apiVersion: 8, retentionMs: null };
const at = (partition: number, offset: number, metadata = '') => ({
  topic: 't',
  partition,
  offset,
  leaderEpoch: 0,
  metadata,
});

test('a group lands in the partition where Kafka looks for it', () => {
  // "console-consumer-1".hashCode() and friends, computed by Java.
  expect(groupPartition('a', 50)).toBe(97 % 50);
  expect(groupPartition('group', 50)).toBe(98_629_247 % 50);
  expect(groupPartition('polygenelubricants', 50)).toBe(0);
  // Negative hashes; these three were found where Kafka had put them.
  expect([0, 1, 2].map((i) => groupPartition(`live:LLHTg_6DT8meWpi4L9c_GQ:${i}`, 3))).toEqual([0, 2, 1]);
});

test('C44 offsets come back with their metadata, also after a restart; too much metadata is refused for that partition only', async () => {
  const { world, groups, start } = open();
  const result = await world.settle(
    groups.offsets.commit('g', NOBODY, [at(0, 7, 'näh'), at(1, 8, 'x'.repeat(17))], COMMIT),
    { untilTimeMs: 1000 },
  );
  expect(result.offsetErrorCodes).toEqual([ErrorCode.NONE, ErrorCode.OFFSET_METADATA_TOO_LARGE]);
  for (const each of [groups, start()]) {
    const { offsets } = each.offsets.fetch('g');
    expect(offsets.get('t', 0)).toMatchObject({ offset: 7, metadata: 'näh' });
    expect(offsets.get('t', 1)).toBeUndefined();
  }
});

test('an offset is not visible before its record is committed, and never when it could not be', async () => {
  const { world, groups, log } = open();
  const pending = groups.offsets.commit('g', NOBODY, [at(0, 7)], COMMIT);
  expect(groups.offsets.fetch('g').offsets.get('t', 0)).toBeUndefined();
  await world.settle(pending, { untilTimeMs: 1000 });
  log.errorCode = ErrorCode.KAFKA_STORAGE_ERROR;
  const refused = await world.settle(groups.offsets.commit('g', NOBODY, [at(0, 9)], COMMIT), { untilTimeMs: 2000 });
  expect(refused.offsetErrorCodes).toEqual([ErrorCode.KAFKA_STORAGE_ERROR]);
  expect(groups.offsets.fetch('g').offsets.get('t', 0)?.offset).toBe(7);
});

test('C44 offsets of a group without members expire after their retention, and the group with them', async () => {
  const { world, groups, log } = open();
  await world.settle(groups.offsets.commit('g', NOBODY, [at(0, 7)], COMMIT), { untilTimeMs: 1000 });
  await world.run({ untilTimeMs: 59_000 });
  expect(groups.offsets.fetch('g').offsets.get('t', 0)?.offset).toBe(7);
  await world.run({ untilTimeMs: 75_000 });
  expect(groups.offsets.fetch('g').offsets.get('t', 0)).toBeUndefined();
  expect(groups.describeGroup('g').errorCode).toBe(ErrorCode.GROUP_ID_NOT_FOUND);
  expect(log.records.at(-1)?.value).toBeNull();
});

test('C51 a group with members is not deleted, an empty one is, a missing one is not found', async () => {
  const { world, groups } = open();
  void groups.joinGroup('g', joinOf('', 'instance'));
  await world.run({ untilTimeMs: 500 });
  const results = Promise.all([groups.deleteGroup('g'), groups.deleteGroup('nope'), groups.deleteGroup('')]);
  expect(await world.settle(results, { untilTimeMs: 600 })).toEqual([
    ErrorCode.NON_EMPTY_GROUP,
    ErrorCode.GROUP_ID_NOT_FOUND,
    ErrorCode.GROUP_ID_NOT_FOUND,
  ]);
  await world.run({ untilTimeMs: 9_000 });
  expect(groups.describeGroup('g').state).toBe('Empty');
  expect(await world.settle(groups.deleteGroup('g'), { untilTimeMs: 9_500 })).toBe(ErrorCode.NONE);
  // One that nobody deletes and that has no offsets goes when expired offsets are looked for.
  void groups.joinGroup('h', joinOf('', 'instance'));
  await world.run({ untilTimeMs: 19_000 });
  expect(groups.describeGroup('h').state).toBe('Empty');
  await world.run({ untilTimeMs: 21_000 });
  expect(groups.listGroups().groups).toEqual([]);
});

test('C46 session time-outs outside the bounds are refused with 26; who leads no partition says 16', async () => {
  const { world, groups } = open();
  for (const sessionTimeoutMs of [999, 60_001]) {
    const answer = await world.settle(groups.joinGroup('g', { ...joinOf(''), sessionTimeoutMs }), {
      untilTimeMs: 1000,
    });
    expect(answer.errorCode).toBe(ErrorCode.INVALID_SESSION_TIMEOUT);
  }
  void groups.joinGroup('g', joinOf(''));
  groups.resigned(0);
  const moved = await world.settle(groups.joinGroup('g', joinOf('')), { untilTimeMs: 2000 });
  expect(moved.errorCode).toBe(ErrorCode.NOT_COORDINATOR);
});

function joinOf(memberId: string, groupInstanceId: string | null = null) {
  return {
    memberId,
    groupInstanceId,
    clientId: 'c',
    clientHost: '/127.0.0.1',
    sessionTimeoutMs: 6000,
    rebalanceTimeoutMs: 8000,
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: Buffer.from('m') }],
    requireKnownMemberId: groupInstanceId === null,
    supportsSkipAssignment: true,
  };
}

test('records survive encode and decode', () => {
  const offset = { offset: 5, leaderEpoch: 3, metadata: 'm', commitTimestampMs: 10, expireTimestampMs: null };
  const o = offsetRecord('g', 't', 2, offset);
  expect(decodeGroupRecord(o.key, o.value)).toEqual({
    type: 'offset',
    groupId: 'g',
    topic: 't',
    partition: 2,
    value: offset,
  });
  const expiring = offsetRecord('g', 't', 2, { ...offset, leaderEpoch: -1, expireTimestampMs: 99 });
  expect(decodeGroupRecord(expiring.key, expiring.value)).toMatchObject({ value: { expireTimestampMs: 99 } });
  const gone = groupRecord('g', null);
  expect(decodeGroupRecord(gone.key, gone.value)).toEqual({ type: 'group', groupId: 'g', value: null });
  expect(decodeGroupRecord(Buffer.from([0, 99]), null)).toEqual({ type: 'unknown', typeId: 99 });
});

/** A member as a client is one: joins, syncs, sends heartbeats, and starts again when told to. */
async function memberLife(
  groups: () => GroupCoordinator,
  clock: Parameters<typeof sleep>[0],
  state: { stop: boolean; frozen: boolean; settled: string },
) {
  let memberId = '';
  while (!state.stop) {
    while (state.frozen) await sleep(clock, 50);
    const joined = await groups().joinGroup('g', joinOf(memberId));
    if (joined.errorCode === ErrorCode.MEMBER_ID_REQUIRED) {
      memberId = joined.memberId;
      continue;
    }
    if (joined.errorCode !== ErrorCode.NONE) {
      if (joined.errorCode === ErrorCode.UNKNOWN_MEMBER_ID) memberId = '';
      await sleep(clock, 20);
      continue;
    }
    memberId = joined.memberId;
    const assignments = joined.members.map((each) => ({
      memberId: each.memberId,
      assignment: Buffer.from(`${joined.generationId}:${each.memberId}`),
    }));
    const identity = { memberId, groupInstanceId: null, generationId: joined.generationId };
    const synced = await groups().syncGroup('g', { ...identity, protocolType: null, protocolName: null, assignments });
    if (synced.errorCode !== ErrorCode.NONE) {
      if (synced.errorCode === ErrorCode.UNKNOWN_MEMBER_ID) memberId = '';
      await sleep(clock, 20);
      continue;
    }
    expect(synced.assignment.toString()).toBe(`${joined.generationId}:${memberId}`);
    state.settled = synced.assignment.toString();
    for (;;) {
      await sleep(clock, 500);
      while (state.frozen) await sleep(clock, 50);
      if (state.stop) {
        groups().leaveGroup('g', [{ memberId, groupInstanceId: null }]);
        return;
      }
      const errorCode = groups().heartbeat('g', identity);
      if (errorCode === ErrorCode.UNKNOWN_MEMBER_ID) memberId = '';
      if (errorCode !== ErrorCode.NONE) break;
    }
    state.settled = '';
  }
}

const step = fc.record({
  who: fc.integer({ min: 0, max: 4 }),
  act: fc.constantFrom('start', 'stop', 'freeze', 'thaw', 'restart-coordinator', 'fail-log', 'heal-log'),
  waitMs: fc.integer({ min: 0, max: 9000 }),
});

property.prop([fc.integer({ min: 0, max: 0xffff }), fc.array(step, { maxLength: 14 })], { numRuns: 60 })(
  'whatever members and coordinator do, once it is quiet every live member has an assignment of one common generation',
  async (seed, steps) => {
    const opened = open(seed);
    const { world, ports, log } = opened;
    let groups = opened.groups;
    const members = new Map<number, { stop: boolean; frozen: boolean; settled: string }>();
    const begin = (who: number): void => {
      if (members.has(who)) return;
      const state = { stop: false, frozen: false, settled: '' };
      members.set(who, state);
      void memberLife(() => groups, ports.clock, state);
    };
    begin(0);
    let time = 0;
    for (const { who, act, waitMs } of steps) {
      const member = members.get(who);
      if (act === 'start') begin(who);
      else if (act === 'stop' && member !== undefined && who !== 0) {
        member.stop = true;
        members.delete(who);
      } else if (act === 'freeze' && member !== undefined) member.frozen = true;
      else if (act === 'thaw' && member !== undefined) member.frozen = false;
      else if (act === 'fail-log') log.errorCode = ErrorCode.NOT_COORDINATOR;
      else if (act === 'heal-log') log.errorCode = ErrorCode.NONE;
      else if (act === 'restart-coordinator') {
        groups.close();
        groups = opened.start();
      }
      time += waitMs;
      await world.run({ untilTimeMs: time });
    }
    for (const member of members.values()) member.frozen = false;
    log.errorCode = ErrorCode.NONE;
    await world.run({ untilTimeMs: time + 40_000 });
    const described = groups.describeGroup('g');
    expect(described.state).toBe('Stable');
    expect(described.members).toHaveLength(members.size);
    const generations = new Set([...members.values()].map((member) => member.settled.split(':')[0]));
    expect(generations.size).toBe(1);
    expect([...generations][0]).not.toBe('');
    groups.close();
  },
);

const BEAT = {
  instanceId: null,
  rackId: null,
  rebalanceTimeoutMs: 60_000,
  clientId: 'c',
  clientHost: '/h',
  subscribedTopicNames: ['t'],
  subscribedTopicRegex: null,
  serverAssignor: null,
  owned: new Map(),
  requiresMemberId: true,
};

test('a consumer group whose change could not be stored is as it was before, and so after a restart', async () => {
  const { world, groups, log, start } = open();
  const beat = (to: GroupCoordinator, memberId: string, memberEpoch = 0) =>
    world.settle(Promise.resolve(to.consumerGroupHeartbeat('g', { ...BEAT, memberId, memberEpoch })), {
      untilTimeMs: 40_000,
    });
  expect(await beat(groups, 'm1')).toMatchObject({ errorCode: ErrorCode.NONE, memberEpoch: 2 });
  const before = groups.describeConsumerGroup('g');
  log.errorCode = ErrorCode.KAFKA_STORAGE_ERROR;
  expect(await beat(groups, 'm2')).toMatchObject({ errorCode: ErrorCode.KAFKA_STORAGE_ERROR });
  log.errorCode = ErrorCode.NONE;
  expect(groups.describeConsumerGroup('g')).toEqual(before);
  expect(start().describeConsumerGroup('g')).toEqual(before);
  // The next member is decided on what is stored.
  expect(await beat(groups, 'm3')).toMatchObject({ errorCode: ErrorCode.NONE, memberEpoch: 3 });
});

test('C44 offsets of a consumer group expire after their commit, but for topics that it subscribes to', async () => {
  const { world, groups } = open();
  const settle = <T>(promise: T | Promise<T>, untilTimeMs: number) =>
    world.settle(Promise.resolve(promise), { untilTimeMs });
  await settle(groups.consumerGroupHeartbeat('g', { ...BEAT, memberId: 'm', memberEpoch: 0 }), 1000);
  const member = { memberId: 'm', groupInstanceId: null, generationId: 2 };
  const ofTopic = (topic: string) => ({ ...at(0, 7), topic });
  await settle(groups.offsets.commit('g', member, [ofTopic('t'), ofTopic('u')], { ...COMMIT, apiVersion: 9 }), 1000);
  for (let timeMs = 20_000; timeMs <= 100_000; timeMs += 20_000) {
    await world.run({ untilTimeMs: timeMs });
    await settle(groups.consumerGroupHeartbeat('g', { ...BEAT, memberId: 'm', memberEpoch: 2 }), timeMs + 100);
  }
  expect(
    groups.offsets
      .fetch('g')
      .offsets.all()
      .map(({ topic }) => topic),
  ).toEqual(['t']);
});

test('an empty group changes its kind with the first that joins; its offsets stay, and expire', async () => {
  const { world, groups, log, start } = open();
  const settle = <T>(promise: T | Promise<T>, untilTimeMs = 5000) =>
    world.settle(Promise.resolve(promise), { untilTimeMs });
  await settle(groups.offsets.commit('g', NOBODY, [at(0, 7)], COMMIT));
  await settle(groups.consumerGroupHeartbeat('g', { ...BEAT, memberId: 'm1', memberEpoch: 0 }));
  expect(groups.listGroups().groups).toEqual([
    { groupId: 'g', protocolType: 'consumer', state: 'Stable', type: 'consumer' },
  ]);
  expect(groups.describeGroup('g').errorCode).toBe(ErrorCode.GROUP_ID_NOT_FOUND);
  expect(await settle(groups.deleteGroup('g'))).toBe(ErrorCode.NON_EMPTY_GROUP);
  await settle(groups.consumerGroupHeartbeat('g', { ...BEAT, memberId: 'm1', memberEpoch: -1, owned: null }));
  expect(groups.offsets.fetch('g').offsets.get('t', 0)?.offset).toBe(7);
  expect(start().listGroups().groups).toEqual([
    { groupId: 'g', protocolType: 'consumer', state: 'Empty', type: 'consumer' },
  ]);
  await world.run({ untilTimeMs: 100_000 });
  expect(groups.listGroups().groups).toEqual([]);
  expect(log.records.at(-1)?.value).toBeNull();
  expect(start().listGroups().groups).toEqual([]);
});
