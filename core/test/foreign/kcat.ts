// Runs kcat, the librdkafka client of these suites, and finds out whether it is here.
// Debian and Homebrew package it as `kcat`; it is a judge, never a dependency.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';

/** Why kcat cannot be used here; undefined when it can. */
export const kcatMissing: string | undefined = probe();

export interface KcatResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface KcatOptions {
  readonly input?: string;
  readonly msMax?: number;
  /** Called with each whole line of stdout as it comes. */
  readonly onLine?: (line: string) => void;
  /** Called with the process once it runs. */
  readonly onStart?: (child: ChildProcess) => void;
}

/** Resolves with the exit code and the output; a run longer than `msMax` (20 s) ends by SIGTERM, with code null. */
export function kcat(args: readonly string[], options: KcatOptions = {}): Promise<KcatResult> {
  return new Promise((resolve, reject) => {
    const child = spawn('kcat', args, { stdio: ['pipe', 'pipe', 'pipe'] });
    const timer = setTimeout(() => child.kill('SIGTERM'), options.msMax ?? 20_000);
    const endWithUs = (): void => void child.kill('SIGKILL');
    process.once('exit', endWithUs);
    let stdout = '';
    let stderr = '';
    let rest = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      if (options.onLine === undefined) {
        stdout += text;
        return;
      }
      const lines = (rest + text).split('\n');
      rest = lines.pop()!;
      for (const line of lines) options.onLine(line);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.once('error', reject);
    child.once('close', (code) => {
      clearTimeout(timer);
      process.off('exit', endWithUs);
      resolve({ code, stdout, stderr });
    });
    // A kcat that stops early closes its end of the pipe: its exit code says so, the write error does not matter.
    child.stdin.on('error', () => {});
    child.stdin.end(options.input ?? '');
    options.onStart?.(child);
  });
}

function probe(): string | undefined {
  const { error } = spawnSync('kcat', ['-V'], { stdio: 'ignore' });
  return error === undefined ? undefined : `kcat cannot be run (${error.message})`;
}
