import { expect, test } from 'vitest';
import { SimWorld } from '../ports/sim/world.ts';
import { ErrorCode } from '../protocol/errors.ts';
import { ZERO_UUID } from '../protocol/writer.ts';
import { type FetchPartition, FetchSessions } from './fetch-sessions.ts';

function partition(topic: string, index: number, fetchOffset = 0): FetchPartition {
  return {
    topic,
    topicId: ZERO_UUID,
    partition: index,
    fetchOffset,
    maxBytes: 1000,
    currentLeaderEpoch: -1,
    lastFetchedEpoch: -1,
    logStartOffset: -1,
  };
}

function sessions(slots = 2) {
  const { clock, random } = new SimWorld({ seed: 1 }).process('p').ports;
  const cache = new FetchSessions(clock, random, slots);
  const open = (
    sessionId: number,
    sessionEpoch: number,
    partitions: FetchPartition[] = [],
    forgotten: FetchPartition[] = [],
  ) => cache.open({ sessionId, sessionEpoch, partitions, forgotten, usesTopicIds: false });
  return { cache, open };
}

const ANSWER = { errorCode: 0, highWatermark: 5, logStartOffset: 0, bytes: 0, hasNews: false };

test('C32 epoch 0 makes a session, n goes on with it, −1 ends it', () => {
  const { cache, open } = sessions();
  const first = open(0, 0, [partition('t', 0), partition('t', 1)]);
  if (first.kind !== 'full' || first.session === null) throw new Error('a session is expected');
  const { id } = first.session;
  const second = open(id, 1, [partition('t', 1, 7)]);
  expect(second.kind === 'incremental' && second.partitions.map((each) => each.fetchOffset)).toEqual([0, 7]);
  const third = open(id, 2, [], [partition('t', 0)]);
  expect(third.kind === 'incremental' && third.partitions.map((each) => each.partition)).toEqual([1]);
  expect(open(id, 2)).toEqual({ kind: 'error', errorCode: ErrorCode.INVALID_FETCH_SESSION_EPOCH });
  expect(open(id, -1, [partition('t', 0)])).toMatchObject({ kind: 'full', session: null });
  expect(cache.size).toBe(0);
  expect(open(id, 3)).toEqual({ kind: 'error', errorCode: ErrorCode.FETCH_SESSION_ID_NOT_FOUND });
});

test('C32 the epoch wraps from its largest value to 1', () => {
  const { open } = sessions();
  const first = open(0, 0, [partition('t', 0)]);
  if (first.kind !== 'full' || first.session === null) throw new Error('a session is expected');
  first.session.epoch = 0x7fffffff;
  expect(open(first.session.id, 0x7fffffff).kind).toBe('incremental');
  expect(open(first.session.id, 1).kind).toBe('incremental');
});

test('C33 an incremental answer names what changed; data moves a partition to the end', () => {
  const { open } = sessions();
  const first = open(0, 0, [partition('t', 0), partition('t', 1)]);
  if (first.kind !== 'full' || first.session === null) throw new Error('a session is expected');
  const { session } = first;
  const [zero, one] = [partition('t', 0), partition('t', 1)];
  expect(session.mustTell(zero, ANSWER)).toBe(true);
  expect(session.mustTell(zero, ANSWER)).toBe(false);
  expect(session.mustTell(zero, { ...ANSWER, highWatermark: 6 })).toBe(true);
  expect(session.mustTell(zero, { ...ANSWER, highWatermark: 6, logStartOffset: 2 })).toBe(true);
  const failed = { ...ANSWER, errorCode: 3 };
  expect(session.mustTell(one, failed)).toBe(true);
  expect(session.mustTell(one, failed)).toBe(true);
  expect(session.mustTell(one, ANSWER)).toBe(true);
  expect(session.mustTell(zero, { ...ANSWER, bytes: 10 })).toBe(true);
  expect(session.partitions().map((each) => each.partition)).toEqual([1, 0]);
});

test('C32 the cache is bounded: without a free slot the client gets full fetches', () => {
  const { cache, open } = sessions(2);
  for (const wanted of [true, true, false]) {
    const context = open(0, 0, [partition('t', 0)]);
    expect(context.kind === 'full' && context.session !== null).toBe(wanted);
  }
  expect(cache.size).toBe(2);
});

test('a session that names topics by id stays with it', () => {
  const { cache } = sessions();
  const request = { sessionId: 0, sessionEpoch: 0, partitions: [partition('t', 0)], forgotten: [], usesTopicIds: true };
  const first = cache.open(request);
  if (first.kind !== 'full' || first.session === null) throw new Error('a session is expected');
  const next = { ...request, sessionId: first.session.id, sessionEpoch: 1, usesTopicIds: false };
  expect(cache.open(next)).toEqual({ kind: 'error', errorCode: ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR });
});
