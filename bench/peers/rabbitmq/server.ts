// One RabbitMQ node on loopback: its own node name, cookie, Erlang port mapper, configuration and data folder, so that an installed service beside it is
// neither met nor touched. A restart on the same folder is the same node on other ports.
import { existsSync, mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { freePorts } from '@mqlab/core/cli/free-ports.ts';
import { startServers } from '../../start-server.ts';
import type { Found, RunningPeer } from '../peer.ts';

/** Debian's own script behind the wrapper that changes the user; then whatever is on the path. */
const scriptDirs = ['/usr/lib/rabbitmq/bin', ...(process.env.PATH ?? '').split(delimiter)];
const nodeName = 'mqlab@localhost';
const startMsMax = 120_000;
const stopMsMax = 20_000;

export function findRabbitmq(): Found {
  const server = serverScript();
  if (server === null)
    return { isThere: false, why: 'RabbitMQ is not on this machine (apt-get install rabbitmq-server brings it)' };
  // The scripts are links into the folder of one version.
  const version = /rabbitmq_server-([\w.-]+)/.exec(server)?.[1];
  return { isThere: true, version: version ?? 'of unknown version' };
}

export async function startRabbitmq(dataDir: string): Promise<RunningPeer> {
  const server = serverScript();
  if (server === null) throw new Error('RabbitMQ is not on this machine');
  const at = (name: string): string => join(dataDir, name);
  const [epmdPort, distPort, port] = (await freePorts(3)) as [number, number, number];
  const settings = [
    `listeners.tcp.1 = 127.0.0.1:${port}`,
    'log.console = true',
    'log.console.level = warning',
    'log.file = false',
  ];
  mkdirSync(dataDir, { recursive: true });
  writeFileSync(at('rabbitmq.conf'), `${settings.join('\n')}\n`);
  writeFileSync(at('enabled_plugins'), '[].\n');
  const limits = { startMsMax, stopMsMax };
  const servers = await startServers([
    {
      // In the foreground; otherwise the node starts one that outlives it.
      ...limits,
      name: "RabbitMQ's port mapper",
      command: 'epmd',
      args: ['-port', `${epmdPort}`, '-address', '127.0.0.1'],
      ready: { ports: [epmdPort] },
    },
    {
      ...limits,
      name: 'RabbitMQ',
      command: server,
      args: [],
      env: {
        HOME: dataDir,
        RABBITMQ_NODENAME: nodeName,
        RABBITMQ_DIST_PORT: `${distPort}`,
        RABBITMQ_CONF_ENV_FILE: at('none.conf'),
        RABBITMQ_CONFIG_FILE: at('rabbitmq.conf'),
        RABBITMQ_ADVANCED_CONFIG_FILE: at('advanced.config'),
        RABBITMQ_ENABLED_PLUGINS_FILE: at('enabled_plugins'),
        RABBITMQ_MNESIA_BASE: at('mnesia'),
        RABBITMQ_LOG_BASE: at('log'),
        RABBITMQ_PID_FILE: at('pid'),
        RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1}',
        ERL_EPMD_PORT: `${epmdPort}`,
        ERL_EPMD_ADDRESS: '127.0.0.1',
        // The script then becomes the node, instead of staying above it: one process, which is asked to end by SIGTERM.
        detached: 'true',
      },
      ready: { ports: [port] },
    },
  ]);
  return { address: `127.0.0.1:${port}`, ...servers };
}

function serverScript(): string | null {
  const found = scriptDirs.map((dir) => join(dir, 'rabbitmq-server')).find((path) => existsSync(path));
  return found === undefined ? null : realpathSync(found);
}
