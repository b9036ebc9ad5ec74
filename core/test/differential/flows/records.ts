// C16–C25 and C32–C43: records in and out.

import type { CompressionType } from '../../../protocol/compression.ts';
import { Produce } from '../../../protocol/messages/00-produce.ts';
import { Fetch } from '../../../protocol/messages/01-fetch.ts';
import { ListOffsets } from '../../../protocol/messages/02-list-offsets.ts';
import { DeleteRecords } from '../../../protocol/messages/21-delete-records.ts';
import { InitProducerId } from '../../../protocol/messages/22-init-producer-id.ts';
import { OffsetForLeaderEpoch } from '../../../protocol/messages/23-offset-for-leader-epoch.ts';
import { DescribeProducers } from '../../../protocol/messages/61-describe-producers.ts';
import { each, type Flow, flow, type Play, step, type Vars } from '../flow.ts';
import { batch, produceBody, producer, timestamp, topic, UNKNOWN_ID, write } from './setup.ts';

const codecs: readonly CompressionType[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];

interface FetchExtra {
  readonly offset?: number;
  readonly partition?: number;
  readonly bytes?: number;
  readonly epoch?: number;
  readonly lastEpoch?: number;
  readonly more?: object;
}

/** One partition of a topic, named as the version names it. */
export function fetchBody(v: number, vars: Vars, name: string, extra: FetchExtra = {}) {
  const { offset = 0, partition = 0, bytes = 1_000_000, epoch = -1, lastEpoch = -1, more = {} } = extra;
  const one = {
    partition,
    fetchOffset: offset,
    partitionMaxBytes: bytes,
    ...(v >= 9 ? { currentLeaderEpoch: epoch } : {}),
    ...(v >= 12 ? { lastFetchedEpoch: lastEpoch } : {}),
  };
  return {
    maxWaitMs: 0,
    minBytes: 1,
    maxBytes: 10_000_000,
    ...(v < 15 ? { replicaId: -1 } : {}),
    ...(v >= 7 ? { sessionId: 0, sessionEpoch: -1 } : {}),
    topics: [{ ...(v >= 13 ? { topicId: vars[name] ?? name } : { topic: name }), partitions: [one] }],
    ...more,
  };
}

