/**
 * What several checkers need to know of a history, worked out once for each: its calls with their outcomes, and what each partition's log held.
 *
 * Invariant: an offset's values are those that the world showed: acknowledged sends that learnt their offset, and every read. A send whose
 * outcome is unknown counts only when some read saw it. A log start that retention moved is remembered with the operation that said so.
 * Linear in the size of the history, but for sorting offsets.
 */
import type { History, Operation, OperationData, Outcome, SeenRecord } from '../history.ts';
import { partitionName } from '../history.ts';
import type { Place } from './finding.ts';

/** An invocation with its end, or a moment. */
export interface CompleteCall {
  readonly process: string;
  /** Index of the invocation; of the moment itself. */
  readonly start: number;
  /** Index of the end; null when it never ended. */
  readonly end: number | null;
  readonly outcome: Outcome;
  /** As the end tells it, or the invocation when there is no end. */
  readonly data: OperationData;
  readonly time: number;
}

/** A call of one type of operation. */
export interface CallOf<T extends OperationData['type']> extends CompleteCall {
  readonly data: Extract<OperationData, { type: T }>;
}

/** One value at one offset, with the operations that told of it. */
export interface Sighting {
  readonly value: string;
  readonly key: string | null;
  /** The operation that first told of it (a send's answer or a read). */
  readonly firstSeen: number;
  /** The first read that returned it, or null. */
  firstRead: number | null;
}

export interface PartitionLog {
  readonly topic: string;
  readonly partition: number;
  /** Known offsets, ascending. */
  readonly offsets: readonly number[];
  readonly at: ReadonlyMap<number, readonly Sighting[]>;
  /** Highest offset that any read returned, −1 when none, and the read. */
  readonly readMax: number;
  readonly readMaxOperation: number;
  /** Where the log began at the end, by retention. */
  readonly logStartOffset: number;
  readonly logStartOperation: number | null;
  /** The final read, when there was one. */
  readonly finalRead: {
    readonly operation: number;
    readonly logEndOffset: number;
    readonly logStartOffset: number;
  } | null;
}

export interface SendCall extends CompleteCall {
  readonly data: Extract<OperationData, { type: 'send' }>;
}

export interface HistoryIndex {
  readonly history: History;
  /** By invocation, in order. */
  readonly calls: readonly CompleteCall[];
  readonly sends: readonly SendCall[];
  /** The first send of a value. */
  readonly sendOf: ReadonlyMap<string, SendCall>;
  readonly partitions: ReadonlyMap<string, PartitionLog>;
  /** Where a value was, in order of first sight. */
  readonly placesOf: ReadonlyMap<string, readonly Place[]>;
  /** The first read that returned the value. */
  readonly readOf: ReadonlyMap<string, number>;
  /** What became of each transaction. */
  readonly transactions: ReadonlyMap<string, Outcome>;
  /** The operation that first asked for a transaction's commit. */
  readonly commitAsked: ReadonlyMap<string, number>;
  /** Index of the last `heal`, or null. */
  readonly lastHeal: number | null;
  readonly drained: number | null;
}

interface OpenLog {
  topic: string;
  partition: number;
  at: Map<number, Sighting[]>;
  readMax: number;
  readMaxOperation: number;
  logStartOffset: number;
  logStartOperation: number | null;
  finalRead: { operation: number; logEndOffset: number; logStartOffset: number } | null;
}

const cache = new WeakMap<History, { readonly operations: number; readonly index: HistoryIndex }>();

/** The index of a history, made once for each (anew when it has grown). */
export function indexHistory(history: History): HistoryIndex {
  const known = cache.get(history);
  const operations = history.operations.length;
  if (known?.operations === operations) return known.index;
  const index = buildIndex(history);
  cache.set(history, { operations, index });
  return index;
}

export function callsOf(operations: readonly Operation[]): CompleteCall[] {
  const ends = new Map<number, Operation>();
  for (const operation of operations) if (operation.invoked !== undefined) ends.set(operation.invoked, operation);
  const calls: CompleteCall[] = [];
  for (const operation of operations) {
    if (operation.invoked !== undefined) continue;
    const { process, index: start, time } = operation;
    if (operation.phase !== 'invoke') {
      calls.push({ process, start, end: start, outcome: operation.phase, data: operation.data, time });
      continue;
    }
    const end = ends.get(start);
    if (end === undefined) calls.push({ process, start, end: null, outcome: 'info', data: operation.data, time });
    else {
      calls.push({ process, start, end: end.index, outcome: end.phase as Outcome, data: end.data, time: end.time });
    }
  }
  return calls;
}

