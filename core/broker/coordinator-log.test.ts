import { expect, test } from 'vitest';
import type { Append } from '../groups/coordinator-log.ts';
import { CoordinatorShards } from '../groups/coordinator-shards.ts';
import { SimWorld } from '../ports/sim/world.ts';
import { ErrorCode } from '../protocol/errors.ts';
import { PartitionCoordinatorLog } from './coordinator-log.ts';
import { ControlledPartition } from './testing-partition.ts';

const TIMEOUT_MS = 5000;
const record = (text: string) => ({ key: Buffer.from(text), value: Buffer.from(text) });

function open() {
  const world = new SimWorld({ seed: 1 });
  const { ports } = world.process('broker');
  const partition = new ControlledPartition(ports, '__consumer_offsets');
  partition.isAuto = false;
  const openLog = () => new PartitionCoordinatorLog(partition.it, ports.clock, TIMEOUT_MS);
  return { world, partition, openLog, log: openLog() };
}

function follow(append: Append) {
  const seen: { committed?: number; answer?: number } = {};
  void append.committed.then((code) => {
    seen.committed = code;
  });
  void append.answer.then((code) => {
    seen.answer = code;
  });
  return seen;
}

const turns = async (): Promise<void> => {
  for (let i = 0; i < 5; i++) await Promise.resolve();
};

test('an append is answered when it is committed, in the order of the appends; one without records waits for those before it', async () => {
  const { partition, log } = open();
  expect(log.append([]).refused).toBe(ErrorCode.NONE);
  const order: string[] = [];
  for (const name of ['a', 'b', 'c']) {
    void log.append(name === 'c' ? [] : [record(name)]).answer.then((code) => order.push(`${name}${code}`));
  }
  await turns();
  expect(order).toEqual([]);
  partition.commit(1);
  await turns();
  expect(order).toEqual(['a0']);
  partition.commit(2);
  await turns();
  expect(order).toEqual(['a0', 'b0', 'c0']);
  expect(await log.append([]).answer).toBe(ErrorCode.NONE);
});

test('what the partition refuses is told at once, in words of coordinators', async () => {
  const { partition, log } = open();
  const told: number[] = [];
  for (const refusal of [
    ErrorCode.NOT_ENOUGH_REPLICAS,
    ErrorCode.NOT_LEADER_OR_FOLLOWER,
    ErrorCode.KAFKA_STORAGE_ERROR,
  ]) {
    partition.refusal = refusal;
    told.push(log.append([record('a')]).refused);
  }
  expect(told).toEqual([ErrorCode.COORDINATOR_NOT_AVAILABLE, ErrorCode.NOT_COORDINATOR, ErrorCode.NOT_COORDINATOR]);
  expect(partition.log.logEndOffset).toBe(0);
});

test('a commit that takes long is answered COORDINATOR_NOT_AVAILABLE; what becomes of the records is told all the same', async () => {
  const { world, partition, log } = open();
  const first = follow(log.append([record('a')]));
  await world.run({ untilTimeMs: 3000 });
  const second = follow(log.append([record('b')]));
  await world.run({ untilTimeMs: 5001 });
  expect([first, second]).toEqual([{ answer: ErrorCode.COORDINATOR_NOT_AVAILABLE }, {}]);
  partition.commit(1);
  await world.run({ untilTimeMs: 8001 });
  expect([first, second]).toEqual([
    { answer: ErrorCode.COORDINATOR_NOT_AVAILABLE, committed: ErrorCode.NONE },
    { answer: ErrorCode.COORDINATOR_NOT_AVAILABLE },
  ]);
});

test('when the leadership ends, or another epoch of this broker begins, everything that waits is told NOT_COORDINATOR', async () => {
  for (const end of ['lose', 'lead'] as const) {
    const { partition, log } = open();
    const waiting = follow(log.append([record('a')]));
    partition[end]();
    // What stands at the place now may be another leader's record.
    partition.commit();
    await turns();
    expect(waiting).toEqual({ committed: ErrorCode.NOT_COORDINATOR, answer: ErrorCode.NOT_COORDINATOR });
    expect(log.problem).toBe(ErrorCode.NOT_COORDINATOR);
    expect(log.append([record('b')]).refused).toBe(ErrorCode.NOT_COORDINATOR);
    expect(partition.log.logEndOffset).toBe(1);
    expect(partition.listenerCount).toBe(0);
  }
});

test('a shard is loaded when the log is committed to where it ended at the election; until then it is loading', () => {
  const { partition, log, openLog } = open();
  void log.append([record('a')]);
  void log.append([record('b')]);
  log.close();
  const loaded: string[] = [];
  const shards = new CoordinatorShards<{ load(): void; close(): void }>(() => {});
  const elect = (): void =>
    shards.elected(0, partition.leaderEpoch, openLog, (opened) => ({
      load: () => opened.readAll((key) => loaded.push(String(key))),
      close: () => loaded.push('closed'),
    }));
  elect();
  partition.commit(1);
  expect([shards.find(0), shards.isLoading, loaded]).toEqual([ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, true, []]);
  partition.commit(2);
  expect([typeof shards.find(0), shards.isLoading, loaded]).toEqual(['object', false, ['a', 'b']]);
  // The metadata says the same again.
  elect();
  expect(loaded).toEqual(['a', 'b']);
  // The partition knows before the metadata is carried out.
  partition.lose();
  expect([shards.find(0), shards.loaded(), loaded]).toEqual([ErrorCode.NOT_COORDINATOR, [], ['a', 'b']]);
  shards.resigned(0);
  partition.lead();
  elect();
  expect(loaded).toEqual(['a', 'b', 'closed', 'a', 'b']);
});

test('a shard that cannot be loaded is none, and its partition alone', () => {
  const { openLog } = open();
  const problems: string[] = [];
  const shards = new CoordinatorShards<{ load(): void; close(): void }>((message) => problems.push(message));
  const load = (): void => {
    throw new Error('what is this?');
  };
  shards.elected(3, 0, openLog, () => ({ load, close: () => {} }));
  expect(shards.find(3)).toBe(ErrorCode.NOT_COORDINATOR);
  expect(problems).toEqual(['the coordinator of partition 3 cannot be loaded: Error: what is this?']);
});
