import { LeaderRole } from './leader.ts';
import { Outbox } from './outbox.ts';
import type { QuorumSettings } from './quorum-settings.ts';
import { handleAnswer, handleFailure, handleFlushed, handleInstalled } from './raft-answers.ts';
import type { Effect, ElectionState, HeardLeader, LeaderAndEpoch, PeerRequest, RaftEvent } from './raft-events.ts';
import type { RaftLog } from './raft-log.ts';
import { nextDeadlineMs, poll } from './raft-poll.ts';
import { answerAllParked, answerParked, handleRequest } from './raft-requests.ts';
import { newBallot, newFetchState, type Role } from './roles.ts';
import type { VoterSet } from './voters.ts';

/**
 * The core of the quorum: Raft as KRaft has it, where followers fetch (KIP-595). Its state, and the ways from one role to the next; what a role does with
 * requests, answers and time lies in `raft-requests.ts`, `raft-answers.ts` and `raft-poll.ts`.
 *
 * Pure: time, the log and randomness come in, effects go out, nothing is done here.
 * Invariants: the epoch never falls, and a node votes once in each; epoch and vote are persisted before anything that follows from them leaves (`step` puts
 * the `persist` first, so that no transition can forget it); the high watermark never falls.
 */
export interface RaftOptions {
  readonly self: number;
  readonly voters: VoterSet;
  readonly settings: QuorumSettings;
  readonly log: RaftLog;
  /** 0 ≤ x < 1. */
  readonly random: () => number;
  readonly election: ElectionState;
  readonly highWatermark: number;
  readonly nowMs: number;
}

/** A sole voter needs six turns from its start to its leadership. */
const POLLS_MAX = 20;
const ELECTION_BACKOFF_BASE_MS = 100;
const BACKOFF_DOUBLINGS_MAX = 10;

export class Raft {
  readonly self: number;
  readonly voters: VoterSet;
  readonly isVoter: boolean;
  readonly others: readonly number[];
  readonly settings: QuorumSettings;
  readonly log: RaftLog;
  role: Role;
  epoch: number;
  votedId: number;
  /** Everything below is committed, as far as this node knows; −1: it knows nothing. */
  highWatermark: number;
  /** Whom an unattached node asks next. */
  nextAsked = 0;
  /** What the leader said with the records that are on their way to the device. */
  highWatermarkAfterAppend = -1;
  nowMs: number;
  /** The leader whom this node followed last; null when it led itself since. */
  lastLeader: HeardLeader | null = null;
  private readonly random: () => number;
  private effects: Effect[] = [];
  private persisted: ElectionState;
  /** The last epoch that this node led: it does not lead it again. */
  private ledEpoch = -1;
  private toldHighWatermark: number;
  private told: LeaderAndEpoch & { readonly isLeader: boolean };
  private lastRequestId = 0;

  constructor(options: RaftOptions) {
    const { self, voters, election, nowMs } = options;
    this.self = self;
    this.voters = voters;
    this.isVoter = voters.has(self);
    this.others = voters.othersThan(self);
    this.settings = options.settings;
    this.log = options.log;
    this.random = options.random;
    this.persisted = election;
    this.nowMs = nowMs;
    // A log that is ahead of the file was written by who kept no such file.
    this.epoch = Math.max(election.epoch, options.log.lastEpoch);
    const isCurrent = this.epoch === election.epoch;
    this.votedId = isCurrent ? election.votedId : -1;
    this.highWatermark = options.highWatermark;
    this.toldHighWatermark = options.highWatermark;
    const leaderId = isCurrent ? election.leaderId : -1;
    if (leaderId === self) this.ledEpoch = this.epoch;
    this.role = leaderId >= 0 && leaderId !== self ? this.newFollower(leaderId) : this.newUnattached();
    this.told = { leaderId: -1, epoch: -1, isLeader: false };
  }

  get leaderId(): number {
    const { role } = this;
    if (role.kind === 'leader') return this.self;
    return role.kind === 'follower' ? role.leaderId : -1;
  }

  get leader(): LeaderAndEpoch {
    return { leaderId: this.leaderId, epoch: this.epoch };
  }

  /** This node leads, and all that was committed in earlier epochs is below the high watermark. */
  get isLeader(): boolean {
    return this.role.kind === 'leader' && this.highWatermark > this.role.epochStartOffset;
  }

  /** When to call `step` again, whatever happens. */
  get nextDeadlineMs(): number {
    return nextDeadlineMs(this);
  }

