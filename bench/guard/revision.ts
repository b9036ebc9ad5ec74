/**
 * Another revision of this repository, checked out into a temporary git worktree. It uses this checkout's installed packages (a link), but its own workspaces: the link is a folder whose
 * entries point here, except `@mqlab`, which points into the worktree.
 *
 * Invariant: `remove` takes the worktree away again; this checkout is not touched.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const WORKSPACES = ['core', 'reports', 'bench', 'labs'] as const;

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;
const EXIT_INTERRUPTED = 130;

export interface Revision {
  readonly commit: string;
  readonly directory: string;
  remove(): void;
}

function git(...args: readonly string[]): { readonly ok: boolean; readonly output: string } {
  const { status, stdout, stderr, error } = spawnSync('git', ['-C', ROOT, ...args], { encoding: 'utf8' });
  return { ok: status === 0, output: status === 0 ? stdout.trim() : `${error?.message ?? ''}${stderr ?? ''}`.trim() };
}

/** The commit that is meant; null when there is none. */
export function resolveRevision(name: string): string | null {
  const { ok, output } = git('rev-parse', '--verify', '--quiet', '--end-of-options', `${name}^{commit}`);
  return ok ? output : null;
}

export function checkOut(commit: string): Revision {
  const parent = mkdtempSync(join(tmpdir(), 'mqlab-guard-'));
  const directory = join(parent, 'tree');
  const { ok, output } = git('worktree', 'add', '--detach', directory, commit);
  const remove = (): void => {
    for (const signal of SIGNALS) process.off(signal, onSignal);
    git('worktree', 'remove', '--force', directory);
    rmSync(parent, { recursive: true, force: true });
  };
  // Whoever interrupts it shall not find a worktree that is gone in the repository's list.
  const onSignal = (): void => {
    remove();
    process.exit(EXIT_INTERRUPTED);
  };
  for (const signal of SIGNALS) process.once(signal, onSignal);
  if (!ok) {
    for (const signal of SIGNALS) process.off(signal, onSignal);
    rmSync(parent, { recursive: true, force: true });
    throw new Error(`git worktree add ${commit}: ${output}`);
  }
  try {
    linkPackages(directory);
  } catch (error) {
    remove();
    throw error;
  }
  return { commit, directory, remove };
}

function linkPackages(directory: string): void {
  const from = join(ROOT, 'node_modules');
  const into = join(directory, 'node_modules');
  if (!existsSync(from)) throw new Error('no node_modules here: npm ci first');
  mkdirSync(join(into, '@mqlab'), { recursive: true });
  for (const entry of readdirSync(from)) if (entry !== '@mqlab') symlinkSync(join(from, entry), join(into, entry));
  for (const name of WORKSPACES)
    if (existsSync(join(directory, name))) symlinkSync(join(directory, name), join(into, '@mqlab', name));
  // What a workspace has installed for itself alone.
  for (const name of WORKSPACES) {
    const own = join(ROOT, name, 'node_modules');
    if (existsSync(own) && existsSync(join(directory, name))) symlinkSync(own, join(directory, name, 'node_modules'));
  }
}
