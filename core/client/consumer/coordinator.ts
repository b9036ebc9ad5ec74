import type { Clock, Timer } from '../../ports/clock.ts';
import { ErrorCode, errorOf } from '../../protocol/errors.ts';
import { JoinGroup } from '../../protocol/messages/11-join-group.ts';
import { LeaveGroup } from '../../protocol/messages/13-leave-group.ts';
import { SyncGroup } from '../../protocol/messages/14-sync-group.ts';
import type { ResponseOf } from '../../protocol/schema.ts';
import { backoffMs } from '../../rpc/backoff.ts';
import type { Link } from '../../rpc/link.ts';
import type { ConsumerConfig } from '../client-config.ts';
import { brokerError, ClientError, connectionError } from '../client-error.ts';
import type { ClientPorts } from '../connections.ts';
import type { Committer } from '../group-offsets.ts';
import type { Assignor, GroupMember } from './assignors/assignor.ts';
import { decodeAssignment, decodeSubscription, encodeAssignment, encodeSubscription } from './consumer-protocol.ts';
import type { CoordinatorLink } from './coordinator-link.ts';
import { Heartbeats } from './heartbeats.ts';
import type { TopicPartition } from './topic-partition.ts';

/**
 * A member's side of the classic group protocol: its place in the group, join and sync, leaving, and what heartbeats and refused commits tell of it.
 *
 *     unjoined ── JoinGroup ──→ (leader assigns) ── SyncGroup ──→ stable ── heartbeat 27, a new wish ──→ rejoin
 *         ↑                                                        │
 *         └──── lost: fenced generation, unknown member, session or poll interval over
 *
 * Invariants: one join at a time; heartbeats go out only between JoinGroup's answer and the next JoinGroup; what the application must hear (revoked,
 * assigned, lost) is never said here but by the rebalancer inside poll, who asks what `join` came to, and `isLost`.
 * The network errors of a single call never escape: they cost a backoff and, where it helps, another search for the coordinator.
 */
const NO_GENERATION = -1;
const PROTOCOL_TYPE = 'consumer';
/** What a JoinGroup may take beyond the rebalance timeout. */
const JOIN_EXTRA_MS = 5_000;

/** What the coordinator needs to know of its consumer. */
export interface GroupView {
  /** The topics subscribed to now. */
  topics(): readonly string[];
  owned(): readonly TopicPartition[];
  /** Partition counts of the topics that exist, asked for where unknown. */
  partitionCounts(topics: readonly string[]): Promise<ReadonlyMap<string, number>>;
  /** Something changed that poll must look at. */
  onChange(): void;
}

export interface Joined {
  readonly generation: number;
  readonly assignor: Assignor;
  readonly partitions: readonly TopicPartition[];
}

type JoinStep =
  | { readonly kind: 'joined'; readonly joined: Joined }
  | { readonly kind: 'again'; readonly delayMs: number };

export class GroupCoordinator {
  readonly groupId: string;
  private readonly clock: Clock;
  private readonly ports: ClientPorts;
  private readonly config: ConsumerConfig;
  private readonly link: CoordinatorLink;
  private readonly assignors: readonly Assignor[];
  private readonly view: GroupView;
  private readonly heartbeats: Heartbeats;
  private member = '';
  private generationId = NO_GENERATION;
  /** The membership that the present records were given to: kept when it is lost, until the next one. */
  private joinedAs: Committer | null = null;
  private joining = false;
  private failures = 0;
  private closed = false;
  /** The group must be joined (again) at the next poll. */
  rejoinNeeded = true;
  /** The membership ended from outside since the last join: what was owned is lost, not revoked. */
  isLost = false;
  /** An error that only the application can act on; thrown by the next poll. */
  fatal: ClientError | null = null;
  /** Whether this member leads, and the partition counts that its assignment was made from. */
  leaderSnapshot: ReadonlyMap<string, number> | null = null;
  /** What the last assignment was: sticky assignors tell it although it has been given up. */
  private lastAssigned: Pick<Joined, 'partitions' | 'generation'> = { partitions: [], generation: NO_GENERATION };
  private pauseTimer: Timer | null = null;
  private endPause: (() => void) | null = null;

