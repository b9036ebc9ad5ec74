// C45, C50, C51 for share groups (KIP-932), request by request: who is a member, who gets which partitions and when, start offsets, what groups have set for
// themselves, and where share groups meet groups of other kinds.
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { OffsetCommit } from '../../protocol/messages/08-offset-commit.ts';
import { OffsetFetch } from '../../protocol/messages/09-offset-fetch.ts';
import { JoinGroup } from '../../protocol/messages/11-join-group.ts';
import { Heartbeat } from '../../protocol/messages/12-heartbeat.ts';
import { DescribeGroups } from '../../protocol/messages/15-describe-groups.ts';
import { ListGroups } from '../../protocol/messages/16-list-groups.ts';
import { DeleteTopics } from '../../protocol/messages/20-delete-topics.ts';
import { DescribeConfigs } from '../../protocol/messages/32-describe-configs.ts';
import { CreatePartitions } from '../../protocol/messages/37-create-partitions.ts';
import { DeleteGroups } from '../../protocol/messages/42-delete-groups.ts';
import { IncrementalAlterConfigs } from '../../protocol/messages/44-incremental-alter-configs.ts';
import { OffsetDelete } from '../../protocol/messages/47-offset-delete.ts';
import { ConsumerGroupHeartbeat } from '../../protocol/messages/68-consumer-group-heartbeat.ts';
import { ConsumerGroupDescribe } from '../../protocol/messages/69-consumer-group-describe.ts';
import { ListConfigResources } from '../../protocol/messages/74-list-config-resources.ts';
import { ShareGroupHeartbeat } from '../../protocol/messages/76-share-group-heartbeat.ts';
import { ShareGroupDescribe } from '../../protocol/messages/77-share-group-describe.ts';
import { DescribeShareGroupOffsets } from '../../protocol/messages/90-describe-share-group-offsets.ts';
import { AlterShareGroupOffsets } from '../../protocol/messages/91-alter-share-group-offsets.ts';
import { DeleteShareGroupOffsets } from '../../protocol/messages/92-delete-share-group-offsets.ts';
import { type ForeignBroker, freshName, owned, startBroker } from '../foreign/harness.ts';
import { batchOf, createTopic, findCoordinator, produce, Wire } from './wire.ts';

const sessionMs = 3000;
const GROUP = 32;
const [SET, DELETE] = [0, 1];
const PATIENT = { timeout: 20_000, interval: 50 };

