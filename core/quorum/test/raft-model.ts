import { SimRandom } from '../../ports/sim/random.ts';
import type { QuorumSettings } from '../quorum-settings.ts';
import { DEFAULT_QUORUM_SETTINGS } from '../quorum-settings.ts';
import { Raft } from '../raft.ts';
import type { Effect, ElectionState, PeerAnswer, PeerRequest, RaftEvent } from '../raft-events.ts';
import type { OffsetAndEpoch, RaftLog } from '../raft-log.ts';
import { VoterSet } from '../voters.ts';

/**
 * Cores alone, without files, promises and a world: what happens next is drawn anew at every step (a message of any age, a tick, a flush, a crash that
 * loses what was not flushed). Thousands of short histories find what takes a rare order of events; the simulation of whole nodes finds the rest.
 */
interface Entry {
  readonly epoch: number;
  readonly id: number;
}

/** A log in memory, which forgets what was not flushed when its node crashes. */
export class ModelLog implements RaftLog {
  entries: Entry[] = [];
  flushedOffset = 0;
  readonly startOffset = 0;
  readonly latestSnapshot = null;
  readonly oldestSnapshot = null;

  get endOffset(): number {
    return this.entries.length;
  }

  get isSettled(): boolean {
    return this.flushedOffset >= this.entries.length;
  }

  get lastEpoch(): number {
    return this.entries.at(-1)?.epoch ?? 0;
  }

  endOffsetFor(epoch: number): OffsetAndEpoch {
    const offset = this.entries.findLastIndex((entry) => entry.epoch <= epoch) + 1;
    return { offset, epoch: this.entries[offset - 1]?.epoch ?? 0 };
  }

  truncateTo(offset: number): void {
    this.entries.length = offset;
    this.flushedOffset = Math.min(this.flushedOffset, offset);
  }
}

/** How a history goes, each from 0 to 1. */
export interface Style {
  /** Messages are taken in any order, and some get lost. */
  readonly disorder: number;
  readonly crashes: number;
  readonly flushes: number;
  readonly appends: number;
}

interface ModelNode {
  readonly id: number;
  readonly log: ModelLog;
  election: ElectionState;
  raft: Raft;
  nowMs: number;
  /** Its lives: messages to an earlier one are lost. */
  life: number;
  highWatermark: number;
  tokens: Map<number, { readonly from: number; readonly id: number; readonly life: number }>;
  lastToken: number;
}

type Message =
  | {
      readonly kind: 'request';
      readonly from: number;
      readonly to: number;
      readonly id: number;
      readonly life: number;
      readonly request: PeerRequest;
    }
  | {
      readonly kind: 'answer';
      readonly from: number;
      readonly to: number;
      readonly id: number;
      readonly life: number;
      readonly answer: PeerAnswer;
    };

const SETTINGS: QuorumSettings = {
  ...DEFAULT_QUORUM_SETTINGS,
  electionTimeoutMs: 100,
  fetchTimeoutMs: 200,
  electionBackoffMaxMs: 50,
};
const MESSAGES_MAX = 60;

export class RaftModel {
  readonly nodes: ModelNode[];
  readonly committed: Entry[] = [];
  private readonly random: SimRandom;
  private readonly voters: VoterSet;
  private messages: Message[] = [];
  private readonly leaders = new Map<number, number>();
  private readonly votes = new Map<string, number>();
  private lastEntryId = 0;

  constructor(seed: number, voters: number, observers = 0) {
    this.random = new SimRandom(seed, 'model');
    const ids = Array.from({ length: voters }, (_, index) => index + 1);
    this.voters = new VoterSet(ids.map((nodeId) => ({ nodeId, address: null })));
    const all = [...ids, ...Array.from({ length: observers }, (_, index) => 101 + index)];
    this.nodes = all.map((id) => this.newNode(id));
  }

