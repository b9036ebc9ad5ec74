// C45–C49 and C51: classic groups, and the offsets of C44.
import { OffsetCommit } from '../../../protocol/messages/08-offset-commit.ts';
import { OffsetFetch } from '../../../protocol/messages/09-offset-fetch.ts';
import { FindCoordinator } from '../../../protocol/messages/10-find-coordinator.ts';
import { JoinGroup } from '../../../protocol/messages/11-join-group.ts';
import { Heartbeat } from '../../../protocol/messages/12-heartbeat.ts';
import { LeaveGroup } from '../../../protocol/messages/13-leave-group.ts';
import { SyncGroup } from '../../../protocol/messages/14-sync-group.ts';
import { DescribeGroups } from '../../../protocol/messages/15-describe-groups.ts';
import { ListGroups } from '../../../protocol/messages/16-list-groups.ts';
import { DeleteGroups } from '../../../protocol/messages/42-delete-groups.ts';
import { OffsetDelete } from '../../../protocol/messages/47-offset-delete.ts';
import { atMost, each, type Flow, flow, type Play, type Step, step, type Vars } from '../flow.ts';
import { coordinator, topic, UNKNOWN_ID } from './setup.ts';

const metadata = Buffer.from([0, 1, 0, 0, 0, 1, 0, 1, 0x74, 0xff, 0xff, 0xff, 0xff]);
const range = [{ name: 'range', metadata }];

function join(v: number, group: string, extra: object = {}, options: Partial<Step> = {}): Step {
  const { body = undefined, ...rest } = options as Partial<Step>;
  const fields = (vars: Vars) => ({
    groupId: group,
    sessionTimeoutMs: 30_000,
    ...(v >= 1 ? { rebalanceTimeoutMs: 30_000 } : {}),
    memberId: vars.member ?? '',
    protocolType: 'consumer',
    protocols: range,
    ...extra,
    ...(typeof body === 'function' ? body(vars) : {}),
  });
  return step(JoinGroup, v, fields, {
    save: (answer, vars) => {
      if (answer.memberId !== '') vars.member = answer.memberId;
      if (answer.errorCode === 0) vars.generation = answer.generationId;
    },
    ...rest,
  });
}

/** Joined, with a member id of its own at v4 and later. */
const joined = (v: number, group: string): Step[] => [
  ...(v >= 4 ? [join(v, group, {}, { what: 'an id first', retried: [] })] : []),
  join(v, group, {}, { what: 'joins' }),
];

const me = (vars: Vars) => ({ memberId: vars.member as string, generationId: vars.generation as number });

function sync(v: number, group: string, what: string, extra: object = {}): Step {
  return step(
    SyncGroup,
    v,
    (vars) => ({
      groupId: group,
      ...me(vars),
      ...(v >= 5 ? { protocolType: 'consumer', protocolName: 'range' } : {}),
      assignments: [{ memberId: vars.member, assignment: Buffer.from('mine') }],
      ...extra,
    }),
    { what },
  );
}

