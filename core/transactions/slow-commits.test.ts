import { expect, test } from 'vitest';
import { type Append, type CoordinatorLog, refusedAppend } from '../groups/coordinator-log.ts';
import type { CoordinatorRecord } from '../groups/records.ts';
import { sleep } from '../ports/clock.ts';
import { SimWorld } from '../ports/sim/world.ts';
import { ErrorCode } from '../protocol/errors.ts';
import type { Marker } from './marker-writer.ts';
import type { TopicPartition } from './transaction.ts';
import { TransactionCoordinator } from './transaction-coordinator.ts';

/** A coordinator whose commits the test makes: late, never, or not before the leadership is over. */
class SlowLog implements CoordinatorLog {
  readonly records: CoordinatorRecord[] = [];
  problem: number = ErrorCode.NONE;
  refusal: number = ErrorCode.NONE;
  isHeld = false;
  private waiting: { readonly settle: (errorCode: number) => void; readonly tellLate: () => void }[] = [];

  constructor(records: readonly CoordinatorRecord[] = []) {
    this.records.push(...records);
  }

  append(records: readonly CoordinatorRecord[]): Append {
    const refused = this.problem === ErrorCode.NONE ? this.refusal : this.problem;
    if (refused !== ErrorCode.NONE) return refusedAppend(refused);
    let commit = (_: number): void => {};
    let tell = (_: number): void => {};
    const committed = new Promise<number>((resolve) => {
      commit = (errorCode) => {
        if (errorCode === ErrorCode.NONE) this.records.push(...records);
        resolve(errorCode);
      };
    });
    const answer = new Promise<number>((resolve) => {
      tell = resolve;
    });
    this.waiting.push({
      settle: (errorCode) => {
        commit(errorCode);
        tell(errorCode);
      },
      tellLate: () => tell(ErrorCode.COORDINATOR_NOT_AVAILABLE),
    });
    if (!this.isHeld) this.commit();
    return { refused, committed, answer };
  }

  commit(): void {
    for (const { settle } of this.waiting.splice(0)) settle(ErrorCode.NONE);
  }

  tellLate(): void {
    for (const { tellLate } of this.waiting) tellLate();
  }

  lose(): void {
    this.problem = ErrorCode.NOT_COORDINATOR;
    for (const { settle } of this.waiting.splice(0)) settle(ErrorCode.NOT_COORDINATOR);
  }

  whenCommitted(then: () => void): void {
    then();
  }

  readAll(visit: (key: Buffer, value: Buffer | null, producerId: number | null) => void): void {
    for (const { key, value } of this.records) visit(key, value, null);
  }

  close(): void {
    this.lose();
  }
}

function open() {
  const world = new SimWorld({ seed: 1 });
  const { clock } = world.process('broker').ports;
  const written: (Marker & { readonly count: number })[] = [];
  let ids: number | null = 100;
  const markers = { answers: [] as (readonly TopicPartition[])[] };
  const start = (epoch: number, log: SlowLog): TransactionCoordinator => {
    const coordinator = new TransactionCoordinator({
      clock,
      config: {
        statePartitions: () => 1,
        timeoutMsMax: 60_000,
        abortIntervalMs: 1000,
        expirationMs: 1_000_000,
        expirationCheckIntervalMs: 10_000,
        transactionVersion: () => 2,
      },
      markers: {
        write: async (marker, partitions) => {
          written.push({ ...marker, count: partitions.length });
          return markers.answers.shift() ?? [];
        },
      },
      takeProducerId: async () => (ids === null ? null : ids++),
    });
    coordinator.elected(0, epoch, () => log);
    return coordinator;
  };
  const log = new SlowLog();
  return {
    log,
    start,
    coordinator: start(5, log),
    written,
    markers,
    noIds: () => {
      ids = null;
    },
    pause: (ms: number) => sleep(clock, ms),
    run: (scenario: () => Promise<void>) => world.settle(scenario(), { untilTimeMs: 1_000_000 }),
  };
}

const PARTITIONS = [
  { topic: 't', partition: 0 },
  { topic: 't', partition: 1 },
];
const { NONE, CONCURRENT_TRANSACTIONS, COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR } = ErrorCode;

