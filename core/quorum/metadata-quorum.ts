import type { Log } from '../log/log.ts';
import type { Clock } from '../ports/clock.ts';
import type { Files } from '../ports/files.ts';
import type { Random } from '../ports/random.ts';
import { buildControlBatch, ControlType, LeaderChange } from '../protocol/control-record.ts';
import { ErrorCode } from '../protocol/errors.ts';
import type { Fetch } from '../protocol/messages/01-fetch.ts';
import type { Vote } from '../protocol/messages/52-vote.ts';
import type { BeginQuorumEpoch } from '../protocol/messages/53-begin-quorum-epoch.ts';
import type { EndQuorumEpoch } from '../protocol/messages/54-end-quorum-epoch.ts';
import type { FetchSnapshot } from '../protocol/messages/59-fetch-snapshot.ts';
import { RecordBatchBuilder } from '../protocol/record-batch-builder.ts';
import type { RequestOf, ResponseInput } from '../protocol/schema.ts';
import { Applier } from './applier.ts';
import { ElectionStateFile } from './election-state-file.ts';
import {
  type DecodedForVoter,
  decodeBeginEpoch,
  decodeEndEpoch,
  decodeFetch,
  decodeFetchSnapshot,
  decodeVote,
  encodeEpochAnswer,
  encodeFetchAnswer,
  encodeFetchSnapshotAnswer,
  encodeVoteAnswer,
  type Me,
} from './peer-messages.ts';
import { askPeer, isRefusal, type SendToPeer } from './peer-sender.ts';
import { NotLeaderError, PendingAppends } from './pending-appends.ts';
import { describeQuorum, type QuorumDescription } from './quorum-description.ts';
import { BATCH_BYTES_MAX, metadataDirectory, QuorumLog } from './quorum-log.ts';
import type { QuorumSettings } from './quorum-settings.ts';
import { Raft } from './raft.ts';
import { isInstalling } from './raft-answers.ts';
import { RaftDriver } from './raft-driver.ts';
import type {
  BeginEpochAnswer,
  Effect,
  ElectionState,
  EndEpochAnswer,
  FetchAnswer,
  FetchSnapshotAnswer,
  HeardLeader,
  LeaderAndEpoch,
  PeerAnswer,
  PeerRequest,
  VoteAnswer,
} from './raft-events.ts';
import type { SnapshotId } from './raft-log.ts';
import type { Role } from './roles.ts';
import { SnapshotSchedule } from './snapshot-schedule.ts';
import { Snapshots } from './snapshots.ts';
import type { StateMachine } from './state-machine.ts';
import { type Voter, VoterSet } from './voters.ts';

/**
 * The metadata quorum on this node, voter or observer: the core (`raft.ts`) with its log, its files, its peers and the state machine.
 *
 * Invariants: an append is answered when a majority has it on the device and it is applied here; the state machine sees committed batches only, in order, the
 * same on every node. What breaks an invariant, and a disk that fails, ends this node's part (`onFatal`); nothing is written afterwards.
 */
export interface MetadataQuorumOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly files: Files;
  /** The log directory in which the log's folder lies; its owner holds the lock. */
  readonly logDir: string;
  /** The last owner closed the log directory cleanly. */
  readonly isClean: boolean;
  readonly nodeId: number;
  readonly clusterId: string;
  /** Of `logDir`. */
  readonly directoryId: string;
  readonly voters: readonly Voter[];
  readonly settings: QuorumSettings;
  readonly send: SendToPeer;
  readonly stateMachine: StateMachine;
  /** Told what people should know. */
  readonly onProblem: (message: string) => void;
  /** This node can take part no longer. */
  readonly onFatal: (error: unknown) => void;
}

/** Appends under way; the controller decides one thing after another. */
const APPENDS_MAX = 10_000;
const RESIGN_WAIT_MS = 1000;

export class MetadataQuorum {
  private readonly options: MetadataQuorumOptions;
  private readonly me: Me;
  /** For who looks on; nobody else changes it. */
  readonly log: QuorumLog;
  private readonly snapshots: Snapshots;
  private readonly electionState: ElectionStateFile;
  private readonly applier: Applier;
  private readonly schedule: SnapshotSchedule;
  private readonly raft: Raft;
  private readonly driver: RaftDriver;
  private readonly pending = new PendingAppends();
  private readonly asked = new Map<number, { resolve(answer: PeerAnswer): void; reject(error: Error): void }>();
  private lastToken = 0;
  private isFolderNew = true;
  private ended: string | null = null;
  /** What writes to the folder beside the log. */
  private readonly writing = new Set<Promise<void>>();
  private onResigned: (() => void) | null = null;

