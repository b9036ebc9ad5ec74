import type { FileSlice } from '../../ports/files.ts';
import { ErrorCode, errorOf } from '../../protocol/errors.ts';
import type { Partition } from '../../replica/partition.ts';
import type { PartitionRead } from '../../replica/partition-read.ts';
import type { AcquiredRange } from '../../shares/acquisition.ts';
import type { HeldSharePartition, Outcome } from '../../shares/held-share-partition.ts';
import type { SessionPartition } from '../../shares/share-sessions.ts';
import type { RequestCall } from '../handler.ts';
import type { BrokerServices } from '../services.ts';
import { SliceBatches } from './slice-batches.ts';

/**
 * What a ShareFetch reads: partitions as they are led here, and as the group holds them; records that a member acquires, as slices of their segments.
 *
 * Invariant: between the look at what is available and its acquisition nothing else runs, so that what was read is what is acquired.
 */
export interface ShareItem extends SessionPartition {
  readonly partition: number;
  /** null: it cannot be read at all; `outcome` says why. */
  readonly log: Partition | null;
  readonly held: HeldSharePartition | null;
  readonly outcome: Outcome;
}

export interface ShareRead {
  readonly item: ShareItem;
  readonly outcome: Outcome;
  readonly slice: FileSlice | null;
  readonly acquired: readonly AcquiredRange[];
}

export interface ShareReadRequest {
  readonly groupId: string;
  readonly memberId: string;
  readonly maxWaitMs: number;
  readonly minBytes: number;
  readonly maxBytes: number;
  readonly maxRecords: number;
  readonly batchSize: number;
  readonly isRecordLimit: boolean;
}

const NO_PROBLEM: Outcome = { errorCode: ErrorCode.NONE, errorMessage: null };

export function outcomeOf(errorCode: number): Outcome {
  return { errorCode, errorMessage: errorCode === ErrorCode.NONE ? null : errorOf(errorCode).message };
}

