// A server's process: started with its output kept for the error message, awaited until it serves, killed with its parent whatever happens.
import { spawn } from 'node:child_process';
import { connect, createServer } from 'node:net';

const startMsMax = 120_000;
/** A clean end may take this long; then it is killed. */
const stopMsMax = 20_000;
const pollMs = 20;
const outputBytesMax = 20_000;

export interface ServerCommand {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** It serves once these accept connections on loopback… */
  readonly ports: readonly number[];
  /** …and its output has this, if given. */
  readonly says?: string;
}

export interface ServerProcess {
  readonly pid: number;
  /** From the start of the process until it served. */
  readonly startMs: number;
  stop(): Promise<void>;
}

export async function startServer(server: ServerCommand): Promise<ServerProcess> {
  const startedAt = performance.now();
  const child = spawn(server.command, server.args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...server.env },
    cwd: server.cwd,
  });
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  let output = '';
  let hasSaid = server.says === undefined;
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-outputBytesMax);
      hasSaid ||= output.includes(server.says!);
    });
  let ended: string | null = null;
  const end = new Promise<void>((resolve) => {
    const close = (why: string): void => {
      ended = why;
      process.off('exit', kill);
      resolve();
    };
    child.once('error', (error) => close(error.message));
    child.once('exit', (code, signal) => close(`ended with ${code ?? signal}`));
  });
  const stop = async (): Promise<void> => {
    if (ended !== null) return;
    const timer = setTimeout(kill, stopMsMax);
    child.kill('SIGTERM');
    await end;
    clearTimeout(timer);
  };
  for (;;) {
    if (hasSaid && (await areOpen(server.ports))) break;
    if (ended === null && performance.now() - startedAt > startMsMax) {
      kill();
      await end;
      ended = `did not serve within ${startMsMax} ms`;
    }
    if (ended !== null) throw new Error(`${server.name} ${ended}\n${output.slice(-3000)}`);
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
  return { pid: child.pid!, startMs: performance.now() - startedAt, stop };
}

/** Free at the time of asking. `offsets`: ports beside it that a server takes unasked, and that must be free as well. */
export async function freePort(offsets: readonly number[] = []): Promise<number> {
  for (;;) {
    const port = await bind(0);
    const beside = await Promise.all(offsets.map((offset) => bind(port! + offset)));
    if (beside.every((free) => free !== null)) return port!;
  }
}

async function areOpen(ports: readonly number[]): Promise<boolean> {
  const answers = ports.map(
    (port) =>
      new Promise<boolean>((resolve) => {
        const socket = connect(port, '127.0.0.1');
        socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
        socket.once('connect', () => socket.destroy());
      }),
  );
  return (await Promise.all(answers)).every((isOpen) => isOpen);
}

/** null: it is taken. */
function bind(port: number): Promise<number | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(null));
    server.listen(port, '127.0.0.1', () => {
      const { port: bound } = server.address() as { port: number };
      server.close(() => resolve(bound));
    });
  });
}
