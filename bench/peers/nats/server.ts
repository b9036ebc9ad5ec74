// A nats-server with JetStream on loopback, its files in the data folder.
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePorts } from '@mqlab/core/cli/free-ports.ts';
import { startServer } from '../../start-server.ts';
import type { Found, PeerStart, RunningPeer } from '../peer.ts';

const command = 'nats-server';
const startMsMax = 120_000;
const stopMsMax = 20_000;

export function findNats(): Found {
  const asked = spawnSync(command, ['--version'], { encoding: 'utf8' });
  if (asked.status !== 0)
    return { isThere: false, why: 'nats-server is not on this machine (apt-get install nats-server brings it)' };
  return { isThere: true, version: /v(\d[\w.-]*)/.exec(asked.stdout)?.[1] ?? asked.stdout.trim() };
}

export async function startNats({ dataDir, flushBeforeAck }: PeerStart): Promise<RunningPeer> {
  const found = findNats();
  if (!found.isThere) throw new Error(found.why);
  const [port] = (await freePorts(1)) as [number];
  const sync = flushBeforeAck && canSyncAlways(found.version) ? '\n  sync_interval: always' : '';
  mkdirSync(dataDir, { recursive: true });
  writeFileSync(
    join(dataDir, 'nats.conf'),
    `listen: "127.0.0.1:${port}"\njetstream {\n  store_dir: ${JSON.stringify(join(dataDir, 'jetstream'))}${sync}\n}\n`,
  );
  const server = await startServer({
    name: 'nats-server',
    command,
    args: ['-c', join(dataDir, 'nats.conf')],
    ready: { line: /Server is ready/, ports: [port] },
    startMsMax,
    stopMsMax,
  });
  return { address: `127.0.0.1:${port}`, pids: [server.pid], startMs: server.startMs, stop: server.stop };
}

/** The setting came with 2.10; an older server refuses to start with it. */
function canSyncAlways(version: string): boolean {
  const [major, minor] = version.split('.').map(Number);
  return major! > 2 || (major === 2 && minor! >= 10);
}
