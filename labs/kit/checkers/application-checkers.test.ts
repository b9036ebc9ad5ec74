import { expect, test } from 'vitest';
import type { History, Recorder } from '../history.ts';
import { APPLICATION_CHECKS } from './all-checks.ts';
import { applyChecks, type Check } from './check.ts';
import { exercised, goalsReached } from './exercised.ts';
import { liveness } from './liveness.ts';
import { commit, effect, finalRead, handwritten, polled, record, sent } from './valid-history.ts';

function found(history: History, checks: readonly Check[] = APPLICATION_CHECKS): string[] {
  return applyChecks(checks, history)
    .flatMap((result) => result.findings)
    .map((finding) => `${finding.legal ? 'legal ' : finding.certain ? '' : 'perhaps '}${finding.name}`);
}

function twoSent(): Recorder {
  const history = handwritten();
  sent(history, 'a', 0);
  sent(history, 'b', 1);
  polled(history, 'c1', record(0, 'a'), record(1, 'b'));
  return history;
}

test('EFFECT-LOSS: committed past without effect; what is not committed yet is backlog', () => {
  const bad = twoSent();
  effect(bad, 'b');
  commit(bad, 2);
  finalRead(bad, [record(0, 'a'), record(1, 'b')]);
  expect(found(bad)).toEqual(['EFFECT-LOSS', 'COMMIT-SAFE', 'CONSERVATION']);
  const backlog = twoSent();
  effect(backlog, 'a');
  commit(backlog, 1);
  finalRead(backlog, [record(0, 'a'), record(1, 'b')]);
  expect(found(backlog)).toEqual([]);
});

test('EFFECT-LOSS: an effect of unknown outcome makes it a perhaps, the final store settles it', () => {
  const unknown = twoSent();
  unknown.info(unknown.invoke('c1', { type: 'effect', key: 'k', value: 'a', generation: -1 }), 'ECONNRESET');
  effect(unknown, 'b');
  commit(unknown, 2);
  finalRead(unknown, [record(0, 'a'), record(1, 'b')]);
  expect(found(unknown)).toEqual(['perhaps EFFECT-LOSS', 'perhaps CONSERVATION']);
  unknown.note('kit', {
    type: 'effects-read',
    counts: [
      ['a', 1],
      ['b', 1],
    ],
  });
  expect(found({ operations: [...unknown.operations], overflowed: false })).toEqual([]);
});

test('EFFECT-LOSS: a dead letter is done with; drained counts as passed', () => {
  const history = twoSent();
  effect(history, 'a');
  history.note('c1', { type: 'dead-letter', value: 'b' });
  commit(history, 2);
  expect(found(history)).toEqual([]);
  const drained = twoSent();
  effect(drained, 'a');
  drained.note('c1', { type: 'drained' });
  expect(found(drained)).toEqual(['EFFECT-LOSS', 'CONSERVATION']);
});

test('EFFECT-DUPLICATE: twice is certain, once and perhaps once more is not', () => {
  const bad = handwritten();
  effect(bad, 'a');
  effect(bad, 'a');
  expect(found(bad)).toEqual(['EFFECT-DUPLICATE']);
  const unknown = handwritten();
  unknown.info(unknown.invoke('c1', { type: 'effect', key: 'k', value: 'a', generation: -1 }), 'ECONNRESET');
  effect(unknown, 'a');
  expect(found(unknown)).toEqual(['perhaps EFFECT-DUPLICATE']);
  const failed = handwritten();
  failed.fail(failed.invoke('c1', { type: 'effect', key: 'k', value: 'a', generation: -1 }), 'UNIQUE');
  effect(failed, 'a');
  expect(found(failed)).toEqual([]);
});

