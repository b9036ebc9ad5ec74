import { fc, test } from '@fast-check/vitest';
import { test as example, expect } from 'vitest';
import type { Append, CoordinatorLog } from '../groups/coordinator-log.ts';
import type { CoordinatorRecord } from '../groups/records.ts';
import type { Clock } from '../ports/clock.ts';
import { ErrorCode } from '../protocol/errors.ts';
import type { Marker, MarkerWriter } from './marker-writer.ts';
import type { TopicPartition } from './transaction.ts';
import { TransactionShard } from './transaction-shard.ts';

/**
 * Two producers with one transactional id, a coordinator that crashes and comes back, and partitions that know epochs and markers and nothing else.
 * What is written to the coordinator's log survives a crash; its answer may be lost.
 */
const ID = 'tx';
const PARTITIONS = 3;

class MemoryLog implements CoordinatorLog {
  readonly records: CoordinatorRecord[] = [];
  /** Appends whose answers are held back. */
  waiting: (() => void)[] = [];

  append(records: readonly CoordinatorRecord[]): Append {
    this.records.push(...records);
    const committed = new Promise<number>((resolve) => this.waiting.push(() => resolve(ErrorCode.NONE)));
    return { refused: ErrorCode.NONE, committed, answer: committed };
  }

  readonly problem = ErrorCode.NONE;

  whenCommitted(then: () => void): void {
    then();
  }

  close(): void {}

  readAll(visit: (key: Buffer, value: Buffer | null, producerId: number | null) => void): void {
    for (const { key, value } of this.records) visit(key, value, null);
  }
}

/** A data partition: writes wait for the marker of their producer id. */
class DataPartition {
  readonly committed: string[] = [];
  private readonly open = new Map<number, string[]>();
  private readonly epochs = new Map<number, number>();

  write(producerId: number, epoch: number, value: string): boolean {
    if (epoch < (this.epochs.get(producerId) ?? -1)) return false;
    this.epochs.set(producerId, epoch);
    this.open.set(producerId, [...(this.open.get(producerId) ?? []), value]);
    return true;
  }

  mark({ producerId, producerEpoch, isCommit }: Marker): void {
    if (producerEpoch < (this.epochs.get(producerId) ?? -1)) return;
    this.epochs.set(producerId, producerEpoch);
    if (isCommit) this.committed.push(...(this.open.get(producerId) ?? []));
    this.open.delete(producerId);
  }

  get openCount(): number {
    return this.open.size;
  }
}

interface Client {
  readonly name: string;
  readonly version: 0 | 2;
  identity: { producerId: number; producerEpoch: number } | null;
  /** Of the transaction at hand; its outcome as far as this client knows. */
  transaction: number;
  readonly outcomes: Map<number, 'commit' | 'abort' | 'asked'>;
  readonly accepted: Map<number, string[]>;
  isBusy: boolean;
}

class World {
  readonly log = new MemoryLog();
  readonly data = Array.from({ length: PARTITIONS }, () => new DataPartition());
  readonly problems: string[] = [];
  owner: Client | null = null;
  nowMs = 0;
  private nextProducerId = 100;
  private markersFail = false;
  private timers: (() => void)[] = [];
  shard: TransactionShard;

  constructor() {
    this.shard = this.start();
  }

  private start(): TransactionShard {
    const clock: Clock = {
      now: () => this.nowMs,
      monotonic: () => this.nowMs,
      setTimer: (_, callback) => {
        this.timers.push(callback);
        return { cancel: () => {} };
      },
      defer: (callback) => void Promise.resolve().then(callback),
    };
    const markers: MarkerWriter = {
      write: async (marker, partitions: readonly TopicPartition[]) => {
        this.markersFail = !this.markersFail;
        const [done, left] = this.markersFail ? [partitions.slice(0, 1), partitions.slice(1)] : [partitions, []];
        for (const { partition } of done) this.data[partition]!.mark(marker);
        return left;
      },
    };
    const takeProducerId = async () => this.nextProducerId++;
    const shard = new TransactionShard({
      log: this.log,
      clock,
      coordinatorEpoch: 0,
      markers,
      takeProducerId,
      valueVersion: () => 1,
    });
    shard.load();
    return shard;
  }

  crash(): void {
    this.shard.close();
    this.timers = [];
    this.release();
    this.shard = this.start();
  }

  release(): void {
    for (const each of this.log.waiting.splice(0)) each();
    for (const each of this.timers.splice(0)) each();
  }

  async settle(): Promise<void> {
    for (let i = 0; i < 30; i++) {
      this.release();
      for (let turn = 0; turn < 10; turn++) await Promise.resolve();
    }
  }

  async init(client: Client): Promise<void> {
    const { shard } = this;
    const answer = await shard.submit(ID, { type: 'init', timeoutMs: 50, expected: null });
    if (answer.errorCode !== ErrorCode.NONE || shard !== this.shard) return;
    client.identity = answer;
    client.transaction++;
    this.owner = client;
  }

