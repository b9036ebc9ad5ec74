import { expect, test } from 'vitest';
import type { History } from '../history.ts';
import { LOG_CHECKS } from './all-checks.ts';
import { applyChecks } from './check.ts';
import type { CheckerName, CheckResult } from './finding.ts';
import { finalRead, handwritten, polled, record, sent } from './valid-history.ts';

function results(history: History): Map<CheckerName, CheckResult> {
  return new Map(applyChecks(LOG_CHECKS, history).map((result) => [result.checker, result]));
}

/** Names with findings that are no legal ones, and `legal NAME` for those that are. */
function found(history: History): string[] {
  return [...results(history).values()]
    .flatMap((result) => result.findings)
    .map((finding) => `${finding.legal ? 'legal ' : finding.certain ? '' : 'perhaps '}${finding.name}`);
}

test('INCONSISTENT-OFFSET: two reads of one offset differ; the same value twice is fine', () => {
  const bad = handwritten();
  polled(bad, 'c1', record(0, 'a'));
  polled(bad, 'c2', record(0, 'b'));
  expect(found(bad)).toEqual(['INCONSISTENT-OFFSET']);
  expect(results(bad).get('INCONSISTENT-OFFSET')!.findings[0]).toMatchObject({
    operations: [0, 1],
    values: ['a', 'b'],
  });
  const good = handwritten();
  polled(good, 'c1', record(0, 'a'));
  polled(good, 'c2', record(0, 'a'));
  expect(found(good)).toEqual([]);
});

test('INCONSISTENT-OFFSET: a send of unknown outcome has no offset until somebody reads it', () => {
  const history = handwritten();
  history.info(history.invoke('p1', { type: 'send', topic: 't', key: 'k', value: 'a' }), 'REQUEST_TIMED_OUT');
  sent(history, 'b', 0);
  finalRead(history, [record(0, 'b')]);
  expect(found(history)).toEqual([]);
});

test('DUPLICATE: one value at two offsets; in two topics it was forwarded', () => {
  const bad = handwritten();
  sent(bad, 'a', 0);
  finalRead(bad, [record(0, 'a'), record(1, 'a')]);
  expect(found(bad)).toEqual(['DUPLICATE']);
  const forwarded = handwritten();
  polled(forwarded, 'c1', record(0, 'a'));
  polled(forwarded, 'c2', record(0, 'a', 'k', 3, 'wide'));
  expect(found(forwarded)).toEqual([]);
});

test('DUPLICATE: a send of unknown outcome that landed twice is seen by reads alone', () => {
  const history = handwritten();
  history.info(history.invoke('p1', { type: 'send', topic: 't', key: 'k', value: 'a' }), 'REQUEST_TIMED_OUT');
  finalRead(history, [record(0, 'a'), record(1, 'a')]);
  expect(found(history)).toEqual(['DUPLICATE']);
  expect(results(history).get('DUPLICATE')!.findings[0]!.places).toHaveLength(2);
});

test('LOST-WRITE: acknowledged, passed by reads, never returned; unknown outcome may be lost', () => {
  const bad = handwritten();
  sent(bad, 'a', 0);
  sent(bad, 'b', 1);
  finalRead(bad, [record(1, 'b')], 2);
  expect(found(bad)).toEqual(['LOST-WRITE']);
  const unknown = handwritten();
  unknown.info(unknown.invoke('p1', { type: 'send', topic: 't', key: 'k', value: 'a' }), 'REQUEST_TIMED_OUT');
  sent(unknown, 'b', 1);
  finalRead(unknown, [record(1, 'b')], 2);
  expect(found(unknown)).toEqual([]);
});

test('LOST-WRITE: what retention deleted is not lost by the broker', () => {
  const history = handwritten();
  sent(history, 'a', 0);
  sent(history, 'b', 1);
  finalRead(history, [record(1, 'b')], 2, 0, 1);
  expect(found(history)).toEqual([]);
});

test('UNSEEN: certain after the final read only', () => {
  const bad = handwritten();
  sent(bad, 'a', 0);
  sent(bad, 'b', 1);
  finalRead(bad, [record(0, 'a')], 1);
  expect(found(bad)).toEqual(['UNSEEN']);
  const open = handwritten();
  sent(open, 'a', 0);
  expect(found(open)).toEqual(['perhaps UNSEEN']);
  expect(results(open).get('UNSEEN')!.status).toBe('unknown');
});

test('POLL-SKIP: over a record is a skip, over a gap that nobody saw is not', () => {
  const bad = handwritten();
  polled(bad, 'c1', record(0, 'a'));
  polled(bad, 'c1', record(2, 'c'));
  finalRead(bad, [record(0, 'a'), record(1, 'b'), record(2, 'c')]);
  expect(found(bad)).toEqual(['POLL-SKIP']);
  const gap = handwritten();
  polled(gap, 'c1', record(0, 'a'));
  polled(gap, 'c1', record(2, 'c'));
  finalRead(gap, [record(0, 'a'), record(2, 'c')], 3);
  expect(found(gap)).toEqual([]);
});

