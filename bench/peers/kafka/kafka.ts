/**
 * Apache Kafka: KRaft, broker and controller in one process on loopback, storage formatted, heap and collector as kafka-server-start.sh sets them.
 *
 * Logging is at WARN but for the line that says that it started: less work for it than its own default.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePorts } from '@mqlab/core/cli/free-ports.ts';
import { startServer } from '../../start-server.ts';
import type { Peer } from '../peer.ts';
import { kafkaClasspath } from './classpath.ts';

const START_MS_MAX = 120_000;
/** A clean end of thousands of partitions is as many flushes. */
const STOP_MS_MAX = 60_000;
/** Any 16 bytes in base64url. */
const CLUSTER_ID = 'bXFsYWItYmVuY2hfXy1rYQ';
/** Those of kafka-run-class.sh and kafka-server-start.sh. */
const JVM = [
  '-Xms1G',
  '-Xmx1G',
  '-server',
  '-XX:+UseG1GC',
  '-XX:MaxGCPauseMillis=20',
  '-XX:InitiatingHeapOccupancyPercent=35',
  '-XX:+ExplicitGCInvokesConcurrent',
  '-Djava.awt.headless=true',
];
const LOGGING = [
  '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
  '-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info',
];

export const kafka: Peer = {
  name: 'kafka',
  title: 'Apache Kafka',
  driver: new URL('../kafka-driver.ts', import.meta.url),
  speaksKafka: true,
  settings: [
    'KRaft, broker and controller in one process, replication 1 (its internal topics as well)',
    `JVM: ${JVM.join(' ')}, as its own start script`,
    'the page cache holds what is acknowledged, its default; with flushBeforeAck log.flush.interval.messages=1',
    'log.segment.delete.delay.ms=0: what a run wrote leaves the page cache when its topic goes, not a minute later',
    'everything else as it comes',
  ],
  async find() {
    const at = kafkaClasspath();
    return 'missing' in at ? { isThere: false, why: at.missing } : { isThere: true, version: at.version };
  },
  async start({ dataDir, flushBeforeAck }) {
    const at = kafkaClasspath();
    if ('missing' in at) throw new Error(at.missing);
    const properties = join(dataDir, 'server.properties');
    const logs = join(dataDir, 'logs');
    const isFormatted = existsSync(join(logs, 'meta.properties'));
    // The controller's port is part of what is stored: a second start keeps it.
    const kept = isFormatted ? /@127\.0\.0\.1:(\d+)/.exec(readFileSync(properties, 'utf8'))?.[1] : undefined;
    const [port, free] = await freePorts(2);
    const controllerPort = kept ?? free;
    const settings: Readonly<Record<string, string | number>> = {
      'process.roles': 'broker,controller',
      'node.id': 1,
      'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
      listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
      'controller.listener.names': 'CONTROLLER',
      'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
      'log.dirs': logs,
      'offsets.topic.replication.factor': 1,
      'transaction.state.log.replication.factor': 1,
      'transaction.state.log.min.isr': 1,
      'log.segment.delete.delay.ms': 0,
      ...(flushBeforeAck ? { 'log.flush.interval.messages': 1 } : {}),
    };
    const lines = Object.entries(settings).map(([key, value]) => `${key}=${value}`);
    writeFileSync(properties, `${lines.join('\n')}\n`);
    if (!isFormatted) format(at.classpath, properties);
    const server = await startServer({
      name: 'Apache Kafka',
      command: 'java',
      args: [...JVM, ...LOGGING, '-cp', at.classpath, 'kafka.Kafka', properties],
      ready: { line: /Kafka Server started/ },
      startMsMax: START_MS_MAX,
      stopMsMax: STOP_MS_MAX,
    });
    return { address: `127.0.0.1:${port}`, pids: [server.pid], startMs: server.startMs, stop: server.stop };
  },
};

function format(classpath: string, properties: string): void {
  const jvm = ['-Xmx128m', '-XX:TieredStopAtLevel=1', '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn'];
  const tool = ['-cp', classpath, 'kafka.tools.StorageTool', 'format', '-t', CLUSTER_ID, '-c', properties];
  const { status, stdout, stderr, error } = spawnSync('java', [...jvm, ...tool], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`Kafka's storage was not formatted: ${error?.message ?? ''}${stdout}${stderr}`);
}