  constructor(
    ports: ClientPorts,
    config: ConsumerConfig,
    link: CoordinatorLink,
    assignors: readonly Assignor[],
    view: GroupView,
  ) {
    this.ports = ports;
    this.clock = ports.clock;
    this.config = config;
    this.link = link;
    this.heartbeats = new Heartbeats(ports.clock, config, link, this);
    this.assignors = assignors;
    this.view = view;
    this.groupId = link.groupId;
  }

  get isMember(): boolean {
    return this.generationId !== NO_GENERATION;
  }

  /** A rebalance is under way. */
  get isJoining(): boolean {
    return this.joining;
  }

  get committer(): Committer {
    const { groupId } = this;
    return {
      groupId,
      memberId: this.member,
      generation: this.generationId,
      groupInstanceId: this.config['group.instance.id'],
    };
  }

  /**
   * Under which membership records were handed out. A member that was thrown out meanwhile is told so by whoever it commits with; to be nobody
   * instead would pass, since a group takes transactional offsets of nobody in particular (KIP-447).
   */
  get groupMetadata(): Committer {
    return this.joinedAs ?? this.committer;
  }

  /** Poll begins or ends: between the two max.poll.interval.ms does not run. */
  polling(isPolling: boolean): void {
    this.heartbeats.polling(isPolling);
  }

  requestRejoin(): void {
    if (this.rejoinNeeded) return;
    this.rejoinNeeded = true;
    this.view.onChange();
  }

  /** One attempt to join. Resolves with the assignment, or null when it is to be tried again (after the backoff, which is part of the call). Never rejects: see `fatal`. */
  async join(): Promise<Joined | null> {
    this.joining = true;
    this.rejoinNeeded = false;
    this.heartbeats.stop();
    let step: JoinStep;
    try {
      step = await this.joinOnce();
    } catch (error) {
      const failure = error instanceof ClientError ? error : connectionError(error, `group ${this.groupId}`);
      if (failure.retriable) {
        this.link.forget();
        step = { kind: 'again', delayMs: this.backoff() };
      } else {
        this.fatal = failure;
        step = { kind: 'again', delayMs: 0 };
      }
    }
    if (step.kind === 'again') {
      this.rejoinNeeded = true;
      if (step.delayMs > 0 && !this.closed) await this.pause(step.delayMs);
      this.joining = false;
      return null;
    }
    this.joining = false;
    this.failures = 0;
    this.lastAssigned = step.joined;
    return step.joined;
  }

  private async joinOnce(): Promise<JoinStep> {
    const link = await this.link.get();
    const topics = this.view.topics();
    const owned = this.view.owned();
    const rebalanceTimeoutMs = this.config['max.poll.interval.ms'];
    const response = await link.request(
      JoinGroup,
      {
        groupId: this.groupId,
        sessionTimeoutMs: this.config['session.timeout.ms'],
        rebalanceTimeoutMs,
        memberId: this.member,
        groupInstanceId: this.config['group.instance.id'],
        protocolType: PROTOCOL_TYPE,
        protocols: this.assignors.map((assignor) => ({
          name: assignor.name,
          metadata: encodeSubscription({
            topics,
            userData: assignor.userData?.(this.lastAssigned.partitions, this.lastAssigned.generation) ?? null,
            ownedPartitions: owned,
            generation: this.generationId,
            rackId: this.config['client.rack'] === '' ? null : this.config['client.rack'],
          }),
        })),
        reason: '',
      },
      { timeoutMs: Math.max(this.config['request.timeout.ms'], rebalanceTimeoutMs + JOIN_EXTRA_MS) },
    );
    if (this.closed) return { kind: 'again', delayMs: 0 };
    if (response.errorCode !== ErrorCode.NONE) return this.onJoinError(response.errorCode, response.memberId);
    this.member = response.memberId;
    this.generationId = response.generationId;
    this.heartbeats.start();
    const assignor = this.assignors.find((each) => each.name === response.protocolName);
    if (assignor === undefined)
      throw new ClientError('INCONSISTENT_GROUP_PROTOCOL', `the group chose ${response.protocolName}`);
    const isLeader = response.leader === response.memberId;
    const assignments = isLeader && !response.skipAssignment ? await this.assign(assignor, response) : [];
    if (!isLeader) this.leaderSnapshot = null;
    return this.sync(link, assignor, assignments);
  }

