// Share groups (KIP-932): members, records, offsets, and the persister's own requests.

import { FindCoordinator } from '../../../protocol/messages/10-find-coordinator.ts';
import { DescribeGroups } from '../../../protocol/messages/15-describe-groups.ts';
import { DeleteGroups } from '../../../protocol/messages/42-delete-groups.ts';
import { IncrementalAlterConfigs } from '../../../protocol/messages/44-incremental-alter-configs.ts';
import { ShareGroupHeartbeat } from '../../../protocol/messages/76-share-group-heartbeat.ts';
import { ShareGroupDescribe } from '../../../protocol/messages/77-share-group-describe.ts';
import { ShareFetch } from '../../../protocol/messages/78-share-fetch.ts';
import { ShareAcknowledge } from '../../../protocol/messages/79-share-acknowledge.ts';
import { InitializeShareGroupState } from '../../../protocol/messages/83-initialize-share-group-state.ts';
import { ReadShareGroupState } from '../../../protocol/messages/84-read-share-group-state.ts';
import { WriteShareGroupState } from '../../../protocol/messages/85-write-share-group-state.ts';
import { DeleteShareGroupState } from '../../../protocol/messages/86-delete-share-group-state.ts';
import { ReadShareGroupStateSummary } from '../../../protocol/messages/87-read-share-group-state-summary.ts';
import { DescribeShareGroupOffsets } from '../../../protocol/messages/90-describe-share-group-offsets.ts';
import { AlterShareGroupOffsets } from '../../../protocol/messages/91-alter-share-group-offsets.ts';
import { DeleteShareGroupOffsets } from '../../../protocol/messages/92-delete-share-group-offsets.ts';
import { each, type Flow, flow, type Step, step, type Vars } from '../flow.ts';
import { batch, coordinator, topic, UNKNOWN_ID, write } from './setup.ts';

type Fields = Record<string, unknown>;
/** Ids that members choose themselves: 16 bytes in base64url. */
const MEMBER = 'bWVtYmVyLW51bWJlci0xMQ';
const OTHER = 'bWVtYmVyLW51bWJlci0yMg';

const earliest = (group: string): Step =>
  step(
    IncrementalAlterConfigs,
    1,
    {
      resources: [
        {
          resourceType: 32,
          resourceName: group,
          configs: [{ name: 'share.auto.offset.reset', configOperation: 0, value: 'earliest' }],
        },
      ],
      validateOnly: false,
    },
    { isSetup: true },
  );

function beat(
  v: number,
  group: string,
  what: string,
  extra: Fields | ((vars: Vars) => Fields) = {},
  options: Partial<Step> = {},
): Step {
  return step(
    ShareGroupHeartbeat,
    v,
    (vars) => ({
      groupId: group,
      memberId: MEMBER,
      memberEpoch: vars.epoch ?? 0,
      ...(typeof extra === 'function' ? extra(vars) : extra),
    }),
    {
      what,
      save: (answer, vars) => {
        if (answer.errorCode === 0) vars.epoch = answer.memberEpoch;
      },
      ...options,
    },
  );
}

/** A member that was given its partitions, whose state is initialized. */
function joined(group: string, topicName: string): Step[] {
  return [
    ...coordinator(group),
    earliest(group),
    beat(
      1,
      group,
      'joins',
      { memberEpoch: 0, subscribedTopicNames: [topicName] },
      {
        isSetup: true,
      },
    ),
    beat(
      1,
      group,
      'until assigned',
      { subscribedTopicNames: [topicName] },
      {
        isSetup: true,
        until: (answer) => answer.assignment !== null && answer.assignment.topicPartitions.length > 0,
      },
    ),
  ];
}

interface Acknowledged {
  readonly first: number;
  readonly last: number;
  readonly types: readonly number[];
}

