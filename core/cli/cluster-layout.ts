import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Files } from '../ports/files.ts';
import { UsageError } from './usage-error.ts';

/**
 * A cluster of nodes on one machine as data: who they are, where they listen, and the settings that follow from it. `cluster.json` keeps it in
 * the data folder, so that a restart over the same data finds the same cluster.
 *
 * Invariant: brokers are numbered from 1, controllers of their own from 101. Without such controllers every broker is one too. A sole node is a
 * quorum of one and has no controller's socket.
 */
export interface ClusterNode {
  readonly id: number;
  readonly isBroker: boolean;
  readonly isController: boolean;
  readonly host: string;
  /** Where clients and other brokers connect; 0 for a controller. */
  readonly port: number;
  /** Where the quorum connects; 0 for a node that has no such socket. */
  readonly controllerPort: number;
}

export interface ClusterLayout {
  readonly clusterId: string;
  readonly nodes: readonly ClusterNode[];
}

export interface ClusterShape {
  readonly brokers: number;
  /** 0: brokers are the controllers too. */
  readonly controllers: number;
}

export const BROKERS_MAX = 20;
export const CONTROLLERS_MAX = 9;
const FIRST_CONTROLLER_ID = 101;
const LAYOUT_VERSION = 1;
const LAYOUT_FILE = 'cluster.json';

/** What a node's place in the cluster decides, whatever the user sets. */
export const LAYOUT_SETTINGS: readonly string[] = [
  'node.id',
  'broker.id',
  'process.roles',
  'listeners',
  'advertised.listeners',
  'listener.security.protocol.map',
  'inter.broker.listener.name',
  'controller.listener.names',
  'controller.quorum.voters',
  'controller.quorum.bootstrap.servers',
  'log.dir',
  'log.dirs',
  'metadata.log.dir',
];

/** Ports that a cluster of this shape needs. */
export function portCount({ brokers, controllers }: ClusterShape): number {
  if (controllers > 0) return brokers + controllers;
  return brokers === 1 ? 1 : 2 * brokers;
}

/** `ports`: the brokers' first. `hostOf`: the loopback address by default. */
export function planCluster(
  shape: ClusterShape,
  clusterId: string,
  ports: readonly number[],
  hostOf: (id: number) => string = () => '127.0.0.1',
): ClusterLayout {
  const { brokers, controllers } = shape;
  if (ports.length < portCount(shape)) throw new Error(`${ports.length} ports, ${portCount(shape)} are needed`);
  const isCombined = controllers === 0;
  const nodes: ClusterNode[] = [];
  for (let at = 0; at < brokers; at++) {
    const id = at + 1;
    const controllerPort = isCombined && brokers > 1 ? ports[brokers + at]! : 0;
    nodes.push({ id, isBroker: true, isController: isCombined, host: hostOf(id), port: ports[at]!, controllerPort });
  }
  for (let at = 0; at < controllers; at++) {
    const id = FIRST_CONTROLLER_ID + at;
    const controllerPort = ports[brokers + at]!;
    nodes.push({ id, isBroker: false, isController: true, host: hostOf(id), port: 0, controllerPort });
  }
  return { clusterId, nodes };
}

/** `id@host:port,…` as this node reaches them: by default directly. */
export function votersText(
  layout: ClusterLayout,
  addressOf: (voter: ClusterNode) => { readonly host: string; readonly port: number } = (voter) => ({
    host: voter.host,
    port: voter.controllerPort,
  }),
): string {
  const voters = layout.nodes.filter(({ isController, controllerPort }) => isController && controllerPort !== 0);
  return voters
    .map((voter) => {
      const { host, port } = addressOf(voter);
      return `${voter.id}@${host}:${port}`;
    })
    .join(',');
}

/** The settings of a node that its place decides. */
export function layoutProperties(layout: ClusterLayout, node: ClusterNode, logDir: string): Record<string, string> {
  const voters = votersText(layout);
  const listeners = [
    ...(node.isBroker ? [`PLAINTEXT://${node.host}:${node.port}`] : []),
    ...(node.controllerPort === 0 ? [] : [`CONTROLLER://${node.host}:${node.controllerPort}`]),
  ];
  const own = { 'node.id': String(node.id), 'log.dirs': logDir, listeners: listeners.join(',') };
  if (voters === '') return own;
  const roles = [...(node.isBroker ? ['broker'] : []), ...(node.isController ? ['controller'] : [])];
  return {
    ...own,
    'process.roles': roles.join(','),
    'controller.listener.names': 'CONTROLLER',
    'controller.quorum.voters': voters,
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    ...(node.isBroker ? { 'inter.broker.listener.name': 'PLAINTEXT' } : {}),
  };
}

/** Marks a new log dir as one of this cluster's, as Kafka's `kafka-storage format` does; the node adds the folder's own id when it opens it. */
export function formatLogDir(files: Files, path: string, clusterId: string, nodeId: number): void {
  files.makeDirectory(path);
  const name = `${path}/meta.properties`;
  if (files.exists(name)) return;
  const file = files.open(name, 'createNew');
  file.append([Buffer.from(`version=1\ncluster.id=${clusterId}\nnode.id=${nodeId}\n`)]);
  file.close();
}

/** What `folder` holds; null when it holds no cluster. */
export function readLayout(folder: string): ClusterLayout | null {
  const path = join(folder, LAYOUT_FILE);
  if (!existsSync(path)) return null;
  try {
    const layout = JSON.parse(readFileSync(path, 'utf8')) as ClusterLayout & { readonly version: number };
    if (layout.version !== LAYOUT_VERSION) throw new Error(`version ${layout.version}, ${LAYOUT_VERSION} is known`);
    if (typeof layout.clusterId !== 'string' || !layout.nodes.every(isNode))
      throw new Error('something is missing in it');
    return { clusterId: layout.clusterId, nodes: layout.nodes };
  } catch (error) {
    throw new UsageError(`${path} does not describe a cluster: ${(error as Error).message}`);
  }
}

export function writeLayout(folder: string, layout: ClusterLayout): void {
  writeFileSync(join(folder, LAYOUT_FILE), `${JSON.stringify({ version: LAYOUT_VERSION, ...layout }, null, 2)}\n`);
}

export function shapeOf({ nodes }: ClusterLayout): ClusterShape {
  return {
    brokers: nodes.filter((node) => node.isBroker).length,
    controllers: nodes.filter((node) => !node.isBroker).length,
  };
}

function isNode(node: ClusterNode): boolean {
  const isPort = (port: number): boolean => Number.isInteger(port) && port >= 0 && port < 65_536;
  return Number.isInteger(node.id) && typeof node.host === 'string' && isPort(node.port) && isPort(node.controllerPort);
}