  /**
   * Opens what lies in the folder. Throws when the election state, the log or the newest snapshot cannot be used; the message names the file and the cause.
   */
  static open(options: MetadataQuorumOptions): MetadataQuorum {
    return new MetadataQuorum(options);
  }

  private constructor(options: MetadataQuorumOptions) {
    const { files, clock, random, nodeId, clusterId, directoryId, settings, logDir } = options;
    this.options = options;
    const voters = new VoterSet(options.voters);
    this.me = { nodeId, clusterId, directoryId, voters };
    const directory = metadataDirectory(logDir);
    this.electionState = new ElectionStateFile(files, directory, clusterId, voters.ids);
    const election = this.electionState.read();
    this.snapshots = new Snapshots(files, directory);
    this.log = new QuorumLog({
      ...options,
      snapshots: () => this.snapshots.ids,
      onFailed: (reason) => this.fail(new Error(`${directory}: ${reason}`)),
    });
    this.applier = new Applier(this.log, this.snapshots, options.stateMachine);
    this.schedule = new SnapshotSchedule(options, this.applier, this.log, this.snapshots, (work) => this.write(work));
    this.raft = new Raft({
      self: nodeId,
      voters,
      settings,
      log: this.log,
      random: () => random.float(),
      election,
      highWatermark: this.snapshots.latest?.offset ?? -1,
      nowMs: clock.monotonic(),
    });
    this.driver = new RaftDriver({
      clock,
      raft: this.raft,
      persist: (state) => this.write(() => this.persist(state)),
      execute: (effect) => this.execute(effect),
      onStepped: () => this.stepped(),
      onFatal: (error) => this.fail(error),
    });
  }

  /** From here on this node takes part. A sole voter leads, with everything applied, as soon as its disk has taken two writes. */
  start(): void {
    const { latest } = this.snapshots;
    if (latest !== null) this.applier.load(latest);
    this.schedule.start();
    void this.write(() => this.log.writeTopicId());
    if (!this.log.isSettled) this.flush();
    this.driver.post({ kind: 'tick' });
  }

  /** The log itself, for who looks from outside. */
  get metadataLog(): Log {
    return this.log.log;
  }

  get leader(): LeaderAndEpoch {
    return this.raft.leader;
  }

  /** The leader whom this node followed last; null when it led itself since. */
  get lastLeader(): HeardLeader | null {
    return this.raft.lastLeader;
  }

  /** As Kafka's current-state metric calls it. */
  get state(): Role['kind'] {
    return this.raft.role.kind;
  }

  get isVoter(): boolean {
    return this.raft.isVoter;
  }

  /** It leads, and has applied everything that was committed before its epoch. */
  get isLeader(): boolean {
    return this.ended === null && this.raft.isLeader && this.applier.appliedOffset >= this.raft.highWatermark;
  }

  /** −1 while nothing is known. */
  get highWatermark(): number {
    return this.raft.highWatermark;
  }

  get logEndOffset(): number {
    return this.log.endOffset;
  }

  get logStartOffset(): number {
    return this.log.startOffset;
  }

  /** Exclusive: everything below is applied. */
  get lastAppliedOffset(): number {
    return this.applier.appliedOffset;
  }

  /**
   * Appends the values as one batch: all of them are committed, or none. Resolves when they are, and applied here. Rejects with NotLeaderError when this
   * node does not lead, or no longer does before that: the outcome is unknown then.
   */
  append(values: readonly Buffer[]): Promise<{ readonly lastOffset: number }> {
    if (values.length === 0) return Promise.reject(new Error('an append without records'));
    if (this.pending.count >= APPENDS_MAX) {
      return Promise.reject(new Error(`${this.pending.count} appends wait for the metadata quorum`));
    }
    const nowMs = this.options.clock.now();
    const builder = new RecordBatchBuilder({});
    for (const value of values) builder.append(nowMs, null, value);
    const batch = builder.build();
    if (batch.length > BATCH_BYTES_MAX) {
      return Promise.reject(
        new Error(`${batch.length} bytes in one batch of metadata, of which ${BATCH_BYTES_MAX} are allowed`),
      );
    }
    return new Promise((resolve, reject) => {
      if (this.ended !== null) return reject(new NotLeaderError(this.ended));
      this.driver.run(() => {
        if (this.raft.role.kind !== 'leader') {
          return reject(new NotLeaderError('this node does not lead the metadata quorum'));
        }
        const lastOffset = this.log.append(batch, this.raft.epoch);
        this.pending.append(lastOffset).then(resolve, reject);
        this.flush();
        this.driver.post({ kind: 'appended' });
      });
    });
  }

  /** Until everything below `offset` is applied. Rejects when the quorum is closed before. */
  whenApplied(offset: number): Promise<void> {
    if (this.applier.appliedOffset >= offset) return Promise.resolve();
    if (this.ended !== null) return Promise.reject(new Error(this.ended));
    return this.pending.whenApplied(offset);
  }

