import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import { type Append, COMMITTED_AT_ONCE, refusedAppend } from '../groups/coordinator-log.ts';
import type { CoordinatorRecord } from '../groups/records.ts';
import type { Clock } from '../ports/clock.ts';
import { ErrorCode } from '../protocol/errors.ts';
import type { StateBatch } from './persister.ts';
import { ShareShard, type ShareStateLog } from './share-shard.ts';
import { answered, failedStateRead, initialize, read, remove, write } from './share-state.ts';
import { combineStateBatches } from './state-batches.ts';

const topicId = 'AAAAAAAAQACAAAAAAAAAAQ';
const keyOf = (partition: number) => ({ groupId: 'g', topicId, partition });

class MemoryLog implements ShareStateLog {
  readonly records: CoordinatorRecord[] = [];
  startOffset = 0;
  errorCode: number = ErrorCode.NONE;
  problem: number = ErrorCode.NONE;
  /** Holds commits back. */
  held: (() => void)[] | null = null;

  get endOffset(): number {
    return this.records.length;
  }

  append(records: readonly CoordinatorRecord[]): Append {
    const refused = this.problem === ErrorCode.NONE ? this.errorCode : this.problem;
    if (refused !== ErrorCode.NONE) return refusedAppend(refused);
    this.records.push(...records);
    const { held } = this;
    if (held === null) return COMMITTED_AT_ONCE;
    const committed = new Promise<number>((resolve) => {
      held.push(() => resolve(this.problem));
    });
    return { refused, committed, answer: committed };
  }

  whenCommitted(then: () => void): void {
    then();
  }

  close(): void {
    this.problem = ErrorCode.NOT_COORDINATOR;
  }

  readAll(visit: (key: Buffer, value: Buffer | null, offset: number) => void): void {
    for (let i = this.startOffset; i < this.records.length; i++) visit(this.records[i]!.key, this.records[i]!.value, i);
  }

  forgetBefore(offset: number): void {
    this.startOffset = offset;
  }
}

function open(log: MemoryLog, updatesPerSnapshot = 3) {
  const time = { nowMs: 1_000_000 };
  const never = (): never => {
    throw new Error('a shard sets no timers');
  };
  const clock: Clock = { now: () => time.nowMs, monotonic: () => time.nowMs, setTimer: never, defer: never };
  const shard = new ShareShard({ log, clock, updatesPerSnapshot, partitionExists: () => true });
  shard.load();
  const begin = (partition: number) =>
    shard.submit(keyOf(partition), initialize({ ...keyOf(partition), stateEpoch: 1, startOffset: 0 }), (code) =>
      answered(keyOf(partition), code),
    );
  const change = (partition: number, stateBatches: readonly StateBatch[], startOffset = 0) =>
    shard.submit(
      keyOf(partition),
      write({
        ...keyOf(partition),
        stateEpoch: 1,
        leaderEpoch: 0,
        startOffset,
        deliveryCompleteCount: 0,
        stateBatches,
      }),
      (code) => answered(keyOf(partition), code),
    );
  const look = (partition: number) =>
    shard.submit(keyOf(partition), read({ ...keyOf(partition), leaderEpoch: 0 }), (code) =>
      failedStateRead(answered(keyOf(partition), code)),
    );
  return { time, shard, begin, change, look };
}

const one = (offset: number, deliveryCount = 1): StateBatch => ({
  firstOffset: offset,
  lastOffset: offset,
  deliveryState: 2,
  deliveryCount,
});

describe('share state', () => {
  test('what a log says is what was answered, also from its pruned rest', async () => {
    const log = new MemoryLog();
    const { shard, begin, change, look } = open(log);
    for (const partition of [0, 1]) expect((await begin(partition)).errorCode).toBe(ErrorCode.NONE);
    // Asked at once, answered in order.
    const answers = await Promise.all(Array.from({ length: 9 }, (_, i) => change(0, [one(2 * i)])));
    expect(answers.every(({ errorCode }) => errorCode === ErrorCode.NONE)).toBe(true);
    const before = await look(0);
    expect(before.stateBatches).toHaveLength(9);
    shard.prune();
    // The other one's only snapshot is still needed.
    expect(log.startOffset).toBe(1);
    for (let i = 0; i < 4; i++) await change(1, [one(i)]);
    shard.prune();
    expect(log.startOffset).toBeGreaterThan(5);
    const again = open(log);
    expect(await again.look(0)).toEqual(before);
    expect((await again.look(1)).stateBatches).toEqual([{ ...one(0), lastOffset: 3 }]);
  });

  test('a record that the log refuses changes nothing', async () => {
    const log = new MemoryLog();
    const { begin, change, look, shard } = open(log);
    await begin(0);
    log.errorCode = ErrorCode.COORDINATOR_NOT_AVAILABLE;
    expect((await change(0, [one(1)])).errorCode).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    log.errorCode = ErrorCode.NONE;
    expect((await look(0)).stateBatches).toEqual([]);
    shard.close();
    expect((await change(0, [one(1)])).errorCode).toBe(ErrorCode.NOT_COORDINATOR);
  });

  test('a quiet share partition gets a new snapshot, so that the log before it can go', async () => {
    const log = new MemoryLog();
    const { time, shard, begin, change } = open(log);
    await begin(0);
    await begin(1);
    await change(1, [one(0)]);
    time.nowMs += 1000;
    await shard.snapshotCold(1000);
    expect(log.records).toHaveLength(5);
    // All are cold now: nothing to gain.
    time.nowMs += 1000;
    await shard.snapshotCold(1000);
    expect(log.records).toHaveLength(5);
    shard.prune();
    expect(log.startOffset).toBe(3);
  });

  test('a deleted one, and those of a deleted topic, do not hold the log back', async () => {
    const log = new MemoryLog();
    const { shard, begin } = open(log);
    for (const partition of [0, 1, 2]) await begin(partition);
    await shard.submit(keyOf(0), remove(keyOf(0)), (code) => answered(keyOf(0), code));
    await shard.topicDeleted(topicId);
    expect(log.records.filter(({ value }) => value === null)).toHaveLength(3);
    await begin(3);
    shard.prune();
    expect(log.startOffset).toBe(6);
  });
});

