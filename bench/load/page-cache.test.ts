import { spawnSync } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { forgetSegments } from './page-cache.ts';

const KIB = 1024;
/** EXT4_SUPER_MAGIC, as statfs says it. */
const EXT4 = 0xef53;
/** Not in the folder for temporary files, which may lie in memory. */
const folder = mkdtempSync(join(fileURLToPath(new URL('../../node_modules/', import.meta.url)), '.page-cache-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Of the file, in the page cache; null where no program says so. */
function residentBytes(path: string): number | null {
  const { status, stdout } = spawnSync('fincore', ['--bytes', '--noheadings', '--output', 'RES', path], {
    encoding: 'utf8',
  });
  return status === 0 ? Number(stdout) : null;
}

test('segments leave the page cache but for their ends, other files stay, and nothing is lost', async (context) => {
  mkdirSync(join(folder, 't-0'));
  const bytes = randomFillSync(Buffer.alloc(1024 * KIB + 1));
  const [segment, index] = ['0.log', '0.index'].map((name) => join(folder, 't-0', name)) as [string, string];
  for (const path of [segment, index])
    for (let at = 0; at < bytes.length; at += 16 * KIB) appendFileSync(path, bytes.subarray(at, at + 16 * KIB));
  await forgetSegments(folder);
  const resident = [residentBytes(segment), residentBytes(index)];
  expect(readFileSync(segment).equals(bytes)).toBe(true);
  await expect(forgetSegments(null)).resolves.toBeUndefined();
  if (resident[0] === null) context.skip('no fincore program says what is in the page cache');
  if (statfsSync(folder).type !== EXT4) context.skip('only on ext4 is it known how much of a file goes');
  expect(resident[0]).toBeLessThan(200 * KIB);
  expect(resident[1]).toBeGreaterThan(1000 * KIB);
});
