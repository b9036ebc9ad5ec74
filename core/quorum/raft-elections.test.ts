import { describe, expect, test } from 'vitest';
import { ErrorCode } from '../protocol/errors.ts';
import { DEFAULT_QUORUM_SETTINGS } from './quorum-settings.ts';
import type { PeerAnswer, VoteRequest } from './raft-events.ts';
import {
  ELECTION_MS,
  fetched,
  fetchOf,
  follower,
  granted,
  leader,
  Node,
  openFetch,
  persisted,
  sends,
  vote,
} from './test/raft-node.ts';

describe('elections', () => {
  test('who knows no leader asks the voters in turn, and stands for election when its patience ends', () => {
    const node = new Node();
    const [first] = sends(node.pass(0), 'fetch');
    expect(first!.to).toBe(2);
    const refused = fetched({ errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER, leaderId: -1, epoch: 0 });
    node.answer(first!.id, 2, refused);
    expect(sends(node.pass(20), 'fetch').map(({ to }) => to)).toEqual([3]);
    expect(node.kind).toBe('unattached');
    const effects = node.pass(ELECTION_MS * 1.5);
    expect(node.kind).toBe('prospective');
    expect(sends(effects, 'vote').map(({ to, request }) => [to, (request as VoteRequest).isPreVote])).toEqual([
      [2, true],
      [3, true],
    ]);
    expect(persisted(effects)).toBeUndefined();
    expect(node.raft.epoch).toBe(0);
  });

  test('an election before the election raises no epoch; the election does, with a vote for itself on the device first', () => {
    const node = new Node({ epochs: [1, 1] });
    const [ask] = sends(node.pass(ELECTION_MS * 1.5), 'vote');
    expect(ask!.request).toMatchObject({ epoch: 1, lastEpoch: 1, endOffset: 2, isPreVote: true });
    const effects = node.answer(ask!.id, 2, granted({ isPreVote: true } as Partial<PeerAnswer>));
    expect(node.kind).toBe('candidate');
    expect(persisted(effects)).toEqual({ epoch: 2, leaderId: -1, votedId: 1 });
    expect(sends(effects, 'vote').map(({ request }) => request)).toMatchObject([
      { epoch: 2, isPreVote: false },
      { epoch: 2, isPreVote: false },
    ]);
  });

  test('elected: the leader is persisted, its record opens the epoch, the voters are told; it decides only once that is committed', () => {
    const node = leader();
    expect(node.raft.isLeader).toBe(false);
    expect(node.log.entries).toMatchObject([{ epoch: 1 }]);
    node.flush();
    expect(node.raft.highWatermark).toBe(-1);
    const { effects } = node.ask(fetchOf({ fetchOffset: 1, lastFetchedEpoch: 1 }));
    expect(effects).toContainEqual({ kind: 'highWatermark', offset: 1 });
    expect(effects).toContainEqual({ kind: 'leader', leader: { leaderId: 1, epoch: 1 }, isLeader: true });
  });

  test('what earlier epochs left is committed only with a record of the own epoch', () => {
    const node = leader([1, 1, 1]);
    expect(node.raft.epoch).toBe(2);
    node.flush();
    node.ask(fetchOf({ epoch: 2, fetchOffset: 3, lastFetchedEpoch: 1 }));
    expect(node.raft.highWatermark).toBe(-1);
    node.ask(fetchOf({ epoch: 2, fetchOffset: 4, lastFetchedEpoch: 2 }));
    expect(node.raft.highWatermark).toBe(4);
  });

  test('the leader does not count what its own device has not got', () => {
    const node = leader();
    node.ask(fetchOf({ fetchOffset: 1, lastFetchedEpoch: 1 }));
    expect(node.raft.highWatermark).toBe(-1);
    node.flush();
    expect(node.raft.highWatermark).toBe(1);
  });

  test('one vote an epoch, on the device before the answer; the same candidate may ask again', () => {
    const node = new Node();
    const first = node.ask(vote({ candidateId: 2 }));
    expect(first.answer).toMatchObject({ errorCode: 0, isGranted: true, epoch: 1 });
    expect(persisted(first.effects)).toEqual({ epoch: 1, leaderId: -1, votedId: 2 });
    expect(node.ask(vote({ candidateId: 3 })).answer).toMatchObject({ isGranted: false });
    expect(node.ask(vote({ candidateId: 2 })).answer).toMatchObject({ isGranted: true });
    expect(node.ask(vote({ candidateId: 3, epoch: 2 })).answer).toMatchObject({ isGranted: true, epoch: 2 });
  });

  test.each([
    ['a shorter log', { lastEpoch: 2, endOffset: 1 }, false],
    ['an older last epoch', { lastEpoch: 1, endOffset: 9 }, false],
    ['as much', { lastEpoch: 2, endOffset: 2 }, true],
    ['a later last epoch', { lastEpoch: 3, endOffset: 1 }, true],
  ])('a candidate with %s', (_, log, isGranted) => {
    for (const isPreVote of [true, false]) {
      const node = new Node({ epochs: [1, 2] });
      expect(node.ask(vote({ ...log, epoch: 3, isPreVote })).answer).toMatchObject({ errorCode: 0, isGranted });
    }
  });

  test.each([
    ['an older epoch', vote({ epoch: 3 }), ErrorCode.FENCED_LEADER_EPOCH],
    ['a node that is no voter', vote({ candidateId: 9, epoch: 7 }), ErrorCode.INCONSISTENT_VOTER_SET],
    ['this node itself', vote({ candidateId: 1, epoch: 7 }), ErrorCode.INCONSISTENT_VOTER_SET],
    ['a log from the future', vote({ epoch: 7, lastEpoch: 8, endOffset: 1 }), ErrorCode.INVALID_REQUEST],
    ['a negative offset', vote({ epoch: 7, endOffset: -1 }), ErrorCode.INVALID_REQUEST],
  ])('a vote for %s is refused, and changes nothing', (_, request, errorCode) => {
    const node = new Node({ election: { epoch: 5, votedId: 3 } });
    const { answer, effects } = node.ask(request);
    expect(answer).toMatchObject({ errorCode, isGranted: false, epoch: 5 });
    expect(persisted(effects)).toBeUndefined();
  });

  test('who hears its leader refuses votes before the vote, who does not grants them', () => {
    const node = follower();
    node.answer(openFetch(node), 2, fetched({}));
    const ask = vote({ candidateId: 3, isPreVote: true });
    expect(node.ask(ask).answer).toMatchObject({ isGranted: false, leaderId: 2 });
    node.answer(openFetch(node), 2, fetched({ errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER, leaderId: -1 }));
    expect(node.ask(ask).answer).toMatchObject({ isGranted: true });
  });

  test('a follower whose leader is silent asks first, and goes back when the others hear it', () => {
    const node = follower();
    const asked = sends(node.pass(2000), 'vote');
    expect(node.kind).toBe('prospective');
    for (const { id, to } of asked) {
      node.answer(id, to, granted({ isGranted: false, isPreVote: true } as Partial<PeerAnswer>));
    }
    expect(node.raft.leader).toEqual({ leaderId: 2, epoch: 1 });
    expect(node.raft.epoch).toBe(1);
  });

  test('a lost election is tried again after a pause, first without an epoch', () => {
    const node = new Node();
    const [ask] = sends(node.pass(ELECTION_MS * 1.5), 'vote');
    const asked = sends(node.answer(ask!.id, 2, granted({ epoch: 0, isPreVote: true } as Partial<PeerAnswer>)), 'vote');
    for (const { id, to } of asked) node.answer(id, to, granted({ isGranted: false } as Partial<PeerAnswer>));
    expect(node.kind).toBe('candidate');
    node.pass(DEFAULT_QUORUM_SETTINGS.electionBackoffMaxMs);
    expect(node.kind).toBe('prospective');
    expect(node.raft.epoch).toBe(1);
  });

  test('a candidate that hears of a later epoch gives up', () => {
    const node = new Node();
    const [ask] = sends(node.pass(ELECTION_MS * 1.5), 'vote');
    const [asked] = sends(
      node.answer(ask!.id, 2, granted({ epoch: 0, isPreVote: true } as Partial<PeerAnswer>)),
      'vote',
    );
    const refusal = granted({
      isGranted: false,
      errorCode: ErrorCode.FENCED_LEADER_EPOCH,
      epoch: 9,
      leaderId: 3,
    } as never);
    const effects = node.answer(asked!.id, 2, refusal);
    expect(node.raft.leader).toEqual({ leaderId: 3, epoch: 9 });
    expect(persisted(effects)).toEqual({ epoch: 9, leaderId: 3, votedId: -1 });
  });

  test('who doubts its leader is not sent back by one that only has not begun to', () => {
    const node = follower();
    const [asked] = sends(node.pass(2000), 'vote');
    node.answer(asked!.id, 3, granted({ isGranted: true, isPreVote: true, leaderId: 2 } as Partial<PeerAnswer>));
    expect(node.kind).toBe('candidate');
  });

  test('an observer neither votes nor stands for election', () => {
    const node = new Node({ self: 101 });
    node.pass(60_000);
    expect(node.kind).toBe('unattached');
    expect(node.ask(vote({ epoch: 3 })).answer).toMatchObject({ errorCode: ErrorCode.INCONSISTENT_VOTER_SET });
    const { answer } = node.ask({ kind: 'beginEpoch', leaderId: 3, epoch: 4 });
    expect(answer).toMatchObject({ errorCode: 0, leaderId: 3 });
    node.pass(2000);
    expect(node.kind).toBe('unattached');
  });

  test('a node that led an epoch in an earlier life waits for the next one', () => {
    const node = new Node({ election: { epoch: 4, leaderId: 1, votedId: 1 } });
    expect(node.kind).toBe('unattached');
    expect(node.ask(vote({ candidateId: 2, epoch: 4 })).answer).toMatchObject({ isGranted: false });
    const effects = node.pass(0);
    expect(persisted(effects)).toBeUndefined();
    node.ask({ kind: 'endEpoch', leaderId: 2, epoch: 3, preferredCandidates: [] });
    expect(node.raft.epoch).toBe(4);
  });
});
