import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { FilesError } from '../files.ts';
import { RealFile, realFiles } from './files.ts';

let folder: string;
beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mqlab-files-'));
});
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

test.skipIf(!fs.existsSync('/dev/full'))('a full disk is ENOSPC, and the length stays', () => {
  const file = realFiles().open('/dev/full', 'write');
  let error: unknown;
  try {
    file.append([Buffer.from('a'), Buffer.from('b')]);
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toBeInstanceOf(FilesError);
  expect((error as FilesError).code).toBe('ENOSPC');
  expect(file.size).toBe(0);
  file.close();
});

test('a failed append leaves no bytes behind', () => {
  const at = path.join(folder, 'short');
  const file = realFiles().open(at, 'create');
  file.append([Buffer.from('kept')]);
  const broken = [Buffer.from('x'.repeat(100)), 'not bytes' as unknown as Uint8Array];
  expect(() => file.append(broken)).toThrow();
  expect(fs.readFileSync(at, 'utf8')).toBe('kept');
  expect(file.append([Buffer.from('!')])).toBe(4);
  file.close();
});

test('the descriptor stays open while a slice holds it', () => {
  const file = realFiles().open(path.join(folder, 'held'), 'create') as RealFile;
  expect(file).toBeInstanceOf(RealFile);
  file.append([Buffer.from('abc')]);
  const fd = file.retain();
  file.close();
  const target = Buffer.alloc(3);
  fs.readSync(fd, target, 0, 3, 0);
  expect(target.toString()).toBe('abc');
  file.release();
  expect(() => fs.fstatSync(fd)).toThrow('EBADF');
  expect(() => file.retain()).toThrow('EBADF');
});

test('reserving keeps the length', () => {
  const at = path.join(folder, 'reserved');
  const file = realFiles().open(at, 'create');
  file.reserve(8 << 20);
  expect(file.size).toBe(0);
  expect(fs.statSync(at).size).toBe(0);
  file.close();
});
