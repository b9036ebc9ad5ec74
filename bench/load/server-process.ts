/**
 * A server under load in a process of its own: the broker with a data folder of its own, the null sink or the null relay. `stop` ends the process and takes the
 * folder away.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePorts } from '@mqlab/core/cli/free-ports.ts';
import { type ServerCommand, startServer } from '../start-server.ts';

export interface ServerProcess {
  readonly bootstrap: string;
  readonly pid: number;
  /** Where it keeps its data; null for one that keeps nothing. */
  readonly dataDir: string | null;
  stop(): Promise<void>;
}

/** `core/cli/mqlab.js` of this checkout. */
export const MQLAB_LAUNCHER = fileURLToPath(import.meta.resolve('@mqlab/core/cli/mqlab.js'));
/** What brokers and the null sink write to stdout; its group is HOST:PORT. */
const READY = /^ready (\S+)$/;
const START_MS_MAX = 30_000;
const STOP_MS_MAX = 5_000;

/** `mqlab broker` on a data folder, with these settings (Kafka's property names) on a free port. The group of its ready line is HOST:PORT. */
export function brokerCommand(
  dataDir: string,
  settings: Readonly<Record<string, string>> = {},
  launcher = MQLAB_LAUNCHER,
): Pick<ServerCommand, 'command' | 'args' | 'ready'> {
  const all = { listeners: 'PLAINTEXT://127.0.0.1:0', 'log.dirs': dataDir, ...settings };
  const flags = Object.entries(all).flatMap(([key, value]) => ['--set', `${key}=${value}`]);
  return { command: process.execPath, args: [launcher, 'broker', ...flags], ready: { line: READY } };
}

/** `mqlab broker` with these settings (Kafka's property names) on a free port; `launcher`: the mqlab.js of another checkout. */
export async function startBroker(
  settings: Readonly<Record<string, string>> = {},
  launcher = MQLAB_LAUNCHER,
): Promise<ServerProcess> {
  const dataDir = mkdtempSync(join(tmpdir(), 'mqlab-load-'));
  const remove = (): void => rmSync(dataDir, { recursive: true, force: true });
  try {
    const server = await startUnderLoad({ name: 'mqlab', ...brokerCommand(dataDir, settings, launcher) });
    return { ...server, dataDir, stop: () => server.stop().finally(remove) };
  } catch (error) {
    remove();
    throw error;
  }
}

export function startNullSink(partitions: number): Promise<ServerProcess> {
  const args = [fileURLToPath(new URL('./null-sink.ts', import.meta.url)), String(partitions)];
  return startUnderLoad({ name: 'the null sink', command: process.execPath, args, ready: { line: READY } });
}

/** `null-relay.ts` in front of a broker. */
export async function startNullRelay(): Promise<ServerProcess> {
  const [port, portBehind] = await freePorts(2);
  const broker = await startBroker({
    listeners: `PLAINTEXT://127.0.0.1:${portBehind}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
  });
  try {
    const args = [fileURLToPath(new URL('./null-relay.ts', import.meta.url)), String(port), String(portBehind)];
    const command = { name: 'the null relay', command: process.execPath, args, ready: { line: READY } };
    const relay = await startUnderLoad(command);
    return { ...relay, stop: () => relay.stop().finally(() => broker.stop()) };
  } catch (error) {
    await broker.stop();
    throw error;
  }
}

async function startUnderLoad(command: Omit<ServerCommand, 'startMsMax' | 'stopMsMax'>): Promise<ServerProcess> {
  const { pid, ready, stop } = await startServer({ ...command, startMsMax: START_MS_MAX, stopMsMax: STOP_MS_MAX });
  return { bootstrap: ready[1]!.split(',')[0]!, pid, dataDir: null, stop };
}
