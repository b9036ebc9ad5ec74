// One RabbitMQ node on loopback: its own node name, cookie, Erlang port mapper, configuration and data folder, so that an installed service beside it is
// neither met nor touched. A restart on the same folder is the same node on other ports.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Found, RunningPeer } from '../peer.ts';
import { freePort, startServer } from '../server-process.ts';

/** Debian's own script behind the wrapper that changes the user; then whatever is on the path. */
const scriptDirs = ['/usr/lib/rabbitmq/bin', ...(process.env.PATH ?? '').split(delimiter)];
const nodeName = 'mqlab@localhost';

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
  const [epmdPort, distPort, port] = [await freePort(), await freePort(), await freePort()];
  const settings = [
    `listeners.tcp.1 = 127.0.0.1:${port}`,
    'log.console = true',
    'log.console.level = warning',
    'log.file = false',
  ];
  mkdirSync(dataDir, { recursive: true });
  writeFileSync(at('rabbitmq.conf'), `${settings.join('\n')}\n`);
  writeFileSync(at('enabled_plugins'), '[].\n');
  // The mapper in the foreground; otherwise the node starts one that outlives it.
  const epmd = spawn('epmd', ['-port', `${epmdPort}`, '-address', '127.0.0.1'], { stdio: 'ignore' });
  const killEpmd = (): void => void epmd.kill('SIGKILL');
  process.once('exit', killEpmd);
  const epmdEnd = new Promise<void>((resolve) => epmd.once('error', () => resolve()).once('exit', () => resolve()));
  const endEpmd = async (): Promise<void> => {
    killEpmd();
    await epmdEnd;
    process.off('exit', killEpmd);
  };
  try {
    const node = await startServer({
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
      ports: [port],
    });
    const stop = async (): Promise<void> => {
      await node.stop();
      await endEpmd();
    };
    return {
      address: `127.0.0.1:${port}`,
      pids: [node.pid, ...(epmd.pid === undefined ? [] : [epmd.pid])],
      startMs: node.startMs,
      stop,
    };
  } catch (error) {
    await endEpmd();
    throw error;
  }
}

function serverScript(): string | null {
  const found = scriptDirs.map((dir) => join(dir, 'rabbitmq-server')).find((path) => existsSync(path));
  return found === undefined ? null : realpathSync(found);
}
