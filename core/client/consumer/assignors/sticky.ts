import { Reader } from '../../../protocol/reader.ts';
import { array, int32, message, string } from '../../../protocol/schema.ts';
import { Writer } from '../../../protocol/writer.ts';
import { comparePartitions, groupByTopic, keyOf, type TopicPartition } from '../topic-partition.ts';
import { type Assignor, type GroupAssignment, type GroupMember, sortMembers, wantedTopics } from './assignor.ts';

/**
 * Sticky: as even as the subscriptions allow, and among those with few moves. `sticky` tells what it owned in its user data (everything was given
 * up before joining); `cooperative-sticky` keeps it meanwhile, and a partition that changes hands is left out for one round.
 *
 *     keep what each member owned (newest generation wins) → the free ones to the least loaded → move along paths until no move evens out more
 *
 * The last step makes it a balanced assignment in the strict sense: no chain of moves takes from a member and gives to one with at least two fewer
 * (cost-reducing paths of Harvey, Ladner, Lovász and Tamir, "Semi-matchings for bipartite graphs").
 */
const StickyUserData = message(
  'StickyAssignorUserData',
  { versions: '0-1', flexible: 'none' },
  {
    previousAssignment: array({ topic: string(), partitions: array(int32()) }),
    generation: int32('1+', { default: -1 }),
  },
);

export const stickyAssignor: Assignor = {
  name: 'sticky',
  rebalanceProtocols: ['eager'],
  userData(owned, generation) {
    const previousAssignment = [...groupByTopic(owned)].map(([topic, group]) => ({
      topic,
      partitions: group.map((each) => each.partition),
    }));
    return StickyUserData.encode(1, { previousAssignment, generation });
  },
  assign(partitionCounts, members) {
    return balance(partitionCounts, members, claimsOf(members, fromUserData));
  },
};

export const cooperativeStickyAssignor: Assignor = {
  name: 'cooperative-sticky',
  rebalanceProtocols: ['cooperative', 'eager'],
  userData(_owned, generation) {
    const writer = new Writer(4);
    writer.int32(generation);
    return writer.toBuffer();
  },
  assign(partitionCounts, members) {
    const assignment = balance(partitionCounts, members, claimsOf(members, fromOwned));
    return withoutMoving(assignment, members);
  },
};

interface Owned {
  readonly partitions: readonly TopicPartition[];
  readonly generation: number;
}

function fromUserData(member: GroupMember): Owned {
  if (member.userData === null || member.userData.length === 0) return { partitions: [], generation: -1 };
  try {
    const reader = new Reader(member.userData);
    const { previousAssignment } = StickyUserData.read(reader, 0);
    const generation = reader.remaining >= 4 ? reader.int32() : -1;
    const partitions = previousAssignment.flatMap(({ topic, partitions: list }) =>
      list.map((partition) => ({ topic, partition })),
    );
    return { partitions, generation };
  } catch {
    return { partitions: [], generation: -1 }; // another client's user data: it just owns nothing
  }
}

function fromOwned(member: GroupMember): Owned {
  let generation = member.generation;
  if (generation < 0 && member.userData !== null && member.userData.length >= 4)
    generation = member.userData.readInt32BE(0);
  return { partitions: member.ownedPartitions, generation };
}

/** Who owned each partition: the claim of the newest generation; two claims of the same generation cancel each other. */
function claimsOf(members: readonly GroupMember[], ownedOf: (member: GroupMember) => Owned): Map<string, string> {
  const best = new Map<string, { memberId: string | null; generation: number }>();
  for (const member of members) {
    const { partitions, generation } = ownedOf(member);
    for (const each of partitions) {
      const key = keyOf(each);
      const rival = best.get(key);
      if (rival === undefined || generation > rival.generation)
        best.set(key, { memberId: member.memberId, generation });
      else if (generation === rival.generation && rival.memberId !== member.memberId) rival.memberId = null;
    }
  }
  const claims = new Map<string, string>();
  for (const [key, { memberId }] of best) if (memberId !== null) claims.set(key, memberId);
  return claims;
}

interface Taker {
  readonly memberId: string;
  readonly topics: ReadonlySet<string>;
  readonly kept: TopicPartition[];
  /** Given in this round: moved before what was kept. */
  readonly fresh: TopicPartition[];
}