  async vote(message: RequestOf<typeof Vote>): Promise<ResponseInput<typeof Vote>> {
    const { me } = this;
    const decoded = decodeVote(me, message);
    if ('errorCode' in decoded) return { errorCode: decoded.errorCode, topics: [] };
    const answer = await this.answerTo<VoteAnswer>(decoded, { kind: 'vote', isGranted: false, isPreVote: false });
    return encodeVoteAnswer(me, answer);
  }

  async beginQuorumEpoch(message: RequestOf<typeof BeginQuorumEpoch>): Promise<ResponseInput<typeof BeginQuorumEpoch>> {
    const { me } = this;
    const decoded = decodeBeginEpoch(me, message);
    if ('errorCode' in decoded) return { errorCode: decoded.errorCode, topics: [] };
    return encodeEpochAnswer(me, await this.answerTo<BeginEpochAnswer>(decoded, { kind: 'beginEpoch' }));
  }

  async endQuorumEpoch(message: RequestOf<typeof EndQuorumEpoch>): Promise<ResponseInput<typeof EndQuorumEpoch>> {
    const { me } = this;
    const decoded = decodeEndEpoch(me, message);
    if ('errorCode' in decoded) return { errorCode: decoded.errorCode, topics: [] };
    return encodeEpochAnswer(me, await this.answerTo<EndEpochAnswer>(decoded, { kind: 'endEpoch' }));
  }

  /** A Fetch of the metadata log, of any version; waits here while there is nothing to fetch. */
  async fetch(message: RequestOf<typeof Fetch>): Promise<ResponseInput<typeof Fetch>> {
    const decoded = decodeFetch(this.me, message);
    if ('errorCode' in decoded) return { errorCode: decoded.errorCode, responses: [] };
    return encodeFetchAnswer(this.me, await this.ask<FetchAnswer>(decoded.request));
  }

  async fetchSnapshot(message: RequestOf<typeof FetchSnapshot>): Promise<ResponseInput<typeof FetchSnapshot>> {
    const decoded = decodeFetchSnapshot(this.me, message);
    if ('errorCode' in decoded) return { errorCode: decoded.errorCode, topics: [] };
    return encodeFetchSnapshotAnswer(this.me, await this.ask<FetchSnapshotAnswer>(decoded.request));
  }

  describe(): QuorumDescription {
    return describeQuorum(this.raft, this.me, this.options.clock);
  }

  /** A leader says that it goes, so that the others need not find out; then the log is closed cleanly. */
  async close(): Promise<void> {
    if (this.ended !== null) return;
    await this.resign();
    if (this.ended !== null) return;
    this.end('the metadata quorum was closed');
    await Promise.all(this.writing);
    await this.log.close();
  }

