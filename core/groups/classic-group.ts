import { ErrorCode } from '../protocol/errors.ts';
import { Reader } from '../protocol/reader.ts';
import { WireError } from '../protocol/wire-error.ts';
import type { StoredGroup } from './records.ts';

/**
 * A classic consumer group: its members, its state, and the questions that can be asked of it. How it moves from state to state
 * is in `classic-rebalance.ts`; what it committed is in `offset-store.ts`.
 *
 *     Empty ── join ──► PreparingRebalance ── all joined, or time is up ──► CompletingRebalance ── leader's assignment stored ──► Stable
 *       ▲                   ▲      │ nobody left                                  │ join, leave, time-out                         │
 *       └───────────────────┼──────┘ ◄─────────────────────────────────────────── ┴ ─────────── join, leave, session time-out ────┘
 *
 * Invariant: a member has at most one parked join and one parked sync; the leader is a member; a static member's instance id names one member.
 * Times are monotonic milliseconds given by the caller, but for `stateTimestampMs`, which is wall time since it is stored.
 */
export type GroupState = 'Empty' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable' | 'Dead';

export interface JoinResult {
  readonly errorCode: number;
  readonly generationId: number;
  readonly protocolType: string | null;
  readonly protocolName: string | null;
  readonly leader: string;
  readonly skipAssignment: boolean;
  readonly memberId: string;
  readonly members: readonly {
    readonly memberId: string;
    readonly groupInstanceId: string | null;
    readonly metadata: Buffer;
  }[];
}

export interface SyncResult {
  readonly errorCode: number;
  readonly protocolType: string | null;
  readonly protocolName: string | null;
  readonly assignment: Buffer;
}

/** A request that waits: who calls it answers it, once. */
export type Reply<T> = (result: T) => void;

export interface GroupProtocol {
  readonly name: string;
  readonly metadata: Buffer;
}

export interface Member {
  memberId: string;
  readonly groupInstanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  rebalanceTimeoutMs: number;
  sessionTimeoutMs: number;
  protocols: readonly GroupProtocol[];
  assignment: Buffer;
  awaitingJoin: Reply<JoinResult> | null;
  awaitingSync: Reply<SyncResult> | null;
  /** When the member is taken for dead, unless it is heard from or its join is parked. */
  sessionDeadline: number;
  /** Joined without knowing its id: it cannot send heartbeats, so its parked join is bounded by the deadline above. */
  isNew: boolean;
}

export const NO_GENERATION = -1;

export class ClassicGroup {
  readonly groupId: string;
  state: GroupState = 'Empty';
  previousState: GroupState = 'Empty';
  /** Wall clock ms at which the state was entered; retention of offsets counts from it. */
  stateTimestampMs: number;
  protocolType: string | null = null;
  protocolName: string | null = null;
  generationId = 0;
  leaderId: string | null = null;
  readonly members = new Map<string, Member>();
  /** Ids handed out with MEMBER_ID_REQUIRED that have not come back, and until when they may. */
  readonly pendingMembers = new Map<string, number>();
  readonly staticMembers = new Map<string, string>();
  /** Members of this generation that have not sent SyncGroup yet. */
  readonly pendingSync = new Set<string>();
  /** When the join phase ends even if members are missing; null outside of it. */
  joinDeadline: number | null = null;
  /** Set while the first rebalance of an empty group is being delayed so that more members can join it. */
  initialDelay: { delayMs: number; remainingMs: number; newMemberAdded: boolean } | null = null;
  /** When members that have not synced are removed. */
  syncDeadline: number | null = null;

  constructor(groupId: string, wallNow: number) {
    this.groupId = groupId;
    this.stateTimestampMs = wallNow;
  }

  transition(state: GroupState, wallNow: number): void {
    this.previousState = this.state;
    this.state = state;
    this.stateTimestampMs = wallNow;
  }

  isLeader(memberId: string): boolean {
    return this.leaderId === memberId;
  }

  canRebalance(): boolean {
    return this.state === 'Empty' || this.state === 'CompletingRebalance' || this.state === 'Stable';
  }

  hasAllMembersJoined(): boolean {
    if (this.pendingMembers.size > 0) return false;
    for (const member of this.members.values()) if (member.awaitingJoin === null) return false;
    return true;
  }

  rebalanceTimeoutMs(): number {
    let longest = 0;
    for (const member of this.members.values()) longest = Math.max(longest, member.rebalanceTimeoutMs);
    return longest;
  }

  add(member: Member, protocolType: string): void {
    if (this.members.size === 0) this.protocolType = protocolType;
    this.members.set(member.memberId, member);
    this.pendingMembers.delete(member.memberId);
    if (member.groupInstanceId !== null) this.staticMembers.set(member.groupInstanceId, member.memberId);
    this.leaderId ??= member.memberId;
  }

  remove(memberId: string): void {
    const member = this.members.get(memberId);
    this.members.delete(memberId);
    this.pendingMembers.delete(memberId);
    this.pendingSync.delete(memberId);
    if (member?.groupInstanceId && this.staticMembers.get(member.groupInstanceId) === memberId) {
      this.staticMembers.delete(member.groupInstanceId);
    }
    if (this.isLeader(memberId)) this.leaderId = this.members.keys().next().value ?? null;
  }

  /** The member takes a new id in place: same seat, same assignment. */
  rename(member: Member, memberId: string): void {
    const old = member.memberId;
    this.members.delete(old);
    this.pendingSync.delete(old);
    member.memberId = memberId;
    this.members.set(memberId, member);
    if (member.groupInstanceId !== null) this.staticMembers.set(member.groupInstanceId, memberId);
    if (this.isLeader(old)) this.leaderId = memberId;
  }

