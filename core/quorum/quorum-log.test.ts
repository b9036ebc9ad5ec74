import { describe, expect, test } from 'vitest';
import { formatCheckpoint } from '../log/checkpoint-files.ts';
import type { SimProcess } from '../ports/sim/process.ts';
import { SimWorld } from '../ports/sim/world.ts';
import { buildBatch } from '../protocol/record-batch-builder.ts';
import { QuorumLog } from './quorum-log.ts';
import { DEFAULT_QUORUM_SETTINGS } from './quorum-settings.ts';
import { judgeFetchPosition, type SnapshotId } from './raft-log.ts';

/** The log as the core sees it: epochs, where they end, where the log begins. */
function restarted(process: SimProcess): SimProcess {
  process.crash();
  process.restart();
  return process;
}

function open(process: SimProcess, snapshots: readonly SnapshotId[] = [], isClean = false): QuorumLog {
  const { clock, random, files } = process.ports;
  return new QuorumLog({
    files,
    clock,
    random,
    logDir: '/',
    isClean,
    settings: { ...DEFAULT_QUORUM_SETTINGS, logSegmentBytes: 500 },
    onProblem: () => {},
    onFailed: (reason) => {
      throw new Error(reason);
    },
    snapshots: () => snapshots,
  });
}

const batch = (text: string) => buildBatch({ records: [{ value: text }] });

/** One record of each epoch in the list. */
function append(log: QuorumLog, ...epochs: number[]): void {
  for (const epoch of epochs) log.append(batch(`of ${epoch}`), epoch);
}

test('epochs end where the next one begins, and what is not known is answered with what is before', () => {
  const log = open(new SimWorld({ seed: 1 }).process('n'));
  expect(log.lastEpoch).toBe(0);
  expect(log.endOffsetFor(3)).toEqual({ offset: 0, epoch: 0 });
  append(log, 1, 1, 3, 3, 3, 6);
  expect(log.lastEpoch).toBe(6);
  expect([0, 1, 2, 3, 5, 6, 9].map((epoch) => log.endOffsetFor(epoch))).toEqual([
    { offset: 0, epoch: 0 },
    { offset: 2, epoch: 1 },
    { offset: 2, epoch: 1 },
    { offset: 5, epoch: 3 },
    { offset: 5, epoch: 3 },
    { offset: 6, epoch: 6 },
    { offset: 6, epoch: 6 },
  ]);
  expect([1, 2, 3, 6].map((offset) => log.epochBefore(offset))).toEqual([1, 1, 3, 6]);
});

test('nothing counts as flushed that is not', async () => {
  const world = new SimWorld({ seed: 2 });
  const log = open(world.process('n'));
  append(log, 1);
  expect([log.flushedOffset, log.isSettled]).toEqual([0, false]);
  const flushing = log.flush();
  append(log, 1);
  await world.settle(flushing);
  expect([log.flushedOffset, log.isSettled]).toEqual([1, false]);
  await world.settle(log.flush());
  expect([log.flushedOffset, log.isSettled]).toEqual([2, true]);
});

test('after a crash the epochs are those of the batches, whatever their file says', async () => {
  const world = new SimWorld({ seed: 3 });
  const process = world.process('n');
  const log = open(process);
  append(log, 2, 2, 3, 5);
  await world.settle(log.flush());
  restarted(process);
  // As it was before a truncation: epoch 4 at offset 2, where a batch of epoch 3 lies now.
  const file = process.ports.files.open('/__cluster_metadata-0/leader-epoch-checkpoint', 'create');
  file.truncate(0);
  file.append([Buffer.from(formatCheckpoint(['2 0', '4 2']))]);
  const again = open(process);
  expect([2, 3, 4, 5].map((epoch) => again.endOffsetFor(epoch))).toEqual([
    { offset: 2, epoch: 2 },
    { offset: 3, epoch: 3 },
    { offset: 3, epoch: 3 },
    { offset: 4, epoch: 5 },
  ]);
});

test('what was fetched is refused when it does not go on where the log ends, or by its epoch', () => {
  const process = new SimWorld({ seed: 4 }).process('n');
  const log = open(process);
  append(log, 2);
  const fetched = (baseOffset: number, partitionLeaderEpoch: number) =>
    buildBatch({ baseOffset, partitionLeaderEpoch, records: [{ value: 'x' }] });
  expect(log.appendFetched(fetched(2, 2), 3)).toMatch(/at offset 2, where 1 should be/);
  expect(log.appendFetched(fetched(0, 2), 3)).toMatch(/at offset 0, where 1 should be/);
  expect(log.appendFetched(fetched(1, 1), 3)).toMatch(/epoch 1 behind one of 2/);
  expect(log.appendFetched(fetched(1, 4), 3)).toMatch(/epoch 4 .* from the leader of epoch 3/);
  expect(log.appendFetched(fetched(1, 3).subarray(0, 40), 3)).toBe('no whole batch');
  const damaged = fetched(1, 3);
  damaged[damaged.length - 1]! ^= 1;
  expect(log.appendFetched(damaged, 3)).toMatch(/CRC/);
  expect(log.endOffset).toBe(1);
  expect(log.appendFetched(Buffer.concat([fetched(1, 3), fetched(2, 3), fetched(3, 3).subarray(0, 30)]), 3)).toBeNull();
  expect(log.endOffset).toBe(3);
});

