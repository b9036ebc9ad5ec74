import { fc, test } from '@fast-check/vitest';
import type { LogBatch } from './acquisition.ts';
import type { Transition } from './in-flight.ts';
import type { StateBatch } from './persister.ts';
import { type AcknowledgementBatch, type ShareLimits, SharePartition } from './share-partition.ts';
import { combineStateBatches } from './state-batches.ts';

/**
 * Any sequence of reads, acknowledgements, expiries, crashes and deletions, against a model that knows each record by itself.
 * One owner at a time, no delivery beyond the limit or after the end, a start offset that never goes back and passes nothing that is not over; and in the end
 * everything is over.
 */
const END = 60;

/** Not `expect`, which is too slow to be asked for each record. */
function must(condition: boolean, what: string): void {
  if (!condition) throw new Error(what);
}

const MEMBERS = ['a', 'b', 'c'];
const LIMITS: ShareLimits = { deliveryCountMax: 4, inFlightMax: 25, lockMs: 10, isRenewAllowed: true };

type Step =
  | { kind: 'fetch'; member: number; recordsMax: number; batchSize: number; bytes: number; isRecordLimit: boolean }
  | { kind: 'acknowledge'; member: number; from: number; length: number; type: number }
  | { kind: 'mixed'; member: number; from: number; types: number[] }
  | { kind: 'leave'; member: number }
  | { kind: 'time'; ms: number }
  | { kind: 'stored'; isStored: boolean }
  | { kind: 'delete'; to: number }
  | { kind: 'crash' };

const member = fc.nat({ max: MEMBERS.length - 1 });
const type = fc.integer({ min: 0, max: 4 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('fetch' as const),
      member,
      recordsMax: fc.integer({ min: 1, max: 20 }),
      batchSize: fc.integer({ min: 1, max: 20 }),
      bytes: fc.integer({ min: 1, max: 30 }),
      isRecordLimit: fc.boolean(),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('acknowledge' as const),
      member,
      from: fc.nat({ max: END }),
      length: fc.integer({ min: 1, max: 15 }),
      type,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('mixed' as const),
      member,
      from: fc.nat({ max: END }),
      types: fc.array(type, { minLength: 2, maxLength: 6 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('leave' as const), member }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('time' as const), ms: fc.integer({ min: 1, max: 12 }) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('stored' as const), isStored: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('delete' as const), to: fc.nat({ max: END }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('crash' as const) }) },
);

class World {
  partition = new SharePartition(0, [], () => LIMITS);
  readonly batches: LogBatch[] = [];
  nowMs = 0;
  logStart = 0;
  private startSeen = 0;
  private stored: { startOffset: number; stateBatches: readonly StateBatch[] } = { startOffset: 0, stateBatches: [] };
  private readonly pending: { transition: Transition; startOffset: number }[] = [];
  private readonly owners = new Map<number, { member: string; untilMs: number }>();
  private readonly deliveries = new Map<number, number>();

  constructor(sizes: readonly number[]) {
    for (let i = 0, offset = 0; offset < END; i++) {
      const size = Math.min(sizes[i % sizes.length]!, END - offset);
      // Every seventh batch is missing, as compaction leaves it, every eleventh aborted.
      if (i % 7 !== 6)
        this.batches.push({ baseOffset: offset, lastOffset: offset + size - 1, isAborted: i % 11 === 10 });
      offset += size;
    }
  }

  fetch(memberId: string, recordsMax: number, batchSize: number, bytes: number, isRecordLimit: boolean): number {
    let fetchOffset = this.partition.nextFetchOffset;
    if (fetchOffset < this.logStart) {
      this.partition.logStartMoved(this.logStart);
      fetchOffset = this.partition.nextFetchOffset;
    }
    if (!this.partition.canAcquire) return 0;
    const read = this.batches.filter((each) => each.lastOffset >= fetchOffset && each.lastOffset >= this.logStart);
    const batches = read.filter((each, i) => i === 0 || each.lastOffset < fetchOffset + bytes);
    const { nowMs } = this;
    const ranges = this.partition.acquire({
      memberId,
      recordsMax,
      batchSize,
      isRecordLimit,
      fetchOffset,
      batches,
      nowMs,
    });
    let count = 0;
    for (const range of ranges) {
      for (let offset = range.firstOffset; offset <= range.lastOffset; offset++) {
        count++;
        must(offset >= this.partition.startOffset, `${offset} is not over`);
        must(!this.owners.has(offset), `${offset} has one owner`);
        must(range.deliveryCount <= LIMITS.deliveryCountMax, `${offset} is not delivered too often`);
        must(range.deliveryCount === (this.deliveries.get(offset) ?? 0) + 1, `the delivery count of ${offset}`);
        this.deliveries.set(offset, range.deliveryCount);
        this.owners.set(offset, { member: memberId, untilMs: nowMs + LIMITS.lockMs });
      }
    }
    must(!isRecordLimit || count <= recordsMax, 'the limit of records is kept');
    this.check();
    return count;
  }

