import { expect, test } from 'vitest';
import { sleep } from '../ports/clock.ts';
import { SimWorld } from '../ports/sim/world.ts';
import { ErrorCode } from '../protocol/errors.ts';
import { GroupCoordinator } from './group-coordinator.ts';
import {
  type KeeperAnswer,
  NO_STATE_KEEPER,
  type SharePartitionName,
  type ShareStateKeeper,
} from './share-state-keeper.ts';
import { GROUP_CONFIG, MemoryLog } from './testing.ts';
import type { TopicsView } from './topic-partitions.ts';

const TOPIC_ID = Buffer.alloc(16, 't').toString('base64url');
const TOPICS: TopicsView = {
  byName: (name) => (name === 't' ? { topicId: TOPIC_ID, partitionCount: 2 } : undefined),
  nameOf: (id) => (id === TOPIC_ID ? 't' : undefined),
  names: () => ['t'],
};
const TIMES = { sessionTimeoutMs: 1000, heartbeatIntervalMs: 500, assignmentIntervalMs: 0 };

/** A coordinator over a log in memory, and a keeper of states that answers after 5 ms what it is told to. */
function open() {
  const world = new SimWorld({ seed: 1 });
  const { ports } = world.process('broker');
  const log = new MemoryLog(world);
  const keeper = { errorCode: ErrorCode.NONE as number, asked: [] as string[], takesMs: 5 };
  const answers = async (call: string, partitions: readonly SharePartitionName[]): Promise<KeeperAnswer[]> => {
    keeper.asked.push(`${call} ${partitions.map(({ partition }) => partition).join()}`);
    const { errorCode } = keeper;
    await sleep(ports.clock, keeper.takesMs);
    return partitions.map(({ topicId, partition }) => ({ topicId, partition, errorCode, errorMessage: null }));
  };
  const shareStates: ShareStateKeeper = {
    ...NO_STATE_KEEPER,
    initializeState: (_, partitions) => answers('initialize', partitions),
    deleteState: (_, partitions) => answers('delete', partitions),
  };
  const start = (): GroupCoordinator => {
    const groups = new GroupCoordinator({
      clock: ports.clock,
      random: ports.random,
      config: {
        initialRebalanceDelayMs: 0,
        sessionTimeoutMinMs: 1,
        sessionTimeoutMaxMs: 60_000,
        sizeMax: 9,
        offsetsPartitions: () => 1,
        offsetMetadataLengthMax: 16,
        offsetsRetentionMs: 60_000,
        offsetsRetentionCheckIntervalMs: 10_000,
        consumer: { ...TIMES, sizeMax: 9, migrationPolicy: 'disabled', assignors: ['uniform'] },
        share: { sizeMax: 9, initializeRetryMs: 30_000 },
      },
      topics: TOPICS,
      configOf: () => ({ ...GROUP_CONFIG, shareSessionTimeoutMs: 1000, shareHeartbeatIntervalMs: 500 }),
      shareStates,
    });
    groups.elected(0, 0, () => log);
    return groups;
  };
  return {
    log,
    keeper,
    start,
    pause: (ms: number) => sleep(ports.clock, ms),
    nowMs: () => ports.clock.monotonic(),
    run: (scenario: () => Promise<void>) => world.settle(scenario(), { untilTimeMs: 1_000_000 }),
  };
}

const beat = async (
  groups: GroupCoordinator,
  memberId: string,
  memberEpoch: number,
  topics: string[] | null = null,
) => {
  const request = {
    memberId,
    memberEpoch,
    rackId: null,
    clientId: 'c',
    clientHost: '/h',
    subscribedTopicNames: topics,
  };
  const answer = await groups.shares.heartbeat('g', request);
  return 'memberId' in answer ? { ...answer, assignment: [...(answer.assignment?.get(TOPIC_ID) ?? [])] } : answer;
};

test('an answer waits for the records, not for the states; states that could not be had are asked for again', async () => {
  const { keeper, start, pause, nowMs, run } = open();
  await run(async () => {
    const groups = start();
    keeper.errorCode = ErrorCode.COORDINATOR_NOT_AVAILABLE;
    keeper.takesMs = 50;
    const before = nowMs();
    expect(await beat(groups, 'm', 0, ['t'])).toMatchObject({ memberEpoch: 2, assignment: [] });
    expect(nowMs() - before).toBeLessThan(keeper.takesMs);
    await pause(100);
    keeper.errorCode = ErrorCode.NONE;
    expect(await beat(groups, 'm', 2)).toMatchObject({ memberEpoch: 2 });
    await pause(100);
    expect(keeper.asked).toEqual(['initialize 0,1', 'initialize 0,1']);
    expect(await beat(groups, 'm', 2)).toMatchObject({ memberEpoch: 3, assignment: [0, 1] });
    groups.close();
  });
});