test('POLL-SKIP: an unknown send counts once some read saw it', () => {
  const history = handwritten();
  history.info(history.invoke('p1', { type: 'send', topic: 't', key: 'k', value: 'b' }), 'REQUEST_TIMED_OUT');
  polled(history, 'c1', record(0, 'a'));
  polled(history, 'c1', record(2, 'c'));
  expect(found(history)).toEqual([]);
  finalRead(history, [record(0, 'a'), record(1, 'b'), record(2, 'c')]);
  expect(found({ operations: [...history.operations], overflowed: false })).toEqual(['POLL-SKIP']);
});

test('NONMONOTONIC-POLL: back without a seek; after a seek free; across a rebalance legal', () => {
  const bad = handwritten();
  polled(bad, 'c1', record(1, 'b'));
  polled(bad, 'c1', record(0, 'a'));
  expect(found(bad)).toEqual(['NONMONOTONIC-POLL']);
  const sought = handwritten();
  polled(sought, 'c1', record(1, 'b'));
  sought.note('c1', { type: 'seek', topic: 't', partition: 0, offset: 0 });
  polled(sought, 'c1', record(0, 'a'));
  expect(found(sought)).toEqual([]);
  const rebalanced = handwritten();
  polled(rebalanced, 'c1', record(1, 'b'));
  rebalanced.note('c1', { type: 'revoke', group: 'g', generation: 1, partitions: [{ topic: 't', partition: 0 }] });
  polled(rebalanced, 'c1', record(0, 'a'));
  expect(found(rebalanced)).toEqual(['legal NONMONOTONIC-POLL']);
  expect(results(rebalanced).get('NONMONOTONIC-POLL')!.status).toBe('valid');
});

test('INT-: within one poll the names differ', () => {
  const history = handwritten();
  polled(history, 'c1', record(1, 'b'), record(0, 'a'), record(2, 'c'));
  expect(found(history)).toEqual(['INT-POLL-SKIP', 'INT-NONMONOTONIC-POLL']);
});

test('NONMONOTONIC-SEND: asked for first and stored last; an unknown first send accuses nobody', () => {
  const bad = handwritten();
  const first = bad.invoke('p1', { type: 'send', topic: 't', key: 'k', value: 'a' });
  sent(bad, 'b', 0);
  bad.ok(first, { type: 'send', topic: 't', partition: 0, offset: 1, key: 'k', value: 'a' });
  finalRead(bad, [record(0, 'b'), record(1, 'a')]);
  expect(found(bad)).toEqual(['NONMONOTONIC-SEND']);
  const unknown = handwritten();
  unknown.info(unknown.invoke('p1', { type: 'send', topic: 't', key: 'k', value: 'a' }), 'REQUEST_TIMED_OUT');
  sent(unknown, 'b', 0);
  finalRead(unknown, [record(0, 'b'), record(1, 'a')]);
  expect(found(unknown)).toEqual([]);
});

test('SEND-SKIP: another producer between is legal', () => {
  const history = handwritten();
  sent(history, 'a', 0, 'k', 'p1');
  sent(history, 'b', 1, 'k', 'p2');
  sent(history, 'c', 2, 'k', 'p1');
  finalRead(history, [record(0, 'a'), record(1, 'b'), record(2, 'c')]);
  expect(found(history)).toEqual(['legal SEND-SKIP']);
});

/** Sends in a transaction, ended as told. */
function transaction(
  outcome: 'commit' | 'abort' | 'open',
  values: readonly string[],
  id = 'x',
): ReturnType<typeof handwritten> {
  const history = handwritten();
  history.note('p1', { type: 'transaction', action: 'begin', transaction: id });
  values.forEach((value, offset) => {
    history.note('p1', { type: 'send', topic: 't', partition: 0, offset, key: 'k', value, transaction: id });
  });
  if (outcome !== 'open') history.note('p1', { type: 'transaction', action: outcome, transaction: id });
  return history;
}

test('ABORTED-READ: a committed-only consumer sees an aborted value; others may', () => {
  const bad = transaction('abort', ['a']);
  bad.note('c1', { type: 'poll', records: [record(0, 'a')], committedOnly: true });
  expect(found(bad)).toEqual(['ABORTED-READ']);
  const uncommitted = transaction('abort', ['a']);
  polled(uncommitted, 'c1', record(0, 'a'));
  expect(found(uncommitted)).toEqual([]);
  const told = transaction('abort', ['a']);
  told.note('c1', { type: 'poll', records: [record(0, 'a')], committedOnly: false });
  expect(found(told)).toEqual(['legal ABORTED-READ']);
  const unknown = transaction('open', ['a']);
  unknown.info(unknown.invoke('p1', { type: 'transaction', action: 'commit', transaction: 'x' }), 'timeout');
  unknown.note('c1', { type: 'poll', records: [record(0, 'a')], committedOnly: true });
  expect(found(unknown)).toEqual([]);
});

