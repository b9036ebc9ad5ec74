/**
 * A goal of performance.md as data, and the judgement of it. Pure.
 *
 * Invariant: a goal is reached when each of its demands holds for the median; a demand without a measurement behind it makes the goal `not measured`, never reached.
 */
import { ratioOf, type Sample } from '../compare/samples.ts';
import { type Spread, spreadOf } from '../statistics.ts';

export interface Demand {
  /** Of mqlab's value, or of its ratio to a peer, pair by pair. */
  readonly of: 'value' | { readonly ratioTo: string };
  readonly bound: 'at least' | 'at most';
  /** In the unit of the samples. */
  readonly than: number;
  /** As the table says it: `≥ 1.5 × Kafka`. */
  readonly words: string;
}

export interface Goal {
  /** As in performance.md. */
  readonly what: string;
  readonly workload: string;
  /** Which samples: those of this workload and metric. */
  readonly samples: { readonly workload: string; readonly metric: string };
  readonly demands: readonly Demand[];
  /** Where it is not reached: the file that has the profile, what was tried, and the limit. */
  readonly evidence: string;
}

export type Reached = 'reached' | 'not reached' | 'not measured';

export interface GoalLine {
  readonly goal: Goal;
  readonly unit: string;
  readonly value: Spread | null;
  /** By demand: to whom, and the ratio pair by pair. */
  readonly ratios: readonly { readonly to: string; readonly ratio: Spread | null }[];
  /** The peers' own values. */
  readonly peers: readonly { readonly system: string; readonly value: Spread }[];
  readonly demands: readonly { readonly words: string; readonly reached: Reached }[];
  readonly reached: Reached;
}

export const OURS = 'mqlab';

export function judge(goal: Goal, all: readonly Sample[]): GoalLine {
  const { workload, metric } = goal.samples;
  const own = all.filter((each) => each.workload === workload && each.metric === metric);
  const ours = own.filter(({ system }) => system === OURS);
  const value = ours.length === 0 ? null : spreadOf(ours.map((each) => each.value));
  const others = [...new Set(own.map(({ system }) => system))].filter((system) => system !== OURS);
  const ratios = [
    ...new Set(goal.demands.flatMap(({ of }) => (of === 'value' ? [] : [of.ratioTo])).concat(others)),
  ].map((to) => ({ to, ratio: ours.length === 0 ? null : ratioOf(ours, all, to) }));
  const demands = goal.demands.map((demand) => {
    const { of } = demand;
    const spread = of === 'value' ? value : ratios.find(({ to }) => to === of.ratioTo)!.ratio;
    return { words: demand.words, reached: reachedBy(demand, spread) };
  });
  return {
    goal,
    unit: own[0]?.unit ?? '',
    value,
    ratios,
    peers: others.map((system) => ({
      system,
      value: spreadOf(own.filter((each) => each.system === system).map((each) => each.value)),
    })),
    demands,
    reached: whole(demands.map(({ reached }) => reached)),
  };
}

function reachedBy({ bound, than }: Demand, spread: Spread | null): Reached {
  if (spread === null) return 'not measured';
  const holds = bound === 'at least' ? spread.median >= than : spread.median <= than;
  return holds ? 'reached' : 'not reached';
}

/** One that fails decides; else one that is missing. */
function whole(all: readonly Reached[]): Reached {
  if (all.includes('not reached')) return 'not reached';
  return all.includes('not measured') ? 'not measured' : 'reached';
}