  acknowledge(memberId: string, batch: AcknowledgementBatch): void {
    const { startOffset } = this.partition;
    const result = this.partition.acknowledge(memberId, [batch], this.nowMs);
    if (result.kind === 'rejected') return this.check();
    for (let offset = Math.max(batch.firstOffset, startOffset); offset <= batch.lastOffset; offset++) {
      const owner = this.owners.get(offset);
      const isInLog = this.partition.runs.some((run) => run.firstOffset <= offset && offset <= run.lastOffset);
      if (!isInLog) continue;
      must(owner?.member === memberId, `${offset} is acknowledged by its owner`);
      const type = batch.acknowledgeTypes[offset - batch.firstOffset] ?? batch.acknowledgeTypes[0];
      if (type === 4) this.owners.set(offset, { member: memberId, untilMs: this.nowMs + LIMITS.lockMs });
    }
    this.write(result.transition);
    this.check();
  }

  write(transition: Transition | null): void {
    if (transition !== null) this.pending.push({ transition, startOffset: this.partition.startOffset });
  }

  stored_(isStored: boolean): void {
    const write = this.pending.shift();
    if (write === undefined) return;
    if (isStored) this.store(write.startOffset, write.transition.stateBatches);
    this.partition.complete(write.transition, isStored, this.nowMs);
    for (const { firstOffset, lastOffset } of write.transition.stateBatches) {
      for (let offset = firstOffset; offset <= lastOffset; offset++) {
        const owner = this.owners.get(offset);
        if (isStored || (owner !== undefined && owner.untilMs <= this.nowMs)) this.owners.delete(offset);
      }
    }
    this.check();
  }

  private store(startOffset: number, stateBatches: readonly StateBatch[]): void {
    this.stored = {
      startOffset,
      stateBatches: combineStateBatches(this.stored.stateBatches, stateBatches, startOffset),
    };
  }

  time(ms: number): void {
    this.nowMs += ms;
    const { startOffset } = this.partition;
    const batches = this.partition.expire(this.nowMs);
    for (const { firstOffset, lastOffset } of batches) {
      for (let offset = firstOffset; offset <= lastOffset; offset++) {
        must(this.owners.get(offset)!.untilMs <= this.nowMs, `the lock of ${offset} is over`);
        this.owners.delete(offset);
      }
    }
    if (batches.length > 0) this.store(startOffset, batches);
    this.partition.settle();
    this.check();
  }

  crash(): void {
    this.pending.length = 0;
    this.owners.clear();
    this.partition = new SharePartition(this.stored.startOffset, this.stored.stateBatches, () => LIMITS);
    for (const offset of [...this.deliveries.keys()]) {
      const run = this.partition.runs.find((each) => each.firstOffset <= offset && offset <= each.lastOffset);
      if (run === undefined) this.deliveries.delete(offset);
      else this.deliveries.set(offset, run.deliveryCount);
    }
    this.startSeen = this.partition.startOffset;
  }

  check(): void {
    must(this.partition.startOffset >= this.startSeen, 'the start does not go back');
    this.startSeen = this.partition.startOffset;
    for (const offset of [...this.owners.keys()]) {
      if (offset < this.startSeen) {
        // Only a deletion passes what somebody has.
        must(offset < this.logStart, `${offset} is passed although somebody has it`);
        this.owners.delete(offset);
      }
    }
    let end = -1;
    for (const run of this.partition.runs) {
      must(run.firstOffset > end, 'runs do not overlap');
      must(run.lastOffset >= run.firstOffset, 'a run is not empty');
      must((run.memberId !== null) === (run.state === 'acquired'), 'who is acquired has an owner');
      end = run.lastOffset;
    }
    must(end < this.partition.nextOffset, 'all in flight lie before what is next');
  }
}

test.prop(
  [fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 8 }), fc.array(step, { maxLength: 60 })],
  {
    numRuns: 300,
  },
)(
  'share partition: one owner, bounded deliveries, a start that never goes back, and an end for everything',
  (sizes, steps) => {
    const world = new World(sizes);
    for (const each of steps) {
      switch (each.kind) {
        case 'fetch':
          world.fetch(MEMBERS[each.member]!, each.recordsMax, each.batchSize, each.bytes, each.isRecordLimit);
          break;
        case 'acknowledge':
          world.acknowledge(MEMBERS[each.member]!, {
            firstOffset: each.from,
            lastOffset: each.from + each.length - 1,
            acknowledgeTypes: [each.type],
          });
          break;
        case 'mixed':
          world.acknowledge(MEMBERS[each.member]!, {
            firstOffset: each.from,
            lastOffset: each.from + each.types.length - 1,
            acknowledgeTypes: each.types,
          });
          break;
        case 'leave':
          world.write(world.partition.release(MEMBERS[each.member]!));
          break;
        case 'time':
          world.time(each.ms);
          break;
        case 'stored':
          world.stored_(each.isStored);
          break;
        case 'delete':
          world.logStart = Math.max(world.logStart, each.to);
          break;
        case 'crash':
          world.crash();
          break;
      }
    }
    // Nobody acknowledges any more: deliveries run out.
    const last = world.batches.at(-1)!.lastOffset;
    for (let round = 0; round < 300 && world.partition.startOffset <= last && world.logStart <= last; round++) {
      world.stored_(true);
      world.time(LIMITS.lockMs);
      world.fetch('a', 20, 5, 30, round % 2 === 0);
    }
    must(world.logStart > last || world.partition.startOffset === last + 1, 'everything is over in the end');
  },
);
