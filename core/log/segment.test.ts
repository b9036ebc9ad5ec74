import { expect, test } from 'vitest';
import type { File, Files } from '../ports/files.ts';
import { SimWorld } from '../ports/sim/world.ts';
import { buildBatch } from '../protocol/record-batch-builder.ts';
import { DEFAULT_LOG_CONFIG, type LogConfig } from './log-config.ts';
import { Segment } from './segment.ts';

const MIB = 1024 * 1024;
/** About a fifth of a mebibyte. */
const records = buildBatch({ records: [{ timestamp: 1, key: null, value: Buffer.alloc(MIB / 5) }] });

function replacing<T extends object>(whole: T, methods: Partial<T>): T {
  return new Proxy(whole, {
    get(target, name) {
      const value = Reflect.get(methods, name) ?? Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** A segment whose reservations are noted: up to where, and 'trim'. */
function segmentWith(config: Partial<LogConfig> = {}): { segment: Segment; noted: (number | 'trim')[] } {
  const noted: (number | 'trim')[] = [];
  const { files } = new SimWorld({ seed: 1 }).process('p').ports;
  files.makeDirectory('/d');
  const watched = (file: File): File =>
    replacing(file, { reserve: (bytes) => noted.push(bytes), trim: () => noted.push('trim') });
  const watching = replacing<Files>(files, { open: (path, mode) => watched(files.open(path, mode)) });
  return { segment: new Segment(watching, '/d', 0, { ...DEFAULT_LOG_CONFIG, ...config }, 0), noted };
}

test('a log that grows takes disk space ahead, and gives back what it did not need', () => {
  const { segment, noted } = segmentWith();
  for (let i = 0; i < 4; i++) segment.append(records);
  expect(noted).toEqual([]);
  for (let i = 4; i < 12; i++) segment.append(records);
  // As much again as there is, each time the log has come to the end of what was taken.
  const taken = [10 * records.length, 22 * records.length];
  expect(noted).toEqual(taken);
  segment.seal();
  expect(noted).toEqual([...taken, 'trim']);
});

test('a small log reserves nothing and is not trimmed', () => {
  const { segment, noted } = segmentWith();
  segment.append(records);
  segment.seal();
  expect(noted).toEqual([]);
});

test('preallocate reserves the whole segment at once', () => {
  const { segment, noted } = segmentWith({ preallocate: true, segmentBytes: 64 * MIB });
  for (let i = 0; i < 10; i++) segment.append(records);
  expect(noted).toEqual([64 * MIB]);
});