  private onJoinError(code: number, memberId: string): JoinStep {
    switch (code) {
      case ErrorCode.MEMBER_ID_REQUIRED:
        this.member = memberId;
        return { kind: 'again', delayMs: 0 };
      case ErrorCode.UNKNOWN_MEMBER_ID:
        this.lose(true);
        return { kind: 'again', delayMs: 0 };
      case ErrorCode.COORDINATOR_NOT_AVAILABLE:
      case ErrorCode.NOT_COORDINATOR:
        this.link.forget();
        return { kind: 'again', delayMs: this.backoff() };
      case ErrorCode.COORDINATOR_LOAD_IN_PROGRESS:
      case ErrorCode.REBALANCE_IN_PROGRESS:
        return { kind: 'again', delayMs: this.backoff() };
      default:
        if (errorOf(code).retriable) return { kind: 'again', delayMs: this.backoff() };
        if (code === ErrorCode.FENCED_INSTANCE_ID) this.lose(true);
        throw brokerError(code, `joining group ${JSON.stringify(this.groupId)}`);
    }
  }

  /** The leader's work. */
  private async assign(assignor: Assignor, response: ResponseOf<typeof JoinGroup>) {
    const members: GroupMember[] = response.members.map(({ memberId, groupInstanceId, metadata }) => {
      const { topics, ownedPartitions, generation, userData } = decodeSubscription(metadata);
      return { memberId, groupInstanceId, topics, ownedPartitions, generation, userData };
    });
    const counts = await this.view.partitionCounts([...new Set(members.flatMap((member) => member.topics))]);
    this.leaderSnapshot = counts;
    const assignment = assignor.assign(counts, members);
    return [...assignment].map(([memberId, partitions]) => ({ memberId, assignment: encodeAssignment(partitions) }));
  }

  private async sync(
    link: Link,
    assignor: Assignor,
    assignments: readonly { memberId: string; assignment: Buffer }[],
  ): Promise<JoinStep> {
    const generation = this.generationId;
    const timeoutMs = Math.max(this.config['request.timeout.ms'], this.config['max.poll.interval.ms'] + JOIN_EXTRA_MS);
    const response = await link.request(
      SyncGroup,
      {
        groupId: this.groupId,
        generationId: generation,
        memberId: this.member,
        groupInstanceId: this.config['group.instance.id'],
        protocolType: PROTOCOL_TYPE,
        protocolName: assignor.name,
        assignments,
      },
      { timeoutMs },
    );
    if (this.closed) return { kind: 'again', delayMs: 0 };
    switch (response.errorCode) {
      case ErrorCode.NONE:
        this.joinedAs = this.committer;
        return { kind: 'joined', joined: { generation, assignor, partitions: decodeAssignment(response.assignment) } };
      case ErrorCode.REBALANCE_IN_PROGRESS:
        return { kind: 'again', delayMs: 0 };
      case ErrorCode.UNKNOWN_MEMBER_ID:
        this.lose(true);
        return { kind: 'again', delayMs: 0 };
      case ErrorCode.ILLEGAL_GENERATION:
        this.lose(false);
        return { kind: 'again', delayMs: 0 };
      case ErrorCode.COORDINATOR_NOT_AVAILABLE:
      case ErrorCode.NOT_COORDINATOR:
        this.link.forget();
        return { kind: 'again', delayMs: this.backoff() };
      default:
        if (errorOf(response.errorCode).retriable) return { kind: 'again', delayMs: this.backoff() };
        throw brokerError(response.errorCode, `group ${JSON.stringify(this.groupId)}`);
    }
  }

