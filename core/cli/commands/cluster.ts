import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Command } from 'commander';
import { collect, properties } from '../client-options.ts';
import {
  BROKERS_MAX,
  type ClusterLayout,
  type ClusterNode,
  CONTROLLERS_MAX,
  formatLogDir,
  LAYOUT_SETTINGS,
  layoutProperties,
  planCluster,
  portCount,
  readLayout,
  shapeOf,
  writeLayout,
} from '../cluster-layout.ts';
import { freePorts } from '../free-ports.ts';
import { NodeProcess } from '../node-process.ts';
import { UsageError, wholeNumber } from '../usage-error.ts';

/**
 * `mqlab cluster`: brokers (and controllers) as processes of their own on the loopback address. stdout gets a line for each node and then
 * `ready HOST:PORT,…`; what the nodes log goes to stderr, each line with its node's name.
 *
 * SIGTERM and SIGINT end all of it cleanly with exit 0; a second one ends it at once. A node that dies is told and not started again.
 */
interface ClusterFlags {
  readonly brokers?: string;
  readonly controllers?: string;
  readonly data: string;
  readonly port?: string;
  readonly config?: string;
  readonly set: string[];
}

const BROKERS_DEFAULT = 3;
/** How long one broker may take to hand over before the next is asked to end as well. */
const STOP_STEP_MS = 5_000;
const STOP_MS_MAX = 30_000;

interface RunningNode {
  readonly node: ClusterNode;
  readonly name: string;
  readonly folder: string;
  readonly process: NodeProcess;
}

export function clusterCommand(): Command {
  return new Command('cluster')
    .description('run a cluster on this machine: each node a process of its own')
    .option(
      '--brokers <n>',
      `how many brokers, 1 to ${BROKERS_MAX} (default: ${BROKERS_DEFAULT}, or as the data has it)`,
    )
    .option(
      '--controllers <n>',
      `controllers of their own, 0 to ${CONTROLLERS_MAX} (default: 0, the brokers are controllers too)`,
    )
    .option(
      '--data <dir>',
      'where the nodes keep their data: the same folder again is the same cluster',
      './data-cluster',
    )
    .option('--port <n>', "the first broker's port; the others' follow (default: free ones, kept with the data)")
    .option('--config <file>', 'a server.properties for all nodes')
    .option('--set <key=value>', 'one setting for all nodes, over those of the file; may be repeated', collect, [])
    .action(async (flags: ClusterFlags) => {
      const settings = await settingsOf(flags);
      const data = resolve(flags.data);
      const layout = await layoutOf(data, flags);
      await checkSettings(layout, settings);
      await run(data, layout, settings);
    });
}

async function settingsOf(flags: ClusterFlags): Promise<Record<string, string>> {
  const { parseJavaProperties } = await import('../../broker/java-properties.ts');
  const fromFile = flags.config === undefined ? {} : Object.fromEntries(parseJavaProperties(read(flags.config)));
  const settings = { ...fromFile, ...properties('--set', flags.set) };
  const taken = Object.keys(settings).filter((name) => LAYOUT_SETTINGS.includes(name));
  if (taken.length > 0) {
    throw new UsageError(
      `${taken.join(', ')}: each node of a cluster has its own; leave out ${LAYOUT_SETTINGS.join(', ')}`,
    );
  }
  return settings;
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new UsageError(`--config ${path}: ${(error as Error).message}`);
  }
}

/** The cluster that the data folder holds, or a new one. */
async function layoutOf(data: string, flags: ClusterFlags): Promise<ClusterLayout> {
  const brokers = flags.brokers === undefined ? undefined : wholeNumber('--brokers', flags.brokers, 1, BROKERS_MAX);
  const controllers =
    flags.controllers === undefined ? undefined : wholeNumber('--controllers', flags.controllers, 0, CONTROLLERS_MAX);
  const port = flags.port === undefined ? undefined : wholeNumber('--port', flags.port, 1, 65_535);
  const kept = readLayout(data);
  if (kept !== null) {
    const shape = shapeOf(kept);
    const isOther = (wanted: number | undefined, has: number): boolean => wanted !== undefined && wanted !== has;
    if (isOther(brokers, shape.brokers) || isOther(controllers, shape.controllers)) {
      throw new UsageError(
        `${data} holds a cluster with --brokers ${shape.brokers} --controllers ${shape.controllers}: allowed is that, or another --data`,
      );
    }
    const first = kept.nodes[0]!.port;
    if (isOther(port, first)) throw new UsageError(`--port ${port}: the cluster in ${data} has --port ${first}`);
    return kept;
  }
  if (existsSync(join(data, 'meta.properties'))) {
    throw new UsageError(
      `--data ${data}: that is the folder of a single broker; allowed is a new one, or one of a cluster`,
    );
  }
  const shape = { brokers: brokers ?? BROKERS_DEFAULT, controllers: controllers ?? 0 };
  const count = portCount(shape);
  if (port !== undefined && port + count > 65_536) {
    throw new UsageError(`--port ${port}: ${count} ports from there are needed; allowed are 1 to ${65_536 - count}`);
  }
  const ports = port === undefined ? await freePorts(count) : Array.from({ length: count }, (_, at) => port + at);
  const { newId } = await import('../../controller/controller.ts');
  const { realRandom } = await import('../../ports/real/random.ts');
  const layout = planCluster(shape, newId(realRandom()), ports);
  try {
    mkdirSync(data, { recursive: true });
    writeLayout(data, layout);
  } catch (error) {
    throw new UsageError(`--data ${data}: ${(error as Error).message}`);
  }
  return layout;
}

