import type { TopicPartitions } from '../topic-partitions.ts';

/** What a server-side assignor is told, and what it answers: for each member the partitions that it should have. Pure. */
export interface AssignorMember {
  readonly memberId: string;
  readonly instanceId: string | null;
  /** Topics that it subscribes to and that exist. */
  readonly topicIds: ReadonlySet<string>;
  /** Its target so far: what a sticky assignor lets it keep. */
  readonly assigned: TopicPartitions;
}

export interface AssignmentSpec {
  readonly members: readonly AssignorMember[];
  /** By topic id, of every topic that a member subscribes to. */
  readonly partitionCounts: ReadonlyMap<string, number>;
  /** The partitions that may be assigned; undefined: all. */
  readonly assignable?: TopicPartitions;
}

export type Assignment = ReadonlyMap<string, TopicPartitions>;

export type Assignor = (spec: AssignmentSpec) => Assignment;

/** Assignments under way: like `Assignment`, but they grow. */
export class AssignmentBuilder {
  private readonly assignment = new Map<string, Map<string, Set<number>>>();

  constructor(spec: AssignmentSpec) {
    for (const { memberId } of spec.members) this.assignment.set(memberId, new Map());
  }

  add(memberId: string, topicId: string, partition: number): void {
    const topics = this.assignment.get(memberId)!;
    const partitions = topics.get(topicId);
    if (partitions === undefined) topics.set(topicId, new Set([partition]));
    else partitions.add(partition);
  }

  build(): Assignment {
    return this.assignment;
  }
}
