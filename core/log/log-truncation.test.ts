import { fc, test as property } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import { SimWorld } from '../ports/sim/world.ts';
import { buildEndTxnBatch, ControlType } from '../protocol/control-record.ts';
import { batchesIn } from '../protocol/record-batch.ts';
import { buildBatch } from '../protocol/record-batch-builder.ts';
import { Log } from './log.ts';
import { DEFAULT_LOG_CONFIG } from './log-config.ts';
import type { LogOptions } from './log-options.ts';
import { batch } from './test/fixture.ts';

/** What a truncation must leave: a log that cannot be told from one that never had what was cut. */
const CONFIG = { ...DEFAULT_LOG_CONFIG, segmentBytes: 600, indexIntervalBytes: 100, fileDeleteDelayMs: 1000 };

function open(world: SimWorld, name: string, options: Partial<LogOptions> = {}): Log {
  return new Log({
    ...world.process(name).ports,
    directory: '/data/t-0',
    topic: 't',
    partition: 0,
    config: CONFIG,
    isClean: false,
    recoveryPoint: 0,
    logStartOffset: 0,
    highWatermark: 0,
    onProblem: () => {},
    ...options,
  });
}

type Step =
  | { readonly kind: 'write'; readonly producer: number; readonly isTransactional: boolean; readonly count: number }
  | { readonly kind: 'end'; readonly producer: number; readonly isCommit: boolean }
  | { readonly kind: 'epoch' | 'roll' }
  | { readonly kind: 'watermark' | 'truncate'; readonly at: number };

