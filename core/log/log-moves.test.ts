import { expect, test } from 'vitest';
import type { Ports } from '../ports/ports.ts';
import { SimWorld } from '../ports/sim/world.ts';
import { ErrorCode } from '../protocol/errors.ts';
import { DEFAULT_LOG_CONFIG, type LogConfig } from './log-config.ts';
import { LogManager } from './log-manager.ts';
import type { LogManagerOptions } from './log-manager-options.ts';
import { batch, readAll } from './test/fixture.ts';

/** Several log dirs in a simulated broker: where partitions are made, moves between them, dirs that fail. */
const ID = 'abcdefghijklmnopqrstuv';
const NEVER = Number.MAX_SAFE_INTEGER;
const CONFIG: LogConfig = { ...DEFAULT_LOG_CONFIG, segmentBytes: 2000, indexIntervalBytes: 100, fileDeleteDelayMs: 50 };

class DirsWorld {
  readonly world: SimWorld;
  readonly problems: string[] = [];
  manager!: LogManager;

  constructor(seed = 1) {
    this.world = new SimWorld({ seed });
  }

  get process() {
    return this.world.process('broker');
  }

  async open(ports: Ports = this.process.ports, options: Partial<LogManagerOptions> = {}): Promise<this> {
    const { files, clock, random } = ports;
    const { life } = this.process;
    this.manager = await this.world.settle(
      LogManager.open({
        files,
        clock,
        random,
        logDirs: ['/a', '/b', '/c'],
        nodeId: 1,
        clusterId: 'c',
        configOf: () => CONFIG,
        onProblem: (message) => {
          if (life.alive) this.problems.push(message);
        },
        intervals: { retentionCheckMs: NEVER, recoveryPointCheckpointMs: NEVER, highWatermarkCheckpointMs: NEVER },
        ...options,
      }),
    );
    return this;
  }

  log(topic = 't') {
    return this.manager.getOrCreate(topic, 0, ID, CONFIG);
  }

  append(value: string, topic = 't'): number {
    const log = this.log(topic);
    const result = log.append(batch([value]), 0);
    log.updateHighWatermark(log.logEndOffset);
    return result.errorCode;
  }

  values(topic = 't'): string[] {
    return readAll(this.log(topic)).map(({ value }) => value);
  }

  async advance(ms: number): Promise<void> {
    await this.world.settle(new Promise<void>((resolve) => void this.process.ports.clock.setTimer(ms, resolve)));
  }

  /** Which log dirs have folders that begin so. */
  folders(prefix: string): string[] {
    return ['/a', '/b', '/c'].flatMap((dir) =>
      this.process.ports.files
        .list(dir)
        .filter(({ name }) => name.startsWith(prefix))
        .map(({ name }) => `${dir}/${name}`),
    );
  }
}

test('new partitions go where there are fewest; each log dir has an id and checkpoints of its own', async () => {
  const sim = await new DirsWorld().open();
  for (let i = 0; i < 7; i++) sim.append('x', `t${i}`);
  const { directories } = sim.manager;
  expect(directories.map((each) => sim.manager.logsIn(each).length)).toEqual([3, 2, 2]);
  expect(new Set(directories.map((each) => each.directoryId)).size).toBe(3);
  await sim.world.settle(sim.manager.close());
  const points = directories.map((each) => [...each.readCheckpoints().recoveryPoints.keys()]);
  expect(points).toEqual([
    ['t0-0', 't3-0', 't6-0'],
    ['t1-0', 't4-0'],
    ['t2-0', 't5-0'],
  ]);
});

