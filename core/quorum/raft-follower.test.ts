import { describe, expect, test } from 'vitest';
import { ErrorCode } from '../protocol/errors.ts';
import { fetched, follower, granted, openFetch, sends, vote } from './test/raft-node.ts';

describe('a follower', () => {
  test('fetches again only when what it fetched is on its device', () => {
    const node = follower();
    const records = Buffer.from(JSON.stringify([{ epoch: 1, id: 1 }]));
    const effects = node.answer(openFetch(node), 2, fetched({ records, highWatermark: 1 }));
    expect(effects).toEqual([{ kind: 'appendFetched', records }]);
    expect(sends(node.pass(50), 'fetch')).toEqual([]);
    const flushed = node.flush();
    expect(sends(flushed, 'fetch')[0]!.request).toMatchObject({
      fetchOffset: 1,
      lastFetchedEpoch: 1,
      highWatermark: 1,
    });
    expect(flushed).toContainEqual({ kind: 'highWatermark', offset: 1 });
  });

  test.each([
    // own epochs, the leader's floor of the last of them, where to cut
    [[1, 1, 2, 2], { epoch: 2, offset: 3 }, 3],
    [[1, 1, 3, 3], { epoch: 2, offset: 5 }, 2],
    [[1, 1, 3, 3], { epoch: 1, offset: 1 }, 1],
    [[2, 2], { epoch: 1, offset: 7 }, 0],
  ])('with %j is cut where the leader says %j', (epochs, diverging, offset) => {
    const node = follower(epochs, 5);
    const effects = node.answer(openFetch(node), 2, fetched({ epoch: 5, diverging }));
    expect(effects[0]).toEqual({ kind: 'truncate', offset });
  });

  test('is never cut below what is committed', () => {
    const node = follower([1, 1, 1], 2);
    node.answer(openFetch(node), 2, fetched({ epoch: 2, highWatermark: 3 }));
    expect(node.raft.highWatermark).toBe(3);
    const diverging = { epoch: 1, offset: 2 };
    expect(() => node.answer(openFetch(node), 2, fetched({ epoch: 2, diverging }))).toThrow(
      /cut to 2, below what is committed, 3/,
    );
  });

  test('believes no high watermark beyond its log', () => {
    const node = follower([1], 1);
    node.answer(openFetch(node), 2, fetched({ highWatermark: 100 }));
    expect(node.raft.highWatermark).toBe(1);
  });

  test('answers to requests of an earlier role change nothing', () => {
    const node = follower();
    const old = openFetch(node);
    node.ask({ kind: 'beginEpoch', leaderId: 3, epoch: 2 });
    const effects = node.answer(old, 2, fetched({ diverging: { epoch: 0, offset: 0 } }));
    expect(effects).toEqual([]);
    expect(node.raft.leader).toEqual({ leaderId: 3, epoch: 2 });
  });

  test('of a leader where nobody listens any more asks for votes after a moment, once; one that does not answer is waited for', () => {
    const fail = (node: ReturnType<typeof follower>, isGone: boolean) =>
      node.raft.step({ kind: 'failed', id: openFetch(node), from: 2, isGone }, node.nowMs);
    const silent = follower();
    silent.answer(openFetch(silent), 2, fetched({}));
    fail(silent, false);
    silent.pass(1900);
    expect(silent.kind).toBe('follower');
    const node = follower();
    node.answer(openFetch(node), 2, fetched({}));
    node.pass(300);
    fail(node, true);
    expect(node.kind).toBe('follower');
    // Others who ask are told at once that this one hears no leader.
    expect(node.ask(vote({ isPreVote: true, candidateId: 3 })).answer).toMatchObject({ isGranted: true });
    const effects = node.pass(150);
    expect(node.kind).toBe('prospective');
    expect(node.raft.lastLeader).toEqual({ leaderId: 2, heardMs: 0 });
    // Both say that there is a leader: back to it, and no second hurry.
    for (const { id, to } of sends(effects, 'vote'))
      node.answer(id, to, granted({ isPreVote: true, isGranted: false }));
    expect(node.kind).toBe('follower');
    fail(node, true);
    node.pass(1000);
    expect(node.kind).toBe('follower');
    node.pass(1000);
    expect(node.kind).toBe('prospective');
  });

  test('told that its leader goes: the first successor asks for votes at once, the others a little later', () => {
    const first = follower();
    first.ask({ kind: 'endEpoch', leaderId: 2, epoch: 1, preferredCandidates: [1, 3] });
    expect(first.kind).toBe('prospective');
    const second = follower();
    second.ask({ kind: 'endEpoch', leaderId: 2, epoch: 1, preferredCandidates: [3, 1] });
    expect(second.kind).toBe('follower');
    expect(second.ask(vote({ candidateId: 3, isPreVote: true })).answer).toMatchObject({ isGranted: true });
    second.pass(400);
    expect(second.kind).toBe('prospective');
  });

  test('takes a snapshot in pieces, and goes on behind it', () => {
    const node = follower();
    const id = { offset: 90, epoch: 1 };
    const begun = node.answer(openFetch(node), 2, fetched({ snapshotId: id }));
    const [ask] = sends(begun, 'fetchSnapshot');
    expect(ask!.request).toMatchObject({ snapshotId: id, position: 0, epoch: 1 });
    const piece = {
      kind: 'fetchSnapshot',
      errorCode: 0,
      leaderId: 2,
      epoch: 1,
      snapshotId: id,
      size: 5,
      maxBytes: 0,
    } as const;
    const first = node.answer(ask!.id, 2, { ...piece, position: 0, bytes: Buffer.from('abc') });
    expect(first[0]).toMatchObject({ kind: 'snapshotPiece', position: 0, isLast: false });
    const [next] = sends(first, 'fetchSnapshot');
    expect(next!.request).toMatchObject({ position: 3 });
    const last = node.answer(next!.id, 2, { ...piece, position: 3, bytes: Buffer.from('de') });
    expect(last).toMatchObject([{ kind: 'snapshotPiece', position: 3, isLast: true }]);
    // The disk takes its time, and nobody doubts the leader for that.
    expect(node.pass(60_000)).toEqual([]);
    const done = node.raft.step({ kind: 'installed', snapshotId: id, isSound: true }, node.nowMs);
    expect(sends(done, 'fetch')).toHaveLength(1);
  });

  test('a snapshot that is gone at the leader is asked for no longer', () => {
    const node = follower();
    const id = { offset: 90, epoch: 1 };
    const [ask] = sends(node.answer(openFetch(node), 2, fetched({ snapshotId: id })), 'fetchSnapshot');
    const gone = {
      errorCode: ErrorCode.SNAPSHOT_NOT_FOUND,
      leaderId: 2,
      epoch: 1,
      snapshotId: id,
      position: 0,
      size: 0,
    };
    node.answer(ask!.id, 2, { kind: 'fetchSnapshot', ...gone, bytes: Buffer.alloc(0), maxBytes: 0 });
    expect(sends(node.pass(20), 'fetch')).toHaveLength(1);
  });
});
