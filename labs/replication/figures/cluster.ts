/**
 * A cluster to be measured: topics whose replicas lie where the figure wants them, and what each node holds, looked at from outside.
 *
 * Invariant: looking changes nothing. What nodes hold can be seen in the simulator alone; what the cluster says of itself, everywhere.
 */
import type { LogView, NodeView } from '@mqlab/core/broker/node-view.ts';
import { Admin } from '@mqlab/core/client/admin/admin.ts';
import { sleep } from '@mqlab/core/ports/clock.ts';
import type { AppProcess, PartitionState, Target } from '../../kit/targets/target.ts';

const LOOK_MS = 20;
const UNTIL_MS_MAX = 60_000;

export interface Shape {
  readonly app: AppProcess;
  readonly admin: Admin;
}

export function connect(target: Target, name = 'app'): Shape {
  const app = target.app(name);
  const admin = new Admin(app.ports, { 'bootstrap.servers': target.bootstrap, 'request.timeout.ms': 2000 });
  return { app, admin };
}

/** A partition's replicas each: the first is preferred. */
export async function topicOn(
  { admin }: Shape,
  target: Target,
  name: string,
  assignments: readonly (readonly number[])[],
  configs: Readonly<Record<string, string>> = {},
): Promise<void> {
  await admin.createTopics([{ name, assignments, configs }]);
  await until(target, async () => {
    const states = await Promise.all(assignments.map((_, at) => target.partitionOf(name, at)));
    return states.every(
      (state, at) => state?.leader !== null && state?.inSyncReplicas.length === assignments[at]!.length,
    );
  });
}

/** Of the target's time. Rejects when it takes too long. */
export async function until(
  target: Target,
  isSo: () => boolean | Promise<boolean>,
  msMax = UNTIL_MS_MAX,
  lookMs = LOOK_MS,
): Promise<void> {
  const deadline = target.clock.monotonic() + msMax;
  while (!(await isSo())) {
    if (target.clock.monotonic() > deadline) throw new Error(`not within ${msMax} ms`);
    await sleep(target.clock, lookMs);
  }
}

/** What a node of the simulator holds of a partition; null while it is down. */
export function viewOf(target: Target, nodeId: number, topic: string, partition = 0): LogView | null {
  const nodes = target.nodes as readonly { readonly id: number; readonly running?: Running | null }[];
  const view = nodes.find(({ id }) => id === nodeId)?.running?.inspect?.();
  for (const log of view?.partitions() ?? []) if (log.topic === topic && log.partition === partition) return log;
  return null;
}

interface Running {
  readonly inspect?: () => NodeView;
}

/** Its replicas, with the leader's state; throws where nobody answers. */
export async function stateOf(target: Target, topic: string, partition = 0): Promise<PartitionState> {
  const state = await target.partitionOf(topic, partition);
  if (state === null) throw new Error(`nobody says anything of ${topic}-${partition}`);
  return state;
}

/** In the order of their ids. */
export function addressesOf(target: Target): readonly { readonly host: string; readonly port: number }[] {
  return target.bootstrap.split(',').map((text) => {
    const at = text.lastIndexOf(':');
    return { host: text.slice(0, at), port: Number(text.slice(at + 1)) };
  });
}
