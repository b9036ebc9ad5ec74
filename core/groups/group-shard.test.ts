import { fc, test as property } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import { sleep } from '../ports/clock.ts';
import { SimWorld } from '../ports/sim/world.ts';
import { ErrorCode } from '../protocol/errors.ts';
import { GroupCoordinator, type GroupCoordinatorConfig } from './group-coordinator.ts';
import { NO_STATE_KEEPER } from './share-state-keeper.ts';
import { GROUP_CONFIG, MemoryLog } from './testing.ts';
import type { TopicsView } from './topic-partitions.ts';

/** Groups on a log whose commits take time, are refused, or are lost with the leadership. */
const TOPIC_ID = Buffer.alloc(16, 't').toString('base64url');
const TOPICS: TopicsView = {
  byName: (name) => (name === 't' ? { topicId: TOPIC_ID, partitionCount: 2 } : undefined),
  nameOf: (id) => (id === TOPIC_ID ? 't' : undefined),
  names: () => ['t'],
};
const TIMES = { sessionTimeoutMs: 1000, heartbeatIntervalMs: 500, assignmentIntervalMs: 0 };
const CONFIG: GroupCoordinatorConfig = {
  initialRebalanceDelayMs: 0,
  sessionTimeoutMinMs: 1,
  sessionTimeoutMaxMs: 60_000,
  sizeMax: 9,
  offsetsPartitions: () => 1,
  offsetMetadataLengthMax: 16,
  offsetsRetentionMs: 60_000,
  offsetsRetentionCheckIntervalMs: 10_000,
  consumer: { ...TIMES, sizeMax: 9, migrationPolicy: 'bidirectional', assignors: ['uniform'] },
  share: { sizeMax: 9, initializeRetryMs: 30_000 },
};
const { NONE, NOT_COORDINATOR, COORDINATOR_NOT_AVAILABLE, COORDINATOR_LOAD_IN_PROGRESS } = ErrorCode;

function bare() {
  const world = new SimWorld({ seed: 1 });
  const { ports } = world.process('broker');
  const start = (): GroupCoordinator =>
    new GroupCoordinator({
      clock: ports.clock,
      random: ports.random,
      config: CONFIG,
      topics: TOPICS,
      configOf: () => ({ ...GROUP_CONFIG, consumerSessionTimeoutMs: 1000, shareSessionTimeoutMs: 1000 }),
      shareStates: NO_STATE_KEEPER,
    });
  return { world, ports, start };
}

function open() {
  const { world, ports, start } = bare();
  const log = new MemoryLog(world);
  const groups = start();
  groups.elected(0, 0, () => log);
  const anotherLog = (): MemoryLog => {
    const next = new MemoryLog(world);
    next.records.push(...log.records);
    return next;
  };
  /** The leadership ends, and another broker with the same log begins. */
  const failOver = (): GroupCoordinator => {
    log.lose();
    groups.resigned(0);
    const next = anotherLog();
    const other = start();
    other.elected(0, 1, () => next);
    return other;
  };
  const run = <T>(scenario: () => Promise<T>) => world.settle(scenario(), { untilTimeMs: 1_000_000 });
  return { groups, log, anotherLog, failOver, run, pause: (ms: number) => sleep(ports.clock, ms) };
}

const NOBODY = { memberId: '', groupInstanceId: null, generationId: -1 };
const COMMIT = { apiVersion: 8, retentionMs: null };
const at = (offset: number, partition = 0) => ({ topic: 't', partition, offset, leaderEpoch: -1, metadata: '' });
const commit = async (groups: GroupCoordinator, offset: number) =>
  (await groups.offsets.commit('g', NOBODY, [at(offset)], COMMIT)).offsetErrorCodes[0];
const seen = (groups: GroupCoordinator) => groups.offsets.fetch('g').offsets.get('t', 0)?.offset;
const join = (groups: GroupCoordinator, memberId: string, groupId = 'g') =>
  groups.joinGroup(groupId, {
    memberId,
    groupInstanceId: null,
    clientId: 'c',
    clientHost: '/h',
    sessionTimeoutMs: 1000,
    rebalanceTimeoutMs: 1000,
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: Buffer.from([0, 0, 0, 0, 0, 1, 0, 1, 0x74, 0, 0, 0, 0]) }],
    requireKnownMemberId: false,
    supportsSkipAssignment: false,
  });
const sync = (groups: GroupCoordinator, memberId: string, generationId: number) =>
  groups.syncGroup('g', {
    memberId,
    groupInstanceId: null,
    generationId,
    protocolType: 'consumer',
    protocolName: 'range',
    assignments: [{ memberId, assignment: Buffer.alloc(0) }],
  });
