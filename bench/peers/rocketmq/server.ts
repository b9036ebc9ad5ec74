// RocketMQ 5 on loopback: a name server and one master broker, two JVMs, everything they write in the data folder.
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePorts } from '@mqlab/core/cli/free-ports.ts';
import { startServers } from '../../start-server.ts';
import { findJars, pomVersion } from '../maven.ts';
import type { Found, PeerStart, RunningPeer } from '../peer.ts';

const pom = new URL('pom.xml', import.meta.url);
/** What its own start scripts open for Java 17. */
const javaOpens = [
  '--add-exports=java.base/jdk.internal.ref=ALL-UNNAMED',
  '--add-exports=java.base/sun.nio.ch=ALL-UNNAMED',
  '--add-opens=java.base/java.nio=ALL-UNNAMED',
  '--add-opens=java.base/java.lang=ALL-UNNAMED',
  '--add-opens=java.base/java.util=ALL-UNNAMED',
];
/** Beside its port the broker takes the one two below for its preferred clients. */
const preferredPortOffset = 2;
const startMsMax = 120_000;
const stopMsMax = 20_000;

export function findRocketmq(): Found {
  if (spawnSync('java', ['-version'], { stdio: 'ignore' }).status !== 0)
    return { isThere: false, why: 'RocketMQ needs Java (apt-get install openjdk-17-jre-headless brings it)' };
  const jars = findJars(pom);
  return 'missing' in jars
    ? { isThere: false, why: `RocketMQ: ${jars.missing}` }
    : { isThere: true, version: pomVersion(pom, 'rocketmq') };
}

export async function startRocketmq({ dataDir, flushBeforeAck }: PeerStart): Promise<RunningPeer> {
  const jars = findJars(pom);
  if ('missing' in jars) throw new Error(jars.missing);
  const at = (name: string): string => join(dataDir, name);
  const [namePort] = (await freePorts(1)) as [number];
  const [port, replicationPort] = await brokerPorts();
  mkdirSync(at('conf'), { recursive: true });
  writeFileSync(at('conf/logback.xml'), logging(dataDir));
  writeFileSync(
    at('conf/namesrv.conf'),
    properties({ bindAddress: '127.0.0.1', listenPort: namePort, kvConfigPath: at('kv.json') }),
  );
  writeFileSync(
    at('conf/broker.conf'),
    properties({
      brokerClusterName: 'mqlab',
      brokerName: 'mqlab',
      brokerId: 0,
      brokerIP1: '127.0.0.1',
      bindAddress: '127.0.0.1',
      listenPort: port,
      haListenPort: replicationPort,
      namesrvAddr: `127.0.0.1:${namePort}`,
      storePathRootDir: at('store'),
      storePathCommitLog: at('store/commitlog'),
      flushDiskType: flushBeforeAck ? 'SYNC_FLUSH' : 'ASYNC_FLUSH',
      autoCreateTopicEnable: false,
      waitTimeMillsInSendQueue: 10_000,
      sendThreadPoolQueueCapacity: 100_000,
    }),
  );
  const java = (heap: readonly string[], main: string, configuration: string): readonly string[] => [
    ...heap,
    ...javaOpens,
    `-Duser.home=${dataDir}`,
    `-Drocketmq.home.dir=${dataDir}`,
    `-Drmq.logback.configurationFile=${at('conf/logback.xml')}`,
    '-cp',
    jars.classpath,
    main,
    '-c',
    at(configuration),
  ];
  const common = { command: 'java', cwd: dataDir, env: { ROCKETMQ_HOME: dataDir }, startMsMax, stopMsMax };
  const servers = await startServers([
    {
      ...common,
      name: "RocketMQ's name server",
      args: java(
        ['-Xms128m', '-Xmx256m', '-XX:+UseSerialGC'],
        'org.apache.rocketmq.namesrv.NamesrvStartup',
        'conf/namesrv.conf',
      ),
      ready: { ports: [namePort] },
    },
    {
      ...common,
      name: "RocketMQ's broker",
      args: java(['-Xms1g', '-Xmx1g', '-XX:+UseG1GC'], 'org.apache.rocketmq.broker.BrokerStartup', 'conf/broker.conf'),
      ready: { line: /boot success/, ports: [port] },
    },
  ]);
  return { address: `127.0.0.1:${port}`, ...servers };
}

/** The broker's port, and one beside it: three in a row, of which it takes the lowest unasked. */
async function brokerPorts(): Promise<readonly [port: number, replicationPort: number]> {
  for (;;) {
    const [low, middle, high] = (await freePorts(3)) as [number, number, number];
    if (high - low === preferredPortOffset) return [high, middle];
  }
}

function properties(settings: Readonly<Record<string, string | number | boolean>>): string {
  return Object.entries(settings)
    .map(([key, value]) => `${key}=${value}\n`)
    .join('');
}

/** Warnings to one small file; its own configuration, which is not among the jars, writes some ten. */
function logging(dataDir: string): string {
  return `<configuration>
  <appender name="file" class="ch.qos.logback.core.FileAppender">
    <file>${join(dataDir, 'rocketmq.log')}</file>
    <encoder><pattern>%d %p %c - %m%n</pattern></encoder>
  </appender>
  <root level="WARN"><appender-ref ref="file" /></root>
</configuration>
`;
}
