import { ErrorCode, errorOf } from '../protocol/errors.ts';
import {
  NO_LEADER_EPOCH,
  type PersisterAnswer,
  type SharePartitionName,
  type StateRead,
  type StateSummary,
  type StateToInitialize,
  type StateToRead,
  type StateToWrite,
  UNINITIALIZED_OFFSET,
  UNKNOWN_DELIVERY_COMPLETE_COUNT,
} from './persister.ts';
import type { ShareKey, ShareRecord, ShareSnapshot, ShareUpdate } from './records.ts';
import { combineStateBatches } from './state-batches.ts';

/**
 * The stored state of one share partition, and what may happen to it: pure. A decision names a record and an answer; `replay` alone changes the state, when the
 * record is committed.
 *
 * Invariants: state epoch and leader epoch never fall; a write or read under a lower one is refused and changes nothing. After
 * `updatesPerSnapshot` updates the next record is a snapshot with a higher snapshot epoch, so that the log before it is not needed any more.
 */
export interface ShareState extends ShareSnapshot {
  /** Updates since the snapshot. */
  readonly updateCount: number;
}

export interface Circumstances {
  readonly key: ShareKey;
  readonly nowMs: number;
  /** Whether the metadata has the partition. */
  readonly partitionExists: boolean;
  /** share.coordinator.snapshot.update.records.per.snapshot */
  readonly updatesPerSnapshot: number;
}

export interface Decision<A> {
  readonly record: ShareRecord | null;
  readonly answer: A;
}

export type StateRequest<A> = (state: ShareState | undefined, circumstances: Circumstances) => Decision<A>;

const NO_EPOCH = -1;
/** Of a share partition that no leader has read yet. */
const FIRST_LEADER_EPOCH = 0;

export function answered(name: SharePartitionName, errorCode: number, errorMessage?: string): PersisterAnswer {
  const message = errorMessage ?? (errorCode === ErrorCode.NONE ? null : errorOf(errorCode).message);
  return { topicId: name.topicId, partition: name.partition, errorCode, errorMessage: message };
}

export function failedStateRead(answer: PersisterAnswer): StateRead {
  return { ...answer, stateEpoch: 0, startOffset: 0, stateBatches: [] };
}

export function failedSummary(answer: PersisterAnswer): StateSummary {
  return { ...answer, stateEpoch: 0, leaderEpoch: 0, startOffset: 0, deliveryCompleteCount: -1 };
}

function isNegative(name: SharePartitionName): PersisterAnswer | null {
  if (name.partition >= 0) return null;
  return answered(name, ErrorCode.INVALID_REQUEST, 'The partition id cannot be a negative number.');
}

const refuse = (answer: PersisterAnswer): Decision<PersisterAnswer> => ({ record: null, answer });

export function initialize(asked: StateToInitialize): StateRequest<PersisterAnswer> {
  return (state, { key, nowMs, partitionExists }) => {
    const invalid = isNegative(asked);
    if (invalid !== null) return refuse(invalid);
    const { stateEpoch, startOffset } = asked;
    if (stateEpoch !== NO_EPOCH && state !== undefined && state.stateEpoch > stateEpoch) {
      return refuse(answered(asked, ErrorCode.FENCED_STATE_EPOCH));
    }
    if (!partitionExists) return refuse(answered(asked, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION));
    const snapshot: ShareSnapshot = {
      snapshotEpoch: state === undefined ? 0 : state.snapshotEpoch + 1,
      stateEpoch,
      leaderEpoch: FIRST_LEADER_EPOCH,
      startOffset,
      // Nothing is known of the lag until a start offset is.
      deliveryCompleteCount: startOffset === UNINITIALIZED_OFFSET ? UNKNOWN_DELIVERY_COMPLETE_COUNT : 0,
      createTimestamp: nowMs,
      writeTimestamp: nowMs,
      stateBatches: [],
    };
    return { record: { kind: 'snapshot', key, snapshot }, answer: answered(asked, ErrorCode.NONE) };
  };
}

export function write(asked: StateToWrite): StateRequest<PersisterAnswer> {
  return (state, circumstances) => {
    const invalid = isNegative(asked);
    if (invalid !== null) return refuse(invalid);
    if (state === undefined) {
      return refuse(
        answered(asked, ErrorCode.INVALID_REQUEST, 'Write operation on uninitialized share partition not allowed.'),
      );
    }
    if (asked.leaderEpoch !== NO_LEADER_EPOCH && state.leaderEpoch > asked.leaderEpoch) {
      return refuse(answered(asked, ErrorCode.FENCED_LEADER_EPOCH));
    }
    if (asked.stateEpoch !== NO_EPOCH && state.stateEpoch > asked.stateEpoch) {
      return refuse(answered(asked, ErrorCode.FENCED_STATE_EPOCH));
    }
    if (!circumstances.partitionExists) return refuse(answered(asked, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION));
    const update: ShareUpdate = {
      snapshotEpoch: state.snapshotEpoch,
      leaderEpoch: state.leaderEpoch,
      startOffset: asked.startOffset,
      deliveryCompleteCount: asked.deliveryCompleteCount,
      stateBatches: combineStateBatches([], asked.stateBatches, asked.startOffset),
    };
    return { record: changed(state, update, circumstances), answer: answered(asked, ErrorCode.NONE) };
  };
}

