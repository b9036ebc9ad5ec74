// C26–C31: transactions, request by request.
import { Produce } from '../../../protocol/messages/00-produce.ts';
import { Fetch } from '../../../protocol/messages/01-fetch.ts';
import { ListOffsets } from '../../../protocol/messages/02-list-offsets.ts';
import { OffsetFetch } from '../../../protocol/messages/09-offset-fetch.ts';
import { InitProducerId } from '../../../protocol/messages/22-init-producer-id.ts';
import { AddPartitionsToTxn } from '../../../protocol/messages/24-add-partitions-to-txn.ts';
import { AddOffsetsToTxn } from '../../../protocol/messages/25-add-offsets-to-txn.ts';
import { EndTxn } from '../../../protocol/messages/26-end-txn.ts';
import { WriteTxnMarkers } from '../../../protocol/messages/27-write-txn-markers.ts';
import { TxnOffsetCommit } from '../../../protocol/messages/28-txn-offset-commit.ts';
import { DescribeProducers } from '../../../protocol/messages/61-describe-producers.ts';
import { DescribeTransactions } from '../../../protocol/messages/65-describe-transactions.ts';
import { ListTransactions } from '../../../protocol/messages/66-list-transactions.ts';
import { each, type Flow, flow, type Step, step, type Vars } from '../flow.ts';
import { fetchBody } from './records.ts';
import { batch, coordinator, produceBody, producer, topic } from './setup.ts';

const who = (vars: Vars, pid = 0, epoch = 0) => ({ producerId: vars.pid + pid, producerEpoch: vars.epoch + epoch });

function add(
  v: number,
  id: string,
  topicName: string,
  options: Partial<Step> & { pid?: number; epoch?: number; partitions?: number[]; verifyOnly?: boolean } = {},
): Step {
  const { pid = 0, epoch = 0, partitions = [0], verifyOnly = false, ...rest } = options;
  const topics = [{ name: topicName, partitions }];
  return step(
    AddPartitionsToTxn,
    v,
    (vars) =>
      v >= 4
        ? { transactions: [{ transactionalId: id, ...who(vars, pid, epoch), verifyOnly, topics }] }
        : {
            v3AndBelowTransactionalId: id,
            v3AndBelowProducerId: vars.pid + pid,
            v3AndBelowProducerEpoch: vars.epoch + epoch,
            v3AndBelowTopics: topics,
          },
    rest,
  );
}

function send(
  v: number,
  id: string,
  topicName: string,
  baseSequence: number,
  what = '',
  epoch = 0,
  isTransactional = true,
): Step {
  return step(
    Produce,
    v,
    (vars) =>
      produceBody(topicName, batch([`${baseSequence}`], { ...who(vars, 0, epoch), baseSequence, isTransactional }), {
        transactionalId: id,
        ...(v >= 13 ? { topicId: vars[topicName] } : {}),
      }),
    { what },
  );
}

function end(
  v: number,
  id: string,
  committed: boolean,
  what = '',
  options: { pid?: number; epoch?: number } = {},
): Step {
  return step(EndTxn, v, (vars) => ({ transactionalId: id, ...who(vars, options.pid, options.epoch), committed }), {
    what,
    save: (answer, vars) => {
      if (answer.errorCode === 0 && answer.producerEpoch >= 0 && v >= 5) {
        vars.pid = answer.producerId;
        vars.epoch = answer.producerEpoch;
      }
    },
  });
}

const completed = (id: string): Step =>
  step(
    DescribeTransactions,
    0,
    { transactionalIds: [id] },
    {
      what: 'once complete',
      until: ({ transactionStates }) => transactionStates[0].transactionState.startsWith('Complete'),
    },
  );

const readBoth = (name: string): Step[] =>
  [0, 1].map((isolationLevel) =>
    step(Fetch, 12, (vars) => fetchBody(12, vars, name, { more: { isolationLevel } }), {
      what: `isolation ${isolationLevel}`,
    }),
  );

