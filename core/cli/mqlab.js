#!/usr/bin/env node
/**
 * Starts the command line on the pinned runtime, whatever node called it. Plain JavaScript: any Node from 20 on can read it.
 *
 * The calling process becomes the pinned one (execv) where that can be, so that there is one process, one pid, and a signal, kill −9 included,
 * reaches the broker itself. Where it cannot be, a child runs and signals and exit code are passed on.
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import module from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** Of fcntl(2). */
const F_SETFD = 2;
const require = module.createRequire(import.meta.url);
const launcher = fileURLToPath(import.meta.url);
const manifest = require.resolve('node/package.json');
const wanted = `v${JSON.parse(readFileSync(manifest, 'utf8')).version}`;

// Stripping types and compiling takes most of a start: what one start did, the next ones, child processes included, take from this folder.
process.env.NODE_COMPILE_CACHE ??= join(tmpdir(), 'mqlab-compile-cache');

if (process.version === wanted) {
  module.enableCompileCache(process.env.NODE_COMPILE_CACHE);
  await import(await program());
} else {
  const runtime = join(dirname(manifest), 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
  const args = [launcher, ...process.argv.slice(2)];
  become(runtime, args);
  runAsChild(runtime, args);
}

/** A broker, which is started often, as one file. */
async function program() {
  if (process.argv[2] !== 'broker') return './main.ts';
  const { brokerImage } = await import('./start-image.ts');
  const image = brokerImage();
  return image === null ? './main.ts' : pathToFileURL(image).href;
}

/** Returns only when it failed. */
function become(runtime, args) {
  if (process.platform === 'win32') return;
  try {
    if (typeof process.execve === 'function') process.execve(runtime, [runtime, ...args], process.env);
    const koffi = require('koffi');
    const libc = koffi.load(null);
    const execv = libc.func('int execv(const char *path, const char **argv)');
    // Node marks its standard streams close-on-exec; the runtime is to inherit them.
    const fcntl = libc.func('int fcntl(int fd, int command, ...)');
    for (const fd of [0, 1, 2]) fcntl(fd, F_SETFD, 'int', 0);
    execv(runtime, [runtime, ...args, null]);
  } catch {
    // No way to replace this process here: a child it is.
  }
}

function runAsChild(runtime, args) {
  const child = spawn(runtime, args, { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    process.stderr.write(`mqlab: the runtime ${runtime} does not start: ${error.message}\n`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => {
    if (signal !== null) process.kill(process.pid, signal);
    else process.exit(code ?? 1);
  });
}
