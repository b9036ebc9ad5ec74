/**
 * The history of one run: what every process asked for, what it was told, and which faults fired, in one total order.
 *
 * Invariant: an operation's index is its place in the history; an `ok`, `fail` or `info` that ends a call names the index of its
 * `invoke`, and a call ends at most once. A call that never ended is `info`: it may have happened, it may still happen.
 * An operation without an invocation is a moment: it happened in the step in which it was recorded. An `effect` is recorded
 * as `ok` in the very step that made it, so the order of effects in the history is their order in the world.
 *
 * Values are unique strings: one value is one record, wherever and however often it turns up. Times are milliseconds on the target's
 * clock (virtual in the simulator). The size is bounded: a history that overflowed says so, and no verdict is built on it.
 *
 * Left to others: what it all means (`checkers/`), how it is written down (`history-text.ts`).
 */

import type { InvariantName } from './checkers/finding.ts';

export type Outcome = 'ok' | 'fail' | 'info';
export type Phase = 'invoke' | Outcome;

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** One record as a consumer saw it. */
export interface SeenRecord extends TopicPartition {
  readonly offset: number;
  readonly key: string | null;
  readonly value: string;
}

export interface SendData {
  readonly type: 'send';
  readonly topic: string;
  /** Known at the latest when the send is ok. */
  readonly partition?: number;
  readonly key: string | null;
  readonly value: string;
  /** On ok, unless the client does not learn it (acks=0). */
  readonly offset?: number;
  /** The transaction that the record belongs to. */
  readonly transaction?: string;
}

export interface PollData {
  readonly type: 'poll';
  readonly records: readonly SeenRecord[];
  /** Read by a consumer that sees committed transactions only. */
  readonly committedOnly?: boolean;
  readonly transaction?: string;
}

/** The application did, outside the queue, what the record asks for. */
export interface EffectData {
  readonly type: 'effect';
  readonly key: string | null;
  readonly value: string;
  /** Group generation (or member epoch) under which the effect was made; −1 when not in a group. */
  readonly generation: number;
  readonly topic?: string;
  readonly partition?: number;
}

/** What the outside store holds at the end, read fresh: how often each value took effect. Settles every `info`. */
export interface EffectsReadData {
  readonly type: 'effects-read';
  readonly counts: readonly (readonly [value: string, count: number])[];
}

export interface CommitData extends TopicPartition {
  readonly type: 'commit';
  readonly group: string;
  /** The next offset to read. */
  readonly offset: number;
  readonly generation?: number;
}

export interface AssignData {
  readonly type: 'assign' | 'revoke';
  readonly group: string;
  readonly generation: number;
  readonly partitions: readonly TopicPartition[];
}

export interface CrashData {
  readonly type: 'crash';
}

export interface SeekData extends TopicPartition {
  readonly type: 'seek';
  readonly offset: number;
}

export interface TransactionData {
  readonly type: 'transaction';
  readonly action: 'begin' | 'commit' | 'abort';
  readonly transaction: string;
}

export interface FaultData {
  readonly type: 'fault';
  readonly kind: string;
  /** Whom it hit. */
  readonly detail?: string;
  /** What the node was that the plan named by its part: `leader`, `controller`… */
  readonly role?: string;
  /** Something that the fault could harm was under way when it fired. */
  readonly inFlight: boolean;
}

/** The cluster broke a promise that must hold after every step: seen from outside, by what its nodes hold. */
export interface InvariantData {
  readonly type: 'invariant';
  readonly name: InvariantName;
  readonly text: string;
}

/** All faults are over; from here on liveness counts. */
export interface HealData {
  readonly type: 'heal';
}

/** The application says that it has consumed everything that it was to consume. */
export interface DrainedData {
  readonly type: 'drained';
}

/** A "sometimes" goal of the lab was reached. */
export interface ReachData {
  readonly type: 'reach';
  readonly goal: string;
}

/** Retention moved the log start. */
export interface ExpireData extends TopicPartition {
  readonly type: 'expire';
  readonly logStartOffset: number;
}

/** The application told somebody that records are gone unread: offsets from `from` up to, and without, `to`. */
export interface AlarmData extends TopicPartition {
  readonly type: 'alarm';
  readonly from: number;
  readonly to: number;
}

/** The application put the record aside for good. */
export interface DeadLetterData {
  readonly type: 'dead-letter';
  readonly value: string;
}

