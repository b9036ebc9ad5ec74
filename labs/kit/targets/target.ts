/**
 * A target: where a scenario runs. The same scenario code runs in the simulator, against real processes on this machine, and against a
 * cluster that the user already has; with one broker or with several, controllers of their own included.
 *
 * Invariant: application code under test lives in an application process (`AppProcess`) and reaches time, network and files only through it,
 * so a crash takes all of it at once: its connections end, its timers never fire, its pending promises never settle. What the target
 * cannot do is said by `can` beforehand, never ignored silently. A node without an id is the only broker: in a cluster, leaving the id out is an error.
 */
import type { Clock } from '@mqlab/core/ports/clock.ts';
import type { Ports } from '@mqlab/core/ports/ports.ts';
import type { InvariantName } from '../checkers/finding.ts';
import type { ClientDriver, ClientName } from '../drivers/driver.ts';

export type TargetKind = 'sim' | 'local' | 'external';
export const TARGET_KINDS: readonly TargetKind[] = ['sim', 'local', 'external'];

export type Ability =
  | 'kill-broker'
  | 'stop-broker'
  | 'pause-broker'
  | 'power-cut'
  | 'cut-nodes'
  | 'slow-link'
  | 'clock-skew'
  | 'fill-disk'
  | 'cut-link'
  | 'drop-response'
  | 'crash-app'
  | 'pause-app';

export interface TargetSettings {
  readonly seed: number;
  /** Default: 1. */
  readonly brokers?: number;
  /** Controllers of their own; 0, the default: the brokers are the controllers. */
  readonly controllers?: number;
  /** Of the brokers in order, from the first again when there are fewer. */
  readonly racks?: readonly string[];
  /** The size of each node's disk; on real processes `fill-disk` needs it. */
  readonly diskBytes?: number;
  /** Of every node: Kafka's property names; the broker's defaults otherwise. */
  readonly broker?: Readonly<Record<string, string>>;
  /** No broker is started: the scenario is about the application alone. */
  readonly withoutBroker?: boolean;
  /** external: `HOST:PORT`, several with commas. */
  readonly bootstrap?: string;
  /** external: the user's commands. */
  readonly nodeCommands?: NodeCommands;
  /** external: the client under test. Default: the project's own. */
  readonly client?: ClientName;
  /** sim: told when a cluster breaks one of its invariants, in the step in which it does. */
  readonly onInvariant?: (violation: InvariantViolation) => void;
}

/** Shell commands that work on a node of the user's cluster; `{id}` in them is the node's. */
export interface NodeCommands {
  readonly kill?: string;
  readonly start?: string;
  readonly pause?: string;
  readonly resume?: string;
}

export interface InvariantViolation {
  readonly name: InvariantName;
  /** One sentence. */
  readonly text: string;
}

/** Brokers from 1, controllers of their own from 101. */
export interface TargetNode {
  readonly id: number;
  readonly isBroker: boolean;
  readonly isController: boolean;
}

/** A partition as the cluster tells it. */
export interface PartitionState {
  /** null: none now. */
  readonly leader: number | null;
  readonly leaderEpoch: number;
  readonly replicas: readonly number[];
  readonly inSyncReplicas: readonly number[];
}

export interface LinkSpeed {
  /** Added on each way. */
  readonly latencyMs?: number;
  readonly bytesPerMs?: number;
}

export interface ClockChange {
  /** Added to the wall clock. */
  readonly skewMs?: number;
  /** How much faster it runs, in parts per million. */
  readonly driftPpm?: number;
}

export interface AppProcess {
  readonly name: string;
  /** `HOST:PORT`, as this process reaches the broker: over the link that faults cut. */
  readonly bootstrap: string;
  readonly ports: Ports;
  client(name: ClientName): ClientDriver;
  /** Runs application code in this process; it ends with the process. What it throws is a bug of the lab and ends the run. */
  spawn(body: (ports: Ports) => void | Promise<void>): void;
  /** False once crashed: code that finds it false must stop. In the simulator it never gets to ask. */
  readonly alive: boolean;
}

