/**
 * What this machine's disk does: written in sequence and at random, into the page cache and down to the device; read in sequence and at random, hot and cold.
 *
 * Invariant: a file of random bytes in the temporary folder. The cache is emptied of this one file by `dd` (posix_fadvise, no rights needed); whether that worked is told by timing alone, so
 * cold figures are dropped where they are no slower than hot ones.
 */
import { spawnSync } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { closeSync, fdatasyncSync, openSync, readSync, statfsSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { spreadOf } from '@mqlab/bench/statistics.ts';
import type { Figure } from '@mqlab/reports/run-data.ts';

const FILE_BYTES = 64 * 1024 * 1024;
const LARGE = 1024 * 1024;
const SMALL = 4096;
const RANDOM_OPERATIONS = 2000;
const FLUSHED_OPERATIONS = 60;
const ROUNDS = { quick: 3, full: 9 } as const;

export interface DiskFigures {
  readonly figures: Record<string, Figure>;
  readonly limits: readonly string[];
  readonly isColdKnown: boolean;
}

export function measureDisk(folder: string, profile: 'quick' | 'full'): DiskFigures {
  const path = join(folder, 'disk.bin');
  const block = Buffer.allocUnsafe(LARGE);
  randomFillSync(block);
  const samples: Record<string, number[]> = {};
  const take = (name: string, bytes: number, work: () => void): void => {
    const began = performance.now();
    work();
    (samples[name] ??= []).push((bytes / (performance.now() - began)) * 1000);
  };
  let seed = 1;
  const anywhere = (): number => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return (seed % (FILE_BYTES / SMALL)) * SMALL;
  };
  const drop = (): void => {
    spawnSync('dd', [`of=${path}`, 'oflag=nocache', 'conv=notrunc,fdatasync', 'count=0', 'status=none']);
    spawnSync('dd', [`if=${path}`, 'iflag=nocache', 'count=0', 'status=none']);
  };
  const fd = openSync(path, 'w+');
  const writeAll = (): void => {
    for (let at = 0; at < FILE_BYTES; at += LARGE) writeSync(fd, block, 0, LARGE, at);
  };
  const readAll = (): void => {
    for (let at = 0; at < FILE_BYTES; at += LARGE) readSync(fd, block, 0, LARGE, at);
  };
  const readRandom = (count: number): void => {
    for (let n = 0; n < count; n++) readSync(fd, block, 0, SMALL, anywhere());
  };
  const random = RANDOM_OPERATIONS * SMALL;
  try {
    for (let round = 0; round < ROUNDS[profile]; round++) {
      take('write.seq.cache', FILE_BYTES, writeAll);
      fdatasyncSync(fd);
      take('write.random.cache', random, () => {
        for (let n = 0; n < RANDOM_OPERATIONS; n++) writeSync(fd, block, 0, SMALL, anywhere());
      });
      fdatasyncSync(fd);
      take('write.seq.device', FILE_BYTES, () => {
        writeAll();
        fdatasyncSync(fd);
      });
      take('write.random.device', random, () => {
        for (let n = 0; n < RANDOM_OPERATIONS; n++) writeSync(fd, block, 0, SMALL, anywhere());
        fdatasyncSync(fd);
      });
      take('write.random.each', FLUSHED_OPERATIONS * SMALL, () => {
        for (let n = 0; n < FLUSHED_OPERATIONS; n++) {
          writeSync(fd, block, 0, SMALL, anywhere());
          fdatasyncSync(fd);
        }
      });
      take('read.seq.hot', FILE_BYTES, readAll);
      take('read.random.hot', random, () => readRandom(RANDOM_OPERATIONS));
      drop();
      take('read.seq.cold', FILE_BYTES, readAll);
      drop();
      take('read.random.cold', (RANDOM_OPERATIONS / 4) * SMALL, () => readRandom(RANDOM_OPERATIONS / 4));
    }
  } finally {
    closeSync(fd);
  }
  const of = (name: string): number => spreadOf(samples[name]!).median;
  const isColdKnown =
    of('read.seq.cold') < of('read.seq.hot') * 0.8 && of('read.random.cold') < of('read.random.hot') * 0.5;
  const source = `a file of ${FILE_BYTES / 2 ** 20} MiB, ${LARGE / 2 ** 20} MiB at a time in sequence, ${SMALL} bytes at random; file system type ${statfsSync(folder).type.toString(16)}`;
  const figures: Record<string, Figure> = {};
  for (const [name, each] of Object.entries(samples)) {
    const { median, min, max, samples: count } = spreadOf(each);
    figures[`disk.${name}`] = { value: median, unit: 'bytes/s', label: 'measured', samples: count, min, max, source };
  }
  const ratio = (above: string, below: string, what: string): Figure => ({
    value: of(above) / of(below),
    unit: 'ratio',
    label: 'derived',
    source: what,
  });
  figures['disk.ratio.cache'] = ratio(
    'write.seq.cache',
    'write.random.cache',
    'sequential by random, into the page cache',
  );
  figures['disk.ratio.device'] = ratio(
    'write.seq.device',
    'write.random.device',
    'sequential by random, one flush at the end',
  );
  figures['disk.ratio.each'] = ratio(
    'write.seq.device',
    'write.random.each',
    'sequential with one flush by random with a flush each',
  );
  figures['disk.ratio.read'] = ratio('read.seq.cold', 'read.random.cold', 'sequential by random, cold');
  figures['disk.ratio.cold'] = ratio('read.seq.hot', 'read.seq.cold', 'hot by cold, sequential');
  return {
    figures,
    isColdKnown,
    limits: isColdKnown
      ? []
      : [
          'Reading after the page cache was told to forget the file was no slower: on this machine cold reads are not measurable without more rights, and the figures called cold say nothing.',
        ],
  };
}