  /** NONE, or why this member may not speak: UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID. */
  validateMember(memberId: string, groupInstanceId: string | null): number {
    if (groupInstanceId !== null) {
      const current = this.staticMembers.get(groupInstanceId);
      if (current === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
      if (current !== memberId) return ErrorCode.FENCED_INSTANCE_ID;
    }
    return this.members.has(memberId) ? ErrorCode.NONE : ErrorCode.UNKNOWN_MEMBER_ID;
  }

  /** Whether a member with these protocols could be in the group: same type, and one protocol that everybody has. */
  supportsProtocols(protocolType: string, protocols: readonly GroupProtocol[]): boolean {
    if (protocolType === '' || protocols.length === 0) return false;
    if (this.members.size === 0) return true;
    if (this.protocolType !== protocolType) return false;
    const common = this.commonProtocols();
    return protocols.some((protocol) => common.has(protocol.name));
  }

  private commonProtocols(): Set<string> {
    let common: Set<string> | undefined;
    for (const member of this.members.values()) {
      const names = new Set(member.protocols.map((protocol) => protocol.name));
      common = common === undefined ? names : new Set([...common].filter((name) => names.has(name)));
    }
    return common ?? new Set();
  }

  /** Each member votes for the first of its protocols that all have; most votes win, the earlier voted for wins a tie. */
  selectProtocol(): string {
    const common = this.commonProtocols();
    const votes = new Map<string, number>();
    for (const member of this.members.values()) {
      const choice = member.protocols.find((protocol) => common.has(protocol.name));
      if (choice) votes.set(choice.name, (votes.get(choice.name) ?? 0) + 1);
    }
    let winner: string | undefined;
    for (const [name, count] of votes) {
      if (winner === undefined || count > (votes.get(winner) as number)) winner = name;
    }
    if (winner === undefined) throw new Error(`group ${this.groupId} has members without a common protocol`);
    return winner;
  }

  metadataOf(member: Member, protocolName: string | null): Buffer {
    return member.protocols.find((protocol) => protocol.name === protocolName)?.metadata ?? Buffer.alloc(0);
  }

  /** What only the leader is told. */
  memberList(): JoinResult['members'] {
    return [...this.members.values()].map((member) => ({
      memberId: member.memberId,
      groupInstanceId: member.groupInstanceId,
      metadata: this.metadataOf(member, this.protocolName),
    }));
  }

  /** Topics that the members of a `consumer` group subscribe to; null when they cannot be told. */
  subscribedTopics(): Set<string> | null {
    if (this.protocolType !== 'consumer') return null;
    const topics = new Set<string>();
    try {
      for (const member of this.members.values()) {
        const metadata = this.metadataOf(member, this.protocolName ?? member.protocols[0]?.name ?? null);
        const reader = new Reader(metadata);
        reader.int16();
        const count = reader.arrayCount(2);
        for (let i = 0; i < count; i++) topics.add(reader.nullableString() ?? '');
      }
    } catch (error) {
      if (error instanceof WireError) return null;
      throw error;
    }
    return topics;
  }

  /** The group as stored, with `assignments` for the members (by member id; missing: empty). */
  stored(assignments: ReadonlyMap<string, Buffer> | null = null): StoredGroup {
    return {
      protocolType: this.protocolType ?? '',
      generationId: this.generationId,
      protocolName: this.protocolName,
      leaderId: this.leaderId,
      stateTimestampMs: this.stateTimestampMs,
      members: [...this.members.values()].map((member) => ({
        memberId: member.memberId,
        groupInstanceId: member.groupInstanceId,
        clientId: member.clientId,
        clientHost: member.clientHost,
        rebalanceTimeoutMs: member.rebalanceTimeoutMs,
        sessionTimeoutMs: member.sessionTimeoutMs,
        subscription: this.metadataOf(member, this.protocolName),
        assignment: assignments === null ? member.assignment : (assignments.get(member.memberId) ?? Buffer.alloc(0)),
      })),
    };
  }

  /** A group as it was last stored; its members get a whole session to be heard from. */
  static restore(groupId: string, stored: StoredGroup, now: number, wallNow: number): ClassicGroup {
    const group = new ClassicGroup(groupId, stored.stateTimestampMs === -1 ? wallNow : stored.stateTimestampMs);
    group.protocolType = stored.protocolType === '' ? null : stored.protocolType;
    group.protocolName = stored.protocolName;
    group.generationId = stored.generationId;
    group.state = stored.members.length === 0 ? 'Empty' : 'Stable';
    for (const member of stored.members) {
      group.members.set(member.memberId, {
        memberId: member.memberId,
        groupInstanceId: member.groupInstanceId,
        clientId: member.clientId,
        clientHost: member.clientHost,
        rebalanceTimeoutMs: member.rebalanceTimeoutMs,
        sessionTimeoutMs: member.sessionTimeoutMs,
        protocols: [{ name: stored.protocolName ?? '', metadata: member.subscription }],
        assignment: member.assignment,
        awaitingJoin: null,
        awaitingSync: null,
        sessionDeadline: now + member.sessionTimeoutMs,
        isNew: false,
      });
      if (member.groupInstanceId !== null) group.staticMembers.set(member.groupInstanceId, member.memberId);
    }
    group.leaderId =
      stored.leaderId !== null && group.members.has(stored.leaderId)
        ? stored.leaderId
        : (group.members.keys().next().value ?? null);
    return group;
  }
}