  private backoff(): number {
    const { 'retry.backoff.ms': base, 'retry.backoff.max.ms': max } = this.config;
    return backoffMs(this.ports.random, base, max, ++this.failures);
  }

  private pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.endPause = resolve;
      this.pauseTimer = this.clock.setTimer(delayMs, resolve);
    });
  }

  /** What a heartbeat's answer means. Returns in how many ms the next one is due; null when the membership is over. */
  onHeartbeat(code: number): number | null {
    switch (code) {
      case ErrorCode.NONE:
        return this.config['heartbeat.interval.ms'];
      case ErrorCode.REBALANCE_IN_PROGRESS:
        this.requestRejoin();
        return this.config['heartbeat.interval.ms'];
      case ErrorCode.ILLEGAL_GENERATION:
        return this.end(false);
      case ErrorCode.UNKNOWN_MEMBER_ID:
        return this.end(true);
      case ErrorCode.FENCED_INSTANCE_ID:
        this.fatal = brokerError(code, `group ${JSON.stringify(this.groupId)}`);
        return this.end(true);
      case ErrorCode.COORDINATOR_NOT_AVAILABLE:
      case ErrorCode.NOT_COORDINATOR:
        this.link.forget();
        return this.config['retry.backoff.ms'];
      default:
        return this.config['retry.backoff.ms'];
    }
  }

  /** Too slow: others shall have the partitions. A static member keeps its place until its session ends. */
  onPollTimeout(): Promise<void> {
    const leaving = this.leave('consumer poll timeout has expired.');
    this.end(true);
    return leaving;
  }

  /** A commit of this member was refused; one of an earlier membership says nothing of this one. */
  onCommitRefused(code: number, committer: Committer): void {
    if (committer.generation !== this.generationId || committer.memberId !== this.member) return;
    if (code === ErrorCode.REBALANCE_IN_PROGRESS) return this.requestRejoin();
    if (committer.generation !== NO_GENERATION && !this.joining) this.end(code === ErrorCode.UNKNOWN_MEMBER_ID);
  }

  /** The membership ended while nobody was joining: poll must look. */
  private end(forgetsMember: boolean): null {
    this.lose(forgetsMember);
    this.view.onChange();
    return null;
  }

  /** The membership is over. */
  private lose(forgetsMember: boolean): void {
    if (this.isMember) this.isLost = true;
    this.generationId = NO_GENERATION;
    if (forgetsMember) this.member = '';
    this.rejoinNeeded = true;
    this.heartbeats.stop();
  }

  /** Tells the coordinator goodbye; a static member says nothing. Never rejects. */
  async leave(reason: string): Promise<void> {
    const { member } = this;
    if (member === '' || this.config['group.instance.id'] !== null) return;
    const link = this.link.known(this.joining);
    if (link === null) return;
    try {
      const members = [{ memberId: member, groupInstanceId: null, reason }];
      await link.request(LeaveGroup, { groupId: this.groupId, memberId: member, members });
    } catch {
      // The session timeout will do it.
    }
  }

  /** Unsubscribed: leaves and forgets the membership without a loss. */
  async leaveForGood(reason: string): Promise<void> {
    const leaving = this.leave(reason);
    this.heartbeats.stop();
    this.generationId = NO_GENERATION;
    this.member = '';
    this.joinedAs = null;
    this.isLost = false;
    this.rejoinNeeded = true;
    this.leaderSnapshot = null;
    await leaving;
  }

  close(): void {
    this.closed = true;
    this.heartbeats.close();
    this.pauseTimer?.cancel();
    this.endPause?.();
  }
}