function buildIndex(history: History): HistoryIndex {
  const calls = callsOf(history.operations);
  const logs = new Map<string, OpenLog>();
  const placesOf = new Map<string, Place[]>();
  const readOf = new Map<string, number>();
  const sendOf = new Map<string, SendCall>();
  const sends: SendCall[] = [];
  const transactions = new Map<string, Outcome>();
  const commitAsked = new Map<string, number>();
  let lastHeal: number | null = null;
  let drained: number | null = null;

  const logOf = (topic: string, partition: number): OpenLog => {
    const name = partitionName(topic, partition);
    let log = logs.get(name);
    if (log === undefined) {
      log = {
        topic,
        partition,
        at: new Map(),
        readMax: -1,
        readMaxOperation: -1,
        logStartOffset: 0,
        logStartOperation: null,
        finalRead: null,
      };
      logs.set(name, log);
    }
    return log;
  };
  const sight = (record: SeenRecord, operation: number, isRead: boolean): void => {
    const log = logOf(record.topic, record.partition);
    let sightings = log.at.get(record.offset);
    if (sightings === undefined) log.at.set(record.offset, (sightings = []));
    let sighting = sightings.find((known) => known.value === record.value);
    if (sighting === undefined) {
      sighting = { value: record.value, key: record.key, firstSeen: operation, firstRead: null };
      sightings.push(sighting);
      const place = { topic: record.topic, partition: record.partition, offset: record.offset };
      const places = placesOf.get(record.value);
      if (places === undefined) placesOf.set(record.value, [place]);
      else places.push(place);
    }
    if (!isRead) return;
    sighting.firstRead ??= operation;
    const first = readOf.get(record.value);
    if (first === undefined || operation < first) readOf.set(record.value, operation);
    if (record.offset > log.readMax) {
      log.readMax = record.offset;
      log.readMaxOperation = operation;
    }
  };

  for (const call of calls) {
    const { data } = call;
    const end = call.end ?? call.start;
    switch (data.type) {
      case 'send': {
        const send = call as SendCall;
        sends.push(send);
        if (!sendOf.has(data.value)) sendOf.set(data.value, send);
        if (call.outcome === 'ok' && data.offset !== undefined && data.partition !== undefined) {
          const { topic, partition, offset, key, value } = data;
          sight({ topic, partition, offset, key, value }, end, false);
        }
        break;
      }
      case 'poll':
        if (call.outcome === 'ok') for (const record of data.records) sight(record, end, true);
        break;
      case 'final-read': {
        if (call.outcome !== 'ok') break;
        for (const record of data.records) sight(record, end, true);
        const log = logOf(data.topic, data.partition);
        log.finalRead = { operation: end, logEndOffset: data.logEndOffset, logStartOffset: data.logStartOffset };
        if (data.logStartOffset > log.logStartOffset) {
          log.logStartOffset = data.logStartOffset;
          log.logStartOperation = end;
        }
        break;
      }
      case 'expire': {
        const log = logOf(data.topic, data.partition);
        if (data.logStartOffset > log.logStartOffset) {
          log.logStartOffset = data.logStartOffset;
          log.logStartOperation = end;
        }
        break;
      }
      case 'transaction':
        if (data.action === 'commit' && !commitAsked.has(data.transaction)) {
          commitAsked.set(data.transaction, call.start);
        }
        if (data.action === 'begin') {
          if (!transactions.has(data.transaction)) transactions.set(data.transaction, 'info');
        } else if (data.action === 'abort') {
          if (call.outcome !== 'fail') transactions.set(data.transaction, call.outcome === 'ok' ? 'fail' : 'info');
        } else transactions.set(data.transaction, call.outcome);
        break;
      case 'heal':
        lastHeal = call.start;
        break;
      case 'drained':
        drained = call.start;
        break;
      default:
        break;
    }
  }

  const partitions = new Map<string, PartitionLog>();
  for (const name of [...logs.keys()].sort()) {
    const log = logs.get(name)!;
    partitions.set(name, { ...log, offsets: [...log.at.keys()].sort((a, b) => a - b) });
  }
  return { history, calls, sends, sendOf, partitions, placesOf, readOf, transactions, commitAsked, lastHeal, drained };
}

/** How many of the sorted numbers are below `limit`. */
export function countBelow(sorted: readonly number[], limit: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]! < limit) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Sends whose records no one should see: they failed, or their transaction did or may still. */
export function isVisible(index: HistoryIndex, value: string): boolean {
  const send = index.sendOf.get(value);
  if (send?.data.transaction === undefined) return true;
  return index.transactions.get(send.data.transaction) === 'ok';
}

export function isAcknowledged(index: HistoryIndex, send: SendCall): boolean {
  if (send.outcome !== 'ok') return false;
  return send.data.transaction === undefined || index.transactions.get(send.data.transaction) === 'ok';
}

export function placeText(place: Place): string {
  return `${place.topic}-${place.partition}@${place.offset}`;
}
