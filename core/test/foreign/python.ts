// Python clients, each in a process of its own that tells how its checks went. The interpreter: MQLAB_PYTHON, else python3, if it can import the client.
import { spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('python/', import.meta.url));
const suiteMsMax = 120_000;

export interface CheckResult {
  readonly name: string;
  /** The end of the traceback. */
  readonly error: string | null;
  readonly ms: number;
}

export const interpreter = process.env.MQLAB_PYTHON ?? 'python3';

/** Why `module` cannot be used here, or undefined. */
export function pythonMissing(module: string): string | undefined {
  const { status, error } = spawnSync(interpreter, ['-c', `import ${module}`], { stdio: 'ignore', timeout: 20_000 });
  if (error !== undefined) return `${interpreter} cannot be run (${error.message})`;
  return status === 0 ? undefined : `${interpreter} has no ${module} (MQLAB_PYTHON names another interpreter)`;
}

export function runPython(script: string, bootstrap: string): Promise<CheckResult[]> {
  return runChecks(interpreter, ['-B', `${folder}${script}`, bootstrap]);
}

/** Runs a program that prints a line of JSON for each of its checks. */
export function runChecks(program: string, args: readonly string[]): Promise<CheckResult[]> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const timer = setTimeout(() => child.kill('SIGKILL'), suiteMsMax);
    const endWithUs = (): void => void child.kill('SIGKILL');
    process.once('exit', endWithUs);
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => void (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => void (stderr = (stderr + text).slice(-4000)));
    child.once('error', reject);
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      process.off('exit', endWithUs);
      const lines = stdout.split('\n').filter((line) => line.startsWith('{'));
      if (code !== 0) reject(new Error(`exit ${code ?? signal} after ${lines.at(-1)}\n${stderr}`));
      else resolve(lines.map((line) => JSON.parse(line) as CheckResult));
    });
  });
}