  async write(client: Client, partition: number): Promise<void> {
    const { shard } = this;
    const { identity, transaction } = client;
    if (identity === null || client.outcomes.has(transaction)) return;
    const partitions = [{ topic: 't', partition }];
    const answer = await shard.submit(ID, {
      type: 'add',
      ...identity,
      partitions,
      clientTransactionVersion: client.version,
    });
    if (answer.errorCode !== ErrorCode.NONE || shard !== this.shard) return;
    if (isRefused(shard, identity, partition)) return;
    const value = `${client.name}${transaction}`;
    if (!this.data[partition]!.write(identity.producerId, identity.producerEpoch, value)) return;
    if (this.owner !== client) this.problems.push(`${client.name} wrote while ${this.owner?.name} had the id`);
    client.accepted.set(transaction, [...(client.accepted.get(transaction) ?? []), `${partition}`]);
  }

  async end(client: Client, isCommit: boolean): Promise<void> {
    const { shard } = this;
    const { identity, transaction } = client;
    if (identity === null) return;
    // Who asked for one outcome may only ask for the same again.
    const asked = client.outcomes.get(transaction);
    if (asked === undefined) client.outcomes.set(transaction, isCommit ? 'asked' : 'abort');
    const wanted = asked === undefined ? isCommit : asked !== 'abort';
    const event = { type: 'end', ...identity, isCommit: wanted, clientTransactionVersion: client.version } as const;
    const answer = await shard.submit(ID, event);
    if (shard !== this.shard) return;
    if (answer.errorCode === ErrorCode.NONE) {
      client.outcomes.set(transaction, wanted ? 'commit' : 'abort');
      if (client.version === 2) client.identity = answer;
      client.transaction++;
    } else if (answer.errorCode !== ErrorCode.CONCURRENT_TRANSACTIONS) {
      client.identity = null;
    }
  }
}

function isRefused(shard: TransactionShard, identity: NonNullable<Client['identity']>, partition: number): boolean {
  const transaction = shard.transactions.get(ID);
  return (
    transaction?.state !== 'Ongoing' ||
    transaction.producerId !== identity.producerId ||
    transaction.producerEpoch !== identity.producerEpoch ||
    transaction.partitions.get('t')?.has(partition) !== true
  );
}

const client = (name: string, version: 0 | 2): Client => ({
  name,
  version,
  identity: null,
  transaction: 0,
  outcomes: new Map(),
  accepted: new Map(),
  isBusy: false,
});

const step = fc.record({
  who: fc.integer({ min: 0, max: 1 }),
  what: fc.oneof(
    { weight: 2, arbitrary: fc.constant('init' as const) },
    { weight: 6, arbitrary: fc.constant('write' as const) },
    { weight: 3, arbitrary: fc.constant('commit' as const) },
    { weight: 1, arbitrary: fc.constant('abort' as const) },
    { weight: 6, arbitrary: fc.constant('release' as const) },
    { weight: 1, arbitrary: fc.constant('crash' as const) },
    { weight: 1, arbitrary: fc.constant('time' as const) },
  ),
  partition: fc.integer({ min: 0, max: PARTITIONS - 1 }),
});

test.prop([fc.array(step, { minLength: 5, maxLength: 60 }), fc.constantFrom(0 as const, 2 as const)], { numRuns: 300 })(
  'whatever two producers and crashes do: one is live at most, transactions are whole, and none stays open',
  async (steps, version) => {
    const world = new World();
    const clients = [client('a', version), client('b', 2)];
    for (const { who, what, partition } of steps) {
      const each = clients[who]!;
      const start = (act: Promise<void>): void => {
        each.isBusy = true;
        void act.then(() => {
          each.isBusy = false;
        });
      };
      if (what === 'release') world.release();
      else if (what === 'crash') world.crash();
      else if (what === 'time') {
        world.nowMs += 60;
        void world.shard.abortTimedOut();
      } else if (each.isBusy) continue;
      else if (what === 'init') start(world.init(each));
      else if (what === 'write') start(world.write(each, partition));
      else start(world.end(each, what === 'commit'));
      for (let turn = 0; turn < 6; turn++) await Promise.resolve();
    }
    await world.settle();
    const last = client('last', 2);
    for (let i = 0; i < 4 && last.identity === null; i++) {
      void world.init(last);
      await world.settle();
    }
    expect(last.identity).not.toBeNull();
    expect(world.problems).toEqual([]);
    expect(world.data.map((each) => each.openCount)).toEqual([0, 0, 0]);
    for (const { name, outcomes, accepted } of clients) {
      for (const [transaction, partitions] of accepted) {
        const value = `${name}${transaction}`;
        const shown = partitions.filter((each) => world.data[Number(each)]!.committed.includes(value));
        const outcome = outcomes.get(transaction);
        if (outcome === 'commit') expect(shown).toEqual(partitions);
        else if (outcome === 'asked') expect([0, partitions.length]).toContain(shown.length);
        else expect(shown).toEqual([]);
      }
    }
  },
);

example('a prepared transaction is completed on load', async () => {
  const world = new World();
  const a = client('a', 2);
  for (const act of [() => world.init(a), () => world.write(a, 0), () => world.write(a, 2)]) {
    void act();
    await world.settle();
  }
  void world.end(a, true);
  // The decision is in the log; the coordinator dies before it hears of it.
  world.crash();
  await world.settle();
  expect(world.shard.transactions.get(ID)?.state).toBe('CompleteCommit');
  expect(world.data.map((each) => each.committed)).toEqual([['a1'], [], ['a1']]);
});