test('KEY-ORDER: one key, one producer, one after the other; other keys and overlapping sends are free', () => {
  const bad = twoSent();
  effect(bad, 'b');
  effect(bad, 'a');
  expect(found(bad)).toEqual(['KEY-ORDER']);
  const otherKey = handwritten();
  sent(otherKey, 'a', 0, 'k1');
  sent(otherKey, 'b', 1, 'k2');
  effect(otherKey, 'b');
  effect(otherKey, 'a');
  expect(found(otherKey)).toEqual([]);
  const overlapping = handwritten();
  const first = overlapping.invoke('p1', { type: 'send', topic: 't', key: 'k', value: 'a' });
  sent(overlapping, 'b', 0);
  overlapping.ok(first, { type: 'send', topic: 't', partition: 0, offset: 1, key: 'k', value: 'a' });
  effect(overlapping, 'b');
  effect(overlapping, 'a');
  expect(found(overlapping)).toEqual([]);
});

test('KEY-ORDER: an earlier attempt of unknown outcome, or a send of one, accuses nobody', () => {
  const attempt = twoSent();
  attempt.info(attempt.invoke('c1', { type: 'effect', key: 'k', value: 'a', generation: -1 }), 'ECONNRESET');
  effect(attempt, 'b');
  effect(attempt, 'a');
  expect(found(attempt)).toEqual(['perhaps EFFECT-DUPLICATE']);
  const send = handwritten();
  send.info(send.invoke('p1', { type: 'send', topic: 't', key: 'k', value: 'a' }), 'REQUEST_TIMED_OUT');
  sent(send, 'b', 0);
  effect(send, 'b');
  effect(send, 'a');
  expect(found(send)).toEqual([]);
});

test('COMMIT-SAFE: the effect came after the commit; a refused commit and an unknown effect accuse nobody', () => {
  const bad = twoSent();
  effect(bad, 'a');
  commit(bad, 2);
  effect(bad, 'b');
  expect(found(bad)).toEqual(['COMMIT-SAFE']);
  const refused = twoSent();
  effect(refused, 'a');
  const call = refused.invoke('c1', { type: 'commit', group: 'g', topic: 't', partition: 0, offset: 2 });
  refused.fail(call, 'ILLEGAL_GENERATION');
  effect(refused, 'b');
  expect(found(refused)).toEqual([]);
  const unknown = twoSent();
  effect(unknown, 'a');
  const late = unknown.invoke('c1', { type: 'effect', key: 'k', value: 'b', generation: -1 });
  commit(unknown, 2);
  unknown.info(late, 'ECONNRESET');
  expect(found(unknown).filter((name) => name === 'COMMIT-SAFE')).toEqual([]);
});

test('COMMIT-MONOTONIC: back is seen, after a seek and while overlapping it is free', () => {
  const bad = twoSent();
  effect(bad, 'a');
  effect(bad, 'b');
  commit(bad, 2);
  commit(bad, 1);
  expect(found(bad)).toEqual(['COMMIT-MONOTONIC']);
  const sought = twoSent();
  effect(sought, 'a');
  effect(sought, 'b');
  commit(sought, 2);
  sought.note('c1', { type: 'seek', topic: 't', partition: 0, offset: 0 });
  commit(sought, 1);
  expect(found(sought)).toEqual([]);
  const unknown = twoSent();
  effect(unknown, 'a');
  effect(unknown, 'b');
  unknown.info(unknown.invoke('c1', { type: 'commit', group: 'g', topic: 't', partition: 0, offset: 2 }), 'timeout');
  commit(unknown, 1);
  expect(found(unknown)).toEqual([]);
});

