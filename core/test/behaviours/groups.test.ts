// C45–C47, C51: how a classic group forms and ends, as a client on the wire sees it. The rules of time (C46's delays, C47's members that give up, C48) are
// tested in core/groups, in virtual time. The protocol type is not 'consumer': Kafka reads that one's bytes, and these are not for reading.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { OffsetCommit } from '../../protocol/messages/08-offset-commit.ts';
import { FindCoordinator } from '../../protocol/messages/10-find-coordinator.ts';
import { JoinGroup } from '../../protocol/messages/11-join-group.ts';
import { Heartbeat } from '../../protocol/messages/12-heartbeat.ts';
import { LeaveGroup } from '../../protocol/messages/13-leave-group.ts';
import { SyncGroup } from '../../protocol/messages/14-sync-group.ts';
import { DescribeGroups } from '../../protocol/messages/15-describe-groups.ts';
import { ListGroups } from '../../protocol/messages/16-list-groups.ts';
import { DeleteGroups } from '../../protocol/messages/42-delete-groups.ts';
import { eventually, type ForeignBroker, freshName, startBroker } from '../foreign/harness.ts';
import { createTopic, findCoordinator, Wire } from './wire.ts';

describe('groups', () => {
  let broker: ForeignBroker;
  let wire: Wire;
  let other: Wire;
  let topic: string;

  beforeAll(async () => {
    broker = await startBroker({ set: { 'group.max.size': 5 } });
    wire = await Wire.open(broker);
    other = await Wire.open(broker);
    topic = freshName('groups');
    await createTopic(wire, topic);
    await findCoordinator(wire, 'any');
  });
  afterAll(async () => {
    wire?.close();
    other?.close();
    await broker?.dispose();
  });

  const joinBody = (
    groupId: string,
    memberId: string,
    options: { session?: number; protocolType?: string; protocol?: string; metadata?: string } = {},
  ) => ({
    groupId,
    memberId,
    sessionTimeoutMs: options.session ?? 10_000,
    rebalanceTimeoutMs: 10_000,
    protocolType: options.protocolType ?? 'wire',
    protocols: [{ name: options.protocol ?? 'range', metadata: Buffer.from(options.metadata ?? 'what I want') }],
  });
  /** Through 79 to the generation. */
  async function join(at: Wire, groupId: string, metadata = 'what I want') {
    const first = await at.ask(JoinGroup, 9, joinBody(groupId, '', { metadata }));
    expect([first.errorCode, first.memberId.length > 0]).toEqual([79, true]);
    return at.send(JoinGroup, 9, joinBody(groupId, first.memberId, { metadata }));
  }
  async function formed(groupId: string) {
    const joined = await (await join(wire, groupId))();
    expect(joined.errorCode).toBe(0);
    const { generationId, memberId } = joined;
    const assignments = [{ memberId, assignment: Buffer.from('what you get') }];
    const synced = await wire.ask(SyncGroup, 5, {
      groupId,
      generationId,
      memberId,
      protocolType: 'wire',
      protocolName: 'range',
      assignments,
    });
    expect([synced.errorCode, synced.assignment.toString()]).toEqual([0, 'what you get']);
    return { groupId, generationId, memberId };
  }
  const heartbeat = async (at: Wire, member: { groupId: string; generationId: number; memberId: string }) =>
    (await at.ask(Heartbeat, 4, member)).errorCode;

  test('C45 FindCoordinator: many keys since v4, one before; an unknown kind of key is 42', async () => {
    const keys = [freshName('a'), freshName('b')];
    const many = await wire.ask(FindCoordinator, 4, { keyType: 0, coordinatorKeys: keys });
    expect(many.coordinators.map(({ key, errorCode, port }) => [key, errorCode, port])).toEqual(
      keys.map((key) => [key, 0, broker.port]),
    );
    const one = await wire.ask(FindCoordinator, 3, { key: keys[0]!, keyType: 0 });
    expect([one.errorCode, one.port]).toEqual([0, broker.port]);
    const old = await wire.ask(FindCoordinator, 0, { key: keys[0]! });
    expect(old.errorCode).toBe(0);
    const unknown = await wire.ask(FindCoordinator, 4, { keyType: 9, coordinatorKeys: ['x'] });
    expect(unknown.coordinators.map(({ errorCode }) => errorCode)).toEqual([42]);
  });

  test('C46 JoinGroup: 79 without a member id, 25 with an unknown one, 26 for the session, 24 without a group, 23 for other protocols', async () => {
    const { groupId } = await formed(freshName('c46'));
    const code = async (body: ReturnType<typeof joinBody>, version = 9) =>
      (await other.ask(JoinGroup, version, body)).errorCode;
    expect(await code(joinBody(groupId, ''))).toBe(79);
    expect(await code(joinBody(groupId, 'nobody-knows-me'))).toBe(25);
    expect(await code(joinBody(groupId, '', { session: 10 }))).toBe(26);
    expect(await code(joinBody(groupId, '', { session: 99_000_000 }))).toBe(26);
    expect(await code(joinBody('', ''))).toBe(24);
    expect(await code(joinBody(groupId, '', { protocolType: 'connect' }))).toBe(23);
    expect(await code(joinBody(groupId, '', { protocol: 'sticky' }))).toBe(23);
  });

  test('C46 before v4 a member joins at once', async () => {
    const joined = await wire.ask(JoinGroup, 3, joinBody(freshName('c46'), ''));
    expect([joined.errorCode, joined.generationId, joined.leader === joined.memberId]).toEqual([0, 1, true]);
  });

  test('C47 only the leader sees the members; heartbeats say 27 while a member is awaited', async () => {
    const first = await formed(freshName('c47'));
    const { groupId } = first;
    expect(await heartbeat(wire, first)).toBe(0);
    const second = await join(other, groupId, 'what the second wants');
    await eventually('the group rebalances', async () => (await heartbeat(wire, first)) === 27);
    // In a rebalance the present generation may still commit.
    const partitions = [{ partitionIndex: 0, committedOffset: 3, committedMetadata: '' }];
    const committed = await wire.ask(OffsetCommit, 8, {
      groupId,
      generationIdOrMemberEpoch: first.generationId,
      memberId: first.memberId,
      topics: [{ name: topic, partitions }],
    });
    expect(committed.topics[0]!.partitions[0]!.errorCode).toBe(0);
    const again = await wire.ask(JoinGroup, 9, joinBody(groupId, first.memberId));
    const joined = await second();
    expect([again.errorCode, joined.errorCode, again.generationId, joined.generationId]).toEqual([0, 0, 2, 2]);
    expect(again.leader).toBe(first.memberId);
    expect(joined.leader).toBe(first.memberId);
    expect(joined.members).toEqual([]);
    expect(again.members.map(({ metadata }) => metadata.toString()).sort()).toEqual([
      'what I want',
      'what the second wants',
    ]);
    // The follower waits for the leader's assignment.
    const member = { groupId, generationId: 2, protocolType: 'wire', protocolName: 'range' };
    const waiting = other.send(SyncGroup, 5, { ...member, memberId: joined.memberId, assignments: [] });
    const assignments = [first.memberId, joined.memberId].map((memberId, i) => ({
      memberId,
      assignment: Buffer.from(`part ${i}`),
    }));
    const leader = await wire.ask(SyncGroup, 5, { ...member, memberId: first.memberId, assignments });
    expect([leader.assignment.toString(), (await waiting()).assignment.toString()]).toEqual(['part 0', 'part 1']);
    expect(await heartbeat(wire, { groupId, generationId: 1, memberId: first.memberId })).toBe(22);
    expect(await heartbeat(wire, { groupId, generationId: 2, memberId: 'nobody' })).toBe(25);
    const left = await other.ask(LeaveGroup, 5, {
      groupId,
      members: [{ memberId: joined.memberId }, { memberId: 'nobody' }],
    });
    expect([left.errorCode, ...left.members.map(({ errorCode }) => errorCode)]).toEqual([0, 0, 25]);
    expect(await heartbeat(wire, { groupId, generationId: 2, memberId: first.memberId })).toBe(27);
  });

  test('C47 many members at once, each in its own time: all end in one generation, and nobody is told that it is not known', async () => {
    const groupId = freshName('c47');
    const members = await Promise.all(Array.from({ length: 5 }, () => Wire.open(broker)));
    const codes: number[] = [];
    const generations = new Map<Wire, number>();
    const isSettled = () => generations.size === members.length && new Set(generations.values()).size === 1;
    await Promise.all(
      members.map(async (at, i) => {
        await sleep(i * 7);
        let memberId = '';
        for (const deadline = Date.now() + 20_000; !isSettled() && Date.now() < deadline; ) {
          const joined = await at.ask(JoinGroup, 9, joinBody(groupId, memberId));
          codes.push(joined.errorCode);
          memberId = joined.memberId;
          if (joined.errorCode !== 0) continue;
          const { generationId } = joined;
          const assignments = joined.members.map((each) => ({ memberId: each.memberId, assignment: Buffer.from('a') }));
          const member = { groupId, generationId, memberId };
          const body = { ...member, protocolType: 'wire', protocolName: 'range', assignments };
          let code = (await at.ask(SyncGroup, 5, body)).errorCode;
          codes.push(code);
          if (code === 0) generations.set(at, generationId);
          while (code === 0 && !isSettled() && Date.now() < deadline) {
            code = await heartbeat(at, member);
            codes.push(code);
            await sleep(10);
          }
        }
      }),
    );
    expect(isSettled()).toBe(true);
    // Joined, come with an id, a rebalance has begun: nothing else is said.
    expect([...new Set(codes)].filter((code) => ![0, 27, 79].includes(code))).toEqual([]);
    for (const at of members) at.close();
  });

  test('C47 commits of another generation, or of nobody: 22 and 25', async () => {
    const member = await formed(freshName('c47'));
    const commit = async (generationIdOrMemberEpoch: number, memberId: string) => {
      const partitions = [{ partitionIndex: 0, committedOffset: 3, committedMetadata: '' }];
      const { topics } = await wire.ask(OffsetCommit, 8, {
        groupId: member.groupId,
        generationIdOrMemberEpoch,
        memberId,
        topics: [{ name: topic, partitions }],
      });
      return topics[0]!.partitions[0]!.errorCode;
    };
    expect(await commit(member.generationId, member.memberId)).toBe(0);
    expect(await commit(member.generationId + 1, member.memberId)).toBe(22);
    expect(await commit(member.generationId, 'nobody')).toBe(25);
    // A stranger without a membership, while the group has members.
    expect(await commit(-1, '')).toBe(25);
  });

  test('C51 DescribeGroups v6 says 69 for a group that is not there, before it was Dead; DeleteGroups 68 and 69', async () => {
    const member = await formed(freshName('c51'));
    const { groupId } = member;
    const absent = freshName('absent');
    const described = await wire.ask(DescribeGroups, 6, { groups: [groupId, absent] });
    expect(described.groups).toMatchObject([
      { errorCode: 0, groupId, groupState: 'Stable', protocolType: 'wire', protocolData: 'range' },
      { errorCode: 69, groupId: absent, groupState: 'Dead' },
    ]);
    expect(
      described.groups[0]!.members.map(({ memberId, memberAssignment }) => [memberId, memberAssignment.toString()]),
    ).toEqual([[member.memberId, 'what you get']]);
    const old = await wire.ask(DescribeGroups, 5, { groups: [absent] });
    expect(old.groups).toMatchObject([{ errorCode: 0, groupState: 'Dead', members: [] }]);
    const listed = await wire.ask(ListGroups, 4, { statesFilter: ['Stable'] });
    expect(listed.groups.filter((each) => each.groupId === groupId)).toMatchObject([
      { protocolType: 'wire', groupState: 'Stable' },
    ]);
    const remove = async () =>
      (await wire.ask(DeleteGroups, 2, { groupsNames: [groupId, absent] })).results.map(({ errorCode }) => errorCode);
    expect(await remove()).toEqual([68, 69]);
    await wire.ask(LeaveGroup, 5, { groupId, members: [{ memberId: member.memberId }] });
    expect((await wire.ask(DescribeGroups, 6, { groups: [groupId] })).groups[0]!.groupState).toBe('Empty');
    expect(await remove()).toEqual([0, 69]);
    expect((await wire.ask(DescribeGroups, 6, { groups: [groupId] })).groups[0]!.errorCode).toBe(69);
  });
});
