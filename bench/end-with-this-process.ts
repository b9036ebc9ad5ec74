/**
 * Child processes that end with this one, however it ends: by itself, by a signal, by kill −9.
 *
 * At its own end this process kills them. For an end of which it hears nothing, a shell is told the pids of those that live, a line whenever they change;
 * its input ends with this process, and it kills those of the last line. It is in a session of its own: no Ctrl-C ends it. Where there is no POSIX shell,
 * there is only the first.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';

const SHELL_PROGRAM = 'while read -r pids; do living=$pids; done; [ -z "$living" ] || kill -9 $living';

const living = new Set<ChildProcess>();
let toldBy: Socket | null = null;

process.once('exit', () => {
  for (const child of living) child.kill('SIGKILL');
});

export function endWithThisProcess(child: ChildProcess): void {
  if (child.pid === undefined) return;
  living.add(child);
  tell();
  child.once('exit', () => {
    living.delete(child);
    tell();
  });
}

function tell(): void {
  toldBy ??= startShell();
  toldBy.write(`${[...living].map(({ pid }) => pid).join(' ')}\n`);
}

function startShell(): Socket {
  const shell = spawn('sh', ['-c', SHELL_PROGRAM], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
  const input = shell.stdin as Socket;
  // It may not be there, or be killed by somebody: the children are no worse off than without it.
  shell.on('error', () => {});
  input.on('error', () => {});
  // This process does not stay alive for it.
  shell.unref();
  input.unref();
  return input;
}