describe('share groups', () => {
  let broker: ForeignBroker;
  let wire: Wire;

  beforeAll(async () => {
    broker = await startBroker({
      set: {
        'group.share.min.session.timeout.ms': 1000,
        'group.share.session.timeout.ms': sessionMs,
        'group.share.min.heartbeat.interval.ms': 100,
        'group.share.heartbeat.interval.ms': 500,
        'group.share.assignment.interval.ms': 0,
        'group.share.max.size': 3,
        'group.share.initialize.retry.interval.ms': 1000,
        'share.coordinator.state.topic.num.partitions': 2,
        'share.coordinator.state.topic.replication.factor': 1,
        'share.coordinator.state.topic.min.isr': 1,
      },
    });
    wire = await Wire.open(broker);
    await findCoordinator(wire, 'first');
  });
  afterAll(async () => {
    wire?.close();
    await broker?.dispose();
  });

  const send = (groupId: string, memberId: string, memberEpoch: number, topics: readonly string[] | null = null) =>
    wire.ask(ShareGroupHeartbeat, 1, {
      groupId,
      memberId,
      memberEpoch,
      subscribedTopicNames: topics === null ? null : [...topics],
    });
  const join = (groupId: string, memberId: string, topics: readonly string[]) => send(groupId, memberId, 0, topics);
  const describeShare = async (groupId: string) =>
    (await wire.ask(ShareGroupDescribe, 1, { groupIds: [groupId], includeAuthorizedOperations: false })).groups[0]!;
  const sorted = (topicPartitions: readonly { topicId: string; partitions: number[] }[]) =>
    topicPartitions.map(({ topicId, partitions }) => ({ topicId, partitions: [...partitions].sort((a, b) => a - b) }));
  /** The member's assignment once it has this many partitions; heartbeats go on until then. */
  const assigned = (groupId: string, memberId: string, count: number, topics: readonly string[]) =>
    vi.waitFor(async () => {
      const epoch = (await describeShare(groupId)).members.find((each) => each.memberId === memberId)!.memberEpoch;
      const answer = await send(groupId, memberId, epoch, topics);
      expect(answer.errorCode).toBe(0);
      const partitions = answer.assignment!.topicPartitions;
      expect(partitions.reduce((sum, each) => sum + each.partitions.length, 0)).toBe(count);
      return sorted(partitions);
    }, PATIENT);
  const describeOffsets = async (groupId: string, topics: { topicName: string; partitions: number[] }[] | null) =>
    (await wire.ask(DescribeShareGroupOffsets, 1, { groups: [{ groupId, topics }] })).groups[0]!;
  const alterOffsets = (groupId: string, topicName: string, startOffsets: readonly number[]) =>
    wire.ask(AlterShareGroupOffsets, 0, {
      groupId,
      topics: [
        { topicName, partitions: startOffsets.map((startOffset, partitionIndex) => ({ partitionIndex, startOffset })) },
      ],
    });
  const deleteOffsets = (groupId: string, topicNames: readonly string[]) =>
    wire.ask(DeleteShareGroupOffsets, 0, { groupId, topics: topicNames.map((topicName) => ({ topicName })) });
  const deleteGroup = async (groupId: string) =>
    (await wire.ask(DeleteGroups, 2, { groupsNames: [groupId] })).results[0]!.errorCode;

  const configure = async (group: string, name: string, value: string | null, configOperation = SET) => {
    const resources = [{ resourceType: GROUP, resourceName: group, configs: [{ name, configOperation, value }] }];
    return (await wire.ask(IncrementalAlterConfigs, 1, { resources, validateOnly: false })).responses[0]!.errorCode;
  };

  test('C50 a member joins with 0; partitions come once their state is initialized; two members share them; −1 leaves', async () => {
    const topic = freshName('join');
    const group = freshName('s');
    const topicId = await createTopic(wire, topic, 4);
    const first = await join(group, 'm1', [topic]);
    expect(first).toMatchObject({ errorCode: 0, memberId: 'm1', memberEpoch: 2, heartbeatIntervalMs: 500 });
    expect(first.assignment).toEqual({ topicPartitions: [] });
    expect(await assigned(group, 'm1', 4, [topic])).toEqual([{ topicId, partitions: [0, 1, 2, 3] }]);
    const { members, ...described } = await describeShare(group);
    expect(described).toMatchObject({ errorCode: 0, groupState: 'Stable', assignorName: 'simple' });
    expect(described.groupEpoch).toBe(described.assignmentEpoch);
    const epoch = members[0]!.memberEpoch;
    expect(epoch).toBeGreaterThan(2);
    // Nothing new and no subscription in the request: no assignment in the answer.
    expect(await send(group, 'm1', epoch)).toMatchObject({ errorCode: 0, memberEpoch: epoch, assignment: null });
    // Nobody waits for another: the second has its part with its first heartbeat.
    const second = await join(group, 'm2', [topic]);
    expect(second.memberEpoch).toBe(epoch + 1);
    const part = sorted(second.assignment!.topicPartitions)[0]!.partitions;
    expect(part.length).toBe(2);
    const rest = sorted((await send(group, 'm1', epoch)).assignment!.topicPartitions)[0]!.partitions;
    expect([...part, ...rest].sort()).toEqual([0, 1, 2, 3]);
    expect(await send(group, 'm2', -1)).toMatchObject({ errorCode: 0, memberId: 'm2', memberEpoch: -1 });
    expect((await assigned(group, 'm1', 4, [topic]))[0]!.partitions).toEqual([0, 1, 2, 3]);
    await send(group, 'm1', -1);
    expect(await describeShare(group)).toMatchObject({ groupState: 'Empty', members: [] });
  });

  test('C50 more members than partitions: each partition to several, each member has one; the group is full (81)', async () => {
    const topic = freshName('shared');
    const group = freshName('s');
    await createTopic(wire, topic, 1);
    await join(group, 'm1', [topic]);
    await assigned(group, 'm1', 1, [topic]);
    expect((await join(group, 'm2', [topic])).assignment!.topicPartitions[0]!.partitions).toEqual([0]);
    expect((await join(group, 'm3', [topic])).assignment!.topicPartitions[0]!.partitions).toEqual([0]);
    await assigned(group, 'm1', 1, [topic]);
    expect((await join(group, 'm4', [topic])).errorCode).toBe(81);
    for (const member of ['m1', 'm2', 'm3']) await send(group, member, -1);
  });

  test('C50 what is not a heartbeat is refused: 42, 25, 69; an epoch that is not the newest nor the one before is fenced (110)', async () => {
    const topic = freshName('bad');
    const group = freshName('s');
    await createTopic(wire, topic);
    const code = async (answer: Promise<{ errorCode: number }>) => (await answer).errorCode;
    expect(await code(join('', 'm', [topic]))).toBe(42);
    expect(await code(join(group, '', [topic]))).toBe(42);
    expect(await code(send(group, 'm', 0, null))).toBe(42);
    expect(await code(send(group, 'm', 0, []))).toBe(42);
    expect(await code(send(group, 'm', -2))).toBe(42);
    expect(
      await code(
        wire.ask(ShareGroupHeartbeat, 1, {
          groupId: group,
          memberId: 'm',
          memberEpoch: 0,
          rackId: '',
          subscribedTopicNames: [topic],
        }),
      ),
    ).toBe(42);
    expect(await code(send(group, 'm', 1))).toBe(69);
    expect(await code(send(group, 'm', -1))).toBe(69);
    expect(await join(group, 'm', [topic])).toMatchObject({ errorCode: 0, memberEpoch: 2 });
    expect(await code(send(group, 'other', 1))).toBe(25);
    expect(await code(send(group, 'other', -1))).toBe(25);
    expect(await code(send(group, 'm', 9))).toBe(110);
    await assigned(group, 'm', 1, [topic]);
    const epoch = (await describeShare(group)).members[0]!.memberEpoch;
    expect(await send(group, 'm', epoch - 1)).toMatchObject({ errorCode: 0, memberEpoch: epoch });
    // Another subscription: another epoch, and the one from before the last is gone.
    const raised = await send(group, 'm', epoch, [topic, freshName('absent')]);
    expect(raised.memberEpoch).toBe(epoch + 1);
    expect(await code(send(group, 'm', epoch - 1))).toBe(110);
    await send(group, 'm', -1);
  });

  test('C50 topics grow and go: the member has the new partitions, and not the old topic', async () => {
    const [topic, other] = [freshName('grows'), freshName('goes')];
    const group = freshName('s');
    const topicId = await createTopic(wire, topic, 1);
    await createTopic(wire, other, 2);
    await join(group, 'm', [topic, other]);
    await assigned(group, 'm', 3, [topic, other]);
    await wire.ask(CreatePartitions, 3, {
      topics: [{ name: topic, count: 3, assignments: null }],
      timeoutMs: 5000,
      validateOnly: false,
    });
    await assigned(group, 'm', 5, [topic, other]);
    await wire.ask(DeleteTopics, 6, { topics: [{ name: other, topicId: 'AAAAAAAAAAAAAAAAAAAAAA' }], timeoutMs: 5000 });
    expect(await assigned(group, 'm', 3, [topic, other])).toEqual([{ topicId, partitions: [0, 1, 2] }]);
    await send(group, 'm', -1);
  });

  test('C46 who is not heard from for a session is gone', async () => {
    const topic = freshName('silent');
    const group = freshName('s');
    await createTopic(wire, topic);
    await join(group, 'm', [topic]);
    expect((await describeShare(group)).groupState).toBe('Stable');
    await vi.waitFor(async () => expect((await describeShare(group)).groupState).toBe('Empty'), PATIENT);
    expect((await send(group, 'm', 2)).errorCode).toBe(25);
  });

  test('C44 start offsets: set for an empty group, described with the lag, forgotten; 68 for one with members', async () => {
    const topic = freshName('offsets');
    const group = freshName('s');
    const topicId = await createTopic(wire, topic, 2);
    await produce(wire, topic, batchOf(['a', 'b', 'c', 'd']));
    expect((await describeOffsets(group, null)).topics).toEqual([]);
    const altered = await alterOffsets(group, topic, [3, 0, 7]);
    expect(altered).toMatchObject({ errorCode: 0, responses: [{ topicName: topic, topicId }] });
    expect(altered.responses[0]!.partitions.map((each) => each.errorCode)).toEqual([0, 0, 3]);
    expect((await alterOffsets(group, freshName('absent'), [1])).responses[0]!.partitions[0]!.errorCode).toBe(3);
    expect((await alterOffsets('', topic, [1])).errorCode).toBe(24);
    expect(await describeShare(group)).toMatchObject({ errorCode: 0, groupState: 'Empty', groupEpoch: 1 });
    await vi.waitFor(async () => {
      const all = await describeOffsets(group, null);
      expect(all).toMatchObject({ errorCode: 0, topics: [{ topicName: topic, topicId }] });
      const partitions = [...all.topics[0]!.partitions].sort((a, b) => a.partitionIndex - b.partitionIndex);
      expect(partitions.map(({ startOffset, errorCode }) => [startOffset, errorCode])).toEqual([
        [3, 0],
        [0, 0],
      ]);
      expect(partitions.map(({ lag }) => lag)).toEqual([1, 0]);
    }, PATIENT);
    const absent = freshName('absent');
    const named = await describeOffsets(group, [{ topicName: absent, partitions: [0] }]);
    expect(named.topics[0]!.partitions[0]).toMatchObject({ startOffset: -1, errorCode: 0, lag: -1 });
    await join(group, 'm', [topic]);
    expect((await alterOffsets(group, topic, [1])).errorCode).toBe(68);
    expect((await deleteOffsets(group, [topic])).errorCode).toBe(68);
    expect(await deleteGroup(group)).toBe(68);
    await send(group, 'm', -1);
    const gone = await deleteOffsets(group, [topic, absent]);
    expect(gone.errorCode).toBe(0);
    expect(Object.fromEntries(gone.responses.map((each) => [each.topicName, each.errorCode]))).toEqual({
      [topic]: 0,
      [absent]: 3,
    });
    expect((await describeOffsets(group, null)).topics).toEqual([]);
    expect((await deleteOffsets(group, [topic])).responses[0]!.errorCode).toBe(3);
    expect((await deleteOffsets(freshName('none'), [topic])).errorCode).toBe(69);
    expect(await deleteGroup(group)).toBe(0);
    expect((await describeShare(group)).errorCode).toBe(69);
    expect(await deleteGroup(group)).toBe(69);
  });

  test('C51 a share group is no group of another kind, and the other way round', async () => {
    const topic = freshName('kinds');
    const group = freshName('s');
    await createTopic(wire, topic);
    await join(group, 'm', [topic]);
    const { groups } = await wire.ask(ListGroups, 5, { statesFilter: ['stable'], typesFilter: ['Share'] });
    expect(groups.filter((each) => each.groupId === group)).toEqual([
      expect.objectContaining({ protocolType: 'share', groupState: 'Stable', groupType: 'share' }),
    ]);
    const joined = await wire.ask(JoinGroup, 9, {
      groupId: group,
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 10_000,
      memberId: '',
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata: Buffer.alloc(0) }],
    });
    expect(joined.errorCode).toBe(23);
    expect((await wire.ask(Heartbeat, 4, { groupId: group, generationId: 1, memberId: 'm' })).errorCode).toBe(25);
    const consumer = { groupId: group, memberId: 'c', topicPartitions: [], rebalanceTimeoutMs: 1000 };
    const beat = await wire.ask(ConsumerGroupHeartbeat, 1, {
      ...consumer,
      memberEpoch: 0,
      subscribedTopicNames: [topic],
    });
    expect(beat.errorCode).toBe(69);
    const consumers = await wire.ask(ConsumerGroupDescribe, 1, {
      groupIds: [group],
      includeAuthorizedOperations: false,
    });
    expect(consumers.groups[0]!.errorCode).toBe(69);
    const described = await wire.ask(DescribeGroups, 6, { groups: [group], includeAuthorizedOperations: false });
    expect(described.groups[0]).toMatchObject({ errorCode: 69, groupState: 'Dead' });
    const committed = await wire.ask(OffsetCommit, 9, {
      groupId: group,
      generationIdOrMemberEpoch: -1,
      memberId: '',
      topics: [{ name: topic, partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: '' }] }],
    });
    expect(committed.topics[0]!.partitions[0]!.errorCode).toBe(69);
    const asked = [{ groupId: group, topics: [{ name: topic, partitionIndexes: [0] }] }];
    const fetched = (await wire.ask(OffsetFetch, 9, { groups: asked, requireStable: false })).groups[0]!;
    expect(fetched.errorCode).toBe(0);
    expect(fetched.topics[0]!.partitions[0]).toMatchObject({ errorCode: 0, committedOffset: -1 });
    const removed = { groupId: group, topics: [{ name: topic, partitions: [{ partitionIndex: 0 }] }] };
    expect((await wire.ask(OffsetDelete, 0, removed)).errorCode).toBe(69);
    // A group of consumers does not become a share group, not even an empty one.
    const other = freshName('c');
    const known = { ...consumer, groupId: other, memberEpoch: 0, subscribedTopicNames: [topic] };
    expect((await wire.ask(ConsumerGroupHeartbeat, 1, known)).errorCode).toBe(0);
    expect((await join(other, 'm', [topic])).errorCode).toBe(69);
    expect((await describeShare(other)).errorCode).toBe(69);
    expect((await alterOffsets(other, topic, [1])).errorCode).toBe(69);
    await wire.ask(ConsumerGroupHeartbeat, 1, { groupId: other, memberId: 'c', memberEpoch: -1 });
    expect((await join(other, 'm', [topic])).errorCode).toBe(69);
    await send(group, 'm', -1);
  });

  test('C54 C55 what a group has set for itself: within the broker’s bounds, at once, described with what stands behind it', async () => {
    const topic = freshName('configs');
    const group = freshName('s');
    await createTopic(wire, topic);
    const set = (name: string, value: string | null, resourceName = group, operation = SET) =>
      configure(resourceName, name, value, operation);
    const configOf = async (name: string) => {
      const resources = [{ resourceType: GROUP, resourceName: group, configurationKeys: [name] }];
      const asked = { resources, includeSynonyms: true, includeDocumentation: false };
      const { configs } = (await wire.ask(DescribeConfigs, 4, asked)).results[0]!;
      return configs.map(({ value, configSource, synonyms, configType }) => {
        return [value, configSource, synonyms.map((each) => [each.name, each.value, each.source]), configType];
      })[0];
    };
    const heartbeat = 'share.heartbeat.interval.ms';
    const ofBroker = [
      ['group.share.heartbeat.interval.ms', '500', 4],
      ['group.share.heartbeat.interval.ms', '5000', 5],
    ];
    expect(await configOf(heartbeat)).toEqual(['500', 4, ofBroker, 3]);
    expect(await configOf('share.isolation.level')).toEqual([
      'read_uncommitted',
      5,
      [['share.isolation.level', 'read_uncommitted', 5]],
      2,
    ]);
    expect((await join(group, 'm', [topic])).heartbeatIntervalMs).toBe(500);
    expect(await set(heartbeat, '700')).toBe(0);
    await vi.waitFor(async () => expect((await send(group, 'm', 0, [topic])).heartbeatIntervalMs).toBe(700), PATIENT);
    expect(await configOf(heartbeat)).toEqual(['700', 8, [[heartbeat, '700', 8], ...ofBroker], 3]);
    expect(await set('share.auto.offset.reset', 'by_duration:P1DT2H3.5S')).toBe(0);
    expect(await set('consumer.session.timeout.ms', '50000')).toBe(0);
    const { configResources } = await wire.ask(ListConfigResources, 1, { resourceTypes: [GROUP] });
    expect(configResources).toContainEqual({ resourceName: group, resourceType: GROUP });
    // Beyond a bound; not above the heartbeat interval; no such value; no such setting; no such group.
    expect(await set('share.session.timeout.ms', '60001')).toBe(40);
    expect(await set('share.session.timeout.ms', '999')).toBe(40);
    expect(await set('share.record.lock.duration.ms', '14999')).toBe(40);
    expect(await set('consumer.session.timeout.ms', 'long')).toBe(40);
    for (const reset of ['sooner', 'by_duration:-PT1H', 'by_duration:1h', 'by_duration:P', 'none']) {
      expect(await set('share.auto.offset.reset', reset)).toBe(40);
    }
    expect(await set('share.isolation.level', 'serializable')).toBe(40);
    expect(await set('share.color', 'red')).toBe(40);
    expect(await set(heartbeat, '700', '')).toBe(42);
    expect(await set(heartbeat, null, group, DELETE)).toBe(0);
    await vi.waitFor(async () => expect((await send(group, 'm', 0, [topic])).heartbeatIntervalMs).toBe(500), PATIENT);
    await send(group, 'm', -1);
    // A group of consumers hears of its own settings as well.
    const other = freshName('c');
    expect(await set('consumer.heartbeat.interval.ms', '6000', other)).toBe(0);
    await vi.waitFor(async () => {
      const asked = { groupId: other, memberId: 'c', memberEpoch: 0, subscribedTopicNames: [topic] };
      const beat = await wire.ask(ConsumerGroupHeartbeat, 1, {
        ...asked,
        topicPartitions: [],
        rebalanceTimeoutMs: 1000,
      });
      expect(beat.heartbeatIntervalMs).toBe(6000);
    }, PATIENT);
  });

  test('C54 ListConfigResources: v0 client metrics alone, v1 by type or all; 35 for a type that nobody has', async () => {
    const topic = freshName('listed');
    await createTopic(wire, topic);
    expect((await wire.ask(ListConfigResources, 0, {})).errorCode).toBe(0);
    const types = async (...resourceTypes: number[]) => {
      const { errorCode, configResources } = await wire.ask(ListConfigResources, 1, { resourceTypes });
      return errorCode === 0 ? configResources : errorCode;
    };
    expect(await types(2)).toContainEqual({ resourceName: topic, resourceType: 2 });
    expect(await types(4)).toEqual([{ resourceName: '1', resourceType: 4 }]);
    expect(await types(8, 4)).toContainEqual({ resourceName: '1', resourceType: 8 });
    const all = await types();
    expect(all).toContainEqual({ resourceName: topic, resourceType: 2 });
    expect(all).toContainEqual({ resourceName: '1', resourceType: 8 });
    expect(await types(1)).toBe(35);
  });

  test.skipIf(!owned)(
    'C50 a killed broker knows its share groups again: epochs, assignments, start offsets',
    async () => {
      const [topic, group, empty] = [freshName('killed'), freshName('s'), freshName('s')];
      await createTopic(wire, topic, 2);
      // A session that outlives the restart of any broker.
      await configure(group, 'share.session.timeout.ms', '60000');
      await join(group, 'm', [topic]);
      await assigned(group, 'm', 2, [topic]);
      await alterOffsets(empty, topic, [1, 2]);
      const gone = freshName('s');
      await alterOffsets(gone, topic, [1]);
      expect(await deleteGroup(gone)).toBe(0);
      const before = await describeShare(group);
      wire.close();
      await broker.kill();
      await broker.restart();
      wire = await Wire.open(broker);
      await findCoordinator(wire, group);
      expect(await describeShare(group)).toEqual(before);
      const { memberEpoch } = before.members[0]!;
      expect(await send(group, 'm', memberEpoch)).toMatchObject({ errorCode: 0, memberEpoch, assignment: null });
      await vi.waitFor(async () => {
        const { topics } = await describeOffsets(empty, null);
        expect(topics[0]!.partitions.map((each) => each.startOffset).sort()).toEqual([1, 2]);
      }, PATIENT);
      expect((await describeShare(gone)).errorCode).toBe(69);
    },
  );
});
