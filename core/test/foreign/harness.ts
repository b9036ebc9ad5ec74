// A broker under test as its users see it: a child process, one `ready HOST:PORT` line, and sockets.
// Invariant: whatever happens to the test, the child is gone when its worker ends. The child leads its own process group, so
// that SIGKILL reaches the broker also behind the launcher; SIGTERM goes to the launcher alone, as a shell would send it.
// `MQLAB_FOREIGN_BOOTSTRAP=host:port` points every suite at another broker (Apache Kafka, for one) that these tests do not own:
// there `owned` is false and what needs a kill, a restart, a data folder or a setting is skipped.
// `MQLAB_FOREIGN_COMMAND=program` starts that program instead of mqlab, with the same arguments, and owns it in the same way.
// An external broker must run with auto.create.topics.enable=false and group.initial.rebalance.delay.ms=0.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const launcher = fileURLToPath(new URL('../../cli/mqlab.js', import.meta.url));
const readyMsMax = 40_000;
const stopMsMax = 15_000;
const stderrCharsMax = 1 << 20;

export const externalBootstrap: string | undefined = process.env.MQLAB_FOREIGN_BOOTSTRAP;
/** False when the broker is somebody else's: no kill, no restart, no data folder. */
export const owned: boolean = externalBootstrap === undefined;

export interface BrokerOptions {
  /** Settings in Kafka's names, over the defaults of these suites. */
  readonly set?: Readonly<Record<string, string | number | boolean>>;
  /** For a broker that is killed under clients that knock at its port meanwhile: see `steadyPort`. */
  readonly steady?: boolean;
}

export interface ForeignBroker {
  readonly bootstrap: string;
  readonly host: string;
  readonly port: number;
  /** Of the running process. */
  readonly pid: number | undefined;
  /** `log.dirs` of the broker. */
  readonly dataDir: string;
  /** Everything the broker wrote to stderr so far, over all its lives (the last MiB). */
  stderr(): string;
  /** kill −9: no handler of the broker runs. Resolves when the process is gone. */
  kill(): Promise<void>;
  /** Starts it again on the same folder and port. */
  restart(): Promise<void>;
  /** SIGTERM, and the exit code of the clean shutdown. The data folder stays. */
  stop(): Promise<number | null>;
  /** Ends whatever runs and removes the data folder. */
  dispose(): Promise<void>;
}

/** Prints why a suite does not run here; gives the reason back for `describe.skipIf`. */
export function skipped(suite: string, reason: string): true {
  process.stderr.write(`skipped: ${suite}: ${reason}\n`);
  return true;
}

export async function startBroker(options: BrokerOptions = {}): Promise<ForeignBroker> {
  return externalBootstrap === undefined ? startOwned(options) : external(externalBootstrap);
}

function external(bootstrap: string): ForeignBroker {
  const refuse = (): never => {
    throw new Error('this broker is not owned by the tests');
  };
  return {
    bootstrap,
    ...hostAndPort(bootstrap),
    pid: undefined,
    get dataDir(): string {
      return refuse();
    },
    stderr: () => '',
    kill: async () => refuse(),
    restart: async () => refuse(),
    stop: async () => refuse(),
    dispose: async () => {},
  };
}

