import type { Log } from '../../log/log.ts';
import { recordsOf } from '../../protocol/record.ts';
import { batchesIn } from '../../protocol/record-batch.ts';
import type { Partition } from '../../replica/partition.ts';
import type { TestBroker } from './test-broker.ts';
import type { TestController } from './test-controller.ts';

/**
 * What must hold after every event of a simulation of replication. Named, so that a failing plan says which.
 *
 * - oneHistoryPerEpoch: two logs that have a record at the same offset in the same epoch have the same record: one leader appended in that epoch.
 * - committedIsEverywhere: below any watermark that was ever told, all logs that told one agree, record by record.
 * - watermarkNeverFalls: not within one life of a broker.
 * - committedIsNotTruncated: no log is cut below its own watermark within one life.
 * - inSyncHasCommitted: every replica that the controller counts as in sync has everything that was committed.
 * - ackedIsCommitted: what a producer was told to be stored is below a watermark, where it was told, and on min.insync.replicas logs.
 */
export interface StoredRecord {
  readonly id: string;
  readonly epoch: number;
}

export class InvariantError extends Error {}

interface Seen {
  readonly broker: TestBroker;
  log: Log;
  highWatermark: number;
  logEndOffset: number;
  truncationCount: number;
}

/** Of one partition, over all brokers and lives. */
interface History {
  /** What was committed, by offset; holes below the log starts of who told. */
  readonly committed: Map<number, StoredRecord>;
  committedEnd: number;
  /** By epoch and offset. */
  readonly written: Map<string, string>;
  /** How far each broker's log reached when it was last seen, also after it died. */
  readonly ends: Map<number, number>;
}

export class Invariants {
  private readonly controller: TestController;
  private readonly histories: readonly History[];
  private readonly seen = new Map<string, Seen>();
  /** Brokers whose power failed since the controller last heard of them: what they have is not known. */
  private readonly unknown = new Set<number>();
  private readonly minInSync: number;
  checks = 0;

  constructor(controller: TestController, partitionCount: number, minInSync: number) {
    this.controller = controller;
    this.minInSync = minInSync;
    this.histories = Array.from({ length: partitionCount }, () => ({
      committed: new Map(),
      committedEnd: 0,
      written: new Map(),
      ends: new Map(),
    }));
  }

  committedEnd(partition: number): number {
    return this.histories[partition]!.committedEnd;
  }

  /** After an event; cheap where nothing moved. */
  check(brokers: Iterable<TestBroker>): void {
    let hasAdvanced = false;
    for (const broker of brokers) {
      for (const partition of broker.replicas.all()) {
        if (this.look(broker, partition)) hasAdvanced = true;
      }
    }
    if (hasAdvanced) this.checkInSync();
  }

