/**
 * Kafka's settings of the quorum (controller.quorum.*) and of its log (metadata.*), in camelCase with the unit at the end.
 */
export interface QuorumSettings {
  /** controller.quorum.election.timeout.ms: how long a voter that knows no leader waits, at least; up to twice as long by chance. */
  readonly electionTimeoutMs: number;
  /** controller.quorum.fetch.timeout.ms: a follower that got no answer for so long doubts its leader; a leader doubts itself after 1.5 times this. */
  readonly fetchTimeoutMs: number;
  /** controller.quorum.election.backoff.max.ms */
  readonly electionBackoffMaxMs: number;
  /** controller.quorum.request.timeout.ms */
  readonly requestTimeoutMs: number;
  /** controller.quorum.retry.backoff.ms */
  readonly retryBackoffMs: number;
  /** controller.quorum.fetch.max.bytes */
  readonly fetchMaxBytes: number;
  /** controller.quorum.fetch.snapshot.max.bytes */
  readonly fetchSnapshotMaxBytes: number;
  /** metadata.log.segment.bytes */
  readonly logSegmentBytes: number;
  /** metadata.log.segment.ms */
  readonly logSegmentMs: number;
  /** metadata.log.max.record.bytes.between.snapshots */
  readonly recordBytesBetweenSnapshotsMax: number;
  /** metadata.log.max.snapshot.interval.ms; 0: no snapshots by time. */
  readonly snapshotIntervalMaxMs: number;
  /** metadata.max.retention.bytes, of log and snapshots together; −1: no limit. */
  readonly retentionMaxBytes: number;
  /** metadata.max.retention.ms, by age of snapshots; −1: no limit. */
  readonly retentionMaxMs: number;
}

const HOUR_MS = 60 * 60 * 1000;

/** Kafka 4.x's defaults. */
export const DEFAULT_QUORUM_SETTINGS: QuorumSettings = {
  electionTimeoutMs: 1000,
  fetchTimeoutMs: 2000,
  electionBackoffMaxMs: 1000,
  requestTimeoutMs: 2000,
  retryBackoffMs: 20,
  fetchMaxBytes: 1024 * 1024,
  fetchSnapshotMaxBytes: 1024 * 1024,
  logSegmentBytes: 1024 * 1024 * 1024,
  logSegmentMs: 7 * 24 * HOUR_MS,
  recordBytesBetweenSnapshotsMax: 20 * 1024 * 1024,
  snapshotIntervalMaxMs: HOUR_MS,
  retentionMaxBytes: 100 * 1024 * 1024,
  retentionMaxMs: 7 * 24 * HOUR_MS,
};
