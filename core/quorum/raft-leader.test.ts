import { describe, expect, test } from 'vitest';
import { ErrorCode } from '../protocol/errors.ts';
import type { PeerAnswer } from './raft-events.ts';
import { ELECTION_MS, fetchOf, follower, granted, leader, Node, persisted, sends, vote } from './test/raft-node.ts';

describe('the leader', () => {
  test('steps down when no majority fetches for one and a half times the fetch timeout', () => {
    const node = leader();
    node.pass(2900);
    expect(node.kind).toBe('leader');
    node.ask(fetchOf({ fetchOffset: 1, lastFetchedEpoch: 1 }));
    node.pass(2900);
    expect(node.kind).toBe('leader');
    const effects = node.pass(100);
    expect(node.kind).toBe('resigned');
    expect(sends(effects, 'endEpoch').map(({ to }) => to)).toEqual([2, 3]);
    const later = node.pass(ELECTION_MS * 1.5);
    expect(node.kind).toBe('unattached');
    expect(persisted(later)).toMatchObject({ epoch: 2, votedId: -1 });
  });

  test('tells the voters until they fetch, and again when they fall silent', () => {
    const node = new Node();
    const [ask] = sends(node.pass(ELECTION_MS * 1.5), 'vote');
    const [real] = sends(
      node.answer(ask!.id, 2, granted({ epoch: 0, isPreVote: true } as Partial<PeerAnswer>)),
      'vote',
    );
    const told = sends(node.answer(real!.id, 2, granted()), 'beginEpoch');
    expect(told.map(({ to }) => to)).toEqual([2, 3]);
    node.answer(told[0]!.id, 2, { kind: 'beginEpoch', errorCode: 0, leaderId: 1, epoch: 1 });
    node.raft.step({ kind: 'failed', id: told[1]!.id, from: 3, isGone: false }, node.nowMs);
    expect(sends(node.pass(20), 'beginEpoch').map(({ to }) => to)).toEqual([3]);
    node.ask(fetchOf({}));
    expect(sends(node.pass(990), 'beginEpoch').map(({ to }) => to)).toEqual([]);
    expect(sends(node.pass(1010), 'beginEpoch').map(({ to }) => to)).toEqual([2]);
  });

  test.each([
    ['an older epoch', { epoch: 0 }, ErrorCode.FENCED_LEADER_EPOCH],
    ['a newer epoch', { epoch: 2 }, ErrorCode.UNKNOWN_LEADER_EPOCH],
    ['a negative offset', { fetchOffset: -1 }, ErrorCode.INVALID_REQUEST],
    ['a negative epoch of the log', { lastFetchedEpoch: -1 }, ErrorCode.INVALID_REQUEST],
    ['its own id', { replicaId: 1 }, ErrorCode.INVALID_REQUEST],
  ])('refuses a fetch with %s', (_, fields, errorCode) => {
    expect(leader().ask(fetchOf(fields)).answer).toMatchObject({ errorCode, leaderId: 1, epoch: 1 });
  });

  test('a follower refuses fetches, and names the leader', () => {
    const { answer } = follower().ask(fetchOf({ replicaId: 3 }));
    expect(answer).toMatchObject({ errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER, leaderId: 2, epoch: 1 });
  });

  test('a fetch waits while there is nothing, and is answered by an append, by the high watermark, or when its time is up', () => {
    const node = leader();
    node.flush();
    const end = { fetchOffset: 1, lastFetchedEpoch: 1, highWatermark: 1 };
    expect(node.ask(fetchOf({ ...end, highWatermark: -1 })).answer).toMatchObject({ errorCode: 0, highWatermark: 1 });
    expect(node.ask(fetchOf(end)).answer).toBeUndefined();
    const appended = node.append();
    expect(appended).toMatchObject([{ kind: 'answer', answer: { kind: 'fetch', readFrom: { offset: 1 } } }]);
    node.flush();
    const caughtUp = { fetchOffset: 2, lastFetchedEpoch: 1 };
    expect(node.ask(fetchOf({ ...caughtUp, replicaId: 3, highWatermark: 2 })).answer).toBeUndefined();
    const raised = node.ask(fetchOf({ ...caughtUp, highWatermark: 2 }));
    expect(raised.answer).toBeUndefined();
    expect(node.raft.highWatermark).toBe(2);
    const expired = node.pass(500).filter(({ kind }) => kind === 'answer');
    expect(expired).toHaveLength(2);
  });

  test('a second fetch of the same replica takes the place of the first, which is answered', () => {
    const node = leader();
    node.flush();
    node.ask(fetchOf({ fetchOffset: 1, lastFetchedEpoch: 1 }));
    const end = { fetchOffset: 1, lastFetchedEpoch: 1, highWatermark: 1 };
    expect(node.ask(fetchOf(end)).answer).toBeUndefined();
    const { answer, effects } = node.ask(fetchOf(end));
    expect(answer).toBeUndefined();
    expect(effects.filter(({ kind }) => kind === 'answer')).toHaveLength(1);
  });

  test('a leader that hears of a later epoch is none from then on, and says so to those who wait', () => {
    const node = leader();
    node.flush();
    node.ask(fetchOf({ fetchOffset: 1, lastFetchedEpoch: 1 }));
    expect(node.raft.isLeader).toBe(true);
    node.ask(fetchOf({ fetchOffset: 1, lastFetchedEpoch: 1, highWatermark: 1 }));
    const { effects } = node.ask(vote({ candidateId: 3, epoch: 5, lastEpoch: 4, endOffset: 9 }));
    expect(effects[0]).toEqual({ kind: 'leader', leader: { leaderId: -1, epoch: 5 }, isLeader: false });
    expect(persisted(effects)).toEqual({ epoch: 5, leaderId: -1, votedId: 3 });
    expect(effects).toContainEqual(
      expect.objectContaining({
        kind: 'answer',
        answer: expect.objectContaining({ kind: 'fetch', errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER }),
      }),
    );
  });

  test('knows when it last heard of the leader before it, as long as it leads', () => {
    const node = follower();
    const [ask] = sends(node.pass(3000), 'vote');
    const standing = node.answer(ask!.id, ask!.to, granted({ isPreVote: true } as Partial<PeerAnswer>));
    const [real] = sends(standing, 'vote');
    node.answer(real!.id, real!.to, granted({ epoch: 2 }));
    expect(node.kind).toBe('leader');
    expect(node.raft.lastLeader).toEqual({ leaderId: 2, heardMs: 0 });
    node.raft.step({ kind: 'resign' }, node.nowMs);
    expect(node.raft.lastLeader).toBeNull();
  });

  test('resigning: the best successor first, and the file still says who led', () => {
    const node = leader();
    node.ask(fetchOf({ replicaId: 3, fetchOffset: 1, lastFetchedEpoch: 1 }));
    const effects = node.raft.step({ kind: 'resign' }, node.nowMs);
    const told = sends(effects, 'endEpoch');
    expect(told[0]!.request).toMatchObject({ leaderId: 1, epoch: 1, preferredCandidates: [3, 2] });
    expect(persisted(effects)).toBeUndefined();
    expect(node.ask(fetchOf({})).answer).toMatchObject({ errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER });
  });

  test('two leaders in one epoch are the end', () => {
    const node = follower();
    expect(node.ask({ kind: 'beginEpoch', leaderId: 3, epoch: 1 }).answer).toMatchObject({
      errorCode: ErrorCode.INVALID_REQUEST,
      leaderId: 2,
    });
    expect(() => node.raft.becomeFollower(3, 1)).toThrow('nodes 2 and 3 both lead epoch 1');
  });
});