function fetch(
  v: number,
  group: string,
  topicName: string,
  what: string,
  epoch: number,
  options: {
    acks?: readonly Acknowledged[];
    topics?: 'none';
    extra?: Fields;
    partition?: number;
    until?: boolean;
  } = {},
): Step {
  return step(
    ShareFetch,
    v,
    (vars) => ({
      groupId: group,
      memberId: MEMBER,
      shareSessionEpoch: epoch,
      maxWaitMs: 500,
      minBytes: options.until ? 1 : 0,
      maxBytes: 1_000_000,
      maxRecords: 100,
      batchSize: 100,
      topics:
        options.topics === 'none'
          ? []
          : [
              {
                topicId: vars[topicName] ?? UNKNOWN_ID,
                partitions: [{ partitionIndex: options.partition ?? 0, acknowledgementBatches: batches(options.acks) }],
              },
            ],
      forgottenTopicsData: [],
      ...options.extra,
    }),
    { what, connection: 'share' },
  );
}

const batches = (acks: readonly Acknowledged[] = []) =>
  acks.map(({ first, last, types }) => ({ firstOffset: first, lastOffset: last, acknowledgeTypes: types }));

function acknowledge(
  v: number,
  group: string,
  topicName: string,
  what: string,
  epoch: number,
  acks: readonly Acknowledged[],
  extra: Fields = {},
): Step {
  return step(
    ShareAcknowledge,
    v,
    (vars) => ({
      groupId: group,
      memberId: MEMBER,
      shareSessionEpoch: epoch,
      topics: [
        {
          topicId: vars[topicName] ?? UNKNOWN_ID,
          partitions: [{ partitionIndex: 0, acknowledgementBatches: batches(acks) }],
        },
      ],
      ...extra,
    }),
    { what, connection: 'share' },
  );
}