async function startOwned(options: BrokerOptions): Promise<ForeignBroker> {
  const dataDir = mkdtempSync(join(tmpdir(), 'mqlab-foreign-'));
  const settings = {
    'log.dirs': dataDir,
    'auto.create.topics.enable': false,
    'group.initial.rebalance.delay.ms': 0,
    ...options.set,
  };
  let stderr = '';
  let child: ChildProcess | undefined;
  let bootstrap = `127.0.0.1:${options.steady === true ? await steadyPort() : 0}`;

  const killGroup = (): void => {
    if (child?.pid === undefined) return;
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch {
      // Already gone.
    }
  };
  process.once('exit', killGroup);

  const start = async (): Promise<void> => {
    const sets = Object.entries({ ...settings, listeners: `PLAINTEXT://${bootstrap}` });
    const command = process.env.MQLAB_FOREIGN_COMMAND;
    const program = command === undefined ? [process.execPath, launcher] : [command];
    const args = [...program.slice(1), 'broker', ...sets.flatMap(([key, value]) => ['--set', `${key}=${value}`])];
    const started = spawn(program[0]!, args, { detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    child = started;
    started.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(-stderrCharsMax);
    });
    bootstrap = await readyLine(started, () => stderr);
  };

  const signal = async (end: () => void): Promise<number | null> => {
    const ended = child;
    if (ended === undefined || ended.exitCode !== null || ended.signalCode !== null) return ended?.exitCode ?? null;
    const exit = exitOf(ended);
    end();
    return exit;
  };

  await start().catch((error: unknown) => {
    killGroup();
    rmSync(dataDir, { recursive: true, force: true });
    throw error;
  });
  return {
    bootstrap,
    ...hostAndPort(bootstrap),
    get pid() {
      return child?.pid;
    },
    dataDir,
    stderr: () => stderr,
    kill: async () => {
      await signal(killGroup);
    },
    restart: start,
    stop: async () => {
      const code = await Promise.race([
        signal(() => child?.kill('SIGTERM')),
        sleep(stopMsMax, 'late' as const, { ref: false }),
      ]);
      if (code !== 'late') return code;
      killGroup();
      throw new Error(`no exit within ${stopMsMax} ms of SIGTERM\n${stderr.slice(-4000)}`);
    },
    dispose: async () => {
      await signal(killGroup);
      process.off('exit', killGroup);
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

/**
 * A free port below the range from which systems give ports to outgoing connections. Inside it, a client that knocks at the port of a
 * killed broker can be given that very port for its own end, connect to itself, and keep the broker from coming back.
 */
async function steadyPort(): Promise<number> {
  for (let tries = 0; tries < 100; tries++) {
    const port = 15_000 + Math.floor(Math.random() * 17_000);
    const free = await new Promise<boolean>((resolve) => {
      const server = createServer();
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
    });
    if (free) return port;
  }
  throw new Error('no free port below the ephemeral range');
}

function readyLine(child: ChildProcess, stderr: () => string): Promise<string> {
  return new Promise((resolve, reject) => {
    let out = '';
    const fail = (why: string): void => {
      clearTimeout(timer);
      reject(new Error(`broker not ready: ${why}\nstdout: ${out.slice(-1000)}\nstderr: ${stderr().slice(-4000)}`));
    };
    const timer = setTimeout(() => fail(`nothing within ${readyMsMax} ms`), readyMsMax);
    child.once('error', (error) => fail(error.message));
    child.once('close', (code, signal) => fail(`exit ${code ?? signal}`));
    child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      out = (out + text).slice(-stderrCharsMax);
      const match = /^ready (\S+:\d+)$/m.exec(out);
      if (match === null) return;
      clearTimeout(timer);
      resolve(match[1]!);
    });
  });
}

function exitOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => child.once('close', (code) => resolve(code)));
}

function hostAndPort(bootstrap: string): { readonly host: string; readonly port: number } {
  const colon = bootstrap.lastIndexOf(':');
  return { host: bootstrap.slice(0, colon), port: Number(bootstrap.slice(colon + 1)) };
}

let names = 0;
/** A topic or group name that no other test, and no earlier run against the same broker, uses. */
export function freshName(stem: string): string {
  return `${stem}-${process.pid}-${Date.now().toString(36)}-${names++}`;
}

/** Polls until `probe` gives something other than undefined or false; throws with `what` after `msMax`. */
export async function eventually<T>(
  what: string,
  probe: () => T | undefined | false | Promise<T | undefined | false>,
  msMax = 20_000,
): Promise<T> {
  const deadline = Date.now() + msMax;
  for (;;) {
    const value = await probe();
    if (value !== undefined && value !== false) return value;
    if (Date.now() > deadline) throw new Error(`not within ${msMax} ms: ${what}`);
    await sleep(20);
  }
}