test('OWNER: a member acts in a partition that another owns; refused acts and its own are fine', () => {
  const partitions = [{ topic: 't', partition: 0 }];
  const base = (): Recorder => {
    const history = twoSent();
    history.note('c1', { type: 'assign', group: 'g', generation: 1, partitions });
    history.note('c2', { type: 'assign', group: 'g', generation: 2, partitions });
    return history;
  };
  const bad = base();
  effect(bad, 'a', 'c1/w1', 'k', 1);
  expect(found(bad)).toEqual(['OWNER']);
  const refused = base();
  refused.fail(
    refused.invoke('c1', { type: 'commit', group: 'g', topic: 't', partition: 0, offset: 0 }),
    'ILLEGAL_GENERATION',
  );
  effect(refused, 'a', 'c2/w1', 'k', 2);
  expect(found(refused)).toEqual([]);
  const unknown = base();
  unknown.info(unknown.invoke('c1', { type: 'effect', key: 'k', value: 'a', generation: 1 }), 'ECONNRESET');
  expect(found(unknown)).toEqual([]);
  const late = twoSent();
  late.note('c1', { type: 'assign', group: 'g', generation: 1, partitions });
  effect(late, 'a', 'c1', 'k', 1);
  const commit = late.invoke('c1', { type: 'commit', group: 'g', topic: 't', partition: 0, offset: 1, generation: 1 });
  late.note('c2', { type: 'assign', group: 'g', generation: 2, partitions });
  late.ok(commit);
  expect(found(late)).toEqual([]);
  const released = twoSent();
  released.note('c1', { type: 'assign', group: 'g', generation: 1, partitions });
  released.note('c1', { type: 'revoke', group: 'g', generation: 1, partitions });
  effect(released, 'a', 'c1', 'k', 1);
  expect(found(released)).toEqual(['OWNER']);
});

test('CONSERVATION: a duplicate does not hide a loss, a ghost is seen, an unknown send may be either', () => {
  const bad = twoSent();
  effect(bad, 'a');
  effect(bad, 'a');
  bad.note('c1', { type: 'drained' });
  expect(found(bad)).toEqual(['EFFECT-LOSS', 'EFFECT-DUPLICATE', 'CONSERVATION']);
  const ghost = twoSent();
  effect(ghost, 'a');
  effect(ghost, 'b');
  effect(ghost, 'z');
  expect(found(ghost)).toEqual(['CONSERVATION']);
  const unknown = handwritten();
  unknown.info(unknown.invoke('p1', { type: 'send', topic: 't', key: 'k', value: 'a' }), 'REQUEST_TIMED_OUT');
  unknown.note('c1', { type: 'drained' });
  expect(found(unknown)).toEqual([]);
});

test('LOST-BY-POLICY: deleted unread is legal and shown', () => {
  const history = handwritten();
  sent(history, 'a', 0);
  sent(history, 'b', 1);
  history.note('kit', { type: 'expire', topic: 't', partition: 0, logStartOffset: 1 });
  polled(history, 'c1', record(1, 'b'));
  effect(history, 'b');
  commit(history, 2);
  finalRead(history, [record(1, 'b')], 2, 0, 1);
  expect(found(history)).toEqual(['legal LOST-BY-POLICY']);
});

test('LIVENESS: drained in time, too late, never, and without a heal', () => {
  const run = (drainedAfterMs: number | null, heals = true): string[] => {
    let now = 0;
    const history = twoSent();
    const operations = [...history.operations];
    const note = (type: 'heal' | 'drained'): void => {
      operations.push({ index: operations.length, time: 1000 + now, process: 'kit', phase: 'ok', data: { type } });
    };
    if (heals) note('heal');
    now = drainedAfterMs ?? 0;
    if (drainedAfterMs !== null) note('drained');
    return found({ operations, overflowed: false }, [liveness({ drainMsMax: 100 })]);
  };
  expect(run(100)).toEqual([]);
  expect(run(101)).toEqual(['LIVENESS']);
  expect(run(null)).toEqual(['LIVENESS']);
  expect(run(1, false)).toEqual(['perhaps LIVENESS']);
});

test('EXERCISED: a fault that hit nothing reaches no goal', () => {
  const history = handwritten();
  history.note('kit', { type: 'fault', kind: 'crash-app', inFlight: false });
  history.note('kit', { type: 'reach', goal: 'redelivered' });
  expect([...goalsReached(history)]).toEqual(['redelivered']);
  expect(found(history, [exercised(['fault:crash-app', 'redelivered'])])).toEqual(['perhaps EXERCISED']);
  history.note('kit', { type: 'fault', kind: 'crash-app', inFlight: true });
  expect(found({ operations: [...history.operations], overflowed: false }, [exercised(['fault:crash-app'])])).toEqual(
    [],
  );
});
