/**
 * Faults of nodes in a cluster: whom they hit (a node by its number, or by the part that it plays when the fault fires), what they do, their words and arbitraries.
 *
 * Invariant: plain data. A part is resolved when the fault fires, by asking the cluster, and the node that it was stands in the history; where nobody plays that
 * part then, or the node is down already, the fault does not fire and leaves no trace. What a fault did ends after its duration, or when the schedule stops: then the
 * target's `heal` ends everything. Of two cuts of one link that overlap, the first end heals it.
 */
import type { Timer } from '@mqlab/core/ports/clock.ts';
import fc from 'fast-check';
import type { Fault, FaultKind, FaultMoment } from './plan.ts';
import type { NodeDirection, Target } from './targets/target.ts';

/**
 * A node by its number, or the one that is, when the fault fires: leader or in-sync follower of the scenario's partition, active controller. Or several: every replica
 * but the leader, every replica in sync, every node.
 */
export type NodeRef = number | 'leader' | 'follower' | 'followers' | 'in-sync' | 'controller' | 'all';

export const NODE_FAULTS = [
  'kill-broker',
  'stop-broker',
  'pause-broker',
  'power-cut',
  'cut-nodes',
  'slow-link',
  'clock-skew',
  'fill-disk',
] as const satisfies readonly FaultKind[];
type NodeFaultKind = (typeof NODE_FAULTS)[number];

/** As the node sees it: `out` is what it sends. */
export type CutDirection = 'both' | 'out' | 'in';

/** What faults of nodes have beside kind, moment and duration. */
export interface NodeFaultParts {
  readonly node?: NodeRef;
  /** cut-nodes, slow-link: the other end. Default: every other node. */
  readonly peer?: NodeRef;
  /** cut-nodes. Default: both. */
  readonly direction?: CutDirection;
  /** clock-skew: added to the wall clock. */
  readonly skewMs?: number;
  /** slow-link: added each way. */
  readonly latencyMs?: number;
}

export interface NodeFaultLimits {
  /** Whom faults may hit: the simplest first, shrinking goes there. */
  readonly nodes: readonly NodeRef[];
  /** Other ends; without it links to all other nodes are cut and slowed. */
  readonly peers?: readonly NodeRef[];
  readonly directions?: readonly CutDirection[];
  readonly skewMsMax?: number;
  readonly latencyMsMax?: number;
}

const DURATION_MS_DEFAULT = 100;
const SKEW_MS_MAX = 60_000;
const LATENCY_MS_MAX = 200;

export function isNodeFault(kind: FaultKind): kind is NodeFaultKind {
  return (NODE_FAULTS as readonly FaultKind[]).includes(kind);
}

/** A fault of this kind; fields that say nothing for it are left out, so that shrinking does not try them. */
export function nodeFaultArbitrary(
  kind: FaultKind,
  at: fc.Arbitrary<FaultMoment>,
  durationMs: fc.Arbitrary<number | undefined>,
  limits: NodeFaultLimits,
): fc.Arbitrary<Fault> {
  const { nodes, peers, directions = ['both'], skewMsMax = SKEW_MS_MAX, latencyMsMax = LATENCY_MS_MAX } = limits;
  const isOfLinks = kind === 'cut-nodes' || kind === 'slow-link';
  const parts = {
    node: fc.constantFrom(...nodes),
    ...(isOfLinks && peers !== undefined ? { peer: fc.constantFrom(...peers) } : {}),
    ...(kind === 'cut-nodes' && directions.length > 1 ? { direction: fc.constantFrom(...directions) } : {}),
    ...(kind === 'clock-skew' ? { skewMs: fc.integer({ min: -skewMsMax, max: skewMsMax }) } : {}),
    ...(kind === 'slow-link' ? { latencyMs: fc.integer({ min: 1, max: latencyMsMax }) } : {}),
  };
  return fc.record({ at, durationMs, ...parts }).map(
    ({ durationMs: lasts, ...rest }): Fault => ({
      kind,
      ...rest,
      ...(lasts === undefined ? {} : { durationMs: lasts }),
    }),
  );
}

const REF_WORDS: Readonly<Record<Exclude<NodeRef, number>, string>> = {
  leader: 'the leader',
  follower: 'a follower',
  followers: 'every follower',
  'in-sync': 'every replica in sync',
  controller: 'the controller',
  all: 'every node',
};