export const shareGroups: readonly Flow[] = [
  flow('share group', each(ShareGroupHeartbeat), (v, name) => {
    const [group, one] = [name('group'), name('one')];
    const joins = { memberEpoch: 0, subscribedTopicNames: [one] };
    const not = { save: () => {} };
    return [
      ...topic(one, 2),
      ...coordinator(group),
      beat(v, group, 'no group', { ...joins, groupId: '' }, not),
      beat(v, group, 'no member', { ...joins, memberId: '' }, not),
      beat(v, group, 'no subscription', { memberEpoch: 0 }, not),
      beat(v, group, 'a negative epoch', { memberEpoch: -2 }, not),
      beat(v, group, 'a stranger', { memberId: OTHER, memberEpoch: 4 }, not),
      beat(v, group, 'joins', joins),
      beat(
        v,
        group,
        'is given its partitions',
        { subscribedTopicNames: [one] },
        { until: (answer) => answer.assignment !== null && answer.assignment.topicPartitions.length > 0 },
      ),
      step(ShareGroupDescribe, 1, { groupIds: [group] }, { what: 'one member' }),
      step(DescribeGroups, 6, { groups: [group] }, { what: 'by the old request' }),
      beat(v, group, 'a wrong epoch', (vars) => ({ memberEpoch: vars.epoch + 5 }), not),
      step(DeleteGroups, 2, { groupsNames: [group] }, { what: 'not empty' }),
      beat(v, group, 'leaves', { memberEpoch: -1 }, not),
      step(ShareGroupDescribe, 1, { groupIds: [group] }, { what: 'empty' }),
      step(DeleteGroups, 2, { groupsNames: [group] }),
    ];
  }),
  flow('describe share groups', each(ShareGroupDescribe), (v, name) => [
    ...coordinator(name('none')),
    step(ShareGroupDescribe, v, { groupIds: [name('none')] }, { what: 'unknown' }),
    step(ShareGroupDescribe, v, { groupIds: [''] }, { what: 'no name' }),
    step(ShareGroupDescribe, v, { groupIds: [] }, { what: 'none' }),
  ]),
  flow('share fetch', each(ShareFetch), (v, name) => {
    const [group, one] = [name('group'), name('one')];
    return [
      ...topic(one, 1),
      write(one, batch(['a', 'b', 'c', 'd', 'e', 'f'])),
      ...joined(group, one),
      fetch(v, group, one, 'a session that is not there', 3),
      fetch(v, group, one, 'a member id that is none', 0, { extra: { memberId: 'x' } }),
      fetch(v, group, one, 'acknowledged before it began', 0, { acks: [{ first: 0, last: 0, types: [1] }] }),
      fetch(v, group, one, 'six are acquired', 0, { until: true }),
      fetch(v, group, one, 'two accepted, one released, one rejected', 1, {
        acks: [
          { first: 0, last: 1, types: [1] },
          { first: 2, last: 2, types: [2] },
          { first: 3, last: 3, types: [3] },
        ],
        until: true,
      }),
      fetch(v, group, one, 'what was accepted, again', 2, { acks: [{ first: 0, last: 0, types: [1] }] }),
      fetch(v, group, one, 'a type that is none', 3, { acks: [{ first: 4, last: 4, types: [9] }] }),
      fetch(v, group, one, 'a range the wrong way', 4, { acks: [{ first: 5, last: 4, types: [1] }] }),
      fetch(v, group, one, 'types that do not fit', 5, { acks: [{ first: 4, last: 5, types: [1, 1, 1] }] }),
      ...(v >= 2
        ? [fetch(v, group, one, 'a renewal that is none', 6, { acks: [{ first: 4, last: 4, types: [4] }] })]
        : []),
      fetch(v, group, one, 'a wrong epoch', 99),
      step(DescribeShareGroupOffsets, 1, {
        groups: [{ groupId: group, topics: [{ topicName: one, partitions: [0] }] }],
      }),
      fetch(v, group, one, 'the end', -1, { topics: 'none' }),
      fetch(v, group, one, 'after the end', 7),
    ];
  }),
  flow('share acknowledge', each(ShareAcknowledge), (v, name) => {
    const [group, one] = [name('group'), name('one')];
    return [
      ...topic(one, 1),
      write(one, batch(['a', 'b', 'c', 'd', 'e', 'f'])),
      ...joined(group, one),
      acknowledge(v, group, one, 'without a session', 1, [{ first: 0, last: 0, types: [1] }]),
      fetch(1, group, one, 'six are acquired', 0, { until: true }),
      acknowledge(v, group, one, 'a new session', 0, [{ first: 0, last: 0, types: [1] }]),
      acknowledge(v, group, one, 'accepted', 1, [{ first: 0, last: 1, types: [1] }]),
      acknowledge(v, group, one, 'one by one', 2, [{ first: 2, last: 4, types: [1, 3, 1] }]),
      acknowledge(v, group, one, 'again', 3, [{ first: 0, last: 1, types: [1] }]),
      acknowledge(v, group, one, 'beyond', 4, [{ first: 50, last: 51, types: [1] }]),
      acknowledge(v, group, 'no such', 'an unknown topic', 5, [{ first: 5, last: 5, types: [1] }]),
      ...(v >= 2
        ? [acknowledge(v, group, one, 'renewed', 6, [{ first: 5, last: 5, types: [4] }], { isRenewAck: true })]
        : []),
      acknowledge(v, group, one, 'the end', -1, [{ first: 5, last: 5, types: [1] }]),
      step(
        DescribeShareGroupOffsets,
        1,
        { groups: [{ groupId: group, topics: null }] },
        { until: ({ groups }) => groups[0].topics[0]?.partitions[0]?.startOffset === 6 },
      ),
    ];
  }),
  flow('share offsets', each(DescribeShareGroupOffsets), (v, name) => {
    const [group, one] = [name('group'), name('one')];
    const described = (what: string, topics: readonly object[] | null, groupId = group) =>
      step(DescribeShareGroupOffsets, v, { groups: [{ groupId, topics }] }, { what });
    const alter = (what: string, startOffset: number, extra: Fields = {}, topicName = one, partitionIndex = 0) =>
      step(
        AlterShareGroupOffsets,
        0,
        { groupId: group, topics: [{ topicName, partitions: [{ partitionIndex, startOffset }] }], ...extra },
        { what },
      );
    const remove = (what: string, topicName: string, groupId = group) =>
      step(DeleteShareGroupOffsets, 0, { groupId, topics: [{ topicName }] }, { what });
    return [
      ...topic(one, 2),
      write(one, batch(['a', 'b', 'c', 'd'])),
      described('unknown', null, name('none')),
      ...joined(group, one),
      described('one', [{ topicName: one, partitions: [0, 1] }]),
      described('all', null),
      described('unknown partition', [{ topicName: one, partitions: [7] }]),
      described('unknown topic', [{ topicName: name('none'), partitions: [0] }]),
      alter('not empty', 2),
      remove('not empty', one),
      beat(1, group, 'leaves', { memberEpoch: -1 }),
      alter('', 2),
      alter('unknown topic', 2, {}, name('none')),
      alter('unknown partition', 2, {}, one, 9),
      alter('no group', 2, { groupId: '' }),
      described('altered', [{ topicName: one, partitions: [0, 1] }]),
      remove('unknown', name('none')),
      remove('', one),
      remove('again', one),
      remove('no such group', one, name('none')),
      described('removed', null),
    ];
  }),
  flow('share state', [0], (_v, name) => {
    const [group, one] = [name('group'), name('one')];
    const of = (extra: Fields) => (vars: Vars) => ({
      groupId: group,
      topics: [{ topicId: vars[one], partitions: [{ partition: 0, ...extra }] }],
    });
    const state = {
      stateEpoch: 1,
      leaderEpoch: 1,
      startOffset: 3,
      stateBatches: [{ firstOffset: 3, lastOffset: 5, deliveryState: 0, deliveryCount: 1 }],
    };
    return [
      ...topic(one),
      step(FindCoordinator, 6, (vars) => ({ keyType: 2, coordinatorKeys: [`${group}:${vars[one]}:0`] }), {
        isSetup: true,
      }),
      step(ReadShareGroupState, 0, of({ leaderEpoch: 0 }), { what: 'nothing yet' }),
      step(ReadShareGroupStateSummary, 0, of({ leaderEpoch: 0 }), { what: 'nothing yet' }),
      step(WriteShareGroupState, 0, of(state), { what: 'before it was made' }),
      step(InitializeShareGroupState, 0, of({ stateEpoch: 1, startOffset: 0 })),
      step(InitializeShareGroupState, 0, of({ stateEpoch: 0, startOffset: 0 }), { what: 'an older epoch' }),
      step(WriteShareGroupState, 0, of(state)),
      step(WriteShareGroupState, 1, of({ ...state, deliveryCompleteCount: 2 })),
      step(WriteShareGroupState, 1, of({ ...state, leaderEpoch: 0 }), { what: 'an older leader' }),
      step(WriteShareGroupState, 1, of({ ...state, stateEpoch: 0 }), { what: 'an older state' }),
      step(ReadShareGroupState, 0, of({ leaderEpoch: 1 })),
      step(ReadShareGroupState, 0, of({ leaderEpoch: 0 }), { what: 'an older leader' }),
      step(ReadShareGroupStateSummary, 0, of({ leaderEpoch: 1 })),
      step(ReadShareGroupStateSummary, 1, of({ leaderEpoch: 1 })),
      step(ReadShareGroupState, 0, of({ partition: 9, leaderEpoch: 0 }), { what: 'unknown partition' }),
      step(
        ReadShareGroupState,
        0,
        { groupId: group, topics: [{ topicId: UNKNOWN_ID, partitions: [{ partition: 0, leaderEpoch: 0 }] }] },
        { what: 'unknown topic' },
      ),
      step(ReadShareGroupState, 0, (vars) => ({ ...of({ leaderEpoch: 0 })(vars), groupId: '' }), { what: 'no group' }),
      step(DeleteShareGroupState, 0, of({})),
      step(ReadShareGroupState, 0, of({ leaderEpoch: 1 }), { what: 'deleted' }),
    ];
  }),
];