export const classicGroups: readonly Flow[] = [
  flow('find coordinator', each(FindCoordinator), (v, name) => {
    const find = (what: string, key: string, keyType = 0) =>
      step(FindCoordinator, v, v >= 4 ? { keyType, coordinatorKeys: [key] } : { key, ...(v >= 1 ? { keyType } : {}) }, {
        what,
      });
    return [
      find('a group', name('group')),
      ...(v >= 1 ? [find('a transactional id', name('id'), 1), find('type 9', name('x'), 9)] : []),
      ...(v >= 1 && v < 6 ? [find('a share key too early', `${name('x')}:${UNKNOWN_ID}:0`, 2)] : []),
      ...(v >= 6
        ? [
            find('a share key', `${name('x')}:${UNKNOWN_ID}:0`, 2),
            find('a bad share key', 'nothing', 2),
            find('a share key without topic', 'x:y:0', 2),
          ]
        : []),
      find('an empty group', ''),
      ...(v >= 4
        ? [
            step(FindCoordinator, v, { keyType: 0, coordinatorKeys: [name('a'), name('b')] }, { what: 'two' }),
            step(FindCoordinator, v, { keyType: 0, coordinatorKeys: [] }, { what: 'none' }),
          ]
        : []),
    ];
  }),
  flow('join group', each(JoinGroup), (v, name) => {
    const group = name('group');
    const steps: Play[] = [
      ...coordinator(group),
      join(v, group, { sessionTimeoutMs: 10 }, { what: 'a short session' }),
      join(v, group, { sessionTimeoutMs: 100_000_000 }, { what: 'a long session' }),
      join(v, '', {}, { what: 'no group' }),
      join(v, group, { memberId: 'stranger' }, { what: 'a stranger' }),
      join(v, group, { protocols: [] }, { what: 'no protocols' }),
      join(v, group, { protocolType: '' }, { what: 'no type' }),
      ...joined(v, group),
      sync(atMost(SyncGroup, v), group, 'the leader'),
      join(v, group, {}, { what: 'the leader again' }),
      sync(atMost(SyncGroup, v), group, 'again'),
      join(v, group, { memberId: '', protocolType: 'connect' }, { what: 'another type', save: () => {} }),
      join(
        v,
        group,
        { memberId: '', protocols: [{ name: 'sticky', metadata }] },
        { what: 'another protocol', save: () => {} },
      ),
      ...(v >= 5
        ? [
            join(
              v,
              group,
              { memberId: 'stranger', groupInstanceId: 'static' },
              { what: 'an unknown static member', save: () => {} },
            ),
            join(v, group, { memberId: '', groupInstanceId: '' }, { what: 'an empty instance', save: () => {} }),
            join(v, group, { memberId: '', groupInstanceId: '.' }, { what: 'a bad instance', save: () => {} }),
          ]
        : []),
      ...(v >= 8 ? [join(v, group, { reason: 'why not' }, { what: 'with a reason' })] : []),
    ];
    return steps;
  }),
  flow('static member', each(JoinGroup, 5), (v, name) => {
    const group = name('group');
    const as = (what: string, extra: object, options: Partial<Step> = {}) =>
      join(v, group, { groupInstanceId: 'i', ...extra }, { what, ...options });
    return [
      ...coordinator(group),
      as('joins', { memberId: '' }),
      sync(5, group, 'the leader', { groupInstanceId: 'i' }),
      as(
        'comes back',
        { memberId: '' },
        {
          save: (answer, vars) => {
            vars.old = vars.member;
            vars.member = answer.memberId;
            if (answer.errorCode === 0) vars.generation = answer.generationId;
          },
        },
      ),
      as('the old one', {}, { body: (vars) => ({ memberId: vars.old }), save: () => {} }),
      step(
        Heartbeat,
        4,
        (vars) => ({ groupId: group, memberId: vars.old, generationId: vars.generation, groupInstanceId: 'i' }),
        { what: 'of the old one' },
      ),
      step(Heartbeat, 4, (vars) => ({ groupId: group, ...me(vars), groupInstanceId: 'i' })),
      step(Heartbeat, 4, (vars) => ({ groupId: group, ...me(vars), groupInstanceId: 'j' }), {
        what: 'of an unknown instance',
      }),
      step(DescribeGroups, 6, { groups: [group] }),
      step(
        LeaveGroup,
        5,
        { groupId: group, members: [{ memberId: '', groupInstanceId: 'j' }] },
        { what: 'of an unknown instance' },
      ),
      step(LeaveGroup, 5, { groupId: group, members: [{ memberId: '', groupInstanceId: 'i' }] }),
      step(DescribeGroups, 6, { groups: [group] }, { what: 'empty' }),
    ];
  }),
  flow('heartbeat', each(Heartbeat), (v, name) => {
    const group = name('group');
    const beat = (what: string, extra: object = {}) =>
      step(Heartbeat, v, (vars) => ({ groupId: group, ...me(vars), ...extra }), { what });
    return [
      ...coordinator(group),
      step(Heartbeat, v, { groupId: name('none'), memberId: 'x', generationId: 1 }, { what: 'no such group' }),
      ...joined(5, group),
      beat('before the assignment'),
      sync(3, group, 'the leader'),
      beat(''),
      beat('an old generation', { generationId: 0 }),
      beat('a stranger', { memberId: 'stranger' }),
      beat('no group', { groupId: '' }),
      ...(v >= 3 ? [beat('an unknown instance', { groupInstanceId: 'i' })] : []),
    ];
  }),
  flow('sync group', each(SyncGroup), (v, name) => {
    const group = name('group');
    return [
      ...coordinator(group),
      ...joined(7, group),
      sync(v, group, 'a stranger', { memberId: 'stranger' }),
      sync(v, group, 'a wrong generation', { generationId: 77 }),
      sync(v, group, 'no group', { groupId: '' }),
      sync(v, name('none'), 'no such group'),
      ...(v >= 5
        ? [
            sync(v, group, 'another type', { protocolType: 'connect' }),
            sync(v, group, 'another protocol', { protocolName: 'sticky' }),
            sync(v, group, 'no protocol', { protocolName: null }),
          ]
        : []),
      sync(v, group, 'the leader'),
      sync(v, group, 'again'),
    ];
  }),
  flow('leave group', each(LeaveGroup), (v, name) => {
    const group = name('group');
    const leave = (what: string, memberId: (vars: Vars) => string, groupId = group) =>
      step(
        LeaveGroup,
        v,
        (vars) =>
          v >= 3 ? { groupId, members: [{ memberId: memberId(vars) }] } : { groupId, memberId: memberId(vars) },
        { what },
      );
    return [
      ...coordinator(group),
      leave('no such group', () => 'x', name('none')),
      leave('no group', () => 'x', ''),
      ...joined(5, group),
      sync(3, group, 'the leader'),
      leave('a stranger', () => 'stranger'),
      ...(v >= 3 ? [step(LeaveGroup, v, { groupId: group, members: [] }, { what: 'nobody' })] : []),
      leave('', (vars) => vars.member),
      leave('again', (vars) => vars.member),
    ];
  }),
  flow('describe groups', each(DescribeGroups), (v, name) => {
    const group = name('group');
    return [
      ...coordinator(group),
      step(DescribeGroups, v, { groups: [name('none')] }, { what: 'no such group' }),
      step(DescribeGroups, v, { groups: [''] }, { what: 'no group' }),
      step(DescribeGroups, v, { groups: [] }, { what: 'none' }),
      ...joined(5, group),
      step(DescribeGroups, v, { groups: [group] }, { what: 'before the assignment' }),
      sync(3, group, 'the leader'),
      step(DescribeGroups, v, { groups: [group] }),
      ...(v >= 3
        ? [step(DescribeGroups, v, { groups: [group], includeAuthorizedOperations: true }, { what: 'operations' })]
        : []),
    ];
  }),
  flow('delete groups', each(DeleteGroups), (v, name) => {
    const [group, offsets] = [name('group'), name('offsets')];
    return [
      ...topic(name('topic')),
      ...coordinator(group),
      ...joined(5, group),
      sync(3, group, 'the leader'),
      step(OffsetCommit, 8, {
        groupId: offsets,
        generationIdOrMemberEpoch: -1,
        memberId: '',
        topics: [
          { name: name('topic'), partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: '' }] },
        ],
      }),
      step(DeleteGroups, v, { groupsNames: [group] }, { what: 'not empty' }),
      step(DeleteGroups, v, { groupsNames: [name('none')] }, { what: 'unknown' }),
      step(DeleteGroups, v, { groupsNames: [''] }, { what: 'no name' }),
      step(LeaveGroup, 2, (vars) => ({ groupId: group, memberId: vars.member })),
      step(DeleteGroups, v, { groupsNames: [group, offsets] }),
      step(DeleteGroups, v, { groupsNames: [group] }, { what: 'again' }),
    ];
  }),
  flow('list groups', each(ListGroups), (v) => [
    // The groups are those of the flows beside this one: filters that match none.
    ...(v >= 4
      ? [
          step(ListGroups, v, { statesFilter: ['NoSuchState'] }, { what: 'an unknown state' }),
          step(ListGroups, v, { statesFilter: ['Dead'] }, { what: 'the dead' }),
        ]
      : []),
    ...(v >= 5 ? [step(ListGroups, v, { typesFilter: ['nothing'] }, { what: 'an unknown type' })] : []),
    step(ListGroups, v, {}, { what: 'all', until: () => true, isSetup: true }),
  ]),
  flow('commit offsets', each(OffsetCommit), (v, name) => {
    const [group, one] = [name('group'), name('one')];
    const commit = (what: string, partition: object = {}, extra: object = {}, of = one) =>
      step(
        OffsetCommit,
        v,
        (vars) => ({
          groupId: group,
          generationIdOrMemberEpoch: -1,
          memberId: '',
          topics: [
            {
              ...(v >= 10 ? { topicId: vars[of] ?? UNKNOWN_ID } : { name: of }),
              partitions: [{ partitionIndex: 0, committedOffset: 5, committedMetadata: 'm', ...partition }],
            },
          ],
          ...(typeof extra === 'function' ? extra(vars) : extra),
        }),
        { what },
      );
    return [
      ...topic(one, 2),
      ...coordinator(group),
      commit(''),
      commit('a large metadata', { committedMetadata: 'x'.repeat(4097) }),
      commit('the largest metadata', { partitionIndex: 1, committedMetadata: 'ü'.repeat(2000) }),
      commit('null metadata', { committedMetadata: null }),
      commit('a negative offset', { committedOffset: -1 }),
      commit('unknown partition', { partitionIndex: 9 }),
      commit('unknown topic', {}, {}, name('none')),
      commit('no group', {}, { groupId: '' }),
      commit('a stranger', {}, { memberId: 'stranger', generationIdOrMemberEpoch: 1 }),
      commit('no member with a generation', {}, { generationIdOrMemberEpoch: 5 }),
      ...(v >= 6 ? [commit('with an epoch', { committedLeaderEpoch: 3 })] : []),
      ...(v >= 7 ? [commit('an instance', {}, { groupInstanceId: 'i' })] : []),
      ...(v <= 4 ? [commit('a retention', {}, { retentionTimeMs: 1000 })] : []),
      step(OffsetFetch, 8, { groups: [{ groupId: group, topics: null }] }),
      ...joined(5, group),
      sync(3, group, 'the leader'),
      commit('from outside, with members', { committedOffset: 9 }),
      commit('a member', { committedOffset: 7 }, (vars: Vars) => ({
        memberId: vars.member,
        generationIdOrMemberEpoch: vars.generation,
      })),
      commit('a member of old', { committedOffset: 8 }, (vars: Vars) => ({
        memberId: vars.member,
        generationIdOrMemberEpoch: 0,
      })),
      step(OffsetFetch, 8, { groups: [{ groupId: group, topics: null }] }, { what: 'after the member' }),
    ];
  }),
  flow('fetch offsets', each(OffsetFetch), (v, name) => {
    const [group, one] = [name('group'), name('one')];
    const ask = (
      what: string,
      topics: readonly string[] | null,
      partitionIndexes: readonly number[] = [0, 1],
      extra: object = {},
    ) =>
      step(
        OffsetFetch,
        v,
        (vars) => {
          const named =
            topics?.map((each) => ({
              ...(v >= 10 ? { topicId: vars[each] ?? UNKNOWN_ID } : { name: each }),
              partitionIndexes,
            })) ?? null;
          return v >= 8
            ? { groups: [{ groupId: group, topics: named, ...extra }] }
            : { groupId: group, topics: named, ...extra };
        },
        { what },
      );
    return [
      ...topic(one, 3),
      ...coordinator(group),
      ask('of a new group', [one]),
      step(OffsetCommit, 8, {
        groupId: group,
        generationIdOrMemberEpoch: -1,
        memberId: '',
        topics: [
          {
            name: one,
            partitions: [{ partitionIndex: 1, committedOffset: 5, committedLeaderEpoch: 2, committedMetadata: 'm' }],
          },
        ],
      }),
      ask('', [one]),
      ask('unknown', [name('none')]),
      ask('unknown partition', [one], [9]),
      ask('no partitions', [one], []),
      ask('no topics', []),
      ...(v >= 2 ? [ask('all', null)] : []),
      ask('no group', [one], [0], { groupId: '' }),
      ...(v >= 7
        ? [
            step(
              OffsetFetch,
              v,
              (vars) => ({
                ...(v >= 8
                  ? {
                      groups: [
                        {
                          groupId: group,
                          topics: [{ ...(v >= 10 ? { topicId: vars[one] } : { name: one }), partitionIndexes: [1] }],
                        },
                      ],
                    }
                  : { groupId: group, topics: [{ name: one, partitionIndexes: [1] }] }),
                requireStable: true,
              }),
              { what: 'stable' },
            ),
          ]
        : []),
      ...(v >= 8
        ? [
            step(
              OffsetFetch,
              v,
              {
                groups: [
                  { groupId: group, topics: null },
                  { groupId: name('other'), topics: null },
                ],
              },
              { what: 'two groups' },
            ),
          ]
        : []),
      ...(v >= 9 ? [ask('a stranger', [one], [0], { memberId: 'stranger', memberEpoch: 1 })] : []),
    ];
  }),
  flow('delete offsets', each(OffsetDelete), (v, name) => {
    const [group, one] = [name('group'), name('one')];
    const remove = (what: string, topicName: string, partitionIndex: number, groupId = group) =>
      step(OffsetDelete, v, { groupId, topics: [{ name: topicName, partitions: [{ partitionIndex }] }] }, { what });
    return [
      ...topic(one, 2),
      ...coordinator(group),
      remove('no such group', one, 0, name('none')),
      step(OffsetCommit, 8, {
        groupId: group,
        generationIdOrMemberEpoch: -1,
        memberId: '',
        topics: [
          {
            name: one,
            partitions: [0, 1].map((partitionIndex) => ({ partitionIndex, committedOffset: 5, committedMetadata: '' })),
          },
        ],
      }),
      remove('', one, 0),
      remove('again', one, 0),
      remove('unknown partition', one, 9),
      remove('unknown topic', name('none'), 0),
      remove('no group', one, 0, ''),
      step(OffsetFetch, 8, { groups: [{ groupId: group, topics: null }] }),
    ];
  }),
];