export function refText(ref: NodeRef): string {
  return typeof ref === 'number' ? `node ${ref}` : REF_WORDS[ref];
}

/** What a fault of a node does, in words: `kill the leader`. */
export function nodeFaultText(fault: Fault & { readonly node: NodeRef }): string {
  const node = refText(fault.node);
  const peer = fault.peer === undefined ? 'all others' : refText(fault.peer);
  switch (fault.kind as NodeFaultKind) {
    case 'kill-broker':
      return `kill ${node}`;
    case 'stop-broker':
      return `shut ${node} down`;
    case 'pause-broker':
      return `stop ${node}`;
    case 'power-cut':
      return `cut the power of ${node}`;
    case 'fill-disk':
      return `fill the disk of ${node}`;
    case 'clock-skew': {
      const { skewMs = 0 } = fault;
      return `set the clock of ${node} ${Math.abs(skewMs)} ms ${skewMs < 0 ? 'back' : 'ahead'}`;
    }
    case 'slow-link':
      return `slow the link between ${node} and ${peer} by ${fault.latencyMs ?? LATENCY_MS_MAX} ms`;
    case 'cut-nodes': {
      if (fault.direction === 'out') return `lose what ${node} sends to ${peer}`;
      if (fault.direction === 'in') return `lose what ${peer} send${fault.peer === undefined ? '' : 's'} to ${node}`;
      return `cut ${node} off from ${peer}`;
    }
  }
}

/** Whom a fault hits, now that it fires. */
export interface Hit {
  readonly nodes: readonly number[];
  /** cut-nodes, slow-link. */
  readonly peers: readonly number[];
}

export interface WatchedPartition {
  readonly topic: string;
  readonly partition: number;
}

/** Makes the faults of one run, and ends them. */
export class NodeFaults {
  readonly #target: Target;
  readonly #partition: WatchedPartition | undefined;
  readonly #down = new Set<number>();
  readonly #ends = new Set<Timer>();
  #failure: { readonly error: unknown } | null = null;

  constructor(target: Target, partition: WatchedPartition | undefined) {
    this.#target = target;
    this.#partition = partition;
  }