  private newNode(id: number): ModelNode {
    const log = new ModelLog();
    const election = { epoch: 0, leaderId: -1, votedId: -1 };
    const base = { id, log, election, nowMs: 0, life: 0, highWatermark: -1, tokens: new Map(), lastToken: 0 };
    return { ...base, raft: this.newRaft(id, log, election, 0) };
  }

  private newRaft(self: number, log: ModelLog, election: ElectionState, nowMs: number): Raft {
    const random = () => this.random.float();
    return new Raft({ self, voters: this.voters, settings: SETTINGS, log, random, election, highWatermark: -1, nowMs });
  }

  get leaderCount(): number {
    return this.leaders.size;
  }

  /** One thing happens. */
  step({ disorder, crashes, flushes, appends }: Style): void {
    const { random } = this;
    const node = this.nodes[random.integer(this.nodes.length)]!;
    const draw = random.float();
    if (draw < crashes) return this.crash(node);
    if (draw < 0.1) return random.float() < appends ? this.append(node) : this.tick(node);
    if (draw < 0.1 + flushes) return this.flush(node);
    if (this.messages.length === 0) return this.tick(node);
    const index = random.float() < disorder ? random.integer(this.messages.length) : 0;
    const [message] = this.messages.splice(index, 1);
    if (random.float() < 0.1 * disorder) this.lose(message!);
    else this.deliver(message!);
  }

  /** What follows once nothing fails any more: everybody is heard and flushed. */
  settle(): void {
    for (const message of this.messages.splice(0)) this.deliver(message);
    for (const node of this.nodes) {
      this.flush(node, true);
      node.nowMs += 10;
      this.happen(node, { kind: 'tick' });
    }
  }

  append(node: ModelNode): void {
    if (node.raft.role.kind !== 'leader') return;
    node.log.entries.push({ epoch: node.raft.epoch, id: ++this.lastEntryId });
    this.happen(node, { kind: 'appended' });
  }

  private tick(node: ModelNode): void {
    const wait = node.raft.nextDeadlineMs - node.nowMs;
    node.nowMs += this.random.integer(3) === 0 && Number.isFinite(wait) ? Math.max(0, wait) : this.random.integer(20);
    this.happen(node, { kind: 'tick' });
  }

  private flush(node: ModelNode, isWhole = this.random.integer(2) === 0): void {
    const { log } = node;
    if (log.isSettled) return;
    // What was appended while the device worked waits for the next flush.
    log.flushedOffset += isWhole
      ? log.endOffset - log.flushedOffset
      : this.random.integer(log.endOffset - log.flushedOffset);
    this.happen(node, { kind: 'flushed', isRefused: false });
  }

  private crash(node: ModelNode): void {
    const { log } = node;
    // Of what was not flushed some may be there.
    log.entries.length = log.flushedOffset + this.random.integer(log.endOffset - log.flushedOffset + 1);
    log.flushedOffset = log.endOffset;
    node.life++;
    const unanswered = [...node.tokens.values()];
    node.tokens = new Map();
    node.highWatermark = -1;
    node.raft = this.newRaft(node.id, log, node.election, node.nowMs);
    this.happen(node, { kind: 'tick' });
    for (const { from, id, life } of unanswered) {
      const sender = this.nodeOf(from);
      if (sender.life === life)
        this.happen(sender, { kind: 'failed', id, from: node.id, isGone: this.random.integer(2) === 0 });
    }
  }

  private nodeOf(id: number): ModelNode {
    return this.nodes.find((node) => node.id === id)!;
  }

  private lose(message: Message): void {
    const [sender, other] = message.kind === 'request' ? [message.from, message.to] : [message.to, message.from];
    const node = this.nodeOf(sender);
    if (node.life === message.life) this.happen(node, { kind: 'failed', id: message.id, from: other, isGone: false });
  }