test('ABORTED-READ: committed-only reads what nobody asked to commit; once a commit is asked for it may', () => {
  const bad = transaction('open', ['a']);
  bad.note('c1', { type: 'poll', records: [record(0, 'a')], committedOnly: true });
  expect(found(bad)).toEqual(['ABORTED-READ']);
  const early = transaction('open', ['a']);
  early.note('c1', { type: 'poll', records: [record(0, 'a')], committedOnly: true });
  early.note('p1', { type: 'transaction', action: 'commit', transaction: 'x' });
  expect(found(early)).toEqual(['ABORTED-READ']);
  const asked = transaction('open', ['a']);
  const call = asked.invoke('p1', { type: 'transaction', action: 'commit', transaction: 'x' });
  asked.note('c1', { type: 'poll', records: [record(0, 'a')], committedOnly: true });
  asked.ok(call);
  expect(found(asked)).toEqual([]);
});

test('ABORTED-READ: a send that certainly failed is read; one that timed out may be', () => {
  const bad = handwritten();
  bad.fail(bad.invoke('p1', { type: 'send', topic: 't', key: 'k', value: 'a' }), 'NOT_ENOUGH_REPLICAS');
  polled(bad, 'c1', record(0, 'a'));
  expect(found(bad)).toEqual(['ABORTED-READ']);
  const unknown = handwritten();
  unknown.info(unknown.invoke('p1', { type: 'send', topic: 't', key: 'k', value: 'a' }), 'REQUEST_TIMED_OUT');
  polled(unknown, 'c1', record(0, 'a'));
  expect(found(unknown)).toEqual([]);
});

test('TORN: part of a committed transaction is missing; of an open one it may be', () => {
  const bad = transaction('commit', ['a', 'b']);
  finalRead(bad, [record(0, 'a')], 3);
  expect(found(bad)).toContain('TORN');
  const open = transaction('open', ['a', 'b']);
  finalRead(open, [record(0, 'a')], 3);
  expect(found(open)).toEqual([]);
  const whole = transaction('commit', ['a', 'b']);
  finalRead(whole, [record(0, 'a'), record(1, 'b')], 3);
  expect(found(whole)).toEqual([]);
});

test('PRECOMMITTED-READ: a transaction reads its own write; another’s read is no such thing', () => {
  const bad = transaction('commit', ['a']);
  bad.note('p1', { type: 'poll', records: [record(0, 'a')], transaction: 'x' });
  expect(found(bad)).toEqual(['PRECOMMITTED-READ']);
  const other = transaction('commit', ['a']);
  other.note('p2', { type: 'poll', records: [record(0, 'a')], transaction: 'y' });
  expect(found(other)).toEqual([]);
});

test('G1c: two transactions read each other; writes alone in a circle are legal', () => {
  const bad = handwritten();
  for (const id of ['x', 'y']) bad.note(id, { type: 'transaction', action: 'begin', transaction: id });
  const send = (id: string, value: string, partition: number, offset: number): void =>
    bad.note(id, { type: 'send', topic: 't', partition, offset, key: 'k', value, transaction: id });
  send('x', 'a', 0, 0);
  send('y', 'b', 1, 0);
  bad.note('x', { type: 'poll', records: [record(0, 'b', 'k', 1)], transaction: 'x' });
  bad.note('y', { type: 'poll', records: [record(0, 'a', 'k', 0)], transaction: 'y' });
  for (const id of ['x', 'y']) bad.note(id, { type: 'transaction', action: 'commit', transaction: id });
  expect(found(bad)).toEqual(['G1c']);

  const writes = handwritten();
  for (const id of ['x', 'y']) writes.note(id, { type: 'transaction', action: 'begin', transaction: id });
  const write = (id: string, value: string, partition: number, offset: number): void =>
    writes.note(id, { type: 'send', topic: 't', partition, offset, key: 'k', value, transaction: id });
  write('x', 'a', 0, 0);
  write('y', 'b', 0, 1);
  write('y', 'c', 1, 0);
  write('x', 'd', 1, 1);
  for (const id of ['x', 'y']) writes.note(id, { type: 'transaction', action: 'commit', transaction: id });
  finalRead(writes, [record(0, 'a'), record(1, 'b')], 2, 0);
  finalRead(writes, [record(0, 'c', 'k', 1), record(1, 'd', 'k', 1)], 2, 1);
  expect(found(writes)).toEqual(['legal WRITE-CYCLE']);

  const onlyOne = handwritten();
  onlyOne.note('x', { type: 'poll', records: [record(0, 'b')], transaction: 'x' });
  expect(found(onlyOne)).toEqual([]);
});