  step(event: RaftEvent, nowMs: number): readonly Effect[] {
    this.nowMs = Math.max(this.nowMs, nowMs);
    this.handle(event);
    let polls = 0;
    for (let before = null as Role | null; before !== this.role; ) {
      if (++polls > POLLS_MAX) throw new Error(`no end of transitions, now ${this.role.kind} in epoch ${this.epoch}`);
      before = this.role;
      poll(this);
    }
    return this.takeEffects();
  }

  private handle(event: RaftEvent): void {
    switch (event.kind) {
      case 'tick':
        return;
      case 'appended':
        return answerParked(this);
      case 'flushed':
        return handleFlushed(this, event.isRefused);
      case 'request':
        return handleRequest(this, event.token, event.request);
      case 'answer':
        return handleAnswer(this, event.id, event.from, event.answer);
      case 'failed':
        return handleFailure(this, event.id, event.from, event.isGone);
      case 'installed':
        return handleInstalled(this, event.snapshotId, event.isSound);
      case 'resign':
        if (this.role.kind === 'leader') this.becomeResigned();
    }
  }

  emit(effect: Effect): void {
    this.effects.push(effect);
  }

  /** Returns the request's id. */
  send(to: number, request: PeerRequest): number {
    const id = ++this.lastRequestId;
    this.emit({ kind: 'send', id, to, request });
    return id;
  }

  private takeEffects(): Effect[] {
    const { epoch, leaderId, votedId, isLeader, highWatermark } = this;
    const effects = this.effects;
    this.effects = [];
    const before = this.persisted;
    // Kafka goes by that, too: a node that leads no longer, and would not say so, could lead the epoch once more.
    const statedId = leaderId < 0 && this.ledEpoch === epoch ? this.self : leaderId;
    if (before.epoch !== epoch || before.leaderId !== statedId || before.votedId !== votedId) {
      this.persisted = { epoch, leaderId: statedId, votedId };
      effects.unshift({ kind: 'persist', election: this.persisted });
    }
    if (highWatermark > this.toldHighWatermark) {
      this.toldHighWatermark = highWatermark;
      effects.push({ kind: 'highWatermark', offset: highWatermark });
    }
    const { told } = this;
    if (told.leaderId !== leaderId || told.epoch !== epoch || told.isLeader !== isLeader) {
      this.told = { leaderId, epoch, isLeader };
      const effect: Effect = { kind: 'leader', leader: { leaderId, epoch }, isLeader };
      // Who no longer leads should know before anything else is done.
      if (told.isLeader) effects.unshift(effect);
      else effects.push(effect);
    }
    return effects;
  }

  electionTimeoutMs(): number {
    return this.settings.electionTimeoutMs * (1 + this.random());
  }

  /** Drawn below a bound that grows, so that those who lost together do not stand again together. */
  electionBackoffMs(losses: number): number {
    const boundMs = ELECTION_BACKOFF_BASE_MS * 2 ** Math.min(losses + 1, BACKOFF_DOUBLINGS_MAX);
    return this.random() * Math.min(boundMs, this.settings.electionBackoffMaxMs);
  }

  /** The leader itself said something. */
  leaderHeard(leaderId: number): void {
    this.lastLeader = { leaderId, heardMs: this.nowMs };
  }

  raiseHighWatermark(offset: number): void {
    const next = Math.min(offset, this.log.endOffset);
    if (next <= this.highWatermark) return;
    this.highWatermark = next;
    if (this.role.kind === 'leader') answerParked(this);
  }

  private enter(role: Role): void {
    if (this.role.kind === 'leader') {
      answerAllParked(this, this.role);
      this.lastLeader = null;
    }
    this.role = role;
  }

  private raiseEpoch(epoch: number): void {
    if (epoch < this.epoch) throw new Error(`epoch ${epoch} after ${this.epoch}`);
    if (epoch > this.epoch) this.votedId = -1;
    this.epoch = epoch;
  }

  private newUnattached(electionDeadlineMs = this.newElectionDeadlineMs()): Role {
    return { kind: 'unattached', electionDeadlineMs, fetch: newFetchState(this.nowMs) };
  }

  private newElectionDeadlineMs(): number {
    if (!this.isVoter) return Number.POSITIVE_INFINITY;
    return this.others.length === 0 ? this.nowMs : this.nowMs + this.electionTimeoutMs();
  }