test('is not cut below the high watermark', () => {
  const log = open(new SimWorld({ seed: 5 }).process('n'));
  append(log, 1, 1, 1);
  log.updateHighWatermark(2);
  expect(() => log.truncateTo(1)).toThrow(/below the high watermark 2/);
  log.truncateTo(2);
  expect(log.endOffset).toBe(2);
});

describe('with snapshots', () => {
  const id = { offset: 40, epoch: 4 };

  test('a log that is behind one, in offsets or in epochs, begins anew behind it', () => {
    for (const epochs of [[1, 1], Array.from({ length: 50 }, () => 3)]) {
      const process = new SimWorld({ seed: 6 }).process('n');
      append(open(process), ...epochs);
      const log = open(restarted(process), [id]);
      expect([log.startOffset, log.endOffset, log.lastEpoch]).toEqual([40, 40, 4]);
      expect(log.endOffsetFor(7)).toEqual(id);
      expect(judgeFetchPosition(log, 40, 4)).toEqual({ kind: 'valid' });
    }
  });

  test('the log before the oldest goes by whole segments, and a fetch from there gets the newest snapshot', async () => {
    const world = new SimWorld({ seed: 7 });
    const process = world.process('n');
    const snapshots = [id, { offset: 60, epoch: 4 }];
    const log = open(process);
    append(log, ...Array.from({ length: 20 }, () => 3), ...Array.from({ length: 60 }, () => 4));
    log.updateHighWatermark(80);
    await world.settle(log.flush());
    const cut = open(restarted(process), snapshots);
    cut.updateHighWatermark(80);
    cut.deleteBefore(40);
    expect(cut.startOffset).toBe(40);
    expect(judgeFetchPosition(cut, 39, 4)).toEqual({ kind: 'snapshot', id: snapshots[1] });
    expect(judgeFetchPosition(cut, 50, 3)).toEqual({ kind: 'snapshot', id: snapshots[1] });
    expect(judgeFetchPosition(cut, 0, 0)).toEqual({ kind: 'snapshot', id: snapshots[1] });
    expect(judgeFetchPosition(cut, 50, 4)).toEqual({ kind: 'valid' });
    expect(judgeFetchPosition(cut, 90, 4)).toEqual({ kind: 'diverging', end: { offset: 80, epoch: 4 } });
    await world.settle(cut.close());
    // What lies before the first epoch in the file is not served after a clean end, either.
    const again = open(restarted(process), snapshots, true);
    expect(again.startOffset).toBe(40);
    expect(again.lastEpoch).toBe(4);
  });

  test('a log that begins behind its newest snapshot cannot be used', () => {
    const process = new SimWorld({ seed: 8 }).process('n');
    open(process, [id]);
    expect(() => open(restarted(process), [])).toThrow(
      /__cluster_metadata-0 cannot be used: the log begins at 40, and there is no snapshot/,
    );
    expect(() => open(restarted(process), [{ offset: 30, epoch: 4 }])).toThrow(/the newest snapshot ends at 30/);
  });
});

test.each([
  // log's epochs, fetcher's end and last epoch, the answer
  [[], 0, 0, { kind: 'valid' }],
  [[1, 1], 0, 0, { kind: 'valid' }],
  [[1, 1], 2, 1, { kind: 'valid' }],
  [[1, 1], 3, 1, { kind: 'diverging', end: { offset: 2, epoch: 1 } }],
  [[1, 1, 3], 2, 2, { kind: 'diverging', end: { offset: 2, epoch: 1 } }],
  [[2, 2], 1, 1, { kind: 'diverging', end: { offset: 0, epoch: 0 } }],
  [[1, 1, 3], 9, 7, { kind: 'diverging', end: { offset: 3, epoch: 3 } }],
])('a log of epochs %j judges a fetch from %i behind epoch %i', (epochs, offset, epoch, verdict) => {
  const log = open(new SimWorld({ seed: 9 }).process('n'));
  append(log, ...epochs);
  expect(judgeFetchPosition(log, offset, epoch)).toEqual(verdict);
});