test('a move carries everything while appends go on: records, epochs, producers, log start, high watermark', async () => {
  const sim = await new DirsWorld().open();
  const options = { producerId: 7, producerEpoch: 0 };
  for (let i = 0; i < 60; i++) {
    const result = sim.log().append(batch([`v${i}`], undefined, { ...options, baseSequence: i }), i < 30 ? 3 : 5);
    expect(result.errorCode).toBe(0);
  }
  const before = sim.log();
  before.updateHighWatermark(60);
  expect(before.deleteRecordsBefore(10)).toBeNull();
  expect(sim.manager.move('t', 0, '/nowhere')).toBe('unknownDirectory');
  expect(sim.manager.move('other', 0, '/b')).toBe('unknownPartition');
  expect(sim.manager.move('t', 0, '/a')).toBe('alreadyThere');
  expect(sim.manager.move('t', 0, '/b')).toBe('begun');
  for (let i = 60; i < 90; i++) {
    if (i === 62) expect(sim.manager.logsIn(sim.manager.directories[1]!)[0]).toMatchObject({ isFuture: true });
    sim.log().append(batch([`v${i}`], undefined, { ...options, baseSequence: i }), 5);
    sim.log().updateHighWatermark(i + 1);
    await sim.advance(1);
  }
  await sim.advance(1000);
  const after = sim.log();
  expect(after).not.toBe(before);
  expect(sim.manager.directoryOf('t', 0)!.path).toBe('/b');
  expect([after.logStartOffset, after.highWatermark, after.logEndOffset]).toEqual([10, 90, 90]);
  expect(after.epochs.entries).toEqual([
    { epoch: 3, startOffset: 10 },
    { epoch: 5, startOffset: 30 },
  ]);
  expect(readAll(after).map(({ value }) => value)).toEqual(Array.from({ length: 80 }, (_, i) => `v${i + 10}`));
  const again = after.append(batch(['v89'], undefined, { ...options, baseSequence: 89 }), 5);
  expect(again).toMatchObject({ isDuplicate: true, firstOffset: 89 });
  await sim.advance(60_000);
  expect(sim.folders('t-0')).toEqual(['/b/t-0']);
  await sim.world.settle(sim.manager.close());
  sim.process.crash();
  await sim.open(sim.process.restart());
  expect(sim.values()).toHaveLength(80);
  expect(sim.manager.topicId('t', 0)).toBe(ID);
  expect(sim.problems).toEqual([]);
});

test('a move is cancelled by one to another place, and by the topic’s end', async () => {
  const sim = await new DirsWorld().open();
  for (let i = 0; i < 50; i++) sim.append(`v${i}`);
  expect(sim.manager.move('t', 0, '/b')).toBe('begun');
  expect(sim.manager.move('t', 0, '/c')).toBe('begun');
  expect(sim.folders('t-0.').map((path) => path.slice(0, 3))).toEqual(['/c/']);
  expect(sim.manager.move('t', 0, '/a')).toBe('alreadyThere');
  expect(sim.folders('t-0.')).toEqual([]);
  expect(sim.manager.move('t', 0, '/b')).toBe('begun');
  expect(sim.manager.delete('t', 0)).toBe(true);
  await sim.advance(60_000);
  expect(sim.folders('t-0')).toEqual([]);
});

test('a log dir that fails takes its own partitions offline, for good, and no other', async () => {
  const sim = await new DirsWorld().open();
  for (const topic of ['x', 'y', 'z', 'u']) for (let i = 0; i < 3; i++) sim.append(`${topic}${i}`, topic);
  const assigned = sim.manager.directories[1]!.directoryId;
  const { disk } = sim.process;
  disk.intercept = ({ path }) => (path.startsWith('/b') ? { error: 'EIO' } : undefined);
  expect(sim.append('y3', 'y')).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
  for (const topic of ['x', 'z', 'u']) expect(sim.append('more', topic)).toBe(0);
  expect(sim.manager.move('x', 0, '/b')).toBe('offline');
  expect(sim.manager.move('y', 0, '/a')).toBe('offline');
  expect(sim.manager.getOrCreate('new', 0, ID, CONFIG).directory).toMatch(/^\/[ac]/);
  await sim.world.settle(sim.manager.close());
  sim.process.crash();
  // Unreadable at the next start: what is in it is offline, not made anew somewhere else, even where only the metadata knows of it.
  await sim.open(sim.process.restart());
  expect(sim.manager.directories.map((each) => each.path)).toEqual(['/a', '/c']);
  const lost = sim.manager.getOrCreate('y', 0, ID, CONFIG, assigned);
  expect(lost.append(batch(['y3']), 0).errorCode).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
  expect(sim.values('x')).toEqual(['x0', 'x1', 'x2', 'more']);
  await sim.world.settle(sim.manager.close());
  sim.process.crash();
  disk.intercept = null;
  await sim.open(sim.process.restart());
  expect(sim.values('y')).toEqual(['y0', 'y1', 'y2']);
  expect(sim.folders('y-0')).toEqual(['/b/y-0']);
});