const beat = async (groups: GroupCoordinator, memberId: string, memberEpoch: number, owned: number[] | null = null) =>
  groups.consumerGroupHeartbeat('g', {
    memberId,
    memberEpoch,
    instanceId: null,
    rackId: null,
    rebalanceTimeoutMs: memberEpoch === 0 ? 5000 : -1,
    clientId: 'c',
    clientHost: '/h',
    subscribedTopicNames: memberEpoch === 0 ? ['t'] : null,
    subscribedTopicRegex: null,
    serverAssignor: null,
    owned: memberEpoch === 0 ? new Map() : owned && new Map([[TOPIC_ID, new Set(owned)]]),
    requiresMemberId: true,
  });

test('while a coordinator is loading, requests are told so, but heartbeats are believed; then it has what the log has', async () => {
  const { groups, log, run, anotherLog } = open();
  await run(async () => {
    await commit(groups, 5);
    const loading = anotherLog();
    loading.isLoading = true;
    groups.resigned(0);
    groups.elected(0, 1, () => loading);
    expect(await commit(groups, 6)).toBe(COORDINATOR_LOAD_IN_PROGRESS);
    expect(groups.offsets.fetch('g').errorCode).toBe(COORDINATOR_LOAD_IN_PROGRESS);
    expect(groups.describeGroup('g').errorCode).toBe(COORDINATOR_LOAD_IN_PROGRESS);
    expect(groups.listGroups()).toEqual({ errorCode: COORDINATOR_LOAD_IN_PROGRESS, groups: [] });
    expect((await join(groups, '')).errorCode).toBe(COORDINATOR_LOAD_IN_PROGRESS);
    expect(await beat(groups, 'm', 0)).toMatchObject({ errorCode: COORDINATOR_LOAD_IN_PROGRESS });
    expect(groups.heartbeat('g', { ...NOBODY, memberId: 'm', generationId: 1 })).toBe(NONE);
    loading.whenLoaded();
    expect(seen(groups)).toBe(5);
    groups.resigned(0);
    expect(groups.heartbeat('g', { ...NOBODY, memberId: 'm', generationId: 1 })).toBe(NOT_COORDINATOR);
    expect(groups.listGroups()).toEqual({ errorCode: NONE, groups: [] });
    expect(log.records).toHaveLength(1);
  });
});

test('an offset shows when it is committed and not when the leadership is lost first; what the log refuses never shows', async () => {
  const { groups, log, run, failOver } = open();
  await run(async () => {
    log.isHeld = true;
    const first = commit(groups, 5);
    const second = commit(groups, 6);
    expect(seen(groups)).toBeUndefined();
    log.commit(1);
    expect(await first).toBe(NONE);
    expect(seen(groups)).toBe(5);
    log.errorCode = COORDINATOR_NOT_AVAILABLE;
    expect(await commit(groups, 7)).toBe(COORDINATOR_NOT_AVAILABLE);
    log.errorCode = NONE;
    const other = failOver();
    expect(await second).toBe(NOT_COORDINATOR);
    expect([seen(groups), seen(other)]).toEqual([undefined, 5]);
    expect(groups.offsets.fetch('g').errorCode).toBe(NOT_COORDINATOR);
  });
});

test('of a commit and one in a transaction the later in the log wins, though both wait for their commit at once', async () => {
  const { groups, log, run } = open();
  await run(async () => {
    log.isHeld = true;
    const producer = { producerId: 7, producerEpoch: 0 };
    const plain = commit(groups, 5);
    const transactional = groups.offsets.commitTransactional('g', NOBODY, [at(6)], producer);
    log.commit();
    await Promise.all([plain, transactional]);
    expect([seen(groups), groups.offsets.fetch('g').offsets.isUnstable('t', 0)]).toEqual([5, true]);
    groups.endTransaction(0, 7, true);
    expect(seen(groups)).toBe(6);
    log.errorCode = COORDINATOR_NOT_AVAILABLE;
    await groups.offsets.commitTransactional('g', NOBODY, [at(9)], producer);
    expect(groups.offsets.fetch('g').offsets.isUnstable('t', 0)).toBe(false);
  });
});

