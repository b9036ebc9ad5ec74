// An ActiveMQ Artemis broker in the data folder, by the main class that its embedding brings: no accounts, no console, AMQP 1.0 alone.
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePorts } from '@mqlab/core/cli/free-ports.ts';
import { startServer } from '../../start-server.ts';
import { findJars, pomVersion } from '../maven.ts';
import type { Found, PeerStart, RunningPeer } from '../peer.ts';

const pom = new URL('pom.xml', import.meta.url);
const main = 'org.apache.activemq.artemis.core.server.embedded.Main';
const startMsMax = 120_000;
const stopMsMax = 20_000;

export function findArtemis(): Found {
  if (spawnSync('java', ['-version'], { stdio: 'ignore' }).status !== 0)
    return {
      isThere: false,
      why: 'ActiveMQ Artemis needs Java 17 (apt-get install openjdk-17-jre-headless brings it)',
    };
  const jars = findJars(pom);
  return 'missing' in jars
    ? { isThere: false, why: `ActiveMQ Artemis: ${jars.missing}` }
    : { isThere: true, version: pomVersion(pom, 'artemis') };
}

export async function startArtemis({ dataDir, flushBeforeAck }: PeerStart): Promise<RunningPeer> {
  const jars = findJars(pom);
  if ('missing' in jars) throw new Error(jars.missing);
  const [port] = (await freePorts(1)) as [number];
  mkdirSync(join(dataDir, 'etc'), { recursive: true });
  writeFileSync(join(dataDir, 'etc', 'broker.xml'), configuration(port, flushBeforeAck));
  const server = await startServer({
    name: 'ActiveMQ Artemis',
    command: 'java',
    args: [
      '-Xms1g',
      '-Xmx1g',
      '-XX:+UseParallelGC',
      '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
      '-cp',
      jars.classpath,
      main,
      dataDir,
    ],
    cwd: dataDir,
    ready: { ports: [port] },
    startMsMax,
    stopMsMax,
  });
  return { address: `127.0.0.1:${port}`, pids: [server.pid], startMs: server.startMs, stop: server.stop };
}

/** Its defaults where nothing is said. The journal buffer's timeout has none that fits: `artemis create` measures the device for it; 0.2 ms is a sync of a good one. */
function configuration(port: number, flushBeforeAck: boolean): string {
  return `<?xml version="1.0" encoding="UTF-8"?>
<configuration xmlns="urn:activemq">
  <core xmlns="urn:activemq:core">
    <name>mqlab</name>
    <security-enabled>false</security-enabled>
    <persistence-enabled>true</persistence-enabled>
    <journal-type>NIO</journal-type>
    <journal-datasync>${flushBeforeAck}</journal-datasync>
    <journal-buffer-timeout>200000</journal-buffer-timeout>
    <journal-min-files>2</journal-min-files>
    <journal-pool-files>10</journal-pool-files>
    <journal-file-size>10M</journal-file-size>
    <max-disk-usage>-1</max-disk-usage>
    <acceptors>
      <acceptor name="amqp">tcp://127.0.0.1:${port}?protocols=AMQP;amqpCredits=1000;amqpLowCredits=300;tcpSendBufferSize=1048576;tcpReceiveBufferSize=1048576</acceptor>
    </acceptors>
    <address-settings>
      <address-setting match="#">
        <default-address-routing-type>ANYCAST</default-address-routing-type>
        <default-queue-routing-type>ANYCAST</default-queue-routing-type>
        <auto-create-queues>true</auto-create-queues>
        <auto-create-addresses>true</auto-create-addresses>
        <auto-delete-queues>false</auto-delete-queues>
        <auto-delete-addresses>false</auto-delete-addresses>
        <max-size-bytes>-1</max-size-bytes>
        <address-full-policy>PAGE</address-full-policy>
      </address-setting>
    </address-settings>
  </core>
</configuration>
`;
}