export interface Target {
  readonly kind: TargetKind;
  /** `HOST:PORT` for clients. */
  readonly bootstrap: string;
  /** `mqlab 0.1.0`, `Apache Kafka 4.1.0` or `unknown`. */
  readonly version: string;
  /** Virtual in the simulator. The lab's own waiting goes by it. */
  readonly clock: Clock;
  readonly nodes: readonly TargetNode[];
  can(ability: Ability): boolean;
  /** Runs the scenario's body; in the simulator this is what makes time pass. Rejects when `virtualMsMax` passes first. */
  run<T>(body: () => Promise<T>, virtualMsMax?: number): Promise<T>;
  /** A new application process. A name may be used again after a crash: a restarted process. */
  app(name: string): AppProcess;
  crashApp(name: string): void;
  /** Stops its timers and deliveries until `resumeApp`: a long collection, a stopped virtual machine. */
  pauseApp(name: string): void;
  resumeApp(name: string): void;
  /** SIGKILL: what was written stays, what was in memory is gone. */
  killBroker(id?: number): Promise<void>;
  /** A clean shutdown: the node hands over and ends. */
  stopBroker(id?: number): Promise<void>;
  /** Everything not flushed is gone too; for several at one moment. */
  powerCutBroker(ids?: number | readonly number[]): Promise<void>;
  /** Resolves when clients can connect, or when the node was ended meanwhile; at once when it runs. */
  startBroker(id?: number): Promise<void>;
  pauseBroker(id?: number): void | Promise<void>;
  resumeBroker(id?: number): void | Promise<void>;
  /** Bytes between two nodes stop, without either being told. `a-to-b`: only those on that way. */
  cutNodes(a: number, b: number, direction?: NodeDirection): void;
  healNodes(a: number, b: number): void;
  /** Both ways between two nodes, until `healNodes` or `heal`. */
  slowLink(a: number, b: number, speed: LinkSpeed): void;
  setClock(id: number, change: ClockChange): void;
  /** Nothing more fits on the node's disk. */
  fillDisk(id: number): void | Promise<void>;
  freeDisk(id: number): void | Promise<void>;
  /** Bytes between the application and the brokers (or one of them) stop, in both directions or one, without either being told. */
  cutLink(app: string, direction?: 'both' | 'to-broker' | 'to-app', id?: number): void;
  healLink(app: string, id?: number): void;
  /** The next answer of a broker to this application is lost, with its connection. */
  dropNextResponse(app: string): void;
  /** The connections of this application to the brokers break; what is on its way is lost. New ones are taken. */
  breakLink(app: string): void;
  /** As the cluster tells it now; null when nobody answers or the topic is not there. */
  partitionOf(topic: string, partition: number): Promise<PartitionState | null>;
  /** The active controller: the leader of the metadata log; null when there is none now. */
  controller(): Promise<number | null>;
  /** All links whole, clocks right, disks with room, all nodes running, nothing paused. */
  heal(): Promise<void>;
  close(): Promise<void>;
}

/** What is possible on the user's cluster: with its nodes what their commands do; on this side, what the own client's link allows. */
export function externalAbilities(
  { kill, start, pause, resume }: NodeCommands,
  client: ClientName = 'mqlab',
): readonly Ability[] {
  return [
    ...(client === 'mqlab' ? (['cut-link', 'drop-response', 'crash-app'] as const) : []),
    ...(kill === undefined || start === undefined ? [] : (['kill-broker'] as const)),
    ...(pause === undefined || resume === undefined ? [] : (['pause-broker'] as const)),
  ];
}

export type NodeDirection = 'both' | 'a-to-b' | 'b-to-a';

/** The leader of a partition; null when it has none, or nobody says. */
export async function leaderOf(target: Target, topic: string, partition: number): Promise<number | null> {
  return (await target.partitionOf(topic, partition))?.leader ?? null;
}

/** The in-sync replicas of a partition; none when nobody says. */
export async function inSyncOf(target: Target, topic: string, partition: number): Promise<readonly number[]> {
  return (await target.partitionOf(topic, partition))?.inSyncReplicas ?? [];
}

/** The node that is meant: the only broker when no id is given. */
export function nodeMeant<Node extends TargetNode>(nodes: readonly Node[], id: number | undefined): Node {
  if (id === undefined) {
    if (nodes.length !== 1) throw new Error(`which node? nodes: ${nodes.map((node) => node.id).join(', ')}`);
    return nodes[0]!;
  }
  const found = nodes.find((node) => node.id === id);
  if (found === undefined) throw new Error(`no node ${id}; nodes: ${nodes.map((node) => node.id).join(', ')}`);
  return found;
}

export class UnsupportedByTarget extends Error {
  constructor(kind: TargetKind, ability: Ability) {
    super(`target ${kind} cannot ${ability}`);
    this.name = 'UnsupportedByTarget';
  }
}
