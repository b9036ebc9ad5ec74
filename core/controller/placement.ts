import { ErrorCode } from '../protocol/errors.ts';
import { type Outcome, refused } from './decision.ts';
import type { ClusterImage } from './image.ts';

/**
 * Which brokers get the replicas of new partitions: Kafka's striped placement. Each partition begins one rack further than the last, its replicas go round the
 * racks, and in a rack round its brokers; who is fenced is taken when nobody else is left. After as many partitions as there are live brokers everything is
 * shuffled, so that the same brokers do not always follow the same leader, and a broker's failure spreads over the others.
 *
 * Invariant: the replicas of a partition are on different brokers, the first of them is live; racks come before evenness, and where racks are alike, leaders are
 * spread evenly over live brokers.
 */
export interface PlacementDraws {
  /** 0 ≤ x < bound */
  integer(bound: number): number;
}

/** Replicas by partition, or why there can be none. */
export function placeReplicas(
  image: ClusterImage,
  partitionCount: number,
  replicationFactor: number,
  draws: PlacementDraws,
): number[][] | Outcome {
  const racks = new Racks(image, draws);
  const problem = factorProblem(replicationFactor, racks);
  if (problem !== null) return problem;
  return Array.from({ length: partitionCount }, () => racks.place(replicationFactor));
}

function factorProblem(replicationFactor: number, { liveCount, usableCount }: Racks): Outcome | null {
  if (replicationFactor <= 0) {
    return refused(ErrorCode.INVALID_REPLICATION_FACTOR, 'Replication factor must be larger than 0.');
  }
  const because = (text: string) =>
    refused(
      ErrorCode.INVALID_REPLICATION_FACTOR,
      `Unable to replicate the partition ${replicationFactor} time(s): ${text}`,
    );
  if (liveCount === 0) return because('All brokers are currently fenced.');
  if (replicationFactor <= usableCount) return null;
  return because(
    `The target replication factor of ${replicationFactor} cannot be reached because only ${usableCount} broker(s) are registered.`,
  );
}

/** Brokers that are taken in turn, each round beginning one further than the last. */
class Ring {
  private readonly brokers: number[];
  private offset: number;
  private taken = 0;
  private round = 0;

  constructor(brokers: number[], draws: PlacementDraws) {
    this.brokers = brokers;
    this.offset = brokers.length === 0 ? 0 : draws.integer(brokers.length);
  }

  /** undefined: all were taken in this round. */
  next(round: number): number | undefined {
    if (this.brokers.length === 0) return undefined;
    if (this.round !== round) {
      this.round = round;
      this.taken = 0;
      this.offset = (this.offset + 1) % this.brokers.length;
    }
    if (this.taken === this.brokers.length) return undefined;
    return this.brokers[(this.offset + this.taken++) % this.brokers.length];
  }

  shuffle(draws: PlacementDraws): void {
    shuffle(this.brokers, draws);
  }
}

interface Rack {
  readonly live: Ring;
  readonly fenced: Ring;
}

class Racks {
  readonly liveCount: number;
  /** Live or fenced; who is about to stop gets nothing. */
  readonly usableCount: number;
  private readonly racks: Rack[];
  private readonly draws: PlacementDraws;
  private offset: number;
  private round = 0;
  private sinceShuffle = 0;

  constructor(image: ClusterImage, draws: PlacementDraws) {
    const usable = [...image.brokers.values()]
      .filter(({ isFenced, isInControlledShutdown }) => isFenced || !isInControlledShutdown)
      .sort((a, b) => a.brokerId - b.brokerId);
    this.draws = draws;
    this.usableCount = usable.length;
    this.liveCount = usable.filter(({ isFenced }) => !isFenced).length;
    const names = [...new Set(usable.map(({ rack }) => rack ?? ''))].sort();
    this.racks = names.map((name) => {
      const inRack = usable.filter(({ rack }) => (rack ?? '') === name);
      const idsOf = (isFenced: boolean) =>
        inRack.filter((each) => each.isFenced === isFenced).map(({ brokerId }) => brokerId);
      return { live: new Ring(idsOf(false), draws), fenced: new Ring(idsOf(true), draws) };
    });
    this.offset = this.racks.length === 0 ? 0 : draws.integer(this.racks.length);
  }

  /** There are enough brokers for it. */
  place(replicationFactor: number): number[] {
    if (this.sinceShuffle === this.liveCount && this.liveCount > 1) this.shuffle();
    const count = this.racks.length;
    const start = this.offset % count;
    let leaderRack = start;
    let leader = this.racks[leaderRack]!.live.next(this.round);
    while (leader === undefined) {
      leaderRack = (leaderRack + 1) % count;
      leader = this.racks[leaderRack]!.live.next(this.round);
    }
    const replicas = [leader];
    // The leader's rack has given one already: in the first turn it is passed over.
    let isFirstTurn = true;
    for (let rack = start; replicas.length < replicationFactor; rack = (rack + 1) % count) {
      if (isFirstTurn && rack === leaderRack) {
        isFirstTurn = false;
        continue;
      }
      const { live, fenced } = this.racks[rack]!;
      const next = live.next(this.round) ?? fenced.next(this.round);
      if (next !== undefined) replicas.push(next);
    }
    this.round++;
    this.sinceShuffle++;
    this.offset = start + 1;
    return replicas;
  }

  private shuffle(): void {
    shuffle(this.racks, this.draws);
    for (const { live, fenced } of this.racks) {
      live.shuffle(this.draws);
      fenced.shuffle(this.draws);
    }
    this.sinceShuffle = 0;
  }
}

function shuffle<T>(list: T[], draws: PlacementDraws): void {
  for (let i = list.length - 1; i > 0; i--) {
    const other = draws.integer(i + 1);
    [list[i], list[other]] = [list[other]!, list[i]!];
  }
}