function load(taker: Taker): number {
  return taker.kept.length + taker.fresh.length;
}

function balance(
  partitionCounts: ReadonlyMap<string, number>,
  members: readonly GroupMember[],
  claims: ReadonlyMap<string, string>,
): GroupAssignment {
  const takers: Taker[] = sortMembers(members).map(({ memberId, topics }) => ({
    memberId,
    topics: new Set(topics),
    kept: [],
    fresh: [],
  }));
  const byId = new Map(takers.map((taker) => [taker.memberId, taker]));
  const free: TopicPartition[] = [];
  for (const topic of wantedTopics(partitionCounts, members)) {
    for (let partition = 0; partition < partitionCounts.get(topic)!; partition++) {
      const owner = byId.get(claims.get(keyOf({ topic, partition })) ?? '');
      if (owner?.topics.has(topic)) owner.kept.push({ topic, partition });
      else free.push({ topic, partition });
    }
  }
  // What few can take is given out first.
  const takersOf = new Map<string, Taker[]>();
  for (const { topic } of free) {
    if (!takersOf.has(topic))
      takersOf.set(
        topic,
        takers.filter((taker) => taker.topics.has(topic)),
      );
  }
  free.sort((a, b) => takersOf.get(a.topic)!.length - takersOf.get(b.topic)!.length || comparePartitions(a, b));
  for (const each of free) {
    const taker = takersOf.get(each.topic)!.reduce((a, b) => (load(b) < load(a) ? b : a));
    taker.fresh.push(each);
  }
  while (evenOut(takers));
  return new Map(takers.map(({ memberId, kept, fresh }) => [memberId, [...kept, ...fresh].sort(comparePartitions)]));
}

/**
 * One chain of moves from a member to one with at least two partitions fewer; false when there is none.
 * From those that were given new partitions first, and to the least loaded: so what was kept moves last.
 */
function evenOut(takers: readonly Taker[]): boolean {
  const heaviest = [...takers].sort((a, b) => load(b) - load(a) || b.fresh.length - a.fresh.length);
  const lightest = [...takers].sort((a, b) => load(a) - load(b));
  if (lightest[0] === undefined) return false;
  const least = load(lightest[0]);
  for (const start of heaviest) {
    if (load(start) - least < 2) return false;
    const cameFrom = new Map<Taker, { from: Taker; moved: TopicPartition }>();
    const seen = new Set([start]);
    const line = [start];
    for (let from = line.shift(); from !== undefined; from = line.shift()) {
      for (const to of lightest) {
        if (seen.has(to)) continue;
        const moved = movable(from, to);
        if (moved === undefined) continue;
        seen.add(to);
        cameFrom.set(to, { from, moved });
        if (load(to) <= load(start) - 2) {
          shift(to, cameFrom);
          return true;
        }
        line.push(to);
      }
    }
  }
  return false;
}

function movable(from: Taker, to: Taker): TopicPartition | undefined {
  return (
    from.fresh.find((each) => to.topics.has(each.topic)) ?? from.kept.findLast((each) => to.topics.has(each.topic))
  );
}

function shift(end: Taker, cameFrom: ReadonlyMap<Taker, { from: Taker; moved: TopicPartition }>): void {
  let to = end;
  for (let step = cameFrom.get(to); step !== undefined; step = cameFrom.get(to)) {
    const { from, moved } = step;
    const list = from.fresh.includes(moved) ? from.fresh : from.kept;
    list.splice(list.indexOf(moved), 1);
    to.fresh.push(moved);
    to = from;
  }
}

/** Leaves out what another member still owns: it gets its new owner in the round that follows when the old one gave it up. */
function withoutMoving(assignment: GroupAssignment, members: readonly GroupMember[]): GroupAssignment {
  const owners = new Map<string, string>();
  for (const member of members) for (const each of member.ownedPartitions) owners.set(keyOf(each), member.memberId);
  const kept = new Map<string, TopicPartition[]>();
  for (const [memberId, partitions] of assignment) {
    kept.set(
      memberId,
      partitions.filter((each) => (owners.get(keyOf(each)) ?? memberId) === memberId),
    );
  }
  return kept;
}