test('a decision whose commit takes long is answered so, and stands in the way of others until its fate is known; then it counts', async () => {
  const { coordinator, log, run, pause } = open();
  await run(async () => {
    const producer = await coordinator.initProducerId('tx', 1000, null);
    expect(producer).toMatchObject({ errorCode: NONE, producerId: 100, producerEpoch: 0 });
    log.isHeld = true;
    const adding = coordinator.addPartitions('tx', producer, PARTITIONS, 0);
    log.tellLate();
    expect(await adding).toBe(COORDINATOR_NOT_AVAILABLE);
    expect(await coordinator.addPartitions('tx', producer, PARTITIONS, 0)).toBe(CONCURRENT_TRANSACTIONS);
    expect((await coordinator.initProducerId('tx', 1000, null)).errorCode).toBe(CONCURRENT_TRANSACTIONS);
    expect(coordinator.verify('tx', producer, PARTITIONS)).toBe(ErrorCode.TRANSACTION_ABORTABLE);
    log.commit();
    await pause(0);
    expect(coordinator.verify('tx', producer, PARTITIONS)).toBe(NONE);
    expect(await coordinator.addPartitions('tx', producer, PARTITIONS, 0)).toBe(NONE);
  });
});

test('what the log refuses changes nothing, and is told in the words of coordinators', async () => {
  const { coordinator, log, run, noIds } = open();
  await run(async () => {
    log.refusal = COORDINATOR_NOT_AVAILABLE;
    expect((await coordinator.initProducerId('tx', 1000, null)).errorCode).toBe(COORDINATOR_NOT_AVAILABLE);
    expect(coordinator.describe('tx')).toBe(ErrorCode.TRANSACTIONAL_ID_NOT_FOUND);
    log.refusal = NONE;
    expect((await coordinator.initProducerId('tx', 1000, null)).producerId).toBe(101);
    noIds();
    const later = await coordinator.initProducerId('other', 1000, null);
    expect(later.errorCode).toBe(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS);
  });
});

test('a decision that is lost with the leadership has no effect: no markers; one that was committed is carried through by the next leader, in its epoch', async () => {
  const { coordinator, log, start, written, markers, run, pause } = open();
  await run(async () => {
    const producer = await coordinator.initProducerId('tx', 1000, null);
    await coordinator.addPartitions('tx', producer, PARTITIONS, 0);
    log.isHeld = true;
    const ending = coordinator.endTransaction('tx', producer, true, 0);
    log.lose();
    expect((await ending).errorCode).toBe(NOT_COORDINATOR);
    expect(written).toEqual([]);
    const secondLog = new SlowLog(log.records);
    const second = start(6, secondLog);
    coordinator.resigned(0);
    expect(second.verify('tx', producer, PARTITIONS)).toBe(NONE);
    markers.answers.push([PARTITIONS[1]!], [PARTITIONS[1]!]);
    expect((await second.endTransaction('tx', producer, true, 0)).errorCode).toBe(NONE);
    // The markers are under way, and one partition has not got its own.
    await pause(50);
    secondLog.lose();
    second.resigned(0);
    const thirdLog = new SlowLog(secondLog.records);
    const third = start(7, thirdLog);
    expect(await third.addPartitions('tx', producer, PARTITIONS, 0)).toBe(CONCURRENT_TRANSACTIONS);
    await pause(500);
    expect(written.map(({ coordinatorEpoch, count, isCommit }) => [coordinatorEpoch, count, isCommit])).toEqual([
      [6, 2, true],
      [7, 2, true],
      [7, 1, true],
    ]);
    expect(third.describe('tx')).toMatchObject({ state: 'CompleteCommit' });
    expect(secondLog.records).toHaveLength(3);
    for (const each of [second, third]) each.close();
  });
});

test('that a transaction is complete is stored when the log takes it again', async () => {
  const { coordinator, log, run, pause } = open();
  await run(async () => {
    const producer = await coordinator.initProducerId('tx', 1000, null);
    await coordinator.addPartitions('tx', producer, PARTITIONS, 0);
    log.isHeld = true;
    const ending = coordinator.endTransaction('tx', producer, false, 0);
    log.commit();
    log.refusal = COORDINATOR_NOT_AVAILABLE;
    expect((await ending).errorCode).toBe(NONE);
    await pause(1000);
    expect(coordinator.describe('tx')).toMatchObject({ state: 'PrepareAbort' });
    log.refusal = NONE;
    log.isHeld = false;
    await pause(1000);
    expect(coordinator.describe('tx')).toMatchObject({ state: 'CompleteAbort' });
  });
});