test('a classic group: the assignment is told when it is committed; a lost leadership sends everybody away; the next leader goes on with the generation', async () => {
  const { groups, log, run, failOver, pause } = open();
  await run(async () => {
    const joined = await join(groups, '');
    const { memberId, generationId } = joined;
    expect(generationId).toBe(1);
    expect((await sync(groups, memberId, 1)).errorCode).toBe(NONE);
    expect((await join(groups, memberId)).generationId).toBe(2);
    await join(groups, '', 'h');
    const newcomer = join(groups, '', 'h');
    log.isHeld = true;
    const syncing = sync(groups, memberId, 2);
    const stored = log.records.length;
    const other = failOver();
    expect((await syncing).errorCode).toBe(NOT_COORDINATOR);
    expect((await newcomer).errorCode).toBe(NOT_COORDINATOR);
    expect(groups.heartbeat('g', { ...NOBODY, memberId, generationId: 2 })).toBe(NOT_COORDINATOR);
    // The last stored generation is the first; its member has a whole session.
    await pause(900);
    expect(other.heartbeat('g', { ...NOBODY, memberId, generationId: 2 })).toBe(ErrorCode.ILLEGAL_GENERATION);
    expect(other.heartbeat('g', { ...NOBODY, memberId, generationId: 1 })).toBe(NONE);
    expect((await join(other, memberId)).generationId).toBe(2);
    await pause(5000);
    // Timers of the old one are dead.
    expect(log.records).toHaveLength(stored);
    expect(other.describeGroup('g').state).toBe('Empty');
  });
});

test('an assignment that cannot be stored is told as an error, and the members join again', async () => {
  const { groups, log, run } = open();
  await run(async () => {
    const { memberId } = await join(groups, '');
    log.errorCode = COORDINATOR_NOT_AVAILABLE;
    expect((await sync(groups, memberId, 1)).errorCode).toBe(COORDINATOR_NOT_AVAILABLE);
    expect(groups.heartbeat('g', { ...NOBODY, memberId, generationId: 1 })).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
    log.errorCode = NONE;
    const again = await join(groups, memberId);
    expect((await sync(groups, memberId, again.generationId)).errorCode).toBe(NONE);
  });
});

test('a consumer group: what the log refuses changes nothing; answers wait for what they follow from', async () => {
  const { groups, log, run, pause } = open();
  await run(async () => {
    log.errorCode = COORDINATOR_NOT_AVAILABLE;
    expect(await beat(groups, 'a', 0)).toMatchObject({ errorCode: COORDINATOR_NOT_AVAILABLE });
    expect(groups.listGroups().groups).toEqual([]);
    log.errorCode = NONE;
    expect(await beat(groups, 'a', 0)).toMatchObject({ errorCode: NONE, memberEpoch: 2 });
    log.isHeld = true;
    const joining = beat(groups, 'b', 0);
    // It stores nothing, but what it would say follows from the other's record.
    let told = 'nothing';
    const quiet = beat(groups, 'a', 2, [0, 1]).then((answer) => {
      told = 'something';
      return answer;
    });
    await pause(100);
    expect(told).toBe('nothing');
    log.isHeld = false;
    log.commit();
    expect(await quiet).toMatchObject({ errorCode: NONE });
    expect(await joining).toMatchObject({ errorCode: NONE, memberEpoch: 3 });
  });
});

test('a silent member is removed when the log takes it again; the next leader gives everybody a whole session', async () => {
  const { groups, log, run, failOver, pause } = open();
  await run(async () => {
    await beat(groups, 'a', 0);
    log.errorCode = COORDINATOR_NOT_AVAILABLE;
    await pause(1500);
    expect(groups.describeConsumerGroup('g').members).toHaveLength(1);
    log.errorCode = NONE;
    await pause(600);
    expect(groups.describeConsumerGroup('g').members).toHaveLength(0);
    const { memberEpoch } = (await beat(groups, 'a', 0)) as { memberEpoch: number };
    log.isHeld = true;
    const lost = beat(groups, 'b', 0);
    const other = failOver();
    expect(await lost).toMatchObject({ errorCode: NOT_COORDINATOR });
    await pause(900);
    expect(await beat(other, 'a', memberEpoch, [0, 1])).toMatchObject({ errorCode: NONE, memberEpoch });
    expect(other.describeConsumerGroup('g').members.map(({ memberId }) => memberId)).toEqual(['a']);
  });
});

test('a group that is to change its kind keeps it where that cannot be stored', async () => {
  const { groups, log, run } = open();
  await run(async () => {
    const { memberId } = await join(groups, '');
    await sync(groups, memberId, 1);
    log.errorCode = COORDINATOR_NOT_AVAILABLE;
    expect(await beat(groups, 'new', 0)).toMatchObject({ errorCode: COORDINATOR_NOT_AVAILABLE });
    expect(groups.listGroups().groups).toMatchObject([{ type: 'classic', state: 'Stable' }]);
    expect(groups.heartbeat('g', { ...NOBODY, memberId, generationId: 1 })).toBe(NONE);
    log.errorCode = NONE;
    await groups.leaveGroup('g', [{ memberId, groupInstanceId: null }]);
    expect(await beat(groups, 'new', 0)).toMatchObject({ errorCode: NONE });
    expect(await beat(groups, 'new', -1)).toMatchObject({ errorCode: NONE });
    log.errorCode = COORDINATOR_NOT_AVAILABLE;
    expect((await join(groups, '')).errorCode).toBe(COORDINATOR_NOT_AVAILABLE);
    expect(groups.listGroups().groups).toMatchObject([{ type: 'consumer', state: 'Empty' }]);
    expect(await groups.deleteGroup('g')).toBe(COORDINATOR_NOT_AVAILABLE);
    expect(groups.listGroups().groups).toHaveLength(1);
  });
});

