// C45–C51 for groups of the consumer protocol (KIP-848), request by request, and where they meet groups of the classic one.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { OffsetCommit } from '../../protocol/messages/08-offset-commit.ts';
import { OffsetFetch } from '../../protocol/messages/09-offset-fetch.ts';
import { FindCoordinator } from '../../protocol/messages/10-find-coordinator.ts';
import { JoinGroup } from '../../protocol/messages/11-join-group.ts';
import { Heartbeat } from '../../protocol/messages/12-heartbeat.ts';
import { LeaveGroup } from '../../protocol/messages/13-leave-group.ts';
import { SyncGroup } from '../../protocol/messages/14-sync-group.ts';
import { DescribeGroups } from '../../protocol/messages/15-describe-groups.ts';
import { ListGroups } from '../../protocol/messages/16-list-groups.ts';
import { ApiVersions } from '../../protocol/messages/18-api-versions.ts';
import { CreatePartitions } from '../../protocol/messages/37-create-partitions.ts';
import { DeleteGroups } from '../../protocol/messages/42-delete-groups.ts';
import { OffsetDelete } from '../../protocol/messages/47-offset-delete.ts';
import { ConsumerGroupHeartbeat } from '../../protocol/messages/68-consumer-group-heartbeat.ts';
import { ConsumerGroupDescribe } from '../../protocol/messages/69-consumer-group-describe.ts';
import type { RequestInput } from '../../protocol/schema.ts';
import { Writer } from '../../protocol/writer.ts';
import { eventually, type ForeignBroker, freshName, owned, skipped, startBroker } from '../foreign/harness.ts';
import { createTopic, findCoordinator, Wire } from './wire.ts';

type Beat = Partial<RequestInput<typeof ConsumerGroupHeartbeat>>;
const sessionMs = 3000;