/** The partition as this broker leads it, and as the group holds it: opened when the group is new to it. */
export function shareItem(
  broker: BrokerServices,
  groupId: string,
  { topicId, partition }: SessionPartition,
): ShareItem {
  const failed = (errorCode: number, log: Partition | null = null): ShareItem => ({
    topicId,
    partition,
    log,
    held: null,
    outcome: outcomeOf(errorCode),
  });
  const topic = broker.image.topicById(topicId);
  if (topic === undefined) return failed(ErrorCode.UNKNOWN_TOPIC_ID);
  const log = broker.replicas.partition(topic.name, partition);
  if (log === undefined) return failed(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  const problem = log.check(-1);
  if (problem !== ErrorCode.NONE) return failed(problem, log);
  const held = broker.sharePartitions.open({
    groupId,
    topicId,
    partition,
    leaderEpoch: log.leaderEpoch,
    clock: broker.clock,
    persister: broker.sharePersister,
    limits: () => {
      const config = broker.groupConfig(groupId);
      return {
        deliveryCountMax: config.shareDeliveryCountLimit,
        inFlightMax: config.sharePartitionMaxRecordLocks,
        lockMs: config.shareRecordLockDurationMs,
        isRenewAllowed: config.shareRenewAcknowledgeEnable,
      };
    },
    resetOffset: () => resetOffset(broker, groupId, log),
  });
  return { topicId, partition, log, held, outcome: NO_PROBLEM };
}

function resetOffset(broker: BrokerServices, groupId: string, { log, highWatermark }: Partition): number {
  const reset = broker.groupConfig(groupId).shareAutoOffsetReset;
  switch (reset.kind) {
    case 'earliest':
      return log.logStartOffset;
    case 'latest':
      return highWatermark;
    case 'byDuration': {
      const found = log.offsetForTimestamp(broker.clock.now() - reset.durationMs);
      return found === null ? highWatermark : Math.min(found.offset, highWatermark);
    }
  }
}

/** Reads and acquires, and waits for something to acquire. */
export async function readShares(
  broker: BrokerServices,
  request: ShareReadRequest,
  items: readonly ShareItem[],
  call: RequestCall,
): Promise<readonly ShareRead[]> {
  const errors = items.filter(({ held }) => held === null).map((item) => nothingOf(item, item.outcome));
  const readable = items.filter(({ held }) => held !== null);
  if (readable.length === 0 || request.maxRecords === 0 || request.maxBytes === 0) return errors;
  const deadlineMs = broker.clock.monotonic() + request.maxWaitMs;
  for (;;) {
    const waitMs = deadlineMs - broker.clock.monotonic();
    const looks = look(broker, request, readable);
    if (waitMs <= 0 || isEnough(request, readable, looks)) {
      const reads = acquireAll(request, looks);
      if (waitMs <= 0 || hasNews(reads)) return [...errors, ...reads];
      // What was read is over (aborted, or compacted away): there may be more behind it. Otherwise it waits on.
      if (looks.some(({ item, fetchOffset }) => item.held!.fetchOffset !== fetchOffset)) continue;
    }
    const released = await broker.purgatory.park({
      partitions: readable.flatMap(({ log, held }) => [log!, held!]),
      timeoutMs: waitMs,
      connection: call.connection,
      isSatisfied: () => isEnough(request, readable, look(broker, request, readable)),
    });
    if (released === 'disconnected') return errors;
    if (released !== 'condition') return [...errors, ...acquireAll(request, look(broker, request, readable))];
  }
}

interface Look {
  readonly item: ShareItem;
  readonly outcome: Outcome;
  readonly fetchOffset: number;
  readonly read: PartitionRead;
}

/** What each partition has to give now. Those that have nothing, or are not loaded yet, are left out. */
function look(broker: BrokerServices, request: ShareReadRequest, items: readonly ShareItem[]): readonly Look[] {
  const isolationLevel = broker.groupConfig(request.groupId).shareIsolationLevel;
  const looks: Look[] = [];
  const active = items.filter(({ held, log }) => isUsable(held!, log!) && held!.fetchOffset !== null);
  let bytesLeft = request.maxBytes;
  const bytesEach = Math.max(1, Math.floor(bytesLeft / Math.max(1, active.length)));
  let isFirst = true;
  for (const item of items) {
    const held = item.held!;
    const log = item.log!;
    if (!isUsable(held, log)) {
      looks.push({ item, outcome: problemOf(held, log), fetchOffset: -1, read: NOTHING_READ });
      continue;
    }
    let { fetchOffset } = held;
    if (fetchOffset === null) continue;
    if (fetchOffset < log.log.logStartOffset) {
      held.logStartMoved(log.log.logStartOffset);
      fetchOffset = held.fetchOffset;
      if (fetchOffset === null) continue;
    }
    const read = log.read({
      offset: fetchOffset,
      maxBytes: Math.max(0, Math.min(bytesEach, bytesLeft)),
      minOneBatch: isFirst,
      isolationLevel,
      currentLeaderEpoch: -1,
      lastFetchedEpoch: -1,
    });
    // Past the log's end, which lost records without a flush: it waits for them to be written anew.
    const errorCode = read.errorCode === ErrorCode.OFFSET_OUT_OF_RANGE ? ErrorCode.NONE : read.errorCode;
    bytesLeft -= read.slice?.length ?? 0;
    if (read.slice !== null) isFirst = false;
    looks.push({ item, outcome: outcomeOf(errorCode), fetchOffset, read });
  }
  return looks;
}

const NOTHING_READ: Pick<PartitionRead, 'slice' | 'abortedTransactions'> & PartitionRead = {
  errorCode: ErrorCode.NONE,
  highWatermark: -1,
  lastStableOffset: -1,
  logStartOffset: -1,
  slice: null,
  abortedTransactions: null,
  divergingEpoch: null,
};

function isUsable(held: HeldSharePartition, log: Partition): boolean {
  return problemOf(held, log).errorCode === ErrorCode.NONE;
}

function problemOf(held: HeldSharePartition, log: Partition): Outcome {
  const problem = log.check(held.leaderEpoch);
  return problem === ErrorCode.NONE ? held.problem : outcomeOf(problem);
}

function isEnough(request: ShareReadRequest, items: readonly ShareItem[], looks: readonly Look[]): boolean {
  const failed = looks.filter(({ outcome }) => outcome.errorCode !== ErrorCode.NONE);
  if (failed.length > 0 && failed.length === items.length) return true;
  const bytes = looks.reduce((sum, { read }) => sum + (read.slice?.length ?? 0), 0);
  return looks.length > failed.length && bytes >= request.minBytes;
}

function hasNews(reads: readonly ShareRead[]): boolean {
  return reads.some(({ outcome, acquired }) => outcome.errorCode !== ErrorCode.NONE || acquired.length > 0);
}

function acquireAll(request: ShareReadRequest, looks: readonly Look[]): ShareRead[] {
  let recordsLeft = request.maxRecords;
  return looks.map(({ item, outcome, fetchOffset, read }) => {
    if (outcome.errorCode !== ErrorCode.NONE || read.slice === null) return nothingOf(item, outcome);
    const batches = new SliceBatches(read.slice, read.abortedTransactions ?? []);
    const { memberId, batchSize, isRecordLimit } = request;
    const acquired = item.held!.acquire({
      memberId,
      isRecordLimit,
      batchSize,
      recordsMax: recordsLeft,
      fetchOffset,
      batches,
    });
    const first = acquired[0];
    const last = acquired.at(-1);
    if (first === undefined || last === undefined) return nothingOf(item, outcome);
    for (const each of acquired) recordsLeft -= each.lastOffset - each.firstOffset + 1;
    return { item, outcome, slice: batches.sliceOf(first.firstOffset, last.lastOffset), acquired };
  });
}

function nothingOf(item: ShareItem, outcome: Outcome): ShareRead {
  return { item, outcome, slice: null, acquired: [] };
}
