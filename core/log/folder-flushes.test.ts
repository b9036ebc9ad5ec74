import { expect, test } from 'vitest';
import type { Files } from '../ports/files.ts';
import { FolderFlushes } from './folder-flushes.ts';

test('who asks while a flush is under way shares the next one; a failure is that of who asked, and no later one', async () => {
  const flushes: PromiseWithResolvers<void>[] = [];
  const files = {
    flushDirectory: () => {
      const flush = Promise.withResolvers<void>();
      flushes.push(flush);
      return flush.promise;
    },
  } as unknown as Files;
  const folders = new FolderFlushes(files);
  const first = folders.flush('/d');
  const others = [folders.flush('/d'), folders.flush('/d')];
  expect(flushes.length).toBe(1);
  flushes[0]!.reject(new Error('EIO'));
  await expect(first).rejects.toThrow('EIO');
  await new Promise((resolve) => setImmediate(resolve));
  expect(flushes.length).toBe(2);
  flushes[1]!.resolve();
  await Promise.all(others);
  const last = folders.flush('/d');
  expect(flushes.length).toBe(3);
  flushes[2]!.resolve();
  await last;
});
