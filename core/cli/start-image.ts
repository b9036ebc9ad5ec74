import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';

/**
 * The start image: the broker's modules as one file, a cache like V8's compile cache beside it. Five hundred modules with their two thousand imports cost more
 * to find and to link than everything else that a start does, and their bookkeeping takes memory for good.
 *
 * Invariant: an image is used only while every file that it was made of has the size and the time of change that it had then. Where it cannot be made or used
 * (no bundler, a folder that cannot be written, hooks that look at modules, MQLAB_START_IMAGE=off) the modules are loaded as they stand: the same program.
 */
const CORE = resolve(import.meta.dirname, '..');
const FOLDER = join(CORE, 'node_modules', '.cache', 'mqlab');
const MANIFEST = join(FOLDER, 'broker.json');
const LOCK = join(FOLDER, 'broker.lock');
/** Who holds the lock for longer was killed. */
const LOCK_MS_MAX = 30_000;
const MODULE_HOOKS = /(^|\s)(--import|--require|-r|--loader|--experimental-loader)\b/;

/** Of a file below core/: path, size in bytes, time of change. */
export type ImageSource = readonly [path: string, bytes: number, changedMs: number];

export interface ImageManifest {
  /** A file in the same folder, named by its content. */
  readonly image: string;
  readonly sources: readonly ImageSource[];
}

/** The image's path; made when there is none that is fresh. Null: load the modules as they stand. */
export function brokerImage(): string | null {
  const { NODE_OPTIONS = '', MQLAB_START_IMAGE } = process.env;
  if (MQLAB_START_IMAGE === 'off' || MODULE_HOOKS.test([NODE_OPTIONS, ...process.execArgv].join(' '))) return null;
  return freshImage() ?? (make() ? freshImage() : null);
}

export function sourceOf(path: string): ImageSource | null {
  const stat = statSync(`${CORE}/${path}`, { throwIfNoEntry: false });
  return stat === undefined ? null : [path, stat.size, stat.mtimeMs];
}

function freshImage(): string | null {
  try {
    const { image, sources } = JSON.parse(readFileSync(MANIFEST, 'utf8')) as ImageManifest;
    const path = join(FOLDER, image);
    return areUnchanged(sources) && existsSync(path) ? path : null;
  } catch {
    return null; // None was made yet, or it is damaged: it will be made anew.
  }
}

export function areUnchanged(sources: readonly ImageSource[]): boolean {
  return sources.every(([path, bytes, changedMs]) => {
    const now = sourceOf(path);
    return now !== null && now[1] === bytes && now[2] === changedMs;
  });
}

/** In a process of its own: the bundler's memory is not the broker's. One at a time; who comes second does not wait. */
function make(): boolean {
  try {
    createRequire(import.meta.url).resolve('rolldown');
    mkdirSync(FOLDER, { recursive: true });
    const held = statSync(LOCK, { throwIfNoEntry: false });
    if (held !== undefined && Date.now() - held.mtimeMs > LOCK_MS_MAX) rmSync(LOCK, { force: true });
    writeFileSync(LOCK, String(process.pid), { flag: 'wx' });
  } catch {
    return false;
  }
  try {
    const maker = join(import.meta.dirname, 'start-image-maker.ts');
    return spawnSync(process.execPath, [maker, FOLDER], { stdio: 'ignore' }).status === 0;
  } finally {
    rmSync(LOCK, { force: true });
  }
}
