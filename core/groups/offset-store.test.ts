import { expect, test } from 'vitest';
import { ClassicGroup } from './classic-group.ts';
import { OffsetStore, validateTransactionalCommit } from './offset-store.ts';
import type { CommittedOffset } from './records.ts';

const at = (offset: number): CommittedOffset => ({
  offset,
  leaderEpoch: -1,
  metadata: '',
  commitTimestampMs: 1000,
  expireTimestampMs: null,
});
const pending = (store: OffsetStore, producerId: number, offset: number, partition = 0) =>
  store.addPending(producerId, { groupId: 'g', topic: 't', partition, value: at(offset) });

test('offsets in a transaction are seen after its commit, never after its abort', () => {
  const store = new OffsetStore();
  store.apply('g', 't', 0, at(1));
  pending(store, 7, 5);
  pending(store, 8, 9, 1);
  expect(store.get('g', 't', 0)?.offset).toBe(1);
  expect([store.isPending('g', 't', 0), store.isPending('g', 't', 2)]).toEqual([true, false]);
  store.endTransaction(8, false);
  expect([store.get('g', 't', 1), store.isPending('g', 't', 1)]).toEqual([undefined, false]);
  store.endTransaction(7, true);
  expect([store.get('g', 't', 0)?.offset, store.isPending('g', 't', 0)]).toEqual([5, false]);
});

test('the later record in the log wins, whichever became visible last', () => {
  const store = new OffsetStore();
  pending(store, 7, 5);
  store.apply('g', 't', 0, at(6));
  store.endTransaction(7, true);
  expect(store.get('g', 't', 0)?.offset).toBe(6);
  pending(store, 7, 7);
  pending(store, 8, 8);
  store.endTransaction(8, true);
  store.endTransaction(7, true);
  expect(store.get('g', 't', 0)?.offset).toBe(8);
});

test('a record that was not stored is taken back; a group that goes takes its waiting offsets along', () => {
  const store = new OffsetStore();
  const lost = pending(store, 7, 5);
  pending(store, 7, 6, 1);
  store.removePending(7, [lost]);
  expect([store.isPending('g', 't', 0), store.isPending('g', 't', 1)]).toEqual([false, true]);
  store.dropPending('g');
  store.endTransaction(7, true);
  expect([store.hasPending('g'), store.has('g')]).toEqual([false, false]);
});

test('offsets with a newer one in an open transaction do not expire', () => {
  const store = new OffsetStore();
  store.apply('g', 't', 0, at(1));
  store.apply('g', 't', 1, at(1));
  pending(store, 7, 5);
  expect([...store.expired('g', undefined, 10_000, 100)]).toEqual([{ topic: 't', partition: 1 }]);
});

test('C44 offsets of a group that became empty go together, those of one that never had members one by one', () => {
  const store = new OffsetStore();
  store.apply('g', 't', 0, at(1));
  store.apply('g', 't', 1, { ...at(1), commitTimestampMs: 9000 });
  const expired = (group: ClassicGroup | undefined, wallNowMs: number) =>
    [...store.expired('g', group, wallNowMs, 100)].map(({ partition }) => partition);
  expect(expired(undefined, 1100)).toEqual([0]);
  const group = new ClassicGroup('g', 8000);
  expect(expired(group, 8500)).toEqual([0]);
  group.protocolType = 'consumer';
  expect(expired(group, 8099)).toEqual([]);
  expect(expired(group, 8100)).toEqual([0, 1]);
  group.transition('PreparingRebalance', 8000);
  expect(expired(group, 99_999)).toEqual([]);
});

test('a transactional commit: members must be of the generation, nobody in particular is believed', () => {
  const group = new ClassicGroup('g', 0);
  expect(validateTransactionalCommit(group, '', null, -1)).toBe(0);
  expect(validateTransactionalCommit(group, 'stranger', null, 3)).toBe(25);
});