const producer = fc.integer({ min: 1, max: 3 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('write' as const),
      producer,
      isTransactional: fc.boolean(),
      count: fc.integer({ min: 1, max: 3 }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('end' as const), producer, isCommit: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('epoch' as const, 'roll' as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom('watermark' as const, 'truncate' as const),
      at: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  },
);

function bytesFrom(log: Log, from = log.logStartOffset): Buffer {
  const parts: Buffer[] = [];
  for (let offset = from; ; ) {
    const read = log.read(offset, { maxBytes: 1e6, maxOffset: log.logEndOffset, minOneBatch: true });
    if (read.kind === 'rejected') throw new Error(read.message);
    if (read.slice === null) return Buffer.concat(parts);
    const bytes = Buffer.alloc(read.slice.length);
    read.slice.file.readInto(bytes, read.slice.position);
    parts.push(bytes);
    offset = read.endOffset;
  }
}

function stateOf(log: Log): unknown {
  const end = log.logEndOffset;
  return {
    logEndOffset: end,
    highWatermark: log.highWatermark,
    lastStableOffset: log.lastStableOffset,
    firstOpenOffset: log.producers.firstOpenOffset,
    producers: [...log.producers.entries.values()]
      .map((each) => ({
        id: each.producerId,
        epoch: each.producerEpoch,
        lastSequence: each.lastSequence,
        lastOffset: each.lastOffset,
        open: each.currentTxnFirstOffset,
      }))
      .sort((a, b) => a.id - b.id),
    aborted: log
      .abortedTransactions(0, end)
      .map(({ producerId, firstOffset, lastOffset }) => [producerId, firstOffset, lastOffset]),
    epochs: log.epochs.entries.filter(({ startOffset }) => startOffset < end),
    byTime: [0, 0.3, 0.6, 1].map((part) => log.offsetForTimestamp(1000 + Math.floor(end * part))?.offset ?? null),
    largest: log.maxTimestampRecord()?.offset ?? null,
  };
}

property.prop([fc.array(step, { minLength: 5, maxLength: 40 }), fc.boolean()], { numRuns: 150 })(
  'a truncated log is one that never had what was cut: producers, transactions, epochs, indexes',
  (steps, isAsFollower) => {
    const world = new SimWorld({ seed: 1 });
    const log = open(world, 'a');
    const sequences = new Map<number, number>();
    let epoch = 0;
    for (const each of steps) {
      switch (each.kind) {
        case 'write': {
          const known = log.producers.entries.get(each.producer);
          const isOpen = known?.currentTxnFirstOffset != null;
          const baseSequence = (known?.lastSequence ?? -1) + 1;
          sequences.set(each.producer, baseSequence + each.count);
          const records = Array.from({ length: each.count }, (_, i) => ({
            timestamp: 1000 + log.logEndOffset + i,
            key: null,
            value: Buffer.from('v'),
          }));
          const isTransactional = each.isTransactional || isOpen;
          const bytes = buildBatch({
            producerId: each.producer,
            producerEpoch: 0,
            baseSequence,
            isTransactional,
            records,
          });
          expect(log.append(bytes, epoch)).toMatchObject({ kind: 'appended', isDuplicate: false });
          break;
        }
        case 'end': {
          const type = each.isCommit ? ControlType.COMMIT : ControlType.ABORT;
          const marker = buildEndTxnBatch({ type, coordinatorEpoch: 0 }, 1000 + log.logEndOffset, {
            producerId: each.producer,
            producerEpoch: 0,
          });
          expect(log.append(marker, epoch, 'coordinator').kind).toBe('appended');
          break;
        }
        case 'epoch':
          epoch++;
          log.epochs.assign(epoch, log.logEndOffset);
          break;
        case 'roll':
          log.roll();
          break;
        case 'watermark':
          log.updateHighWatermark(Math.max(log.highWatermark, Math.floor(log.logEndOffset * each.at)));
          break;
        case 'truncate': {
          log.truncateTo(Math.floor(log.logEndOffset * each.at));
          const twin = open(new SimWorld({ seed: 1 }), 'b');
          if (isAsFollower) twin.appendAsFollower(bytesFrom(log));
          else for (const stored of batchesIn(bytesFrom(log))) twin.appendAsFollower(Buffer.from(stored.view));
          twin.updateHighWatermark(log.highWatermark);
          expect(stateOf(log)).toEqual(stateOf(twin));
          break;
        }
      }
    }
  },
);

test('a truncation that the disk refuses takes the log offline, and nothing is thrown', () => {
  const world = new SimWorld({ seed: 1 });
  const { disk } = world.process('a');
  for (const refused of ['truncate', 'rename'] as const) {
    const log = open(world, 'a', { directory: `/data/${refused}-0` });
    for (let i = 0; i < 20; i++) log.append(batch([`${i}`]), 0);
    disk.intercept = ({ kind }) => (kind === refused ? { error: 'EIO' } : undefined);
    log.truncateTo(3);
    disk.intercept = null;
    expect(log.offline).toMatch(/EIO/);
    log.truncateTo(0);
    log.truncateFully(9);
    expect(log.appendAsFollower(Buffer.alloc(0)).kind).toBe('rejected');
  }
});

test('what lies behind the recovery point says which epochs there are, not a file that is older', async () => {
  const world = new SimWorld({ seed: 1 });
  const process = world.process('a');
  const log = open(world, 'a');
  for (const [from, epoch] of [
    [0, 1],
    [1, 1],
    [2, 5],
  ] as const) {
    log.append(batch([`${from}`]), epoch);
  }
  await world.settle(log.flush());
  // Cut, and filled again from a leader that was elected later and whose log goes on in the older epoch.
  log.truncateTo(2);
  log.appendAsFollower(
    buildBatch({ baseOffset: 2, partitionLeaderEpoch: 1, records: [{ timestamp: 1, key: null, value: null }] }),
  );
  log.appendAsFollower(
    buildBatch({ baseOffset: 3, partitionLeaderEpoch: 6, records: [{ timestamp: 1, key: null, value: null }] }),
  );
  // The file of epochs is on its way to the device, and stays what it was.
  process.crash();
  process.restart();
  const again = open(world, 'a', { recoveryPoint: 3 });
  expect(again.logEndOffset).toBe(4);
  expect(again.epochs.entries).toEqual([
    { epoch: 1, startOffset: 0 },
    { epoch: 6, startOffset: 3 },
  ]);
});

test('transactions that ended below the watermark are stable after a truncation above it', () => {
  const log = open(new SimWorld({ seed: 1 }), 'a', { config: DEFAULT_LOG_CONFIG });
  const of = { producerId: 1, producerEpoch: 0 };
  const records = [{ timestamp: 1, key: null, value: Buffer.from('v') }];
  log.append(buildBatch({ ...of, baseSequence: 0, isTransactional: true, records }), 0);
  log.append(buildEndTxnBatch({ type: ControlType.COMMIT, coordinatorEpoch: 0 }, 1, of), 0, 'coordinator');
  log.append(batch(['2'], 1), 0);
  log.append(batch(['3'], 1), 0);
  expect(log.segments).toHaveLength(1);
  log.updateHighWatermark(3);
  expect(log.lastStableOffset).toBe(3);
  log.truncateTo(3);
  expect(log.lastStableOffset).toBe(3);
});

test('an epoch that was begun and not written in goes with a truncation that cuts nothing', () => {
  const log = open(new SimWorld({ seed: 1 }), 'a');
  log.append(batch(['0']), 1);
  log.epochs.assign(4, 1);
  log.truncateTo(1);
  expect(log.epochs.entries).toEqual([{ epoch: 1, startOffset: 0 }]);
  expect(log.truncationCount).toBe(0);
});

test('a truncation is settled once it and the lower recovery point are on the device', async () => {
  const world = new SimWorld({ seed: 1 });
  let checkpointed = (): void => {};
  const log = open(world, 'a', { onTruncated: () => new Promise<void>((resolve) => void (checkpointed = resolve)) });
  for (let i = 0; i < 20; i++) log.append(batch([`${i}`]), 0);
  await world.settle(log.flush());
  log.truncateTo(4);
  expect(log.recoveryPoint).toBe(4);
  let isSettled = false;
  const settled = log.truncationSettled().then(() => void (isSettled = true));
  await world.run({ untilTimeMs: 500 });
  expect(isSettled).toBe(false);
  checkpointed();
  await world.settle(settled);
});

test('what ended beyond the watermark stays unstable when the log is cut behind it, also across a segment', () => {
  const log = open(new SimWorld({ seed: 1 }), 'a');
  const of = { producerId: 1, producerEpoch: 0 };
  const write = (baseSequence: number, isTransactional: boolean): Buffer =>
    buildBatch({
      ...of,
      baseSequence,
      isTransactional,
      records: [{ timestamp: 1000, key: null, value: Buffer.from('v') }],
    });
  log.append(write(0, true), 0);
  log.updateHighWatermark(1);
  log.append(buildEndTxnBatch({ type: ControlType.ABORT, coordinatorEpoch: 0 }, 1000, of), 0, 'coordinator');
  expect(log.lastStableOffset).toBe(0);
  log.roll();
  log.append(write(1, false), 0);
  log.append(write(2, false), 0);
  log.truncateTo(3);
  expect([log.highWatermark, log.lastStableOffset]).toEqual([1, 0]);
  log.updateHighWatermark(2);
  expect(log.lastStableOffset).toBe(2);
});
