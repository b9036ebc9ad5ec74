/**
 * What the replicas of a partition hold, seen from outside in the simulator: who leads, who is in sync, high watermark and log end, from one change to the next.
 *
 * Invariant: looking changes nothing: nothing is sent, so a run is the same watched or not. Real processes cannot be looked into: there nothing is noted.
 */
import type { LogView, NodeView } from '@mqlab/core/broker/node-view.ts';
import type { Timer } from '@mqlab/core/ports/clock.ts';
import type { Recorder } from '../kit/history.ts';
import type { Target, TargetNode } from '../kit/targets/target.ts';

export interface ReplicaState {
  /** On the target's monotonic clock. */
  readonly atMs: number;
  readonly node: number;
  /** Null: its process is down. */
  readonly view: Pick<LogView, 'isLeader' | 'leaderEpoch' | 'logEndOffset' | 'highWatermark'> | null;
  readonly inSyncReplicas: readonly number[];
}

interface Inspectable extends TargetNode {
  readonly running: { readonly inspect?: () => NodeView } | null;
  readonly isReachable: boolean;
}

const EVERY_MS = 10;
const STATES_MAX = 5000;

export class ReplicaWatch {
  readonly states: ReplicaState[] = [];
  readonly #target: Target;
  readonly #topic: string;
  readonly #recorder: Recorder | null;
  readonly #last = new Map<number, string>();
  readonly #now = new Map<number, ReplicaState>();
  #timer: Timer | null = null;

  /** Changes are noted in the recorder too, for timelines. */
  constructor(target: Target, topic: string, recorder: Recorder | null = null) {
    this.#target = target;
    this.#topic = topic;
    this.#recorder = recorder;
    if (target.kind === 'sim') this.#tick();
  }

  /** The latest of each node. */
  get now(): ReadonlyMap<number, ReplicaState> {
    return this.#now;
  }

  /** As the leader of the highest epoch knows it; null when nobody leads. */
  get leader(): ReplicaState | null {
    const leaders = [...this.#now.values()].filter(({ view }) => view?.isLeader === true);
    return leaders.reduce<ReplicaState | null>(
      (best, one) => (best === null || one.view!.leaderEpoch > best.view!.leaderEpoch ? one : best),
      null,
    );
  }

  look(): void {
    if (this.#target.kind !== 'sim') return;
    for (const node of this.#target.nodes as readonly Inspectable[]) if (node.isBroker) this.#lookAt(node);
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #tick(): void {
    this.look();
    this.#timer = this.#target.clock.setTimer(EVERY_MS, () => this.#tick());
  }

  #lookAt({ id, running, isReachable }: Inspectable): void {
    const view = isReachable ? viewOf(running?.inspect?.(), this.#topic) : null;
    const isr = view?.inSyncReplicas ?? [];
    const text =
      view === null
        ? 'down'
        : `${view.isLeader ? 'leads' : 'follows'} ${view.leaderEpoch} ${view.logEndOffset} ${view.highWatermark} ${isr}`;
    if (this.#last.get(id) === text) return;
    const isFirst = !this.#last.has(id);
    this.#last.set(id, text);
    const state = { atMs: this.#target.clock.monotonic(), node: id, view, inSyncReplicas: isr };
    this.#now.set(id, state);
    if (this.states.length < STATES_MAX) this.states.push(state);
    if (!isFirst) this.#note(state);
  }

  #note({ node, view, inSyncReplicas }: ReplicaState): void {
    if (view === null || this.#recorder === null) return;
    const { isLeader, leaderEpoch, logEndOffset, highWatermark } = view;
    const text = isLeader
      ? `leads in epoch ${leaderEpoch}: end ${logEndOffset}, HW ${highWatermark}, in sync ${inSyncReplicas.join(' ')}`
      : `follows: end ${logEndOffset}, HW ${highWatermark}`;
    this.#recorder.note(`node ${node}`, { type: 'store', text });
  }
}

function viewOf(view: NodeView | undefined, topic: string): LogView | null {
  if (view === undefined) return null;
  for (const one of view.partitions()) if (one.topic === topic && one.partition === 0) return one;
  return null;
}
