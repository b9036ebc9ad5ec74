import { ZERO_UUID } from '../../protocol/writer.ts';
import { DEFAULT_QUORUM_SETTINGS } from '../quorum-settings.ts';
import { Raft } from '../raft.ts';
import type {
  Effect,
  ElectionState,
  FetchAnswer,
  FetchRequest,
  PeerAnswer,
  PeerRequest,
  VoteRequest,
} from '../raft-events.ts';
import { VoterSet } from '../voters.ts';
import { ModelLog } from './raft-model.ts';

/** For the tests of the core's transitions, one at a time: node 1 of three, and what the others say to it. */
export const ELECTION_MS = 1000; // With the randomness below: from 1.5 times this on.

export class Node {
  readonly log = new ModelLog();
  readonly raft: Raft;
  nowMs = 0;
  private lastToken = 0;

  constructor(
    options: { election?: Partial<ElectionState>; self?: number; voters?: number[]; epochs?: number[] } = {},
  ) {
    this.log.entries = (options.epochs ?? []).map((epoch, id) => ({ epoch, id }));
    this.log.flushedOffset = this.log.endOffset;
    this.raft = new Raft({
      self: options.self ?? 1,
      voters: new VoterSet((options.voters ?? [1, 2, 3]).map((nodeId) => ({ nodeId, address: null }))),
      settings: { ...DEFAULT_QUORUM_SETTINGS, electionTimeoutMs: ELECTION_MS },
      log: this.log,
      random: () => 0.5,
      election: { epoch: 0, leaderId: -1, votedId: -1, ...options.election },
      highWatermark: -1,
      nowMs: 0,
    });
  }

  get kind(): string {
    return this.raft.role.kind;
  }

  pass(ms: number): readonly Effect[] {
    this.nowMs += ms;
    return this.done(this.raft.step({ kind: 'tick' }, this.nowMs));
  }

  ask(request: PeerRequest): { answer: PeerAnswer | undefined; effects: readonly Effect[] } {
    const token = ++this.lastToken;
    const effects = this.done(this.raft.step({ kind: 'request', token, request }, this.nowMs));
    const found = effects.find((effect) => effect.kind === 'answer' && effect.token === token);
    return { answer: found?.kind === 'answer' ? found.answer : undefined, effects };
  }

  answer(id: number, from: number, answer: PeerAnswer): readonly Effect[] {
    return this.done(this.raft.step({ kind: 'answer', id, from, answer }, this.nowMs));
  }

  flush(): readonly Effect[] {
    this.log.flushedOffset = this.log.endOffset;
    return this.done(this.raft.step({ kind: 'flushed', isRefused: false }, this.nowMs));
  }

  append(): readonly Effect[] {
    this.log.entries.push({ epoch: this.raft.epoch, id: 0 });
    return this.raft.step({ kind: 'appended' }, this.nowMs);
  }

  private done(effects: readonly Effect[]): readonly Effect[] {
    for (const effect of effects) {
      if (effect.kind === 'appendLeaderChange') this.log.entries.push({ epoch: effect.epoch, id: 0 });
      if (effect.kind === 'truncate') this.log.truncateTo(effect.offset);
      if (effect.kind === 'appendFetched') this.log.entries.push(...JSON.parse(effect.records.toString()));
    }
    return effects;
  }
}

export type Sent = Extract<Effect, { kind: 'send' }>;
export const sends = (effects: readonly Effect[], kind: PeerRequest['kind']): Sent[] =>
  effects.filter((effect): effect is Sent => effect.kind === 'send' && effect.request.kind === kind);
export const persisted = (effects: readonly Effect[]): ElectionState | undefined => {
  const index = effects.findIndex(({ kind }) => kind === 'persist');
  if (index > 0 && effects.slice(0, index).some(({ kind }) => kind !== 'leader'))
    throw new Error('something leaves before it');
  const effect = effects[index];
  return effect?.kind === 'persist' ? effect.election : undefined;
};

export const vote = (fields: Partial<VoteRequest>): VoteRequest => ({
  kind: 'vote',
  candidateId: 2,
  epoch: 1,
  lastEpoch: 0,
  endOffset: 0,
  isPreVote: false,
  ...fields,
});
export const granted = (fields: Partial<PeerAnswer> = {}): PeerAnswer =>
  ({ kind: 'vote', errorCode: 0, leaderId: -1, epoch: 1, isGranted: true, isPreVote: false, ...fields }) as PeerAnswer;
export const fetchOf = (fields: Partial<FetchRequest>): FetchRequest => ({
  kind: 'fetch',
  replicaId: 2,
  directoryId: ZERO_UUID,
  epoch: 1,
  fetchOffset: 0,
  lastFetchedEpoch: 0,
  highWatermark: -1,
  maxWaitMs: 500,
  maxBytes: 1000,
  ...fields,
});
export const fetched = (fields: Partial<FetchAnswer>): FetchAnswer => ({
  kind: 'fetch',
  errorCode: 0,
  leaderId: 2,
  epoch: 1,
  highWatermark: 0,
  logStartOffset: 0,
  diverging: null,
  snapshotId: null,
  records: Buffer.alloc(0),
  readFrom: null,
  ...fields,
});

/** Node 1, elected in epoch 1 by node 2. */
export function leader(epochs: number[] = []): Node {
  const node = new Node({ epochs });
  const asked = sends(node.pass(ELECTION_MS * 1.5), 'vote');
  const epoch = node.raft.epoch;
  const standing = node.answer(asked[0]!.id, asked[0]!.to, granted({ epoch, isPreVote: true } as Partial<PeerAnswer>));
  const real = sends(standing, 'vote');
  node.answer(real[0]!.id, real[0]!.to, granted({ epoch: epoch + 1 } as Partial<PeerAnswer>));
  if (node.kind !== 'leader') throw new Error(`a ${node.kind}, not elected`);
  return node;
}

export function follower(epochs: number[] = [], epoch = 1): Node {
  const node = new Node({ epochs });
  node.ask({ kind: 'beginEpoch', leaderId: 2, epoch });
  if (node.raft.leaderId !== 2) throw new Error('node 2 is not followed');
  return node;
}

/** The open fetch of a follower. */
export function openFetch(node: Node): number {
  const { role } = node.raft;
  if (role.kind !== 'follower' || role.fetch.openId === null) throw new Error('no fetch is open');
  return role.fetch.openId;
}