export function read(asked: StateToRead): StateRequest<StateRead> {
  return (state, circumstances) => {
    const fail = (answer: PersisterAnswer): Decision<StateRead> => ({ record: null, answer: failedStateRead(answer) });
    const invalid = isNegative(asked);
    if (invalid !== null) return fail(invalid);
    if (state === undefined) {
      return fail(
        answered(asked, ErrorCode.INVALID_REQUEST, 'Read operation on uninitialized share partition not allowed.'),
      );
    }
    const { leaderEpoch } = asked;
    if (leaderEpoch !== NO_LEADER_EPOCH && state.leaderEpoch > leaderEpoch) {
      return fail(answered(asked, ErrorCode.FENCED_LEADER_EPOCH));
    }
    if (!circumstances.partitionExists) return fail(answered(asked, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION));
    const { stateEpoch, startOffset, stateBatches, deliveryCompleteCount } = state;
    const answer = { ...answered(asked, ErrorCode.NONE), stateEpoch, startOffset, stateBatches };
    if (leaderEpoch === NO_LEADER_EPOCH || leaderEpoch === state.leaderEpoch) return { record: null, answer };
    const { snapshotEpoch } = state;
    const update = { snapshotEpoch, leaderEpoch, startOffset, deliveryCompleteCount, stateBatches: [] };
    return { record: changed(state, update, circumstances), answer };
  };
}

export function summarize(asked: StateToRead): StateRequest<StateSummary> {
  return (state, { partitionExists }) => {
    const invalid = isNegative(asked);
    if (invalid !== null) return { record: null, answer: failedSummary(invalid) };
    if (!partitionExists) {
      return { record: null, answer: failedSummary(answered(asked, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)) };
    }
    return {
      record: null,
      answer: {
        ...answered(asked, ErrorCode.NONE),
        stateEpoch: state?.stateEpoch ?? 0,
        leaderEpoch: state?.leaderEpoch ?? 0,
        startOffset: state?.startOffset ?? UNINITIALIZED_OFFSET,
        deliveryCompleteCount: state?.deliveryCompleteCount ?? UNKNOWN_DELIVERY_COMPLETE_COUNT,
      },
    };
  };
}

export function remove(asked: SharePartitionName): StateRequest<PersisterAnswer> {
  return (state, { key, partitionExists }) => {
    const invalid = isNegative(asked);
    if (invalid !== null) return refuse(invalid);
    if (!partitionExists) return refuse(answered(asked, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION));
    const answer = answered(asked, ErrorCode.NONE);
    return { record: state === undefined ? null : { kind: 'tombstone', key }, answer };
  };
}

/** The record that carries a change: an update, or after many of them a snapshot. */
function changed(state: ShareState, update: ShareUpdate, circumstances: Circumstances): ShareRecord {
  const { key, nowMs, updatesPerSnapshot } = circumstances;
  if (state.updateCount < updatesPerSnapshot) return { kind: 'update', key, update };
  return { kind: 'snapshot', key, snapshot: snapshotOf(merged(state, update), nowMs) };
}

/** The state as a new snapshot. */
export function snapshotOf(state: ShareState, nowMs: number): ShareSnapshot {
  const { updateCount: _, ...snapshot } = state;
  return { ...snapshot, snapshotEpoch: state.snapshotEpoch + 1, createTimestamp: nowMs, writeTimestamp: nowMs };
}

function merged(state: ShareState, update: ShareUpdate): ShareState {
  const startOffset = update.startOffset === UNINITIALIZED_OFFSET ? state.startOffset : update.startOffset;
  return {
    ...state,
    startOffset,
    leaderEpoch: update.leaderEpoch === NO_LEADER_EPOCH ? state.leaderEpoch : update.leaderEpoch,
    deliveryCompleteCount: update.deliveryCompleteCount,
    stateBatches: combineStateBatches(state.stateBatches, update.stateBatches, startOffset),
  };
}

/** The state after a committed record; undefined: there is none. */
export function replay(state: ShareState | undefined, record: ShareRecord): ShareState | undefined {
  switch (record.kind) {
    case 'tombstone':
      return undefined;
    case 'snapshot':
      return { ...record.snapshot, updateCount: 0 };
    case 'update':
      // An update without its snapshot is the rest of a log whose start was cut: nothing to build on.
      return state === undefined ? undefined : { ...merged(state, record.update), updateCount: state.updateCount + 1 };
  }
}
