import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { areUnchanged, type ImageManifest, type ImageSource, sourceOf } from './start-image.ts';

test('an image is fresh while each of its sources has its size and time of change', () => {
  const [path, bytes, changedMs] = sourceOf('cli/broker-main.ts')!;
  const other = sourceOf('broker/broker.ts')!;
  const fresh = (...sources: ImageSource[]): boolean => areUnchanged([other, ...sources]);
  expect(fresh([path, bytes, changedMs])).toBe(true);
  expect(fresh([path, bytes + 1, changedMs])).toBe(false);
  expect(fresh([path, bytes, changedMs - 1])).toBe(false);
  expect(fresh(['cli/gone.ts', bytes, changedMs])).toBe(false);
});

test('the maker writes one module that is the broker command, and names what it was made of', () => {
  // Where native modules are found, as for the real one.
  const modules = join(import.meta.dirname, '..', 'node_modules');
  mkdirSync(modules, { recursive: true });
  const folder = mkdtempSync(join(modules, 'start-image-'));
  try {
    const maker = join(import.meta.dirname, 'start-image-maker.ts');
    expect(spawnSync(process.execPath, [maker, folder]).status).toBe(0);
    const { image, sources } = JSON.parse(readFileSync(join(folder, 'broker.json'), 'utf8')) as ImageManifest;
    expect(sources.map(([path]) => path)).toContain('broker/handlers/00-produce.ts');
    expect(areUnchanged(sources)).toBe(true);
    const run = (...args: string[]) =>
      spawnSync(process.execPath, [join(folder, image), 'broker', ...args], { encoding: 'utf8' });
    expect(run('--help').stdout).toContain('--set <key=value>');
    expect(run('--set', 'no.such.setting=1', '--set', `log.dirs=${join(tmpdir(), 'never')}`)).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('no.such.setting'),
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
