/**
 * Who is elected (C44): leaders are killed one after the other, and each successor is compared with the first replica, in the order of assignment, that was in sync and alive.
 */
import type { Figure } from '@mqlab/reports/run-data.ts';
import type { Target } from '../../kit/targets/target.ts';
import { connect, stateOf, topicOn, until } from './cluster.ts';

const TOPIC = 'elections';
const BROKERS = 5;
const LOOK_MS = 250;
/** Orders of assignment that no arithmetic on the ids would give. */
const ASSIGNMENTS: readonly (readonly number[])[] = [
  [1, 4, 2],
  [1, 3, 5],
  [2, 5, 3],
  [2, 1, 4],
  [3, 1, 2],
  [3, 5, 4],
  [4, 2, 5],
  [4, 3, 1],
  [5, 4, 3],
  [5, 2, 1],
];

export interface Elections {
  readonly count: number;
  readonly asSaid: number;
  /** Successors that are not the first in the order of the in-sync list, which is another order. */
  readonly differs: number;
}

export async function measureElections(target: Target): Promise<Elections> {
  const shape = connect(target, 'elections');
  await topicOn(shape, target, TOPIC, ASSIGNMENTS);
  let [count, asSaid, differs] = [0, 0, 0];
  const states = () => Promise.all(ASSIGNMENTS.map((_, at) => stateOf(target, TOPIC, at)));
  for (let victim = 1; victim <= BROKERS; victim++) {
    await until(
      target,
      async () => (await states()).every(({ inSyncReplicas }) => inSyncReplicas.length === 3),
      60_000,
      LOOK_MS,
    );
    const before = await states();
    await target.killBroker(victim);
    await until(
      target,
      async () => (await states()).every(({ leader }) => leader !== null && leader !== victim),
      60_000,
      LOOK_MS,
    );
    const after = await states();
    for (const [at, was] of before.entries()) {
      if (was.leader !== victim) continue;
      const isAble = (id: number): boolean => id !== victim && was.inSyncReplicas.includes(id);
      count++;
      if (after[at]!.leader === was.replicas.find(isAble)) asSaid++;
      if (after[at]!.leader !== was.inSyncReplicas.find(isAble)) differs++;
    }
    await target.startBroker(victim);
  }
  await shape.admin.close();
  return { count, asSaid, differs };
}

export function electionFigures({ count, asSaid, differs }: Elections): Record<string, Figure> {
  const of = (value: number): Figure => ({
    value,
    unit: 'count',
    label: 'measured',
    source: `five brokers of the simulator, each killed once, ${ASSIGNMENTS.length} partitions with replicas assigned by hand`,
  });
  return { 'elections.count': of(count), 'elections.said': of(asSaid), 'elections.differs': of(differs) };
}