/** A request to a store outside the queue that is no effect by itself: shown in timelines, judged by no checker. */
export interface StoreData {
  readonly type: 'store';
  readonly text: string;
  /** The record that it is about. */
  readonly value?: string;
}

/** A fresh client read the partition from its beginning to its end. */
export interface FinalReadData extends TopicPartition {
  readonly type: 'final-read';
  readonly logStartOffset: number;
  readonly logEndOffset: number;
  readonly records: readonly SeenRecord[];
  readonly committedOnly?: boolean;
}

export type OperationData =
  | SendData
  | PollData
  | EffectData
  | EffectsReadData
  | CommitData
  | AssignData
  | CrashData
  | SeekData
  | TransactionData
  | FaultData
  | HealData
  | InvariantData
  | DrainedData
  | ReachData
  | ExpireData
  | AlarmData
  | DeadLetterData
  | StoreData
  | FinalReadData;

export type OperationType = OperationData['type'];

export interface Operation {
  readonly index: number;
  readonly time: number;
  /** Who: `p1`, `c2`, or `c2/w3` for worker 3 of consumer 2. `kit` is the lab itself. */
  readonly process: string;
  readonly phase: Phase;
  /** The index of the invocation that this operation ends; absent on invocations and moments. */
  readonly invoked?: number;
  /** Kafka's error name or the reason, on fail and info. */
  readonly error?: string;
  readonly data: OperationData;
}

export interface History {
  readonly operations: readonly Operation[];
  /** Operations were dropped because the history was full. */
  readonly overflowed: boolean;
}

/** An invocation that has not ended yet. */
export interface Call {
  readonly index: number;
  readonly process: string;
  readonly data: OperationData;
}

export const HISTORY_OPERATIONS_MAX = 1_000_000;

/** The member that a process works for: workers act for their consumer. */
export function memberOf(process: string): string {
  const slash = process.indexOf('/');
  return slash < 0 ? process : process.slice(0, slash);
}

export function partitionName(topic: string, partition: number): string {
  return `${topic}-${partition}`;
}

/** Records a run. `now` is the target's monotonic time. */
export class Recorder implements History {
  readonly operations: Operation[] = [];
  overflowed = false;
  #operationsMax: number;
  #now: () => number;
  #open = new Set<number>();

  constructor(now: () => number, operationsMax: number = HISTORY_OPERATIONS_MAX) {
    this.#now = now;
    this.#operationsMax = operationsMax;
  }

  invoke(process: string, data: OperationData): Call {
    const index = this.#push(process, 'invoke', data);
    if (index >= 0) this.#open.add(index);
    return { index, process, data };
  }

  /** `data` replaces the invocation's where the answer says more (a send's partition and offset, a poll's records). */
  ok(call: Call, data: OperationData = call.data): void {
    this.#end(call, 'ok', data, undefined);
  }

  /** It certainly did not happen. */
  fail(call: Call, error: string): void {
    this.#end(call, 'fail', call.data, error);
  }

  /** Nobody knows: a timeout, a broken connection. */
  info(call: Call, error: string): void {
    this.#end(call, 'info', call.data, error);
  }

  /** A moment: it happened now. */
  note(process: string, data: OperationData): void {
    this.#push(process, 'ok', data);
  }

  /** Calls that are under way: what a fault could harm. */
  inFlight(matches: (operation: Operation) => boolean = () => true): boolean {
    for (const index of this.#open) if (matches(this.operations[index]!)) return true;
    return false;
  }

  #end(call: Call, phase: Outcome, data: OperationData, error: string | undefined): void {
    if (call.index < 0) return;
    if (!this.#open.delete(call.index)) throw new Error(`operation ${call.index} ended twice`);
    this.#push(call.process, phase, data, call.index, error);
  }

  #push(process: string, phase: Phase, data: OperationData, invoked?: number, error?: string): number {
    const index = this.operations.length;
    if (index >= this.#operationsMax) {
      this.overflowed = true;
      return -1;
    }
    // Thousandths of a millisecond: finer than any clock here, and short in text.
    const time = Math.round(this.#now() * 1000) / 1000;
    const operation: { -readonly [K in keyof Operation]: Operation[K] } = {
      index,
      time,
      process,
      phase,
      data,
    };
    if (invoked !== undefined) operation.invoked = invoked;
    if (error !== undefined) operation.error = error;
    this.operations.push(operation);
    return index;
  }
}
