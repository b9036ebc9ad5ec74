import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { realFiles } from '@mqlab/core/ports/real/files.ts';
import { fullWhile } from '@mqlab/core/ports/real/full-disk.ts';
import { expect, test } from 'vitest';
import { LocalDisk } from './local-disk.ts';

test('a disk that is filled takes nothing more, and takes it again when it is freed', () => {
  const folder = mkdtempSync(join(tmpdir(), 'mqlab-disk-'));
  const disk = LocalDisk.open(join(folder, 'node-1'), 1024 * 1024);
  try {
    const files = disk.fullFile === null ? realFiles() : fullWhile(realFiles(), disk.fullFile);
    const file = files.open(join(folder, 'node-1', 'a'), 'create');
    file.append([Buffer.alloc(10_000)]);
    disk.fill();
    expect(disk.isFull).toBe(true);
    expect(() => file.append([Buffer.alloc(10_000)])).toThrow('ENOSPC');
    expect(file.size).toBe(10_000);
    disk.free();
    file.append([Buffer.alloc(10_000)]);
    expect(file.size).toBe(20_000);
    file.close();
    if (disk.kind === 'tmpfs') {
      expect(() => writeFileSync(join(folder, 'node-1', 'b'), Buffer.alloc(2 * 1024 * 1024))).toThrow('ENOSPC');
    }
  } finally {
    disk.close();
    rmSync(folder, { recursive: true });
  }
});
