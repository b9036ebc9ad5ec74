import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { freePorts } from '@mqlab/core/cli/free-ports.ts';
import { afterAll, expect, test } from 'vitest';
import {
  type ReadyCondition,
  type RunningServer,
  type ServerCommand,
  startServer,
  startServers,
} from './start-server.ts';

const STAYS = 'setInterval(() => {}, 1e6);';
const ANY_LINE: ReadyCondition = { line: /./ };
const running: RunningServer[] = [];
const leftOver: number[] = [];
afterAll(async () => {
  for (const server of running) await server.kill();
  for (const pid of leftOver) if (isAlive(pid)) process.kill(pid, 'SIGKILL');
});

/** A node process with this program. */
function nodeCommand(program: string, ready: ReadyCondition, limits: Partial<ServerCommand> = {}): ServerCommand {
  return {
    name: 'the tiny server',
    command: process.execPath,
    args: ['-e', program],
    ready,
    startMsMax: 20_000,
    stopMsMax: 20_000,
    ...limits,
  };
}

async function start(program: string, ready: ReadyCondition, limits: Partial<ServerCommand> = {}) {
  const server = await startServer(nodeCommand(program, ready, limits));
  running.push(server);
  return server;
}

async function failureOf(program: string, ready: ReadyCondition, limits: Partial<ServerCommand> = {}): Promise<string> {
  return start(program, ready, limits).then(
    () => expect.unreachable('it started'),
    (error: Error) => error.message,
  );
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function msOf(action: () => Promise<void>): Promise<number> {
  const beganMs = performance.now();
  await action();
  return performance.now() - beganMs;
}

test('ready by a line of either stream, in pieces too: its groups, and the time at which it came', async () => {
  const program = `
    process.stdout.write('not this one\\n');
    setTimeout(() => process.stderr.write('listening on '), 200);
    setTimeout(() => process.stderr.write('somewhere:17\\r\\nand more\\n'), 300);${STAYS}`;
  const server = await start(program, { line: /^listening on (\w+):(\d+)$/ });
  expect(server.ready).toEqual(['listening on somewhere:17', 'somewhere', '17']);
  expect(server.startMs).toBeGreaterThan(300);
  expect(server.startMs).toBeLessThanOrEqual(performance.now() - server.startedAtMs);
  expect(server.output()).toEqual(['not this one', 'listening on somewhere:17', 'and more']);
  await server.stop();
  expect(isAlive(server.pid)).toBe(false);
});

test('ready by ports: all of them accept connections', async () => {
  const [first, second] = (await freePorts(2)) as [number, number];
  const listen = (port: number, ms: number): string =>
    `setTimeout(() => require('node:net').createServer().listen(${port}, '127.0.0.1'), ${ms});`;
  const server = await start(`${listen(first, 0)}${listen(second, 400)}`, { ports: [first, second] });
  expect(server.ready).toEqual([]);
  expect(server.startMs).toBeGreaterThan(400);
  await server.stop();
});

test('a line and a port: both', async () => {
  const [port] = (await freePorts(1)) as [number];
  const program = `
    const server = require('node:net').createServer();
    console.log('almost');
    setTimeout(() => server.listen(${port}, '127.0.0.1', () => setTimeout(() => console.log('now'), 200)), 200);`;
  const server = await start(program, { line: /now/, ports: [port] });
  expect(server.startMs).toBeGreaterThan(400);
  await server.stop();
});

test('one that ends before it is ready: an error with what was expected and all that it said', async () => {
  const program = `console.log('first'); process.stderr.write('no end of line'); process.exitCode = 3;`;
  expect(await failureOf(program, { line: /serving/, ports: [1, 2] })).toBe(
    'the tiny server ended with code 3 before it was ready; expected: a line with /serving/ and connections on port 1, 2\nfirst\nno end of line',
  );
  expect(await failureOf(`process.kill(process.pid, 'SIGTERM');${STAYS}`, { ports: [1] })).toBe(
    'the tiny server ended with SIGTERM before it was ready; expected: connections on port 1',
  );
  expect(await failureOf('', ANY_LINE, { command: 'no-such-command-of-mqlab' })).toContain(
    'the tiny server did not start: spawn no-such-command-of-mqlab ENOENT',
  );
});

test('one that is not ready in time is gone when that is said', async () => {
  const program = `process.on('SIGTERM', () => {}); console.log(process.pid);${STAYS}`;
  const message = await failureOf(program, { line: /ready/ }, { startMsMax: 3_000 });
  expect(message).toContain('the tiny server was not ready within 3000 ms; expected: a line with /ready/\n');
  expect(isAlive(Number(message.split('\n')[1]))).toBe(false);
});

test('a clean end is awaited, its last lines are there; a second one changes nothing', async () => {
  const program = `
    process.on('SIGTERM', () => setTimeout(() => { console.log('flushed'); process.exit(); }, 300));
    console.log('ready');${STAYS}`;
  const server = await start(program, { line: /ready/ });
  await Promise.all([server.stop(), server.stop()]);
  expect(isAlive(server.pid)).toBe(false);
  expect(server.output()).toEqual(['ready', 'flushed']);
  await server.stop();
  await server.kill();
});

test('one that ignores SIGTERM is killed after its limit, or at once', async () => {
  const program = `process.on('SIGTERM', () => {}); console.log('ready');${STAYS}`;
  const limited = await start(program, { line: /ready/ }, { stopMsMax: 500 });
  expect(await msOf(limited.stop)).toBeGreaterThanOrEqual(499);
  expect(isAlive(limited.pid)).toBe(false);
  const patient = await start(program, { line: /ready/ });
  const stopped = patient.stop();
  await patient.kill();
  await stopped;
  expect(isAlive(patient.pid)).toBe(false);
});

const WITH_GRANDCHILD = `
  const { spawn } = require('node:child_process');
  const grandchild = spawn(process.execPath, ['-e', '${STAYS}'], { stdio: 'inherit', detached: true });
  console.log('grandchild ' + grandchild.pid);`;

test('a grandchild that holds the output open delays neither an end nor an error', async () => {
  const server = await start(WITH_GRANDCHILD, { line: /grandchild (\d+)/ });
  leftOver.push(Number(server.ready[1]));
  expect(await msOf(server.stop)).toBeLessThan(15_000);
  expect(isAlive(server.pid)).toBe(false);
  expect(isAlive(leftOver[0]!)).toBe(true);
  const message = await failureOf(`${WITH_GRANDCHILD}process.exit(1);`, { line: /ready/ });
  leftOver.push(Number(/grandchild (\d+)/.exec(message)?.[1]));
  expect(message).toContain('ended with code 1');
});

test('what is kept of the output is bounded', async () => {
  const program = `
    for (let i = 0; i < 50_000; i++) process.stdout.write('line ' + i + '\\n');
    process.stdout.write('long ' + 'x'.repeat(10_000_000), () => process.stdout.write('\\nready\\n'));${STAYS}`;
  const server = await start(program, { line: /ready/ });
  const lines = server.output();
  expect(lines).toHaveLength(100);
  expect(lines.slice(-3, -2)).toEqual(['line 49999']);
  expect(lines.at(-2)).toMatch(/^long x{1995}$/);
  await server.stop();
});

test('whatever ends this process ends its servers', async () => {
  const module = new URL('./start-server.ts', import.meta.url).href;
  const program = `
    const { startServer } = await import(${JSON.stringify(module)});
    const server = { name: 'a', command: process.execPath, args: ['-e', 'console.log(1);${STAYS}'] };
    const limits = { ready: { line: /1/ }, startMsMax: 20_000, stopMsMax: 20_000 };
    const pids = [];
    for (let i = 0; i < 2; i++) pids.push((await startServer({ ...server, ...limits })).pid);
    console.log(pids.join(' '));`;
  for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
    const parent = spawn(process.execPath, ['--input-type=module', '-e', program], {
      cwd: fileURLToPath(new URL('.', import.meta.url)),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [text] = (await once(parent.stdout, 'data')) as [Buffer];
    const pids = String(text).split(' ').map(Number);
    leftOver.push(...pids);
    expect(pids.map(isAlive)).toEqual([true, true]);
    parent.kill(signal);
    await expect.poll(() => pids.some(isAlive), { timeout: 20_000 }).toBe(false);
  }
});

test('processes that are one server: all or none', async () => {
  const ready = nodeCommand(`console.log('ready ' + process.pid);${STAYS}`, { line: /ready/ });
  const late = nodeCommand(`setTimeout(() => console.log('ready'), 500);${STAYS}`, { line: /ready/ });
  const servers = await startServers([ready, late]);
  expect(servers.pids.map(isAlive)).toEqual([true, true]);
  expect(servers.startMs).toBeGreaterThan(500);
  await servers.stop();
  expect(servers.pids.map(isAlive)).toEqual([false, false]);

  const [port] = (await freePorts(1)) as [number];
  const listens = nodeCommand(`require('node:net').createServer().listen(${port}, '127.0.0.1')`, { ports: [port] });
  const ends = nodeCommand('process.exit(2)', ANY_LINE, { name: 'the other one' });
  await expect(startServers([listens, ends])).rejects.toThrow('the other one ended with code 2');
  const again = await startServers([listens]);
  await again.stop();
});