  private deliver(message: Message): void {
    const { from, to, id, life } = message;
    const node = this.nodeOf(to);
    if (message.kind === 'answer') {
      if (node.life === life) this.happen(node, { kind: 'answer', id, from, answer: message.answer });
      return;
    }
    const token = ++node.lastToken;
    node.tokens.set(token, { from, id, life });
    this.happen(node, { kind: 'request', token, request: message.request });
  }

  private happen(node: ModelNode, event: RaftEvent): void {
    for (const effect of node.raft.step(event, node.nowMs)) this.execute(node, effect);
    this.check(node);
  }

  private execute(node: ModelNode, effect: Effect): void {
    const { log } = node;
    switch (effect.kind) {
      case 'persist':
        if (effect.election.votedId >= 0) this.noteVote(node, effect.election);
        node.election = effect.election;
        return;
      case 'send':
        this.messages.push({ ...effect, kind: 'request', from: node.id, life: node.life });
        if (this.messages.length > MESSAGES_MAX) this.lose(this.messages.shift()!);
        return;
      case 'answer': {
        const { from, id, life } = node.tokens.get(effect.token)!;
        node.tokens.delete(effect.token);
        this.messages.push({
          kind: 'answer',
          from: node.id,
          to: from,
          id,
          life,
          answer: this.complete(log, effect.answer),
        });
        return;
      }
      case 'appendLeaderChange':
        log.entries.push({ epoch: effect.epoch, id: ++this.lastEntryId });
        return;
      case 'appendFetched':
        log.entries.push(...(JSON.parse(effect.records.toString()) as Entry[]));
        return;
      case 'truncate':
        log.truncateTo(effect.offset);
        return;
      case 'highWatermark':
        return this.commit(node, effect.offset);
      case 'snapshotPiece':
        throw new Error('there are no snapshots here');
      case 'leader':
    }
  }

  private complete(log: ModelLog, answer: PeerAnswer): PeerAnswer {
    if (answer.kind !== 'fetch' || answer.readFrom === null) return answer;
    const { offset } = answer.readFrom;
    const entries = log.entries.slice(offset, offset + 1 + this.random.integer(3));
    return { ...answer, records: Buffer.from(JSON.stringify(entries)) };
  }

  private commit(node: ModelNode, offset: number): void {
    for (let at = Math.max(0, node.highWatermark); at < offset; at++) {
      const entry = node.log.entries[at];
      if (entry === undefined) throw new Error(`n${node.id} commits ${at}, and has a log to ${node.log.endOffset}`);
      const known = (this.committed[at] ??= entry);
      if (known.id !== entry.id) throw new Error(`committed at ${at}: ${known.id}, and on n${node.id} ${entry.id}`);
    }
  }

  private noteVote(node: ModelNode, { epoch, votedId }: ElectionState): void {
    const key = `${node.id}/${epoch}`;
    const before = this.votes.get(key) ?? votedId;
    if (before !== votedId)
      throw new Error(`one vote an epoch: n${node.id} votes for n${before} and n${votedId} in ${epoch}`);
    this.votes.set(key, votedId);
  }

  private check(node: ModelNode): void {
    const { id, raft, log } = node;
    if (raft.highWatermark < node.highWatermark) throw new Error(`the high watermark of n${id} falls`);
    node.highWatermark = raft.highWatermark;
    if (node.election.epoch !== raft.epoch || node.election.votedId !== raft.votedId) {
      throw new Error(`n${id} is in epoch ${raft.epoch}, and has not persisted it`);
    }
    if (raft.role.kind !== 'leader') return;
    const before = this.leaders.get(raft.epoch);
    if (before === id) return;
    if (before !== undefined) throw new Error(`one leader an epoch: n${before} and n${id} lead ${raft.epoch}`);
    this.leaders.set(raft.epoch, id);
    for (const [offset, entry] of this.committed.entries()) {
      if (log.entries[offset]?.id !== entry.id)
        throw new Error(`n${id} leads ${raft.epoch} without what was committed at ${offset}`);
    }
  }
}