  /** When this node would have stood for election, or doubted its leader. */
  private patienceEndsMs(): number {
    const { role } = this;
    if (!this.isVoter) return Number.POSITIVE_INFINITY;
    switch (role.kind) {
      case 'unattached':
        return role.electionDeadlineMs;
      case 'prospective':
      case 'candidate':
        return role.deadlineMs;
      case 'follower':
        return role.fetchDeadlineMs;
      case 'leader':
      case 'resigned':
        return this.newElectionDeadlineMs();
    }
  }

  private newFollower(leaderId: number): Role {
    return {
      kind: 'follower',
      leaderId,
      fetchDeadlineMs: this.nowMs + this.settings.fetchTimeoutMs,
      fetch: newFetchState(this.nowMs),
      isLeaderAlive: false,
      snapshot: null,
    };
  }

  becomeUnattached(epoch: number): void {
    this.enter(this.newUnattached());
    this.raiseEpoch(epoch);
  }

  /** Others are in a later epoch. Whose turn it would soon be does not wait longer for that: elections that others lose would keep it from winning one. */
  joinEpoch(epoch: number): void {
    this.enter(this.newUnattached(this.patienceEndsMs()));
    this.raiseEpoch(epoch);
  }

  becomeFollower(leaderId: number, epoch: number): void {
    if (leaderId === this.self) throw new Error(`node ${leaderId} is said to lead epoch ${epoch}, and does not`);
    const { leader } = this;
    if (epoch === this.epoch && leader.leaderId >= 0 && leader.leaderId !== leaderId) {
      throw new Error(`nodes ${leader.leaderId} and ${leaderId} both lead epoch ${epoch}`);
    }
    this.enter(this.newFollower(leaderId));
    this.raiseEpoch(epoch);
  }

  /** What node `from` says of the leader: newer epochs and leaders that were not known are believed. */
  learn(from: number, leaderId: number, epoch: number): void {
    if (epoch < this.epoch) return;
    const { role } = this;
    // Who doubts its leader is not to be sent back by others who only have not begun to doubt it.
    const isDoubted = role.kind === 'prospective' && role.leaderId === leaderId && from !== leaderId;
    const knows = this.leaderId >= 0 || role.kind === 'resigned' || isDoubted;
    if (leaderId >= 0 && (epoch > this.epoch || !knows)) {
      if (leaderId !== this.self) this.becomeFollower(leaderId, epoch);
      else {
        // It led this epoch in an earlier life, and has to wait for the next one.
        if (epoch > this.epoch) this.joinEpoch(epoch);
        this.votedId = this.self;
      }
    } else if (epoch > this.epoch) this.joinEpoch(epoch);
  }

  /** Whether the leader of an epoch that somebody names contradicts what is known here. */
  isOtherLeader(leaderId: number, epoch: number): boolean {
    return epoch === this.epoch && this.leaderId >= 0 && this.leaderId !== leaderId;
  }

  becomeProspective(leaderId: number, losses: number): void {
    this.enter({
      kind: 'prospective',
      leaderId,
      ballot: newBallot(this.self, this.others, this.nowMs),
      deadlineMs: this.nowMs + this.electionTimeoutMs(),
      losses,
    });
  }

  becomeCandidate(losses: number): void {
    this.raiseEpoch(this.epoch + 1);
    this.votedId = this.self;
    this.enter({
      kind: 'candidate',
      ballot: newBallot(this.self, this.others, this.nowMs),
      deadlineMs: this.nowMs + this.electionTimeoutMs(),
      losses,
    });
  }

  becomeLeader(granting: readonly number[]): void {
    this.ledEpoch = this.epoch;
    this.enter(
      new LeaderRole({
        self: this.self,
        voters: this.voters,
        granting,
        epochStartOffset: this.log.endOffset,
        quorumTimeoutMs: this.settings.fetchTimeoutMs * 1.5,
        nowMs: this.nowMs,
      }),
    );
    this.emit({ kind: 'appendLeaderChange', epoch: this.epoch, granting });
  }

  becomeResigned(): void {
    const { role } = this;
    if (role.kind !== 'leader') throw new Error(`a ${role.kind} cannot resign`);
    this.enter({
      kind: 'resigned',
      outbox: new Outbox(this.others, this.nowMs),
      preferredCandidates: role.successors(),
      deadlineMs: this.nowMs + this.electionTimeoutMs(),
    });
  }
}
