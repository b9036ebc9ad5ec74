// C50: groups of the consumer protocol (KIP-848), request by request.
import { OffsetCommit } from '../../../protocol/messages/08-offset-commit.ts';
import { OffsetFetch } from '../../../protocol/messages/09-offset-fetch.ts';
import { JoinGroup } from '../../../protocol/messages/11-join-group.ts';
import { DescribeGroups } from '../../../protocol/messages/15-describe-groups.ts';
import { ConsumerGroupHeartbeat } from '../../../protocol/messages/68-consumer-group-heartbeat.ts';
import { ConsumerGroupDescribe } from '../../../protocol/messages/69-consumer-group-describe.ts';
import { each, type Flow, flow, type Step, step, type Vars } from '../flow.ts';
import { coordinator, topic } from './setup.ts';

type Fields = Record<string, unknown>;

export const consumerGroups: readonly Flow[] = [
  flow('consumer group', each(ConsumerGroupHeartbeat), (v, name) => {
    const [group, one] = [name('group'), name('one')];
    const beat = (what: string, extra: Fields | ((vars: Vars) => Fields), options: Partial<Step> = {}) =>
      step(
        ConsumerGroupHeartbeat,
        v,
        (vars) => ({
          groupId: group,
          memberId: vars.member ?? `member-${group}`,
          memberEpoch: vars.epoch ?? 0,
          ...(typeof extra === 'function' ? extra(vars) : extra),
        }),
        { what, ...options },
      );
    const joins = { memberEpoch: 0, rebalanceTimeoutMs: 30_000, subscribedTopicNames: [one], topicPartitions: [] };
    const kept: Partial<Step> = {
      save: (answer, vars) => {
        if (answer.errorCode !== 0) return;
        vars.member = answer.memberId;
        vars.epoch = answer.memberEpoch;
      },
    };
    const describe = (what: string) =>
      step(ConsumerGroupDescribe, atMostOne(v), { groupIds: [group], includeAuthorizedOperations: v === 1 }, { what });
    return [
      ...topic(one, 2),
      ...coordinator(group),
      beat('no group', { ...joins, groupId: '' }),
      ...(v >= 1 ? [beat('no member id', { ...joins, memberId: '' })] : []),
      beat('no subscription', { memberEpoch: 0, rebalanceTimeoutMs: 30_000, topicPartitions: [] }),
      beat('no rebalance timeout', { ...joins, rebalanceTimeoutMs: -1 }),
      beat('no owned partitions', { ...joins, topicPartitions: null }),
      beat('partitions owned already', (vars) => ({
        ...joins,
        topicPartitions: [{ topicId: vars[one], partitions: [0] }],
      })),
      beat('an unknown assignor', { ...joins, serverAssignor: 'nothing' }),
      beat('an empty instance', { ...joins, instanceId: '' }),
      beat('a stranger', { memberEpoch: 3 }),
      beat('a stranger leaves', { memberEpoch: -1 }),
      beat('joins', joins, { ...kept, until: (answer) => answer.errorCode !== 0 || answer.assignment !== null }),
      beat(
        'owns what it was given',
        (vars) => ({ topicPartitions: [{ topicId: vars[one], partitions: [0, 1] }] }),
        kept,
      ),
      describe('one member'),
      beat(
        'a full heartbeat',
        (vars) => ({
          rebalanceTimeoutMs: 30_000,
          subscribedTopicNames: [one],
          topicPartitions: [{ topicId: vars[one], partitions: [0, 1] }],
        }),
        kept,
      ),
      beat('nothing new', {}, kept),
      beat('an older epoch', (vars) => ({ memberEpoch: vars.epoch - 1 }), { retried: [] }),
      beat('a newer epoch', (vars) => ({ memberEpoch: vars.epoch + 9 })),
      step(
        OffsetCommit,
        9,
        (vars) => ({
          groupId: group,
          memberId: vars.member,
          generationIdOrMemberEpoch: vars.epoch,
          topics: [{ name: one, partitions: [{ partitionIndex: 0, committedOffset: 3, committedMetadata: '' }] }],
        }),
        { what: 'a member commits' },
      ),
      step(
        OffsetCommit,
        9,
        (vars) => ({
          groupId: group,
          memberId: vars.member,
          generationIdOrMemberEpoch: vars.epoch + 7,
          topics: [{ name: one, partitions: [{ partitionIndex: 0, committedOffset: 4, committedMetadata: '' }] }],
        }),
        { what: 'with a wrong epoch' },
      ),
      step(
        OffsetCommit,
        8,
        (vars) => ({
          groupId: group,
          memberId: vars.member,
          generationIdOrMemberEpoch: vars.epoch + 7,
          topics: [{ name: one, partitions: [{ partitionIndex: 0, committedOffset: 4, committedMetadata: '' }] }],
        }),
        { what: 'with a wrong epoch, in an old version' },
      ),
      step(
        OffsetCommit,
        9,
        {
          groupId: group,
          memberId: '',
          generationIdOrMemberEpoch: -1,
          topics: [{ name: one, partitions: [{ partitionIndex: 0, committedOffset: 4, committedMetadata: '' }] }],
        },
        { what: 'from outside' },
      ),
      step(OffsetFetch, 9, (vars) => ({
        groups: [{ groupId: group, memberId: vars.member, memberEpoch: vars.epoch, topics: null }],
      })),
      step(
        OffsetFetch,
        9,
        (vars) => ({ groups: [{ groupId: group, memberId: vars.member, memberEpoch: vars.epoch + 5, topics: null }] }),
        { what: 'with a wrong epoch' },
      ),
      step(DescribeGroups, 6, { groups: [group] }, { what: 'by the old request' }),
      ...(v >= 1
        ? [
            beat('an expression', { subscribedTopicRegex: `${name('on')}.*` }, kept),
            beat('a bad expression', { subscribedTopicRegex: '(' }),
            beat('both', { subscribedTopicRegex: 'a', subscribedTopicNames: ['b'] }, kept),
          ]
        : []),
      beat('leaves', { memberEpoch: -1 }),
      beat('after it left', {}),
      describe('empty'),
    ];
  }),
  flow('static consumer member', [1], (v, name) => {
    const [group, one] = [name('group'), name('one')];
    const beat = (what: string, memberId: string, memberEpoch: number | ((vars: Vars) => number), extra: Fields = {}) =>
      step(
        ConsumerGroupHeartbeat,
        v,
        (vars) => ({
          groupId: group,
          memberId,
          instanceId: 'i',
          memberEpoch: typeof memberEpoch === 'number' ? memberEpoch : memberEpoch(vars),
          ...extra,
        }),
        {
          what,
          save: (answer, vars) => {
            if (answer.errorCode === 0 && answer.memberEpoch > 0) vars.epoch = answer.memberEpoch;
          },
        },
      );
    const joins = { rebalanceTimeoutMs: 30_000, subscribedTopicNames: [one], topicPartitions: [] };
    return [
      ...topic(one),
      ...coordinator(group),
      beat('joins', 'first', 0, joins),
      beat('another with its name', 'second', 0, joins),
      beat('leaves for a while', 'first', -2),
      beat('comes back by another id', 'second', 0, joins),
      beat('the old id', 'first', (vars) => vars.epoch),
      beat('leaves', 'second', -1),
    ];
  }),
  flow('describe consumer groups', each(ConsumerGroupDescribe), (v, name) => {
    const group = name('classic');
    return [
      ...coordinator(group),
      step(ConsumerGroupDescribe, v, { groupIds: [name('none')] }, { what: 'unknown' }),
      step(ConsumerGroupDescribe, v, { groupIds: [''] }, { what: 'no name' }),
      step(ConsumerGroupDescribe, v, { groupIds: [] }, { what: 'none' }),
      step(
        JoinGroup,
        3,
        {
          groupId: group,
          sessionTimeoutMs: 30_000,
          rebalanceTimeoutMs: 30_000,
          memberId: '',
          protocolType: 'consumer',
          protocols: [{ name: 'range', metadata: Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0]) }],
        },
        { isSetup: true },
      ),
      step(ConsumerGroupDescribe, v, { groupIds: [group] }, { what: 'a classic one' }),
    ];
  }),
];

const atMostOne = (v: number): number => Math.min(v, ConsumerGroupDescribe.request.versionMax);
