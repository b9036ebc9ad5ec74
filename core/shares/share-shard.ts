import type { Append, LedLog } from '../groups/coordinator-log.ts';
import type { Shard } from '../groups/coordinator-shards.ts';
import type { CoordinatorRecord } from '../groups/records.ts';
import type { Clock } from '../ports/clock.ts';
import { ErrorCode } from '../protocol/errors.ts';
import { decodeShareRecord, encodeShareRecord, type ShareKey, type ShareRecord } from './records.ts';
import {
  type Circumstances,
  type Decision,
  replay,
  type ShareState,
  type StateRequest,
  snapshotOf,
} from './share-state.ts';

/**
 * The share partitions of one partition of `__share_group_state`: their state in memory, and the shell that carries out what `share-state.ts` decides.
 *
 * Invariants: state changes by replayed records alone, after their commit; of one share partition at most one decision is under way, the others wait in
 * their order until its record is committed, also when whoever asked for it was told COORDINATOR_NOT_AVAILABLE meanwhile; an answer leaves after its record is committed. What lies before the last snapshot of every share partition is not needed
 * any more: `prune` lets the log forget it.
 */
export interface ShareStateLog extends LedLog {
  /** Where the next record goes. */
  readonly endOffset: number;
  /** Appends the records as one batch. */
  append(records: readonly CoordinatorRecord[]): Append;
  /** The committed records, oldest first. */
  readAll(visit: (key: Buffer, value: Buffer | null, offset: number) => void): void;
  /** Records below the offset may go. */
  forgetBefore(offset: number): void;
}

export interface ShareShardParts {
  readonly log: ShareStateLog;
  readonly clock: Clock;
  readonly updatesPerSnapshot: number;
  /** Whether the metadata has the partition. */
  readonly partitionExists: (topicId: string, partition: number) => boolean;
}

interface Entry {
  readonly key: ShareKey;
  state: ShareState | undefined;
  /** Where the snapshot stands that the state is built on. */
  snapshotOffset: number;
  /** Resolves when what was asked before is done. */
  last: Promise<void>;
  waiting: number;
}

/** Requests for one share partition that wait for those before them. */
const WAITING_MAX = 1000;

export class ShareShard implements Shard {
  private readonly parts: ShareShardParts;
  private readonly entries = new Map<string, Entry>();
  private prunedTo = 0;
  private closed = false;

  constructor(parts: ShareShardParts) {
    this.parts = parts;
  }

  /** Builds the state from the log. */
  load(): void {
    this.parts.log.readAll((key, value, offset) => {
      const record = decodeShareRecord(key, value);
      if (record !== null) this.replay(record, offset);
    });
  }

  /** The shard moves away or the broker stops: nothing is decided any more. */
  close(): void {
    this.closed = true;
  }

  stateOf(key: ShareKey): ShareState | undefined {
    return this.entries.get(textOf(key))?.state;
  }

  /** Decides, stores, answers. `failed` makes the answer when the record was not stored. */
  async submit<A>(key: ShareKey, request: StateRequest<A>, failed: (errorCode: number) => A): Promise<A> {
    const entry = this.entryOf(key);
    if (entry.waiting >= WAITING_MAX) return failed(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    const before = entry.last;
    let done = (): void => {};
    entry.last = new Promise((resolve) => {
      done = () => {
        entry.waiting--;
        resolve();
        this.forgetIdle(entry);
      };
    });
    entry.waiting++;
    await before;
    const decided = this.decide(entry, request);
    if (typeof decided === 'number') {
      done();
      return failed(decided);
    }
    const { record, answer } = decided;
    if (record === null) {
      done();
      return answer;
    }
    const append = this.store(record);
    void append.committed.then(done);
    const errorCode = await append.answer;
    return errorCode === ErrorCode.NONE ? answer : failed(errorCode);
  }

  private decide<A>(entry: Entry, request: StateRequest<A>): Decision<A> | number {
    if (this.closed || this.parts.log.problem !== ErrorCode.NONE) return ErrorCode.NOT_COORDINATOR;
    return request(entry.state, this.circumstances(entry.key));
  }

  private circumstances(key: ShareKey): Circumstances {
    const { clock, partitionExists, updatesPerSnapshot } = this.parts;
    return {
      key,
      nowMs: clock.now(),
      partitionExists: partitionExists(key.topicId, key.partition),
      updatesPerSnapshot,
    };
  }

  private store(record: ShareRecord): Append {
    const { log } = this.parts;
    const offset = log.endOffset;
    const append = log.append([encodeShareRecord(record)]);
    void append.committed.then((errorCode) => {
      if (errorCode === ErrorCode.NONE && !this.closed) this.replay(record, offset);
    });
    return append;
  }

  private replay(record: ShareRecord, offset: number): void {
    const entry = this.entryOf(record.key);
    entry.state = replay(entry.state, record);
    if (record.kind !== 'update') entry.snapshotOffset = offset;
    this.forgetIdle(entry);
  }

  private entryOf(key: ShareKey): Entry {
    const text = textOf(key);
    let entry = this.entries.get(text);
    if (entry === undefined) {
      entry = { key, state: undefined, snapshotOffset: 0, last: Promise.resolve(), waiting: 0 };
      this.entries.set(text, entry);
    }
    return entry;
  }

  private forgetIdle(entry: Entry): void {
    if (entry.state === undefined && entry.waiting === 0) this.entries.delete(textOf(entry.key));
  }

  /** The topic is gone, and what its share partitions were with it. */
  async topicDeleted(topicId: string): Promise<void> {
    const gone = [...this.entries.values()].filter(({ key, state }) => key.topicId === topicId && state !== undefined);
    await Promise.all(
      gone.map(({ key }) =>
        this.submit(
          key,
          (state) => ({ record: state === undefined ? null : { kind: 'tombstone', key }, answer: undefined }),
          () => undefined,
        ),
      ),
    );
  }

  /**
   * Share partitions whose snapshot is older than `ageMs` get a new one, so that a quiet one does not hold the log's start back. When none moved since, there is
   * nothing to gain.
   */
  async snapshotCold(ageMs: number): Promise<void> {
    const all = [...this.entries.values()].flatMap(({ key, state }) => (state === undefined ? [] : [{ key, state }]));
    if (all.every(({ state }) => state.createTimestamp !== state.writeTimestamp)) return;
    const nowMs = this.parts.clock.now();
    for (const { key, state } of all) {
      if (nowMs - state.writeTimestamp < ageMs) continue;
      await this.submit(
        key,
        (now) => {
          if (now === undefined) return { record: null, answer: undefined };
          // The time of creation stays: it tells a snapshot of a quiet partition from one that a write made.
          const snapshot = { ...snapshotOf(now, nowMs), createTimestamp: now.createTimestamp };
          return { record: { kind: 'snapshot', key, snapshot }, answer: undefined };
        },
        () => undefined,
      );
    }
  }

  /** Lets the log forget what no state is built on. */
  prune(): void {
    let needed = Number.POSITIVE_INFINITY;
    for (const entry of this.entries.values()) {
      if (entry.waiting > 0 && entry.state === undefined) return;
      if (entry.state !== undefined) needed = Math.min(needed, entry.snapshotOffset);
    }
    if (needed === Number.POSITIVE_INFINITY || needed <= this.prunedTo) return;
    this.prunedTo = needed;
    this.parts.log.forgetBefore(needed);
  }
}

export function textOf({ groupId, topicId, partition }: ShareKey): string {
  return `${groupId}:${topicId}:${partition}`;
}