describe('consumer groups', () => {
  let broker: ForeignBroker;
  let wire: Wire;

  beforeAll(async () => {
    broker = await startBroker({
      set: {
        'group.consumer.min.session.timeout.ms': 1000,
        'group.consumer.session.timeout.ms': sessionMs,
        'group.consumer.min.heartbeat.interval.ms': 100,
        'group.consumer.heartbeat.interval.ms': 500,
        'group.consumer.assignment.interval.ms': 0,
      },
    });
    wire = await Wire.open(broker);
    await findCoordinator(wire, 'first');
  });
  afterAll(async () => {
    wire?.close();
    await broker?.dispose();
  });

  const send = (groupId: string, memberId: string, memberEpoch: number, more: Beat = {}, version = 1) =>
    wire.ask(ConsumerGroupHeartbeat, version, { groupId, memberId, memberEpoch, ...more });
  const joining = (topics: readonly string[] | null, more: Beat = {}): Beat => ({
    rebalanceTimeoutMs: 10_000,
    subscribedTopicNames: topics === null ? null : [...topics],
    topicPartitions: [],
    ...more,
  });
  const join = (groupId: string, memberId: string, topics: readonly string[] | null, more: Beat = {}) =>
    send(groupId, memberId, 0, joining(topics, more));
  const describeGroup = async (groupId: string) =>
    (await wire.ask(ConsumerGroupDescribe, 1, { groupIds: [groupId], includeAuthorizedOperations: false })).groups[0]!;
  const commit = async (groupId: string, topic: string, memberId: string, epoch: number, version = 9, partition = 0) =>
    (
      await wire.ask(OffsetCommit, version, {
        groupId,
        generationIdOrMemberEpoch: epoch,
        memberId,
        topics: [
          { name: topic, partitions: [{ partitionIndex: partition, committedOffset: 5, committedMetadata: null }] },
        ],
      })
    ).topics[0]!.partitions[0]!.errorCode;
  const fetchOffset = async (groupId: string, topic: string, memberId: string | null, memberEpoch: number) => {
    const groups = [{ groupId, memberId, memberEpoch, topics: [{ name: topic, partitionIndexes: [0] }] }];
    const group = (await wire.ask(OffsetFetch, 9, { groups, requireStable: false })).groups[0]!;
    return group.errorCode !== 0 ? group.errorCode : group.topics[0]!.partitions[0]!.committedOffset;
  };
  const own = (topicId: string, ...partitions: number[]): Beat => ({ topicPartitions: [{ topicId, partitions }] });

  test('C45 the feature group.version is finalized at 1; groups have a coordinator', async () => {
    const { finalizedFeatures } = await wire.ask(ApiVersions, 4, {
      clientSoftwareName: 'wire',
      clientSoftwareVersion: '1',
    });
    expect(finalizedFeatures.find((each) => each.name === 'group.version')?.maxVersionLevel).toBe(1);
    const { coordinators } = await wire.ask(FindCoordinator, 4, { keyType: 0, coordinatorKeys: ['a', 'b'] });
    expect(coordinators.map((each) => each.errorCode)).toEqual([0, 0]);
  });

  test('C50 epoch 0 joins, a second member takes over once the first has given up, −1 leaves', async () => {
    const topic = freshName('join');
    const group = freshName('g');
    const topicId = await createTopic(wire, topic, 4);
    const first = await join(group, 'm1', [topic]);
    expect(first).toMatchObject({ errorCode: 0, memberId: 'm1', memberEpoch: 2, heartbeatIntervalMs: 500 });
    expect(first.assignment!.topicPartitions).toEqual([{ topicId, partitions: [0, 1, 2, 3] }]);
    // Nothing new: no assignment in the answer.
    expect((await send(group, 'm1', 2, own(topicId, 0, 1, 2, 3))).assignment).toBeNull();
    // The second has to wait: its part still belongs to the first.
    const second = await join(group, 'm2', [topic]);
    expect(second).toMatchObject({ errorCode: 0, memberEpoch: 3 });
    expect(second.assignment!.topicPartitions).toEqual([]);
    const revoke = await send(group, 'm1', 2);
    expect(revoke.memberEpoch).toBe(2);
    const kept = revoke.assignment!.topicPartitions[0]!.partitions;
    expect(kept.length).toBe(2);
    expect((await send(group, 'm2', 3)).assignment).toBeNull();
    expect((await describeGroup(group)).groupState).toBe('Reconciling');
    // Still named as its own: not given up. Then acknowledged.
    expect((await send(group, 'm1', 2, own(topicId, 0, 1, 2, 3))).memberEpoch).toBe(2);
    expect((await send(group, 'm1', 2, own(topicId, ...kept))).memberEpoch).toBe(3);
    const given = await send(group, 'm2', 3);
    expect([...given.assignment!.topicPartitions[0]!.partitions, ...kept].sort()).toEqual([0, 1, 2, 3]);
    const described = await describeGroup(group);
    expect(described).toMatchObject({
      errorCode: 0,
      groupState: 'Stable',
      groupEpoch: 3,
      assignmentEpoch: 3,
      assignorName: 'uniform',
    });
    expect(described.members.map((each) => [each.memberEpoch, each.memberType, each.subscribedTopicNames])).toEqual([
      [3, 1, [topic]],
      [3, 1, [topic]],
    ]);
    expect(described.members[0]!.targetAssignment).toEqual(described.members[0]!.assignment);
    // The other one leaves: everything comes back.
    expect(await send(group, 'm1', -1)).toMatchObject({ errorCode: 0, memberId: 'm1', memberEpoch: -1 });
    const all = await send(group, 'm2', 3, own(topicId, ...given.assignment!.topicPartitions[0]!.partitions));
    expect(all.memberEpoch).toBe(4);
    expect(all.assignment!.topicPartitions).toEqual([{ topicId, partitions: [0, 1, 2, 3] }]);
    await send(group, 'm2', -1);
    expect((await describeGroup(group)).groupState).toBe('Empty');
  });

  test('C50 what is not a heartbeat is refused: 42, 112, 25, 69', async () => {
    const topic = freshName('bad');
    const group = freshName('g');
    await createTopic(wire, topic);
    const code = async (answer: Promise<{ errorCode: number }>) => (await answer).errorCode;
    expect(await code(join('', 'm', [topic]))).toBe(42);
    expect(await code(join(group, '', [topic]))).toBe(42);
    expect(await code(join(group, 'm', [topic], { instanceId: '' }))).toBe(42);
    expect(await code(join(group, 'm', [topic], { rackId: '' }))).toBe(42);
    expect(await code(join(group, 'm', [topic], { rebalanceTimeoutMs: -1 }))).toBe(42);
    expect(await code(join(group, 'm', [topic], { topicPartitions: null }))).toBe(42);
    expect(await code(join(group, 'm', null))).toBe(42);
    expect(await code(send(group, 'm', -2))).toBe(42);
    expect(await code(send(group, 'm', -3))).toBe(42);
    expect(await code(join(group, 'm', [topic], { serverAssignor: 'sticky' }))).toBe(112);
    expect(await code(send(group, 'm', 1))).toBe(69);
    expect(await code(send(group, 'm', -1))).toBe(69);
    expect(await code(join(group, 'm', null, { subscribedTopicRegex: '(' }))).toBe(128);
    // v0 gives ids to members.
    const { memberId, errorCode } = await send(group, '', 0, joining([topic]), 0);
    expect(errorCode).toBe(0);
    expect(memberId!.length).toBeGreaterThan(10);
    expect(await code(send(group, 'other', 1))).toBe(25);
    expect(await code(send(group, 'other', -1))).toBe(25);
  });

  test('C50 epochs: the newest goes on, the one before it with what was assigned, any other is fenced (110)', async () => {
    const topic = freshName('epochs');
    const group = freshName('g');
    const topicId = await createTopic(wire, topic, 2);
    await join(group, 'm1', [topic]);
    expect((await send(group, 'm1', 3)).errorCode).toBe(110);
    // A new subscription raises the epoch; its answer is taken for lost.
    const other = freshName('epochs-b');
    await createTopic(wire, other);
    const raised = await send(group, 'm1', 2, { subscribedTopicNames: [topic, other], ...own(topicId, 0, 1) });
    expect(raised.memberEpoch).toBe(3);
    expect((await send(group, 'm1', 2)).errorCode).toBe(110);
    expect((await send(group, 'm1', 2, own('AAAAAAAAAAAAAAAAAAAAAQ', 3))).errorCode).toBe(110);
    expect(await send(group, 'm1', 2, own(topicId, 0, 1))).toMatchObject({ errorCode: 0, memberEpoch: 3 });
    // Epoch 0 starts over, with everything in the answer.
    const again = await join(group, 'm1', [topic, other]);
    expect(again).toMatchObject({ errorCode: 0, memberEpoch: 3 });
    expect(again.assignment!.topicPartitions.length).toBe(2);
  });

  test('C44 offsets: an old epoch is 113, also to a fetch; a member is known or 25; a client of before v9 is told 35', async () => {
    const topic = freshName('offsets');
    const group = freshName('g');
    const topicId = await createTopic(wire, topic, 2);
    await join(group, 'm1', [topic]);
    expect(await commit(group, topic, 'm1', 2)).toBe(0);
    expect(await commit(group, topic, 'm1', 3)).toBe(113);
    expect(await commit(group, topic, 'm1', 1)).toBe(113);
    expect(await commit(group, topic, 'm2', 2)).toBe(25);
    expect(await commit(group, topic, '', -1)).toBe(25);
    expect(await commit(group, topic, 'm1', 2, 8)).toBe(35);
    expect(await commit(freshName('none'), topic, 'm1', 2)).toBe(69);
    expect(await fetchOffset(group, topic, 'm1', 2)).toBe(5);
    expect(await fetchOffset(group, topic, null, -1)).toBe(5);
    expect(await fetchOffset(group, topic, 'm1', 1)).toBe(113);
    expect(await fetchOffset(group, topic, 'm2', 2)).toBe(25);
    // The epoch rises; what the member has had all the time it may still commit with the old one (KIP-1251).
    await join(group, 'm2', [topic]);
    const { topicPartitions } = (await send(group, 'm1', 2)).assignment!;
    const [kept] = topicPartitions[0]!.partitions;
    expect((await send(group, 'm1', 2, own(topicId, kept!))).memberEpoch).toBe(3);
    expect(await commit(group, topic, 'm1', 2, 9, kept)).toBe(0);
    expect(await commit(group, topic, 'm1', 2, 9, 1 - kept!)).toBe(113);
  });

  test('C48 static members: −2 keeps the seat, nobody else gets it meanwhile (111), the old one is fenced (82)', async () => {
    const topic = freshName('static');
    const group = freshName('g');
    await createTopic(wire, topic, 2);
    const seat = { instanceId: 'one' };
    const joined = await join(group, 'm1', [topic], seat);
    expect(joined.memberEpoch).toBe(2);
    expect((await join(group, 'm2', [topic], seat)).errorCode).toBe(111);
    expect((await send(group, 'm2', 2, seat)).errorCode).toBe(82);
    expect((await send(group, 'm1', 2, { instanceId: 'two' })).errorCode).toBe(25);
    expect(await send(group, 'm1', -2, seat)).toMatchObject({ errorCode: 0, memberEpoch: -2 });
    const back = await join(group, 'm2', [topic], seat);
    // No rebalance: the epoch stays, and so do the partitions.
    expect(back).toMatchObject({ errorCode: 0, memberId: 'm2', memberEpoch: 2 });
    expect(back.assignment).toEqual(joined.assignment);
    expect((await send(group, 'm1', 2, seat)).errorCode).toBe(82);
    expect((await describeGroup(group)).groupEpoch).toBe(2);
    await send(group, 'm2', -1, seat);
  });

  test('C46 a silent member goes after its session, one that does not revoke after its rebalance timeout', async () => {
    const topic = freshName('silent');
    const group = freshName('g');
    const topicId = await createTopic(wire, topic, 2);
    await join(group, 'quiet', [topic]);
    await join(group, 'm2', [topic]);
    await eventually(
      'the silent member is gone',
      async () => {
        const { members } = await describeGroup(group);
        const { assignment } = await send(group, 'm2', members.find((each) => each.memberId === 'm2')!.memberEpoch);
        return assignment?.topicPartitions[0]?.partitions.length === 2;
      },
      sessionMs * 3,
    );
    expect((await send(group, 'quiet', 1)).errorCode).toBe(25);
    const stubborn = freshName('g');
    await join(stubborn, 'm1', [topic], { rebalanceTimeoutMs: 500 });
    await join(stubborn, 'm2', [topic]);
    await eventually(
      'who does not revoke is gone',
      async () => (await send(stubborn, 'm1', 1, own(topicId, 0, 1))).errorCode === 25,
      sessionMs * 3,
    );
  });

  test('C50 subscriptions by regular expression; new topics and new partitions rebalance the group', async () => {
    const stem = freshName('regex');
    const group = freshName('g');
    const first = await createTopic(wire, `${stem}-a`, 1);
    await createTopic(wire, `x${stem}-a`, 1);
    await join(group, 'm1', null, { subscribedTopicRegex: `${stem}-.*` });
    const beatUntil = async (what: string, isDone: (assigned: Map<string, number>) => boolean) =>
      eventually(
        what,
        async () => {
          await send(group, 'm1', (await describeGroup(group)).members[0]!.memberEpoch);
          const { topicPartitions } = (await describeGroup(group)).members[0]!.assignment;
          return isDone(new Map(topicPartitions.map((each) => [each.topicId, each.partitions.length])));
        },
        // Kafka looks for new matches at most every ten seconds.
        20_000,
      );
    await beatUntil('the topic is found', (assigned) => assigned.size === 1 && assigned.get(first) === 1);
    const { errorCode } = (
      await wire.ask(CreatePartitions, 3, {
        topics: [{ name: `${stem}-a`, count: 2, assignments: null }],
        timeoutMs: 5000,
        validateOnly: false,
      })
    ).results[0]!;
    expect(errorCode).toBe(0);
    await beatUntil('the new partition is assigned', (assigned) => assigned.get(first) === 2);
    expect((await describeGroup(group)).members[0]).toMatchObject({
      subscribedTopicRegex: `${stem}-.*`,
      subscribedTopicNames: [],
    });
    const second = await createTopic(wire, `${stem}-b`, 1);
    await beatUntil('the new topic is found', (assigned) => assigned.size === 2 && assigned.get(second) === 1);
  }, 60_000);

  test('C51 lists, descriptions and deletions know the two kinds of groups', async () => {
    const topic = freshName('kinds');
    const group = freshName('g');
    const topicId = await createTopic(wire, topic, 1);
    await join(group, 'm1', [topic], { serverAssignor: 'range' });
    await commit(group, topic, 'm1', 2);
    const listed = async (typesFilter: string[], statesFilter: string[] = []) =>
      (await wire.ask(ListGroups, 5, { typesFilter, statesFilter })).groups.find((each) => each.groupId === group);
    expect(await listed([])).toEqual({
      groupId: group,
      protocolType: 'consumer',
      groupState: 'Stable',
      groupType: 'consumer',
    });
    expect(await listed(['Consumer'], ['stable'])).toBeDefined();
    expect(await listed(['classic'])).toBeUndefined();
    expect((await describeGroup(group)).assignorName).toBe('range');
    const classic = (await wire.ask(DescribeGroups, 6, { groups: [group], includeAuthorizedOperations: false }))
      .groups[0]!;
    expect(classic).toMatchObject({ errorCode: 69, groupState: 'Dead' });
    expect((await describeGroup(freshName('none'))).errorCode).toBe(69);
    const forget = async () =>
      (
        await wire.ask(OffsetDelete, 0, {
          groupId: group,
          topics: [{ name: topic, partitions: [{ partitionIndex: 0 }] }],
        })
      ).topics[0]!.partitions[0]!.errorCode;
    expect(await forget()).toBe(86);
    const remove = async () => (await wire.ask(DeleteGroups, 2, { groupsNames: [group] })).results[0]!.errorCode;
    expect(await remove()).toBe(68);
    expect((await send(group, 'm1', -1, own(topicId, 0))).errorCode).toBe(0);
    expect(await fetchOffset(group, topic, null, -1)).toBe(5);
    expect(await forget()).toBe(0);
    expect(await remove()).toBe(0);
    expect(await remove()).toBe(69);
  });

  test('C50 online migration: a classic group takes a member of the new protocol, and is a classic one again when it has gone', async () => {
    const topic = freshName('migration');
    const group = freshName('g');
    const topicId = await createTopic(wire, topic, 2);
    const subscription = (...partitions: number[]): Buffer => {
      const writer = new Writer(64);
      writer.int16(1);
      for (const owns of [null, partitions]) {
        if (owns === null || owns.length > 0) writer.int32(1);
        if (owns === null || owns.length > 0) writer.nullableString(topic);
        if (owns === null) writer.int32(-1);
        else writer.int32(owns.length);
        for (const partition of owns ?? []) writer.int32(partition);
      }
      return writer.toBuffer();
    };
    const classicJoin = async (memberId: string, ...partitions: number[]) =>
      wire.ask(JoinGroup, 7, {
        groupId: group,
        sessionTimeoutMs: 30_000,
        rebalanceTimeoutMs: 30_000,
        memberId,
        groupInstanceId: null,
        protocolType: 'consumer',
        protocols: [{ name: 'cooperative-sticky', metadata: subscription(...partitions) }],
      });
    const classicSync = async (memberId: string, generationId: number, assignment?: Buffer) =>
      wire.ask(SyncGroup, 5, {
        groupId: group,
        generationId,
        memberId,
        protocolType: 'consumer',
        protocolName: 'cooperative-sticky',
        assignments: assignment === undefined ? [] : [{ memberId, assignment }],
      });
    const classicBeat = async (memberId: string, generationId: number) =>
      (await wire.ask(Heartbeat, 4, { groupId: group, generationId, memberId })).errorCode;
    const { memberId } = await classicJoin('');
    const joined = await classicJoin(memberId);
    expect(joined).toMatchObject({ errorCode: 0, generationId: 1, leader: memberId });
    // An assignment of both partitions has the form of a subscription but for its user data, so it is written by hand.
    const assignment = new Writer(64);
    assignment.int16(1);
    assignment.int32(1);
    assignment.nullableString(topic);
    for (const value of [2, 0, 1, -1]) assignment.int32(value);
    expect((await classicSync(memberId, 1, assignment.toBuffer())).errorCode).toBe(0);
    // The new member: the group goes on with the other protocol, the first one keeps what it has until it gives it up.
    const first = await join(group, 'new', [topic]);
    expect(first).toMatchObject({ errorCode: 0, memberEpoch: 2 });
    expect(first.assignment!.topicPartitions).toEqual([]);
    expect((await describeGroup(group)).members.map((each) => each.memberType).sort()).toEqual([0, 1]);
    expect(await classicBeat(memberId, 1)).toBe(27);
    const again = await classicJoin(memberId, 0, 1);
    expect(again).toMatchObject({ errorCode: 0, generationId: 1, protocolName: 'cooperative-sticky', members: [] });
    const reduced = (await classicSync(memberId, 1)).assignment;
    const kept = reduced.readInt32BE(reduced.length - 8);
    expect(await classicBeat(memberId, 1)).toBe(27);
    const third = await classicJoin(memberId, kept);
    expect(third).toMatchObject({ errorCode: 0, generationId: 2 });
    expect((await classicSync(memberId, 2)).errorCode).toBe(0);
    expect(await classicBeat(memberId, 2)).toBe(0);
    expect((await send(group, 'new', 2)).assignment!.topicPartitions).toEqual([{ topicId, partitions: [1 - kept] }]);
    expect(await commit(group, topic, memberId, 2)).toBe(0);
    expect(await commit(group, topic, memberId, 3)).toBe(22);
    // It leaves: a classic group again, which rebalances without throwing its member out.
    expect((await send(group, 'new', -1)).errorCode).toBe(0);
    expect((await describeGroup(group)).errorCode).toBe(69);
    expect(await classicBeat(memberId, 2)).toBe(27);
    expect(await classicJoin(memberId, kept)).toMatchObject({ errorCode: 0, generationId: 3, leader: memberId });
    const { members } = await wire.ask(LeaveGroup, 4, {
      groupId: group,
      members: [{ memberId, groupInstanceId: null }],
    });
    expect(members[0]!.errorCode).toBe(0);
  });

  const needsOwned = owned ? false : skipped('restart of consumer groups', 'the broker is not ours');
  test.skipIf(needsOwned)('C50 a killed broker knows its groups again: members go on with their epochs', async () => {
    const topic = freshName('restart');
    const group = freshName('g');
    const topicId = await createTopic(wire, topic, 2);
    const joined = await join(group, 'm1', [topic], { instanceId: 'i', rackId: 'r' });
    await commit(group, topic, 'm1', 2);
    const before = await describeGroup(group);
    wire.close();
    await broker.kill();
    await broker.restart();
    wire = await Wire.open(broker);
    await findCoordinator(wire, group);
    expect(await describeGroup(group)).toEqual(before);
    const on = await send(group, 'm1', joined.memberEpoch, { instanceId: 'i', ...own(topicId, 0, 1) });
    expect(on).toMatchObject({ errorCode: 0, memberEpoch: 2, assignment: null });
    expect(await fetchOffset(group, topic, 'm1', 2)).toBe(5);
  });
});
