import { expect, test } from 'vitest';
import { type File, FilesError } from '../ports/files.ts';
import { realRandom } from '../ports/real/random.ts';
import { DEFAULT_LOG_CONFIG } from './log-config.ts';
import { LogManager } from './log-manager.ts';
import { type HandleHolder, SegmentHandles } from './segment-handles.ts';
import { batch, ManualClock, readAll, TestFolder } from './test/fixture.ts';

const ID = 'abcdefghijklmnopqrstuv';
const SMALL = { ...DEFAULT_LOG_CONFIG, segmentBytes: 400 };

test('five logs with many segments live on three handles: every record is there, and again after a clean end', async () => {
  using folder = new TestFolder();
  const open = () =>
    LogManager.open({
      files: folder.files,
      clock: folder.clock,
      random: realRandom(),
      logDirs: [`${folder.path}/data`],
      nodeId: 1,
      clusterId: 'the-cluster',
      configOf: () => SMALL,
      onProblem: (message) => folder.problems.push(message),
      segmentHandlesMax: 3,
    });
  const manager = await open();
  const logs = Array.from({ length: 5 }, (_, partition) => manager.getOrCreate('t', partition, ID, SMALL));
  const expected = logs.map((_, partition) => Array.from({ length: 20 }, (_, i) => `${partition}/${i}`));
  for (let i = 0; i < 20; i++) {
    for (const [partition, log] of logs.entries()) {
      log.append(batch([expected[partition]![i]!]), 0);
      log.updateHighWatermark(i + 1);
      expect(manager.openHandles).toBeLessThanOrEqual(3);
    }
  }
  const valuesOf = (log: (typeof logs)[number]) => readAll(log).map((record) => record.value);
  expect(logs[0]!.segments.length).toBeGreaterThan(3);
  expect(logs.map(valuesOf)).toEqual(expected);
  logs[2]!.truncateTo(7);
  expect(valuesOf(logs[2]!)).toEqual(expected[2]!.slice(0, 7));
  await manager.close();
  expect(manager.openHandles).toBe(0);
  const again = await open();
  expect(again.openHandles).toBeLessThanOrEqual(3);
  expect(valuesOf(again.get('t', 4)!)).toEqual(expected[4]);
  await again.close();
  expect(folder.problems).toEqual([]);
});

class Holder implements HandleHolder {
  isRecentlyUsed = false;
  file: File | null = null;
  readonly closed: string[];
  readonly name: string;

  constructor(name: string, closed: string[]) {
    this.name = name;
    this.closed = closed;
  }

  open(): File {
    this.file = { close: () => this.closed.push(this.name) } as unknown as File;
    return this.file;
  }

  giveUpHandle(): File | null {
    const { file } = this;
    this.file = null;
    return file;
  }
}

test('who was used keeps its handle, who gives up is closed a moment later', () => {
  const clock = new ManualClock();
  const handles = new SegmentHandles(clock, 2);
  const closed: string[] = [];
  const [a, b, c] = ['a', 'b', 'c'].map((name) => new Holder(name, closed)) as [Holder, Holder, Holder];
  handles.open(a, () => a.open());
  handles.open(b, () => b.open());
  a.isRecentlyUsed = true;
  handles.open(c, () => c.open());
  expect([a.file === null, b.file === null, c.file === null]).toEqual([false, true, false]);
  expect(closed).toEqual([]);
  clock.advance(1_000);
  expect(closed).toEqual(['b']);
});

test('where the system has fewer descriptors, others give theirs back at once and the open is tried again', () => {
  const closed: string[] = [];
  const handles = new SegmentHandles(new ManualClock(), 100);
  const holders = Array.from({ length: 8 }, (_, i) => new Holder(String(i), closed));
  for (const holder of holders) handles.open(holder, () => holder.open());
  const late = new Holder('late', closed);
  let tries = 0;
  handles.open(late, () => {
    if (++tries === 1) throw new FilesError('EMFILE', '/late', 'open');
    return late.open();
  });
  expect(closed).toEqual(['0', '1']);
  expect(handles.count).toBeLessThanOrEqual(6);
});
