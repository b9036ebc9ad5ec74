/**
 * Where replicas are put (C45): leaders and replicas a broker, and whether the followers of one leader are spread over the others.
 */
import type { Figure, Table } from '@mqlab/reports/run-data.ts';
import type { Target } from '../../kit/targets/target.ts';
import { connect, until } from './cluster.ts';

export interface Placement {
  readonly brokers: number;
  readonly partitions: number;
  /** By broker, from 1. */
  readonly leaders: readonly number[];
  readonly replicas: readonly number[];
  /** Brokers that hold the second replica of what one broker leads, on average. */
  readonly secondsMin: number;
  readonly isApart: boolean;
}

const REPLICAS = 3;

export async function measurePlacement(target: Target, topic: string, partitions: number): Promise<Placement> {
  const { admin } = connect(target, 'placement');
  const brokers = target.nodes.filter(({ isBroker }) => isBroker).length;
  const replicas = Math.min(REPLICAS, brokers);
  await admin.createTopics([{ name: topic, partitions, replicationFactor: replicas }]);
  let assignments: readonly (readonly number[])[] = [];
  await until(target, async () => {
    const [described] = await admin.describeTopics([topic]).catch(() => []);
    assignments = described?.partitions.map((each) => each.replicas) ?? [];
    return assignments.length === partitions;
  });
  await admin.close();
  const ids = Array.from({ length: brokers }, (_, at) => at + 1);
  const seconds = ids.map(
    (id) => new Set(assignments.filter(([first]) => first === id).map(([, second]) => second)).size,
  );
  return {
    brokers,
    partitions,
    leaders: ids.map((id) => assignments.filter(([first]) => first === id).length),
    replicas: ids.map((id) => assignments.filter((each) => each.includes(id)).length),
    secondsMin: Math.min(...seconds),
    isApart: assignments.every((each) => new Set(each).size === replicas),
  };
}

const spread = (counts: readonly number[]): number => Math.max(...counts) - Math.min(...counts);

/** Evenly: no two brokers differ by more than one leader, nor by more than the replication factor in replicas; staggered: one leader’s followers lie on several others. */
export function isSpread(placement: Placement): boolean {
  const { leaders, replicas, isApart, secondsMin } = placement;
  // Orders are drawn: with enough partitions each leader has had several followers.
  return spread(leaders) <= 1 && spread(replicas) <= REPLICAS && isApart && secondsMin >= 2;
}

export function placementTable(placements: readonly (Placement & { readonly target: string })[]): Table {
  return {
    title: 'Where replicas are put',
    columns: [
      { name: 'target' },
      { name: 'brokers', align: 'right' },
      { name: 'partitions', align: 'right' },
      { name: 'leaders, broker by broker' },
      { name: 'replicas, broker by broker' },
      { name: 'brokers that follow one leader, at least', align: 'right' },
    ],
    rows: placements.map((each) => [
      each.target,
      each.brokers,
      each.partitions,
      each.leaders.join(', '),
      each.replicas.join(', '),
      each.secondsMin,
    ]),
  };
}

export function placementFigures(placements: readonly Placement[], source: string): Record<string, Figure> {
  const of = (value: number): Figure => ({ value, unit: 'count', label: 'measured', source });
  return {
    'placement.leaders.spread': of(Math.max(...placements.map(({ leaders }) => spread(leaders)))),
    'placement.replicas.spread': of(Math.max(...placements.map(({ replicas }) => spread(replicas)))),
  };
}