/** What a node would refuse is refused before any is started. */
async function checkSettings(layout: ClusterLayout, settings: Readonly<Record<string, string>>): Promise<void> {
  const { BrokerConfig } = await import('../../broker/config.ts');
  for (const node of layout.nodes) {
    const parsed = BrokerConfig.parse(
      new Map(Object.entries({ ...settings, ...layoutProperties(layout, node, 'data') })),
    );
    if (!parsed.ok) throw new UsageError(parsed.errors.join('\nmqlab: '));
  }
}

async function run(data: string, layout: ClusterLayout, settings: Readonly<Record<string, string>>): Promise<void> {
  const { realFiles } = await import('../../ports/real/files.ts');
  const files = realFiles();
  const log = (text: string): void => void process.stderr.write(`${text}\n`);
  let ending: Promise<number> | null = null;
  const nodes = layout.nodes.map((node): RunningNode => {
    const name = `${node.isBroker ? 'broker' : 'controller'} ${node.id}`;
    const folder = join(data, `node-${node.id}`);
    formatLogDir(files, folder, layout.clusterId, node.id);
    const own = layoutProperties(layout, node, folder);
    const child = new NodeProcess(
      { ...settings, ...own },
      {
        ownGroup: true,
        onLog: (line) => log(`${name} | ${line}`),
        onDeath: (how) => {
          log(`mqlab: ${name} died (${how}); it is not started again`);
          if (ending === null && nodes.every((each) => !each.process.isRunning)) {
            log('mqlab: no node is left');
            process.exit(1);
          }
        },
      },
    );
    return { node, name, folder, process: child };
  });
  const stop = (signal: string): void => {
    if (ending !== null) process.exit(1);
    log(`mqlab: ${signal}: ending the cluster`);
    ending = endAll(nodes, log);
    void ending.then((code) => process.exit(code));
  };
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('SIGINT', () => stop('SIGINT'));
  // Together: none is ready before a majority of the controllers is there.
  const starts = nodes.map(({ process }) => process.start());
  for (const { node, name, folder, process: child } of nodes) {
    const port = node.isBroker ? node.port : node.controllerPort;
    process.stdout.write(`${name} ${node.host}:${port} pid ${child.pid} ${folder}\n`);
  }
  const failed = (await Promise.allSettled(starts)).find((each) => each.status === 'rejected');
  if (ending !== null) return;
  if (failed !== undefined) {
    await endAll(nodes, log);
    throw failed.reason;
  }
  const brokers = nodes.filter(({ node }) => node.isBroker);
  process.stdout.write(`ready ${brokers.map(({ node }) => `${node.host}:${node.port}`).join(',')}\n`);
}

/**
 * Brokers one after another, so that each can hand its partitions to those that are left; one that takes long does not hold up the next. Then the controllers.
 * The exit code: 0 when all ended cleanly.
 */
async function endAll(nodes: readonly RunningNode[], log: (text: string) => void): Promise<number> {
  const ended: Promise<boolean>[] = [];
  const deadline = performance.now() + STOP_MS_MAX;
  const end = async ({ name, process }: RunningNode): Promise<boolean> => {
    if (!process.isRunning) return true;
    const isClean = await process.stop(Math.max(1, deadline - performance.now()));
    if (!isClean) log(`mqlab: ${name} did not end cleanly`);
    return isClean;
  };
  for (const each of nodes.filter(({ node }) => node.isBroker).reverse()) {
    const ending = end(each);
    ended.push(ending);
    await Promise.race([ending, new Promise((resolve) => setTimeout(resolve, STOP_STEP_MS).unref())]);
  }
  await Promise.all(ended);
  ended.push(...nodes.filter(({ node }) => !node.isBroker).map(end));
  return (await Promise.all(ended)).every(Boolean) ? 0 : 1;
}
