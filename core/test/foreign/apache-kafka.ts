// A real Apache Kafka (KRaft, broker and controller in one process) from the jars that java/pom.xml names, to be asked the same questions.
// The caller ends it; it is killed with its parent in any case.
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { kafkaClasspath } from './java.ts';

const startMsMax = 60_000;
/** Any 16 bytes in base64url. */
const clusterId = 'bXFsYWItZGlmZmVyZW50aQ';

export interface ApacheKafka {
  readonly bootstrap: string;
  readonly dataDir: string;
  /** A clean end. */
  stop(): Promise<void>;
  dispose(): Promise<void>;
}

/** `folder`: a data folder that is there already, and has its meta.properties; a copy of it is used. */
export async function startApacheKafka(
  set: Readonly<Record<string, string | number | boolean>>,
  folder?: string,
): Promise<ApacheKafka> {
  const at = kafkaClasspath();
  if ('missing' in at) throw new Error(at.missing);
  const dir = mkdtempSync(join(tmpdir(), 'mqlab-kafka-'));
  const dataDir = join(dir, 'data');
  const [port, controllerPort] = [await freePort(), await freePort()];
  const properties = join(dir, 'server.properties');
  const settings = {
    'process.roles': 'broker,controller',
    'controller.quorum.voters': `${set['node.id'] ?? 1}@127.0.0.1:${controllerPort}`,
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'log.dirs': dataDir,
    'node.id': 1,
    ...set,
  };
  const lines = Object.entries(settings).map(([key, value]) => `${key}=${value}`);
  writeFileSync(properties, `${lines.join('\n')}\n`);
  const jvm = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC'];
  const run = (level: string) => [...jvm, `-Dorg.slf4j.simpleLogger.defaultLogLevel=${level}`, '-cp', at.classpath];
  if (folder !== undefined) cpSync(folder, dataDir, { recursive: true });
  else {
    const format = ['-Xmx128m', ...run('warn'), 'kafka.tools.StorageTool', 'format'];
    const formatted = spawnSync('java', [...format, '-t', clusterId, '-c', properties], { encoding: 'utf8' });
    if (formatted.status !== 0) throw new Error(`not formatted: ${formatted.stdout}${formatted.stderr}`);
  }
  const child = spawn('java', ['-Xms128m', '-Xmx512m', ...run('info'), 'kafka.Kafka', properties], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  let log = '';
  await new Promise<void>((resolve, reject) => {
    const fail = (why: string): void => reject(new Error(`Apache Kafka did not start: ${why}\n${log.slice(-3000)}`));
    const timer = setTimeout(() => fail(`nothing within ${startMsMax} ms`), startMsMax);
    child.once('close', (code) => fail(`exit ${code}`));
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      log = (log + text).slice(-20_000);
      if (!text.includes('Kafka Server started')) return;
      clearTimeout(timer);
      resolve();
    });
  });
  return {
    bootstrap: `127.0.0.1:${port}`,
    dataDir,
    stop: async () => {
      const ended = new Promise((resolve) => child.once('close', resolve));
      child.kill('SIGTERM');
      await ended;
    },
    dispose: async () => {
      if (child.exitCode === null && child.signalCode === null) {
        const ended = new Promise((resolve) => child.once('close', resolve));
        kill();
        await ended;
      }
      process.off('exit', kill);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
