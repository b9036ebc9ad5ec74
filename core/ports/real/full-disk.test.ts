import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { realFiles } from './files.ts';
import { fullWhile } from './full-disk.ts';

const folder = mkdtempSync(join(tmpdir(), 'mqlab-full-'));
afterAll(() => rmSync(folder, { recursive: true }));

test('a full disk refuses what grows, keeps what is there, and takes more once it has room', () => {
  const control = join(folder, 'full');
  const files = fullWhile(realFiles(), control);
  const file = files.open(join(folder, 'a'), 'create');
  file.append([Buffer.from('abc')]);
  writeFileSync(control, '');
  expect(() => file.append([Buffer.from('d')])).toThrow('ENOSPC');
  expect(() => file.writeAt(Buffer.from('xy'), 2)).toThrow('ENOSPC');
  file.writeAt(Buffer.from('X'), 0);
  expect(file.size).toBe(3);
  expect(files.freeBytes(folder)).toBe(0);
  rmSync(control);
  file.append([Buffer.from('d')]);
  const read = Buffer.alloc(4);
  file.readInto(read, 0);
  expect(read.toString()).toBe('Xbcd');
  file.close();
});