export const records: readonly Flow[] = [
  flow('produce', each(Produce), (v, name) => {
    const [one, compacted, small] = [name('one'), name('compacted'), name('small')];
    const [stamped, bounded, packed] = [name('stamped'), name('bounded'), name('packed')];
    const send = (what: string, to: string, data: Buffer | null, extra: object = {}) =>
      step(
        Produce,
        v,
        (vars) => produceBody(to, data, v >= 13 ? { ...extra, topicId: vars[to] ?? UNKNOWN_ID } : extra),
        { what },
      );
    const two = batch(['a', 'b']);
    const damaged = Buffer.from(two);
    damaged[damaged.length - 1]! ^= 1;
    const miscounted = batch(['a', 'b']);
    miscounted.writeInt32BE(3, 57);
    const old = batch(['a']);
    old[16] = 1;
    const steps: Play[] = [
      ...topic(one, 2),
      ...topic(compacted, 1, { 'cleanup.policy': 'compact' }),
      ...topic(small, 1, { 'max.message.bytes': '1000' }),
      ...topic(stamped, 1, { 'message.timestamp.type': 'LogAppendTime' }),
      ...topic(bounded, 1, { 'message.timestamp.before.max.ms': '3600000' }),
      ...topic(packed, 1, { 'compression.type': 'gzip' }),
      send('', one, two),
      send('acks=1', one, batch(['c']), { acks: 1 }),
      send('acks=2', one, batch(['c']), { acks: 2 }),
      ...codecs
        .filter((codec) => codec !== 'zstd' || v >= 7)
        .map((codec) => send(codec, one, batch(['x'.repeat(100), codec], { compression: codec }))),
      ...(v < 7 ? [send('zstd too early', one, batch(['x'], { compression: 'zstd' }))] : []),
      send(
        'headers, null key and value',
        one,
        batch([
          {
            value: 'v',
            headers: [
              { key: 'h', value: null },
              { key: 'i', value: Buffer.from('j') },
            ],
          },
          { key: 'k' },
        ]),
      ),
      send('two batches', one, Buffer.concat([two, two])),
      send('no batch', one, Buffer.alloc(0)),
      send('a damaged batch', one, damaged),
      send('a wrong count', one, miscounted),
      send('half a batch', one, two.subarray(0, two.length - 5)),
      send('magic 1', one, old),
      send('unknown partition', one, two, { index: 9 }),
      send('unknown topic', v >= 13 ? 'no such' : name('none'), two),
      send('no key, compacted', compacted, batch([{ key: 'k', value: 'a' }, { value: 'b' }])),
      send('too large', small, batch(['x'.repeat(2000)])),
      send('append time', stamped, two),
      send('too old', bounded, two),
      send('recompressed', packed, batch(['x'.repeat(300)])),
      send('recompressed, of lz4', packed, batch(['y'.repeat(300)], { compression: 'lz4' })),
      send('an internal topic', '__consumer_offsets', batch(['x'])),
    ];
    for (const from of [one, stamped, packed]) {
      steps.push(
        step(Fetch, 12, (vars) => fetchBody(12, vars, from), {
          what: `what ${from === one ? 'was written' : from === stamped ? 'was stamped' : 'was packed'}`,
        }),
      );
    }
    steps.push(
      step(
        Produce,
        v,
        (vars) => produceBody(one, batch(['quiet']), v >= 13 ? { acks: 0, topicId: vars[one] } : { acks: 0 }),
        {
          what: 'acks=0',
          quietMs: 150,
          connection: 'quiet',
        },
      ),
      step(Produce, v, (vars) => produceBody(one, damaged, v >= 13 ? { acks: 0, topicId: vars[one] } : { acks: 0 }), {
        what: 'acks=0, damaged',
        quietMs: 1000,
        connection: 'loud',
      }),
    );
    return steps;
  }),
  flow('idempotent produce', [9, 13], (v, name) => {
    const one = name('one');
    const send = (what: string, baseSequence: number, options: { epoch?: number; pid?: number; count?: number } = {}) =>
      step(
        Produce,
        v,
        (vars) => {
          const values = Array.from({ length: options.count ?? 2 }, (_, i) => `${baseSequence}+${i}`);
          const producerId = vars.pid + (options.pid ?? 0);
          const data = batch(values, { producerId, producerEpoch: vars.epoch + (options.epoch ?? 0), baseSequence });
          return produceBody(one, data, v >= 13 ? { topicId: vars[one] } : {});
        },
        { what },
      );
    return [
      ...topic(one),
      ...producer(null),
      send('the first', 0),
      send('the next', 2),
      send('the next but one', 6),
      send('the same again', 0),
      send('the last again', 2),
      send('half of the last', 2, { count: 1 }),
      ...[4, 6, 8, 10, 12].map((sequence) => send(`sequence ${sequence}`, sequence)),
      send('out of the last five', 0),
      send('a new epoch, not from 0', 14, { epoch: 1 }),
      send('a new epoch', 0, { epoch: 1 }),
      send('the epoch before', 14),
      send('another producer, not from 0', 5, { pid: 1_000_000 }),
      send('a negative sequence', -1, { pid: 2_000_000 }),
      step(DescribeProducers, 0, { topics: [{ name: one, partitionIndexes: [0] }] }),
      step(Fetch, 12, (vars) => fetchBody(12, vars, one), { what: 'what was written' }),
    ];
  }),
  flow('producer ids', each(InitProducerId), (v) => {
    const init = (what: string, extra: object = {}) =>
      step(
        InitProducerId,
        v,
        {
          transactionalId: null,
          transactionTimeoutMs: 60_000,
          ...(v >= 3 ? { producerId: -1, producerEpoch: -1 } : {}),
          ...extra,
        },
        { what },
      );
    return [
      init(''),
      init('a timeout of none', { transactionTimeoutMs: 0 }),
      init('an empty id', { transactionalId: '' }),
      ...(v >= 3
        ? [
            init('an id without epoch', { producerId: 5 }),
            init('an epoch without id', { producerEpoch: 5 }),
            init('taken up', { producerId: 123_456, producerEpoch: 7 }),
          ]
        : []),
    ];
  }),
  flow('fetch', each(Fetch), (v, name) => {
    const [one, cut] = [name('one'), name('cut')];
    const read = (what: string, extra: FetchExtra = {}, from = one) =>
      step(Fetch, v, (vars) => fetchBody(v, vars, from, extra), { what });
    return [
      ...topic(one, 2),
      ...topic(cut),
      ...codecs
        .filter((codec) => codec !== 'zstd' || v >= 10)
        .map((codec) =>
          write(
            one,
            batch(
              ['a', 'b', 'c'].map((value) => `${codec} ${value}`),
              { compression: codec },
            ),
          ),
        ),
      read(''),
      read('from inside a batch', { offset: 4 }),
      read('the end', { offset: v >= 10 ? 15 : 12 }),
      read('behind the end', { offset: 16 }),
      read('before the beginning', { offset: -5 }),
      read('another partition', { partition: 1 }),
      read('unknown partition', { partition: 9 }),
      read('unknown topic', {}, v >= 13 ? UNKNOWN_ID : name('none')),
      read('at least one batch', { bytes: 1 }),
      read('at least one batch of the request', { more: { maxBytes: 1 } }),
      read('no bytes', { bytes: 0 }),
      read('read committed', { more: { isolationLevel: 1 } }),
      read('a rack', v >= 11 ? { more: { rackId: 'r1' } } : {}),
      ...(v >= 9 ? [read('the leader epoch', { epoch: 0 }), read('a newer epoch', { epoch: 5 })] : []),
      ...(v >= 12
        ? [
            read('a newer fetched epoch', { offset: 2, lastEpoch: 3, epoch: 0 }),
            read('the fetched epoch', { offset: 2, lastEpoch: 0 }),
          ]
        : []),
      write(cut, batch(['a', 'b'])),
      write(cut, batch(['c', 'd'])),
      step(
        DeleteRecords,
        2,
        { topics: [{ name: cut, partitions: [{ partitionIndex: 0, offset: 3 }] }], timeoutMs: 5000 },
        { what: 'cut off' },
      ),
      read('below the start', {}, cut),
      read('from the start, inside a batch', { offset: 3 }, cut),
    ];
  }),
  flow('fetch sessions', each(Fetch, 7), (v, name) => {
    const [one, two] = [name('one'), name('two')];
    const key = (each: string, vars: Vars) => (v >= 13 ? { topicId: vars[each] } : { topic: each });
    const part = (partition: number, fetchOffset = 0) => ({ partition, fetchOffset, partitionMaxBytes: 100_000 });
    const body =
      (sessionEpoch: number, topics: object[], extra: object = {}, sessionId?: number) =>
      (vars: Vars) => ({
        maxWaitMs: 0,
        minBytes: 0,
        maxBytes: 1_000_000,
        sessionId: sessionId ?? vars.session ?? 0,
        sessionEpoch,
        topics: topics.map((each) => {
          const { of, ...rest } = each as { of: string };
          return { ...key(of, vars), ...rest };
        }),
        ...extra,
      });
    return [
      ...topic(one, 2),
      ...topic(two),
      write(one, batch(['a'])),
      step(
        Fetch,
        v,
        body(
          0,
          [
            { of: one, partitions: [part(0), part(1)] },
            { of: two, partitions: [part(0)] },
          ],
          {},
          0,
        ),
        {
          what: 'opened',
          save: ({ sessionId }, vars) => {
            vars.session = sessionId;
          },
        },
      ),
      step(Fetch, v, body(1, [{ of: one, partitions: [part(0, 1)] }]), { what: 'nothing new' }),
      write(two, batch(['b'])),
      step(Fetch, v, body(2, []), { what: 'one has data' }),
      step(Fetch, v, body(3, []), { what: 'it still has' }),
      step(Fetch, v, body(3, []), { what: 'an old epoch' }),
      step(Fetch, v, body(9, []), { what: 'a wrong epoch' }),
      step(Fetch, v, body(1, [], {}, 424_242), { what: 'an unknown session' }),
      step(Fetch, v, (vars) => body(4, [], { forgottenTopicsData: [{ ...key(two, vars), partitions: [0] }] })(vars), {
        what: 'one forgotten',
      }),
      step(Fetch, v, body(5, [{ of: one, partitions: [part(7)] }]), { what: 'an unknown partition joins' }),
      step(Fetch, v, body(-1, [{ of: one, partitions: [part(0)] }]), { what: 'closed' }),
      step(Fetch, v, body(6, []), { what: 'after its end' }),
    ];
  }),
  flow('list offsets', each(ListOffsets), (v, name) => {
    const [one, empty] = [name('one'), name('empty')];
    const at = (what: string, time: number, extra: object = {}, from = one, more: object = {}) =>
      step(
        ListOffsets,
        v,
        {
          replicaId: -1,
          topics: [{ name: from, partitions: [{ partitionIndex: 0, timestamp: time, ...extra }] }],
          ...more,
        },
        { what },
      );
    return [
      ...topic(one),
      ...topic(empty),
      write(one, batch([0, 5, 3, 9, 1].map((i) => ({ timestamp: timestamp + i, value: `${i}` })))),
      write(
        one,
        batch(
          [7, 2].map((i) => ({ timestamp: timestamp + i, value: `${i}` })),
          { compression: 'gzip' },
        ),
      ),
      ...[
        -1,
        -2,
        ...(v >= 7 ? [-3] : []),
        ...(v >= 8 ? [-4] : []),
        ...(v >= 9 ? [-5] : []),
        ...(v >= 11 ? [-6] : []),
      ].map((time) => at(`${time}`, time)),
      ...[-3, -4, -5, -6, -7]
        .filter(
          (time) =>
            (time === -3 && v < 7) ||
            (time === -4 && v < 8) ||
            (time === -5 && v < 9) ||
            (time === -6 && v < 11) ||
            time === -7,
        )
        .map((time) => at(`${time}, too early`, time)),
      ...[0, 1, 4, 6, 8, 9, 10].map((i) => at(`+${i}`, timestamp + i)),
      at('the beginning of time', 0),
      ...[-1, -2, timestamp].map((time) => at(`empty, ${time}`, time, {}, empty)),
      ...(v >= 7 ? [at('empty, -3', -3, {}, empty)] : []),
      at('unknown', -1, {}, name('none')),
      at('unknown partition', -1, { partitionIndex: 4 }),
      ...(v >= 2 ? [at('committed', -1, {}, one, { isolationLevel: 1 })] : []),
      ...(v >= 4
        ? [at('the epoch', -1, { currentLeaderEpoch: 0 }), at('a newer epoch', -1, { currentLeaderEpoch: 4 })]
        : []),
      step(
        ListOffsets,
        v,
        {
          replicaId: -1,
          topics: [{ name: one, partitions: [-1, -2].map((time) => ({ partitionIndex: 0, timestamp: time })) }],
        },
        { what: 'a partition twice' },
      ),
    ];
  }),
  flow('leader epochs', each(OffsetForLeaderEpoch), (v, name) => {
    const one = name('one');
    const ask = (what: string, leaderEpoch: number, extra: object = {}, from = one) =>
      step(
        OffsetForLeaderEpoch,
        v,
        {
          ...(v >= 3 ? { replicaId: -1 } : {}),
          topics: [{ topic: from, partitions: [{ partition: 0, leaderEpoch, currentLeaderEpoch: -1, ...extra }] }],
        },
        { what },
      );
    return [
      ...topic(one),
      ask('empty', 0),
      write(one, batch(['a', 'b'])),
      ...[0, 1, 100, -1].map((epoch) => ask(`${epoch}`, epoch)),
      ask('the current epoch', 0, { currentLeaderEpoch: 0 }),
      ask('a newer current epoch', 0, { currentLeaderEpoch: 3 }),
      ask('unknown partition', 0, { partition: 6 }),
      ask('unknown', 0, {}, name('none')),
    ];
  }),
  flow('delete records', each(DeleteRecords), (v, name) => {
    const one = name('one');
    const cut = (what: string, offset: number, extra: object = {}, from = one) =>
      step(
        DeleteRecords,
        v,
        { topics: [{ name: from, partitions: [{ partitionIndex: 0, offset, ...extra }] }], timeoutMs: 5000 },
        { what },
      );
    return [
      ...topic(one),
      ...topic(name('compacted'), 1, { 'cleanup.policy': 'compact' }),
      write(one, batch(['a', 'b', 'c', 'd'])),
      cut('to 2', 2),
      cut('back to 1', 1),
      cut('beyond', 9),
      cut('-2', -2),
      step(ListOffsets, 7, {
        replicaId: -1,
        topics: [{ name: one, partitions: [{ partitionIndex: 0, timestamp: -2 }] }],
      }),
      cut('to the end', -1),
      cut('unknown', 0, {}, name('none')),
      cut('unknown partition', 0, { partitionIndex: 5 }),
      cut('compacted', 0, {}, name('compacted')),
      cut('internal', 0, {}, '__consumer_offsets'),
    ];
  }),
  flow('describe producers', each(DescribeProducers), (v, name) => [
    ...topic(name('one'), 2),
    step(DescribeProducers, v, { topics: [{ name: name('one'), partitionIndexes: [0, 1, 7] }] }),
    step(
      DescribeProducers,
      v,
      {
        topics: [
          { name: name('none'), partitionIndexes: [0] },
          { name: 'a:b', partitionIndexes: [0] },
        ],
      },
      { what: 'unknown' },
    ),
  ]),
];
