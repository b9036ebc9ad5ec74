/**
 * A cluster of real Apache Kafka processes on this machine, for the labs to run against: formatted, started, and each node killed, stopped in its tracks and started again by its pid.
 *
 *   node labs/external/kafka-cluster.ts up DIR [BROKERS]     formats and starts them, prints how the labs reach them
 *   node labs/external/kafka-cluster.ts start DIR ID         one that was killed
 *   node labs/external/kafka-cluster.ts down DIR             ends all of them
 *
 * Invariant: a signal goes only to a pid that this program wrote to DIR and that still runs the configuration of that node. Nodes outlive this program: `down` ends them.
 * The jars are those of the tests with Kafka's own tools (`core/test/foreign/java.ts`).
 */
import { spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePorts } from '@mqlab/core/cli/free-ports.ts';
import { kafkaClasspath } from '@mqlab/core/test/foreign/java.ts';

const BROKERS_DEFAULT = 3;
/** Before the lab's patience with a command is over. */
const START_MS_MAX = 110_000;
const END_MS_MAX = 60_000;
const LOOK_MS = 50;
const STARTED = 'Kafka Server started';
/** Any 16 bytes in base64url. */
const CLUSTER_ID = 'bXFsYWItZXh0ZXJuYWwtMA';
const JVM = ['-Xms128m', '-Xmx384m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];

/** Sessions are shorter than Kafka's defaults, so that a leader that was killed is replaced soon; and long enough for processes that share a few cores. */
const SETTINGS: Readonly<Record<string, string>> = {
  'process.roles': 'broker,controller',
  'controller.listener.names': 'CONTROLLER',
  'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
  'broker.session.timeout.ms': '3000',
  'broker.heartbeat.interval.ms': '500',
  'replica.lag.time.max.ms': '2000',
  'default.replication.factor': '3',
  'min.insync.replicas': '2',
  'offsets.topic.replication.factor': '3',
  'offsets.topic.num.partitions': '1',
  'transaction.state.log.replication.factor': '3',
  'transaction.state.log.min.isr': '2',
  'transaction.state.log.num.partitions': '1',
  'group.initial.rebalance.delay.ms': '0',
  'auto.leader.rebalance.enable': 'false',
  'auto.create.topics.enable': 'false',
};

class UsageError extends Error {}

function classpath(): string {
  const found = kafkaClasspath();
  if ('missing' in found) throw new UsageError(found.missing);
  return found.classpath;
}

const configOf = (dir: string, id: number): string => join(dir, `node-${id}.properties`);
const pidFileOf = (dir: string, id: number): string => join(dir, `node-${id}.pid`);
const logOf = (dir: string, id: number): string => join(dir, `node-${id}.log`);

/** null: not ours, or gone. */
function pidOf(dir: string, id: number): number | null {
  const file = pidFileOf(dir, id);
  if (!existsSync(file)) return null;
  const pid = Number(readFileSync(file, 'utf8'));
  const { stdout } = spawnSync('ps', ['-o', 'args=', '-p', String(pid)], { encoding: 'utf8' });
  return stdout.includes(configOf(dir, id)) ? pid : null;
}

function nodesIn(dir: string): readonly number[] {
  const names = existsSync(dir) ? readdirSync(dir) : [];
  const ids = names.flatMap((name) => /^node-(\d+)\.properties$/.exec(name)?.[1] ?? []);
  if (ids.length === 0) throw new UsageError(`no cluster in ${dir}: \`up\` makes one`);
  return ids.map(Number).sort((a, b) => a - b);
}

async function configure(dir: string, brokers: number): Promise<readonly number[]> {
  const ids = Array.from({ length: brokers }, (_, at) => at + 1);
  const ports = await freePorts(2 * brokers);
  const voters = ids.map((id, at) => `${id}@127.0.0.1:${ports[brokers + at]}`).join(',');
  mkdirSync(dir, { recursive: true });
  for (const [at, id] of ids.entries()) {
    const properties = {
      'node.id': String(id),
      listeners: `PLAINTEXT://127.0.0.1:${ports[at]},CONTROLLER://127.0.0.1:${ports[brokers + at]}`,
      'controller.quorum.voters': voters,
      'log.dirs': join(dir, `data-${id}`),
      ...SETTINGS,
    };
    const lines = Object.entries(properties).map(([name, value]) => `${name}=${value}\n`);
    writeFileSync(configOf(dir, id), lines.join(''));
    const format = ['kafka.tools.StorageTool', 'format', '-t', CLUSTER_ID, '-c', configOf(dir, id)];
    const { status, stdout, stderr } = spawnSync('java', [...JVM, '-cp', classpath(), ...format], { encoding: 'utf8' });
    if (status !== 0) throw new Error(`node ${id} was not formatted: ${stdout}${stderr}`);
  }
  return ids;
}

/** Resolves when it says that it has started. */
async function start(dir: string, id: number): Promise<void> {
  if (pidOf(dir, id) !== null) return;
  const log = openSync(logOf(dir, id), 'w');
  const args = [...JVM, '-Dorg.slf4j.simpleLogger.defaultLogLevel=info', '-cp', classpath()];
  const child = spawn('java', [...args, 'kafka.Kafka', configOf(dir, id)], {
    detached: true,
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  child.unref();
  writeFileSync(pidFileOf(dir, id), String(child.pid));
  const deadline = performance.now() + START_MS_MAX;
  while (!readFileSync(logOf(dir, id), 'utf8').includes(STARTED)) {
    if (child.exitCode !== null || child.signalCode !== null || performance.now() > deadline) {
      throw new Error(`node ${id} did not start:\n${readFileSync(logOf(dir, id), 'utf8').slice(-3000)}`);
    }
    await wait(LOOK_MS);
  }
}

async function end(dir: string, id: number): Promise<void> {
  const pid = pidOf(dir, id);
  if (pid === null) return;
  // One that stands still hears nothing else.
  process.kill(pid, 'SIGCONT');
  process.kill(pid, 'SIGTERM');
  const deadline = performance.now() + END_MS_MAX;
  while (pidOf(dir, id) !== null) {
    if (performance.now() > deadline) process.kill(pid, 'SIGKILL');
    await wait(LOOK_MS);
  }
}

function bootstrapOf(dir: string): string {
  const addresses = nodesIn(dir).map(
    (id) => /PLAINTEXT:\/\/([^,]+)/.exec(readFileSync(configOf(dir, id), 'utf8'))![1]!,
  );
  return addresses.join(',');
}

/** Signals go by the shell: that is quicker than a program that starts first. */
function tell(dir: string): void {
  const signal = (name: string): string => `kill -${name} $(cat ${pidFileOf(dir, 0).replace('-0.', '-{id}.')})`;
  const self = fileURLToPath(import.meta.url);
  const flags = [
    `--bootstrap-server ${bootstrapOf(dir)}`,
    `--kill-broker '${signal('KILL')}'`,
    `--start-broker '${process.execPath} ${self} start ${dir} {id}'`,
    `--pause-broker '${signal('STOP')}'`,
    `--resume-broker '${signal('CONT')}'`,
  ];
  for (const id of nodesIn(dir)) console.log(`node ${id}: pid ${pidOf(dir, id) ?? '(ended)'}`);
  console.log(
    `\nnpx mqlab lab run acks \\\n  ${flags.join(' \\\n  ')}\n\nnode labs/external/kafka-cluster.ts down ${dir}`,
  );
}

async function main([command, folder, argument]: readonly string[]): Promise<void> {
  if (folder === undefined) throw new UsageError('usage: kafka-cluster.ts up DIR [BROKERS] | start DIR ID | down DIR');
  const dir = resolve(folder);
  switch (command) {
    case 'up': {
      const brokers = Number(argument ?? BROKERS_DEFAULT);
      if (!Number.isInteger(brokers) || brokers < 3) throw new UsageError(`${argument}: brokers, 3 or more`);
      const isNew = !existsSync(configOf(dir, 1));
      const ids = isNew ? await configure(dir, brokers) : nodesIn(dir);
      // Together: none is ready before a majority is there.
      await Promise.all(ids.map((id) => start(dir, id)));
      tell(dir);
      return;
    }
    case 'start':
      if (!nodesIn(dir).includes(Number(argument))) throw new UsageError(`no node ${argument} in ${dir}`);
      await start(dir, Number(argument));
      return;
    case 'down':
      await Promise.all(nodesIn(dir).map((id) => end(dir, id)));
      rmSync(dir, { recursive: true });
      return;
    default:
      throw new UsageError(`${command}: allowed are up, start and down`);
  }
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof UsageError ? error.message : error);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