  private resign(): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.options.clock.setTimer(RESIGN_WAIT_MS, resolve);
      this.onResigned = () => {
        timer.cancel();
        resolve();
      };
      this.driver.post({ kind: 'resign' });
    });
  }

  private end(reason: string): void {
    this.ended = reason;
    this.driver.stop();
    this.schedule.stop();
    this.snapshots.close();
    this.pending.closed(reason);
    for (const { reject } of this.asked.values()) reject(new Error(reason));
    this.asked.clear();
    this.onResigned?.();
  }

  private fail(error: unknown): void {
    if (this.ended !== null) return;
    this.end(`the metadata quorum has failed: ${error instanceof Error ? error.message : String(error)}`);
    this.log.abandon();
    this.options.onFatal(error);
  }

  /** The core's answer, or one with the code that keeps the request from it. */
  private answerTo<A extends PeerAnswer>(
    decoded: Exclude<DecodedForVoter<PeerRequest>, { readonly errorCode: number }>,
    refusal: Omit<A, 'errorCode' | 'leaderId' | 'epoch'>,
  ): Promise<A> {
    if ('request' in decoded) return this.ask<A>(decoded.request);
    return Promise.resolve({ ...refusal, errorCode: decoded.partitionErrorCode, ...this.leader } as A);
  }

  private ask<A extends PeerAnswer>(request: PeerRequest): Promise<A> {
    if (this.ended !== null) return Promise.reject(new Error(this.ended));
    const token = ++this.lastToken;
    return new Promise<PeerAnswer>((resolve, reject) => {
      this.asked.set(token, { resolve, reject });
      this.driver.post({ kind: 'request', token, request });
    }) as Promise<A>;
  }

  private execute(effect: Effect): void {
    switch (effect.kind) {
      case 'persist':
        throw new Error('the driver persists');
      case 'send':
        return this.send(effect.id, effect.to, effect.request);
      case 'answer': {
        const waiting = this.asked.get(effect.token);
        this.asked.delete(effect.token);
        return waiting?.resolve(this.complete(effect.answer));
      }
      case 'appendLeaderChange':
        this.log.append(this.leaderChange(effect.granting), effect.epoch);
        return this.flush();
      case 'appendFetched':
        return this.appendFetched(effect.records);
      case 'truncate':
        this.log.truncateTo(effect.offset);
        return;
      case 'snapshotPiece':
        this.snapshots.take(effect.snapshotId, effect.position, effect.bytes);
        if (effect.isLast) void this.write(() => this.install(effect.snapshotId));
        return;
      case 'highWatermark':
        this.log.updateHighWatermark(effect.offset);
        this.applier.applyTo(effect.offset);
        this.pending.applied(this.applier.appliedOffset);
        this.schedule.applied();
        return;
      case 'leader':
        if (!effect.isLeader) this.pending.leadershipEnded();
        return this.options.stateMachine.leaderChanged(effect.leader, effect.isLeader);
    }
  }

  /** Leadership may end without ever having been told, before anything of the epoch was committed. */
  private stepped(): void {
    const { role } = this.raft;
    if (role.kind !== 'leader') this.pending.leadershipEnded();
    if (this.onResigned === null) return;
    if (role.kind !== 'leader' && (role.kind !== 'resigned' || role.outbox.isEmpty)) this.onResigned();
  }

  private async persist(state: ElectionState): Promise<void> {
    await this.electionState.write(state);
    if (!this.isFolderNew) return;
    // The folder's own name has to be on the device too.
    await this.options.files.flushDirectory(this.options.logDir);
    this.isFolderNew = false;
  }

  private send(id: number, to: number, request: PeerRequest): void {
    const { send, settings } = this.options;
    const failed = (isGone: boolean) => this.driver.post({ kind: 'failed', id, from: to, isGone });
    askPeer(send, this.me, to, request, settings.requestTimeoutMs).then(
      (answer) => {
        if (answer === null) failed(false);
        else this.driver.post({ kind: 'answer', id, from: to, answer });
      },
      (error: unknown) => failed(isRefusal(error)),
    );
  }

  /** The bytes that an answer carries. */
  private complete(answer: PeerAnswer): PeerAnswer {
    if (answer.kind === 'fetch' && answer.readFrom !== null) {
      return { ...answer, records: this.log.read(answer.readFrom.offset, answer.readFrom.maxBytes) };
    }
    if (answer.kind === 'fetchSnapshot' && answer.maxBytes > 0) {
      const piece = this.snapshots.piece(answer.snapshotId, answer.position, answer.maxBytes);
      if (piece === null) return { ...answer, errorCode: ErrorCode.SNAPSHOT_NOT_FOUND };
      if (answer.position >= piece.size) return { ...answer, errorCode: ErrorCode.POSITION_OUT_OF_RANGE };
      return { ...answer, ...piece };
    }
    return answer;
  }

  private leaderChange(granting: readonly number[]): Buffer {
    const value = LeaderChange.encode(0, {
      version: 0,
      leaderId: this.me.nodeId,
      voters: this.me.voters.ids.map((voterId) => ({ voterId })),
      grantingVoters: granting.map((voterId) => ({ voterId })),
    });
    return buildControlBatch(ControlType.LEADER_CHANGE, value, this.options.clock.now());
  }

  /** What was appended, to the device; the core hears of it. */
  private flush(): void {
    this.log.flush().then(
      () => this.driver.post({ kind: 'flushed', isRefused: false }),
      (error) => this.fail(error),
    );
  }

  private appendFetched(records: Buffer): void {
    const refused = this.log.appendFetched(records, this.raft.epoch);
    if (refused === null) return this.flush();
    this.options.onProblem(`${this.log.directory}: what the leader sent is refused: ${refused}`);
    this.driver.post({ kind: 'flushed', isRefused: true });
  }

  /** A snapshot was fetched: it takes the place of the log and of the state. */
  private async install(id: SnapshotId): Promise<void> {
    const isWanted = () => this.ended === null && isInstalling(this.raft, id);
    const isSound = await this.snapshots.finish(isWanted, this.options.onProblem);
    if (this.ended !== null) return;
    this.driver.run(() => {
      if (isSound) {
        this.log.beginAt(id.offset);
        this.applier.load(id);
        this.pending.applied(id.offset);
        this.flush();
      }
      this.driver.post({ kind: 'installed', snapshotId: id, isSound });
    });
  }

  /** Work on the folder that `close` waits for; a failure ends the node's part. */
  private write(work: () => Promise<void>): Promise<void> {
    const done = work()
      .catch((error) => this.fail(error))
      .finally(() => this.writing.delete(done));
    this.writing.add(done);
    return done;
  }
}