export const transactions: readonly Flow[] = [
  flow('init transactions', each(InitProducerId), (v, name) => {
    const [id, one] = [name('id'), name('one')];
    const init = (what: string, extra: object | ((vars: Vars) => object) = {}, options: Partial<Step> = {}) =>
      step(
        InitProducerId,
        v,
        (vars) => ({
          transactionalId: id,
          transactionTimeoutMs: 60_000,
          ...(v >= 3 ? { producerId: -1, producerEpoch: -1 } : {}),
          ...(typeof extra === 'function' ? extra(vars) : extra),
        }),
        {
          what,
          save: (answer, vars) => {
            if (answer.errorCode !== 0) return;
            vars.before = vars.pid === undefined ? undefined : { producerId: vars.pid, producerEpoch: vars.epoch };
            vars.pid = answer.producerId;
            vars.epoch = answer.producerEpoch;
          },
          ...options,
        },
      );
    return [
      ...topic(one),
      ...producer(id),
      init('again'),
      init('a long timeout', { transactionTimeoutMs: 900_001 }),
      init('no timeout', { transactionTimeoutMs: 0 }),
      init('a negative timeout', { transactionTimeoutMs: -1 }),
      ...(v >= 3
        ? [
            init('taken up', (vars) => who(vars)),
            init('taken up again, as a retry', (vars) => vars.before),
            init('by an older epoch', (vars) => who(vars, 0, -2)),
            init('by another producer', (vars) => who(vars, 1_000_000)),
          ]
        : []),
      add(3, id, one),
      send(11, id, one, 0),
      init('while one is open', {}, { retried: [51] }),
      completed(id),
      ...readBoth(one),
    ];
  }),
  flow('add partitions', each(AddPartitionsToTxn), (v, name) => {
    const [id, one] = [name('id'), name('one')];
    return [
      ...topic(one, 2),
      ...producer(id),
      ...(v >= 4 ? [add(v, id, one, { what: 'only verified, not open', verifyOnly: true })] : []),
      add(v, id, one),
      add(v, id, one, { what: 'again' }),
      add(v, id, one, { what: 'one that is not there', partitions: [0, 9] }),
      add(v, id, name('none'), { what: 'unknown' }),
      add(v, id, one, { what: 'an older epoch', epoch: -1 }),
      add(v, id, one, { what: 'a newer epoch', epoch: 1 }),
      add(v, id, one, { what: 'another producer', pid: 1_000_000 }),
      add(v, name('stranger'), one, { what: 'another id' }),
      add(v, '', one, { what: 'no id' }),
      ...(v >= 4 ? [add(v, id, one, { what: 'only verified', verifyOnly: true, partitions: [0, 1] })] : []),
      step(DescribeTransactions, 0, { transactionalIds: [id] }),
    ];
  }),
  flow('add offsets', each(AddOffsetsToTxn), (v, name) => {
    const [id, group] = [name('id'), name('group')];
    const enter = (what: string, options: { pid?: number; epoch?: number; id?: string; group?: string } = {}) =>
      step(
        AddOffsetsToTxn,
        v,
        (vars) => ({
          transactionalId: options.id ?? id,
          ...who(vars, options.pid, options.epoch),
          groupId: options.group ?? group,
        }),
        { what },
      );
    return [
      ...coordinator(group),
      ...producer(id),
      enter(''),
      enter('again'),
      enter('an older epoch', { epoch: -1 }),
      enter('another producer', { pid: 1_000_000 }),
      enter('another id', { id: name('stranger') }),
      enter('no id', { id: '' }),
      enter('no group', { group: '' }),
    ];
  }),
  flow('offsets in transactions', each(TxnOffsetCommit), (v, name) => {
    const [id, group, one] = [name('id'), name('group'), name('one')];
    const commit = (
      what: string,
      committedOffset: number,
      extra: object = {},
      options: { pid?: number; epoch?: number; id?: string; topic?: string; partition?: number } = {},
    ) =>
      step(
        TxnOffsetCommit,
        v,
        (vars) => ({
          transactionalId: options.id ?? id,
          groupId: group,
          ...who(vars, options.pid, options.epoch),
          topics: [
            {
              name: options.topic ?? one,
              partitions: [{ partitionIndex: options.partition ?? 0, committedOffset, committedMetadata: 'm' }],
            },
          ],
          ...extra,
        }),
        { what },
      );
    const stored = (what: string, requireStable = false) =>
      step(
        OffsetFetch,
        8,
        { groups: [{ groupId: group, topics: [{ name: one, partitionIndexes: [0, 1] }] }], requireStable },
        { what, retried: [14, 15, 16] },
      );
    return [
      ...topic(one, 2),
      ...coordinator(group),
      ...producer(id),
      ...(v < 5
        ? [
            commit('before it is entered', 1),
            step(AddOffsetsToTxn, 3, (vars) => ({ transactionalId: id, ...who(vars), groupId: group })),
          ]
        : []),
      commit('', 5),
      stored('while open'),
      stored('while open, stable', true),
      commit('unknown topic', 5, {}, { topic: name('none') }),
      commit('unknown partition', 5, {}, { partition: 9 }),
      commit('an older epoch', 6, {}, { epoch: -1 }),
      commit('another producer', 6, {}, { pid: 1_000_000 }),
      ...(v >= 3
        ? [
            commit('a stranger', 6, { memberId: 'stranger', generationId: 3 }),
            commit('a generation alone', 6, { generationId: 3 }),
          ]
        : []),
      end(v >= 5 ? 5 : 3, id, true),
      completed(id),
      stored('after the commit'),
    ];
  }),
  flow('end transactions', each(EndTxn), (v, name) => {
    const [id, one] = [name('id'), name('one')];
    const newer = v >= 5;
    const enter = (sequence: number) =>
      newer ? [send(12, id, one, sequence, 'enters')] : [add(3, id, one, {}), send(11, id, one, sequence)];
    return [
      ...topic(one),
      ...producer(id),
      end(v, id, true, 'nothing is open'),
      ...enter(0),
      end(v, id, true, 'an older epoch', { epoch: -1 }),
      end(v, id, true, 'a newer epoch', { epoch: 5 }),
      end(v, id, true, 'another producer', { pid: 1_000_000 }),
      end(v, name('stranger'), true, 'another id'),
      end(v, '', true, 'no id'),
      ...readBoth(one),
      step(DescribeTransactions, 0, { transactionalIds: [id] }),
      step(
        ListOffsets,
        7,
        {
          replicaId: -1,
          isolationLevel: 1,
          topics: [{ name: one, partitions: [{ partitionIndex: 0, timestamp: -1 }] }],
        },
        { what: 'last stable' },
      ),
      end(v, id, true),
      completed(id),
      ...(newer ? [end(v, id, true, 'again, as a retry', { epoch: -1 })] : [end(v, id, true, 'again')]),
      end(v, id, false, 'the other way'),
      ...enter(newer ? 0 : 1),
      end(v, id, false, 'aborted'),
      completed(id),
      ...readBoth(one),
      step(DescribeProducers, 0, { topics: [{ name: one, partitionIndexes: [0] }] }),
    ];
  }),
  flow('transactional writes', [9, 10, 11, 12, 13], (v, name) => {
    const [id, one] = [name('id'), name('one')];
    return [
      ...topic(one, 2),
      ...producer(id),
      send(v, id, one, 0, 'not entered'),
      ...(v < 12 ? [add(3, id, one, {})] : []),
      send(v, id, one, v < 12 ? 0 : 1, 'entered'),
      send(v, id, one, 0, 'not transactional', 0, false),
      send(v, id, one, v < 12 ? 1 : 2, 'an older epoch', -1),
      send(v, id, one, 0, 'a newer epoch', 1),
      send(v, name('stranger'), one, v < 12 ? 1 : 2, 'of another id'),
      end(v < 12 ? 4 : 5, id, false),
      completed(id),
      ...readBoth(one),
    ];
  }),
  flow('markers', each(WriteTxnMarkers), (v, name) => {
    const one = name('one');
    const mark = (what: string, producerId: number, transactionResult: boolean, topicName = one, partition = 0) =>
      step(
        WriteTxnMarkers,
        v,
        {
          markers: [
            {
              producerId,
              producerEpoch: 1,
              transactionResult,
              topics: [{ name: topicName, partitionIndexes: [partition] }],
              coordinatorEpoch: 0,
            },
          ],
        },
        { what },
      );
    return [
      ...topic(one),
      mark('', 77_000_000 + v, true),
      mark('aborted', 78_000_000 + v, false),
      mark('unknown', 77_000_000 + v, true, name('none')),
      mark('unknown partition', 77_000_000 + v, true, one, 9),
      ...readBoth(one),
    ];
  }),
  flow('describe transactions', each(DescribeTransactions), (v, name) => {
    const [id, one] = [name('id'), name('one')];
    return [
      ...topic(one),
      ...producer(id),
      step(DescribeTransactions, v, { transactionalIds: [id] }),
      step(DescribeTransactions, v, { transactionalIds: [name('none')] }, { what: 'unknown' }),
      step(DescribeTransactions, v, { transactionalIds: [''] }, { what: 'no id' }),
      step(DescribeTransactions, v, { transactionalIds: [] }, { what: 'none' }),
      add(3, id, one, {}),
      step(DescribeTransactions, v, { transactionalIds: [id] }, { what: 'open' }),
    ];
  }),
  flow('list transactions', each(ListTransactions), (v, name) => {
    const [id, one] = [name('id'), name('one')];
    const list = (what: string, extra: object | ((vars: Vars) => object)) =>
      step(
        ListTransactions,
        v,
        (vars) => ({
          stateFilters: [],
          producerIdFilters: [vars.pid],
          ...(typeof extra === 'function' ? extra(vars) : extra),
        }),
        { what },
      );
    return [
      ...topic(one),
      ...producer(id),
      list('by producer', {}),
      list('by state', { stateFilters: ['Ongoing'] }),
      list('by an unknown state', { stateFilters: ['Sleeping'] }),
      add(3, id, one, {}),
      list('open', { stateFilters: ['Ongoing', 'Empty'] }),
      ...(v >= 1 ? [list('for long', { durationFilter: 600_000 }), list('for any time', { durationFilter: 0 })] : []),
      ...(v >= 2
        ? [
            list('by a pattern', { transactionalIdPattern: '.*-id' }),
            list('by another', { transactionalIdPattern: 'no' }),
            list('by a bad pattern', { transactionalIdPattern: '(' }),
          ]
        : []),
    ];
  }),
];
