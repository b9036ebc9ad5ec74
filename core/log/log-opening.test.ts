import { expect, test } from 'vitest';
import { FilesError } from '../ports/files.ts';
import type { SimProcess } from '../ports/sim/process.ts';
import { SimWorld } from '../ports/sim/world.ts';
import { LeaderEpochs } from './leader-epochs.ts';
import { Log } from './log.ts';
import { DEFAULT_LOG_CONFIG } from './log-config.ts';
import { type OpenedLog, openLog, unopenedLog } from './log-opening.ts';
import type { LogOptions } from './log-options.ts';
import { ProducerState } from './producer-state.ts';
import { batch } from './test/fixture.ts';

const DIRECTORY = '/t-0';

function optionsOf(process: SimProcess, of: Partial<LogOptions> = {}): LogOptions {
  const checkpoints = { isClean: true, recoveryPoint: 0, logStartOffset: 0, highWatermark: 0 };
  const log = { directory: DIRECTORY, topic: 't', partition: 0, config: DEFAULT_LOG_CONFIG, onProblem: () => {} };
  return { ...process.ports, ...log, ...checkpoints, ...of };
}

/** A log that was closed, with records from 5 to 14 in two segments, the second at 10. `refusing`: the number of the disk's operation that fails. */
async function closedLog(): Promise<{
  process: SimProcess;
  open: (of?: Partial<LogOptions>, refusing?: number) => OpenedLog;
}> {
  const world = new SimWorld({ seed: 1 });
  const process = world.process('broker');
  const { files, clock } = process.ports;
  const log = new Log(optionsOf(process));
  log.truncateFully(5);
  for (let offset = 5; offset < 15; offset++) {
    if (offset === 10) log.roll();
    log.append(batch(['v'], clock.now(), { producerId: 7, producerEpoch: 0, baseSequence: offset - 5 }), 3);
  }
  await world.settle(log.close());
  await world.run(); // The segment that was there at first goes.
  const open = (of: Partial<LogOptions> = {}, refusing = -1): OpenedLog => {
    const epochs = new LeaderEpochs(files, DIRECTORY, () => {});
    const producers = new ProducerState(files, DIRECTORY);
    let operation = 0;
    process.disk.intercept = () => (operation++ === refusing ? { error: 'EIO' } : undefined);
    const opened = openLog(optionsOf(process, of), epochs, producers, clock.now(), () => {});
    process.disk.intercept = null;
    for (const segment of opened.segments) segment.close();
    if (opened.failure === null) {
      expect([epochs.latestEpoch, producers.endOffset]).toEqual([3, opened.logEndOffset]);
    }
    return opened;
  };
  return { process, open };
}

test.each<[what: string, of: Partial<LogOptions>, expected: Partial<OpenedLog>, flushedOffset: number]>([
  ['fit', { logStartOffset: 7, highWatermark: 12 }, { logStartOffset: 7, highWatermark: 12 }, 15],
  ['lie below the first segment', {}, { logStartOffset: 5, highWatermark: 5 }, 15],
  ['cross', { logStartOffset: 9, highWatermark: 6 }, { logStartOffset: 9, highWatermark: 9 }, 15],
  ['lie beyond the end', { highWatermark: 99, recoveryPoint: 99, isClean: false }, { highWatermark: 15 }, 15],
  ['say that less was flushed', { recoveryPoint: 12, isClean: false }, { logStartOffset: 5 }, 12],
])('checkpoints that %s', async (_, of, expected, flushedOffset) => {
  const { open } = await closedLog();
  const opened = open(of);
  expect(opened).toMatchObject({ logEndOffset: 15, wasCut: false, failure: null, ...expected });
  expect(opened.flushed.offset).toBe(flushedOffset);
  expect(opened.segments.map(({ baseOffset }) => baseOffset)).toEqual([5, 10]);
});

test('a log whose records lie before its start begins anew there', async () => {
  const { open } = await closedLog();
  const opened = open({ logStartOffset: 40, highWatermark: 12 });
  expect(opened).toMatchObject({ logStartOffset: 40, logEndOffset: 40, highWatermark: 40, wasCut: true });
});

test('after an unclean end the indexes of sealed segments behind the recovery point are to be flushed', async () => {
  const { open } = await closedLog();
  const unflushed = (recoveryPoint: number) =>
    open({ isClean: false, recoveryPoint }).flushed.unflushedSealed.map(({ baseOffset }) => baseOffset);
  expect(unflushed(0)).toEqual([5]);
  expect(unflushed(12)).toEqual([]);
});

test.each([true, false])(
  'a disk that refuses at any moment is told, and everything is found later (clean: %s)',
  async (isClean) => {
    const { process, open } = await closedLog();
    const names = () => process.ports.files.list(DIRECTORY).map(({ name }) => name);
    const before = names();
    let refusing = 0;
    let unread = 0;
    for (; ; refusing++) {
      const opened = open({ isClean, highWatermark: 12 }, refusing);
      if (opened.failure === null) break;
      expect(opened.failure).toBeInstanceOf(FilesError);
      if (opened.segments.length === 0) {
        expect(opened).toMatchObject({ logStartOffset: 0, logEndOffset: 0, highWatermark: 0, wasCut: false });
        unread++;
      } else expect(opened).toMatchObject({ logStartOffset: 5, logEndOffset: 15, highWatermark: 12 });
      expect(names()).toEqual(before);
    }
    expect(refusing).toBeGreaterThan(unread);
    expect(unread).toBeGreaterThan(5);
    expect(open({ isClean, highWatermark: 12 })).toMatchObject({
      logStartOffset: 5,
      logEndOffset: 15,
      highWatermark: 12,
    });
  },
);

test('what is no matter of the disk is thrown on', async () => {
  const { process } = await closedLog();
  const { files } = process.ports;
  const broken = { ...optionsOf(process), config: undefined } as unknown as LogOptions;
  const epochs = new LeaderEpochs(files, DIRECTORY, () => {});
  expect(() => openLog(broken, epochs, new ProducerState(files, DIRECTORY), 0, () => {})).toThrow(TypeError);
});

test('a folder that is not to be looked at is not', () => {
  const { files } = new SimWorld({ seed: 1 }).process('broker').ports;
  const opened = unopenedLog({ ...({ files } as LogOptions), logStartOffset: 8, highWatermark: 9, recoveryPoint: 9 });
  const at8 = { logStartOffset: 8, logEndOffset: 8, highWatermark: 8 };
  expect(opened).toMatchObject({ ...at8, segments: [], flushed: { offset: 8 }, failure: null });
  expect(files.list('/')).toEqual([]);
});