  /** null: nobody is hit now. */
  async resolve(fault: Fault): Promise<Hit | null> {
    const { kind, node, peer } = fault;
    if (node === undefined) return null;
    const ids = await this.#idsOf(node);
    const nodes = ids.filter((id) => !this.#down.has(id));
    if (nodes.length === 0) return null;
    if (kind !== 'cut-nodes' && kind !== 'slow-link') return { nodes, peers: [] };
    const others =
      peer === undefined || peer === 'all' ? this.#target.nodes.map(({ id }) => id) : await this.#idsOf(peer);
    const peers = others.filter((id) => !nodes.includes(id) || nodes.length > 1);
    return peers.length === 0 ? null : { nodes, peers };
  }

  /** Does it; what ends it is scheduled. */
  async apply(fault: Fault, hit: Hit): Promise<void> {
    const target = this.#target;
    const { durationMs = DURATION_MS_DEFAULT } = fault;
    switch (fault.kind as NodeFaultKind) {
      case 'kill-broker':
        await this.#bringDown(hit, durationMs, () => Promise.all(hit.nodes.map((id) => target.killBroker(id))));
        return;
      case 'stop-broker':
        await this.#bringDown(hit, durationMs, () => Promise.all(hit.nodes.map((id) => target.stopBroker(id))));
        return;
      case 'power-cut':
        await this.#bringDown(hit, durationMs, () => target.powerCutBroker(hit.nodes));
        return;
      case 'pause-broker':
        await Promise.all(hit.nodes.map((id) => target.pauseBroker(id)));
        this.#later(durationMs, async () => {
          await Promise.all(hit.nodes.map((id) => target.resumeBroker(id)));
        });
        return;
      case 'cut-nodes':
        for (const [a, b] of pairsOf(hit)) target.cutNodes(a, b, NODE_DIRECTIONS[fault.direction ?? 'both']);
        this.#later(durationMs, () => this.#healLinks(hit));
        return;
      case 'slow-link':
        for (const [a, b] of pairsOf(hit)) target.slowLink(a, b, { latencyMs: fault.latencyMs ?? LATENCY_MS_MAX });
        this.#later(durationMs, () => this.#healLinks(hit));
        return;
      case 'clock-skew':
        for (const id of hit.nodes) target.setClock(id, { skewMs: fault.skewMs ?? SKEW_MS_MAX });
        this.#later(durationMs, () => {
          for (const id of hit.nodes) target.setClock(id, { skewMs: 0 });
        });
        return;
      case 'fill-disk':
        for (const id of hit.nodes) await target.fillDisk(id);
        // Room alone does not bring a log dir back: who is in charge makes room and starts the broker again.
        this.#later(durationMs, async () => {
          for (const id of hit.nodes) {
            await target.freeDisk(id);
            await target.killBroker(id);
          }
          await Promise.all(hit.nodes.map((id) => target.startBroker(id)));
        });
        return;
    }
  }

  /**
   * Nothing is ended here any more: that is the target's `heal` from now on. Nobody waits for nodes on their way up: they may need others that only `heal` starts.
   * Throws what went wrong when a fault was ended.
   */
  stop(): void {
    for (const timer of this.#ends) timer.cancel();
    this.#ends.clear();
    if (this.#failure !== null) throw this.#failure.error;
  }

  async #idsOf(ref: NodeRef): Promise<readonly number[]> {
    const { nodes } = this.#target;
    if (typeof ref === 'number') return nodes.some(({ id }) => id === ref) ? [ref] : [];
    if (ref === 'all') return nodes.map(({ id }) => id);
    if (ref === 'controller') return ids(await this.#target.controller());
    if (this.#partition === undefined) throw new Error(`a fault hits ${refText(ref)}: the scenario names no partition`);
    const state = await this.#target.partitionOf(this.#partition.topic, this.#partition.partition);
    if (state === null) return [];
    if (ref === 'leader') return ids(state.leader);
    if (ref === 'in-sync') return state.inSyncReplicas;
    if (ref === 'followers') return state.replicas.filter((id) => id !== state.leader);
    const isOther = (id: number): boolean => id !== state.leader && !this.#down.has(id);
    return ids(state.inSyncReplicas.find(isOther) ?? state.replicas.find(isOther) ?? null);
  }

  async #bringDown(hit: Hit, durationMs: number, end: () => Promise<unknown>): Promise<void> {
    for (const id of hit.nodes) this.#down.add(id);
    await end();
    this.#later(durationMs, async () => {
      for (const id of hit.nodes) this.#down.delete(id);
      await Promise.all(hit.nodes.map((id) => this.#target.startBroker(id)));
    });
  }

  #healLinks(hit: Hit): void {
    for (const [a, b] of pairsOf(hit)) this.#target.healNodes(a, b);
  }

  #later(durationMs: number, end: () => void | Promise<void>): void {
    const timer = this.#target.clock.setTimer(durationMs, () => {
      this.#ends.delete(timer);
      Promise.resolve(end()).catch((error) => {
        this.#failure ??= { error };
      });
    });
    this.#ends.add(timer);
  }
}

const NODE_DIRECTIONS: Readonly<Record<CutDirection, NodeDirection>> = { both: 'both', out: 'a-to-b', in: 'b-to-a' };

function ids(id: number | null): readonly number[] {
  return id === null ? [] : [id];
}

/** Each pair of a node that is hit and a peer, once. */
function* pairsOf({ nodes, peers }: Hit): Generator<readonly [a: number, b: number]> {
  const seen = new Set<string>();
  for (const a of nodes) {
    for (const b of peers) {
      const key = a < b ? `${a} ${b}` : `${b} ${a}`;
      if (a === b || seen.has(key)) continue;
      seen.add(key);
      yield [a, b];
    }
  }
}

/** `node 2`, `nodes 1, 2`, `node 2 from node 3`: what stands in the history. */
export function hitText(kind: FaultKind, { nodes, peers }: Hit): string {
  const named = (list: readonly number[]): string => `node${list.length > 1 ? 's' : ''} ${list.join(', ')}`;
  const others = peers.filter((id) => !nodes.includes(id));
  if (others.length === 0) return named(nodes);
  return `${named(nodes)} ${kind === 'cut-nodes' ? 'from' : 'to'} ${named(others)}`;
}