test('one folder that cannot be read is offline, and whole again when it can', async () => {
  const sim = await new DirsWorld().open(undefined, { logDirs: ['/a'] });
  for (const topic of ['x', 'y']) for (let i = 0; i < 3; i++) sim.append(`${topic}${i}`, topic);
  await sim.world.settle(sim.manager.close());
  sim.process.crash();
  sim.process.disk.intercept = ({ path }) => (path.startsWith('/a/x-0') ? { error: 'EIO' } : undefined);
  await sim.open(sim.process.restart(), { logDirs: ['/a'] });
  expect(sim.append('x3', 'x')).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
  expect(sim.append('y3', 'y')).toBe(0);
  await sim.world.settle(sim.manager.close());
  sim.process.crash();
  sim.process.disk.intercept = null;
  await sim.open(sim.process.restart(), { logDirs: ['/a'] });
  expect(sim.values('x')).toEqual(['x0', 'x1', 'x2']);
  expect(sim.values('y')).toEqual(['y0', 'y1', 'y2', 'y3']);
});

test('two log dirs with one id are refused', async () => {
  const sim = await new DirsWorld().open();
  await sim.world.settle(sim.manager.close());
  const { files } = sim.process.ports;
  const source = files.open('/a/meta.properties', 'read');
  const text = Buffer.alloc(source.size);
  source.readInto(text, 0);
  const copy = files.open('/b/meta.properties', 'write');
  copy.truncate(0);
  copy.append([text]);
  await expect(sim.open()).rejects.toThrow(/same directory.id/);
});

for (const how of ['kill', 'powerCut'] as const) {
  test(`${how} in front of every disk operation of a move loses nothing`, async () => {
    for (let count = 0; ; count++) {
      const sim = await new DirsWorld(count).open();
      for (let i = 0; i < 40; i++) sim.append(`v${i}`);
      await sim.world.settle(sim.log().flush());
      await sim.world.settle(sim.manager.checkpoints.write('recoveryPoints'));
      let operations = 0;
      let isEnded = false;
      let safe = 40;
      let appended = 40;
      sim.process.disk.intercept = ({ kind }) => {
        if (isEnded) return { error: 'EIO' };
        if (kind === 'read' || kind === 'open' || operations++ < count) return undefined;
        isEnded = true;
        if (how === 'kill') sim.process.crash();
        else sim.world.powerCut(['broker']);
        return { error: 'EIO' };
      };
      const story = async (): Promise<void> => {
        expect(sim.manager.move('t', 0, '/b')).toMatch(/begun|offline/);
        for (let step = 0; step < 30 && !isEnded; step++) {
          await new Promise<void>((resolve) => void sim.process.ports.clock.setTimer(1, resolve));
          if (sim.append(`v${appended}`) !== 0) return;
          appended++;
          if (how === 'kill') safe = appended;
          else if (step % 3 === 0) {
            const end = appended;
            await sim.log().flush();
            safe = end;
          }
        }
        await new Promise<void>((resolve) => void sim.process.ports.clock.setTimer(2000, resolve));
      };
      let isDone = false;
      const note = () => {
        isDone = true;
      };
      story().then(note, note);
      await sim.world.run({ until: () => isDone || isEnded });
      sim.process.disk.intercept = null;
      if (isEnded) await sim.open(sim.process.restart());
      const kept = sim.values();
      expect(kept.length, `operation ${count}`).toBeGreaterThanOrEqual(safe);
      expect(kept).toEqual(Array.from({ length: kept.length }, (_, i) => `v${i}`));
      sim.manager.resumeMoves();
      await sim.advance(70_000);
      expect(sim.values()).toEqual(kept);
      expect(sim.folders('t-0')).toHaveLength(1);
      if (!isEnded) {
        expect(count).toBeGreaterThan(20);
        expect(sim.folders('t-0')).toEqual(['/b/t-0']);
        break;
      }
    }
  });
}