const batch = fc
  .record({
    firstOffset: fc.nat({ max: 20 }),
    length: fc.integer({ min: 1, max: 8 }),
    deliveryState: fc.constantFrom(0, 2, 4),
    deliveryCount: fc.integer({ min: 1, max: 3 }),
  })
  .map(({ length, ...rest }) => ({ ...rest, lastOffset: rest.firstOffset + length - 1 }));

property.prop([fc.array(batch, { maxLength: 6 }), fc.array(batch, { maxLength: 6 }), fc.integer({ min: -1, max: 15 })])(
  'batches laid over each other: each offset has the state that is furthest on, in as few batches as can be',
  (before, added, startOffset) => {
    const combined = combineStateBatches(before, added, startOffset);
    for (let offset = 0; offset < 30; offset++) {
      const holding = [...before, ...added].filter((each) => each.firstOffset <= offset && offset <= each.lastOffset);
      const rank = (each: StateBatch) => each.deliveryCount * 10 + each.deliveryState;
      const expected = offset < startOffset ? -1 : Math.max(-1, ...holding.map(rank));
      const found = combined.filter((each) => each.firstOffset <= offset && offset <= each.lastOffset);
      expect(found.map(rank)).toEqual(expected === -1 ? [] : [expected]);
    }
    combined.slice(1).forEach((each, i) => {
      const last = combined[i]!;
      expect(each.firstOffset).toBeGreaterThan(last.lastOffset);
      const isSame = last.deliveryState === each.deliveryState && last.deliveryCount === each.deliveryCount;
      expect(isSame && each.firstOffset === last.lastOffset + 1).toBe(false);
    });
  },
);

test('what is asked of one share partition waits until what was asked before is committed; with the leadership all of it is lost', async () => {
  const log = new MemoryLog();
  const { shard, begin, change } = open(log);
  await begin(0);
  log.held = [];
  const first = change(0, [], 5);
  const second = change(0, [], 6);
  await Promise.resolve();
  await Promise.resolve();
  expect(log.records).toHaveLength(2);
  expect(shard.stateOf(keyOf(0))?.startOffset).toBe(0);
  for (const commit of log.held.splice(0)) commit();
  expect((await first).errorCode).toBe(ErrorCode.NONE);
  await new Promise((resolve) => setImmediate(resolve));
  expect(shard.stateOf(keyOf(0))?.startOffset).toBe(5);
  expect(log.records).toHaveLength(3);
  const third = change(0, [], 7);
  log.problem = ErrorCode.NOT_COORDINATOR;
  for (const lose of log.held.splice(0)) lose();
  expect([(await second).errorCode, (await third).errorCode]).toEqual([
    ErrorCode.NOT_COORDINATOR,
    ErrorCode.NOT_COORDINATOR,
  ]);
  expect(shard.stateOf(keyOf(0))?.startOffset).toBe(5);
});

test('what the log refuses is told and changes nothing', async () => {
  const log = new MemoryLog();
  const { shard, begin, change } = open(log);
  await begin(0);
  log.errorCode = ErrorCode.COORDINATOR_NOT_AVAILABLE;
  expect((await change(0, [], 5)).errorCode).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE);
  log.errorCode = ErrorCode.NONE;
  expect(shard.stateOf(keyOf(0))?.startOffset).toBe(0);
  expect((await change(0, [], 6)).errorCode).toBe(ErrorCode.NONE);
  expect(shard.stateOf(keyOf(0))?.startOffset).toBe(6);
});