  private look(broker: TestBroker, partition: Partition): boolean {
    const key = `${broker.nodeId}:${partition.partition}`;
    const { log } = partition;
    if (log.offline !== null) return false;
    const { highWatermark, logEndOffset, truncationCount } = log;
    let before = this.seen.get(key);
    if (before?.log === log) {
      const isSame =
        before.highWatermark === highWatermark &&
        before.logEndOffset === logEndOffset &&
        before.truncationCount === truncationCount;
      if (isSame) return false;
    } else {
      before = { broker, log, highWatermark: log.logStartOffset, logEndOffset: log.logStartOffset, truncationCount };
      this.seen.set(key, before);
      this.unknown.delete(broker.nodeId);
    }
    this.checks++;
    const where = `${key} of epoch ${partition.leaderEpoch}`;
    if (highWatermark < before.highWatermark) {
      const name = truncationCount > before.truncationCount ? 'committedIsNotTruncated' : 'watermarkNeverFalls';
      throw new InvariantError(
        `${name}: ${where}: the watermark fell from ${before.highWatermark} to ${highWatermark}`,
      );
    }
    const history = this.histories[partition.partition]!;
    const isCut = truncationCount > before.truncationCount;
    const from = isCut ? highWatermark : Math.min(before.logEndOffset, before.highWatermark);
    const records = recordsIn(log, Math.max(log.logStartOffset, from));
    for (const [offset, { id, epoch }] of records) {
      const name = `${epoch}:${offset}`;
      const known = history.written.get(name);
      if (known !== undefined && known !== id) {
        throw new InvariantError(
          `oneHistoryPerEpoch: ${where}: at ${offset} in epoch ${epoch} ${id}, elsewhere ${known}`,
        );
      }
      history.written.set(name, id);
    }
    for (let offset = Math.max(before.highWatermark, log.logStartOffset); offset < highWatermark; offset++) {
      const record = records.get(offset);
      const known = history.committed.get(offset);
      if (record === undefined) continue;
      if (known !== undefined && known.id !== record.id) {
        throw new InvariantError(
          `committedIsEverywhere: ${where}: at ${offset} ${record.id}, committed was ${known.id}`,
        );
      }
      if (known === undefined) history.committed.set(offset, record);
    }
    const hasAdvanced = highWatermark > history.committedEnd;
    if (hasAdvanced) history.committedEnd = highWatermark;
    history.ends.set(broker.nodeId, logEndOffset);
    before.highWatermark = highWatermark;
    before.logEndOffset = logEndOffset;
    before.truncationCount = truncationCount;
    return hasAdvanced || isCut;
  }

  /** After a watermark rose, a log was cut, or the controller changed the in-sync replicas. */
  checkInSync(): void {
    for (const { partition, inSyncReplicas } of this.controller.partitions) {
      const { ends, committedEnd } = this.histories[partition]!;
      for (const nodeId of inSyncReplicas) {
        const end = ends.get(nodeId) ?? 0;
        if (end >= committedEnd || this.unknown.has(nodeId)) continue;
        throw new InvariantError(
          `inSyncHasCommitted: broker ${nodeId} is in sync in partition ${partition} and ends at ${end}; ${committedEnd} was committed`,
        );
      }
    }
  }

  /** The broker's power failed: what its log holds shows when it is back. */
  powerFailed(nodeId: number): void {
    this.unknown.add(nodeId);
  }

  acked(partition: number, offset: number, ids: readonly string[]): void {
    const history = this.histories[partition]!;
    ids.forEach((id, i) => {
      const stored = history.committed.get(offset + i);
      if (stored?.id === id) return;
      throw new InvariantError(
        `ackedIsCommitted: ${id} at ${offset + i} of ${partition}, where ${stored?.id ?? 'nothing'} is`,
      );
    });
    let copies = 0;
    for (const end of history.ends.values()) if (end >= offset + ids.length) copies++;
    if (copies >= this.minInSync) return;
    throw new InvariantError(`ackedIsCommitted: ${ids[0]} at ${offset} of ${partition} is on ${copies} logs`);
  }
}

/** The records from `from` on, by offset. */
export function recordsIn(log: Log, from: number): Map<number, StoredRecord> {
  const found = new Map<number, StoredRecord>();
  let offset = from;
  for (;;) {
    const read = log.read(offset, { maxBytes: 1_000_000, maxOffset: log.logEndOffset, minOneBatch: true });
    if (read.kind === 'rejected')
      throw new InvariantError(`${log.directory} cannot be read at ${offset}: ${read.message}`);
    if (read.slice === null) return found;
    const bytes = Buffer.alloc(read.slice.length);
    read.slice.file.readInto(bytes, read.slice.position);
    for (const batch of batchesIn(bytes)) {
      if (!batch.isCrcValid) throw new InvariantError(`${log.directory}: a damaged batch at ${batch.baseOffset}`);
      for (const record of recordsOf(batch)) {
        found.set(record.offset, { id: String(record.value), epoch: batch.partitionLeaderEpoch });
      }
    }
    offset = read.endOffset;
  }
}