test('a member of the classic protocol in a consumer group leaves when that is stored', async () => {
  const { groups, log, run } = open();
  await run(async () => {
    await beat(groups, 'new', 0);
    const { memberId, errorCode } = await join(groups, '');
    expect(errorCode).toBe(NONE);
    log.errorCode = COORDINATOR_NOT_AVAILABLE;
    const leaving = [{ memberId, groupInstanceId: null }];
    expect(await groups.leaveGroup('g', leaving)).toMatchObject({ errorCode: COORDINATOR_NOT_AVAILABLE });
    expect(groups.describeConsumerGroup('g').members).toHaveLength(2);
    log.errorCode = NONE;
    expect(await groups.leaveGroup('g', leaving)).toEqual({ errorCode: NONE, memberErrorCodes: [NONE] });
    expect(groups.describeConsumerGroup('g').members).toHaveLength(1);
  });
});

type Event =
  | 'commit'
  | 'transactional'
  | 'marker'
  | 'committed'
  | 'refuse'
  | 'take'
  | 'pass'
  | { readonly moves: number };
const events = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom<Event>('commit', 'transactional', 'marker', 'committed', 'pass') },
    { weight: 1, arbitrary: fc.constantFrom<Event>('refuse', 'take') },
    { weight: 2, arbitrary: fc.record({ moves: fc.nat(4) }) },
  ),
  { maxLength: 60 },
);

property.prop([events], { numRuns: 150 })(
  'whatever commits and moves come: an offset that was acknowledged is kept, and what was seen once is never undone',
  async (plan) => {
    const { world, ports, start } = bare();
    let log = new MemoryLog(world);
    log.isHeld = true;
    let epoch = 0;
    let groups = start();
    groups.elected(0, epoch, () => log);
    let next = 1;
    let acknowledged = 0;
    let seenMax = 0;
    /** Offsets of the open transaction; those acknowledged count once its marker stands. */
    let open: { readonly offset: number; code: number }[] = [];
    const problems: string[] = [];
    const producer = { producerId: 7, producerEpoch: 0 };
    const look = (): void => {
      const { errorCode, offsets } = groups.offsets.fetch('g');
      if (errorCode !== NONE) return void problems.push(`the group answers ${errorCode}`);
      const offset = offsets.get('t', 0)?.offset ?? 0;
      if (offset < acknowledged) problems.push(`${offset} is seen, ${acknowledged} was acknowledged`);
      if (offset < seenMax) problems.push(`${offset} is seen, ${seenMax} was seen before`);
      seenMax = Math.max(seenMax, offset);
    };
    const step = async (event: Event): Promise<void> => {
      switch (event) {
        case 'commit': {
          const offset = next++;
          void groups.offsets.commit('g', NOBODY, [at(offset)], COMMIT).then(({ offsetErrorCodes: [code] }) => {
            if (code === NONE) acknowledged = Math.max(acknowledged, offset);
          });
          return;
        }
        case 'transactional': {
          const waiting = { offset: next++, code: -1 };
          open.push(waiting);
          void groups.offsets.commitTransactional('g', NOBODY, [at(waiting.offset)], producer).then(([code]) => {
            waiting.code = code!;
          });
          return;
        }
        case 'marker': {
          // Its partition has everything that was appended before it.
          log.commit();
          await sleep(ports.clock, 1);
          log.markers.push({ after: log.records.length, producerId: 7 });
          groups.endTransaction(0, 7, true);
          for (const { offset, code } of open) if (code === NONE) acknowledged = Math.max(acknowledged, offset);
          open = [];
          return;
        }
        case 'committed':
          log.commit(1);
          return;
        case 'refuse':
          log.errorCode = COORDINATOR_NOT_AVAILABLE;
          return;
        case 'take':
          log.errorCode = NONE;
          return;
        case 'pass':
          return sleep(ports.clock, 5);
        default: {
          const old = log;
          log.lose(event.moves);
          log = new MemoryLog(world);
          log.isHeld = true;
          log.records.push(...old.records);
          log.markers.push(...old.markers);
          groups.close();
          groups = start();
          groups.elected(0, ++epoch, () => log);
        }
      }
    };
    await world.settle(
      (async () => {
        for (const event of plan) {
          await step(event);
          await sleep(ports.clock, 0);
          look();
        }
      })(),
      { untilTimeMs: 1_000_000 },
    );
    groups.close();
    expect(problems).toEqual([]);
  },
);