test('after a crash while states were being initialized the first heartbeat begins again', async () => {
  const { keeper, start, pause, run } = open();
  await run(async () => {
    const first = start();
    keeper.takesMs = 500;
    await beat(first, 'm', 0, ['t']);
    first.close();
    const second = start();
    expect(await beat(second, 'm', 2)).toMatchObject({ memberEpoch: 2 });
    expect(keeper.asked.length).toBe(2);
    await pause(600);
    expect(await beat(second, 'm', 2)).toMatchObject({ memberEpoch: 3, assignment: [0, 1] });
    second.close();
  });
});

test('records that could not be stored leave the group as the log has it', async () => {
  const { log, keeper, start, pause, run } = open();
  await run(async () => {
    const groups = start();
    log.errorCode = ErrorCode.NOT_COORDINATOR;
    expect(await beat(groups, 'm', 0, ['t'])).toMatchObject({ errorCode: ErrorCode.NOT_COORDINATOR });
    expect(groups.shares.describe('g').errorCode).toBe(ErrorCode.GROUP_ID_NOT_FOUND);
    expect(keeper.asked).toEqual([]);
    log.errorCode = ErrorCode.NONE;
    await beat(groups, 'm', 0, ['t']);
    await pause(50);
    log.errorCode = ErrorCode.NOT_COORDINATOR;
    expect(await beat(groups, 'n', 0, ['t'])).toMatchObject({ errorCode: ErrorCode.NOT_COORDINATOR });
    log.errorCode = ErrorCode.NONE;
    expect(groups.shares.describe('g').members.map((each) => each.memberId)).toEqual(['m']);
    groups.close();
  });
});

test('who is silent for a session goes, also when it was last heard by the coordinator before', async () => {
  const { start, pause, run } = open();
  await run(async () => {
    const first = start();
    await beat(first, 'm', 0, ['t']);
    await beat(first, 'n', 0, ['t']);
    await pause(900);
    await beat(first, 'm', 2);
    await pause(200);
    expect(first.shares.describe('g').members.map((each) => each.memberId)).toEqual(['m']);
    first.close();
    const second = start();
    await pause(900);
    expect(second.shares.describe('g').groupState).toBe('Stable');
    await pause(200);
    expect(second.shares.describe('g').groupState).toBe('Empty');
    second.close();
  });
});

test('a group is deleted after its states; one that cannot be is told so and can be deleted later, unless somebody joins', async () => {
  const { log, keeper, start, pause, run } = open();
  await run(async () => {
    const groups = start();
    await beat(groups, 'm', 0, ['t']);
    await pause(50);
    expect(await groups.deleteGroup('g')).toBe(ErrorCode.NON_EMPTY_GROUP);
    await beat(groups, 'm', -1);
    keeper.errorCode = ErrorCode.COORDINATOR_NOT_AVAILABLE;
    expect(await groups.deleteGroup('g')).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    expect(groups.shares.describe('g').errorCode).toBe(ErrorCode.NONE);
    keeper.errorCode = ErrorCode.NONE;
    keeper.takesMs = 50;
    const deleting = groups.deleteGroup('g');
    await pause(20);
    expect((await beat(groups, 'm', 0, ['t'])).errorCode).toBe(ErrorCode.NONE);
    expect(await deleting).toBe(ErrorCode.NON_EMPTY_GROUP);
    await pause(100);
    await beat(groups, 'm', -1);
    expect(await groups.deleteGroup('g')).toBe(ErrorCode.NONE);
    expect(keeper.asked.filter((each) => each === 'delete 0,1').length).toBe(3);
    expect(await groups.deleteGroup('g')).toBe(ErrorCode.GROUP_ID_NOT_FOUND);
    groups.close();
    // Tombstones: nothing of it comes back.
    expect(start().listGroups().groups).toEqual([]);
    expect(log.records.at(-1)!.value).toBeNull();
  });
});
