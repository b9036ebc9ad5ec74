import type { Ports } from '../../ports/ports.ts';
import type { SimProcess } from '../../ports/sim/process.ts';
import { SimWorld } from '../../ports/sim/world.ts';
import { buildEndTxnBatch, ControlType } from '../../protocol/control-record.ts';
import { recordsOf } from '../../protocol/record.ts';
import { batchesIn, type RecordBatch } from '../../protocol/record-batch.ts';
import { type BatchOptions, buildBatch } from '../../protocol/record-batch-builder.ts';
import type { Log } from '../log.ts';
import { type CleanerSettings, DEFAULT_CLEANER_SETTINGS } from '../log-cleaner.ts';
import { DEFAULT_LOG_CONFIG, type LogConfig } from '../log-config.ts';
import { LogManager } from '../log-manager.ts';

/** For the tests of the cleaner: one compacted log in a simulated broker, whose cleaner runs when the test says so. */
export interface KeyValue {
  readonly key: string | null;
  readonly value: string | null;
}

const NEVER = Number.MAX_SAFE_INTEGER;
const INTERVALS = {
  retentionCheckMs: NEVER,
  flushSchedulerMs: NEVER,
  recoveryPointCheckpointMs: NEVER,
  logStartCheckpointMs: NEVER,
  highWatermarkCheckpointMs: NEVER,
  producerIdExpirationMs: () => NEVER,
  producerIdExpirationCheckMs: NEVER,
};

export class CleaningWorld {
  readonly world: SimWorld;
  readonly process: SimProcess;
  readonly problems: string[] = [];
  readonly directory = '/data/t-0';
  config: LogConfig;
  settings: CleanerSettings;
  manager!: LogManager;
  log!: Log;

  constructor(seed = 1, config: Partial<LogConfig> = {}, settings: Partial<CleanerSettings> = {}) {
    this.world = new SimWorld({ seed });
    this.process = this.world.process('broker');
    this.config = {
      ...DEFAULT_LOG_CONFIG,
      cleanupPolicy: ['compact'],
      segmentBytes: 700,
      indexIntervalBytes: 100,
      minCleanableDirtyRatio: 0,
      deleteRetentionMs: 1000,
      fileDeleteDelayMs: 50,
      ...config,
    };
    this.settings = { ...DEFAULT_CLEANER_SETTINGS, backoffMs: NEVER, ...settings };
  }

  get nowMs(): number {
    return this.process.ports.clock.now();
  }

  async open(ports: Ports = this.process.ports): Promise<this> {
    const { files, clock, random } = ports;
    const { life } = this.process;
    this.manager = await this.world.settle(
      LogManager.open({
        files,
        clock,
        random,
        logDirs: ['/data'],
        nodeId: 1,
        clusterId: 'c',
        configOf: () => this.config,
        onProblem: (message) => {
          if (life.alive) this.problems.push(message);
        },
        intervals: INTERVALS,
        cleanerSettings: () => this.settings,
      }),
    );
    this.log = this.manager.getOrCreate('t', 0, 'abcdefghijklmnopqrstuv', this.config);
    this.log.updateHighWatermark(this.log.logEndOffset);
    return this;
  }

  append(records: readonly KeyValue[], options: BatchOptions = {}): number {
    const bytes = buildBatch({
      ...options,
      records: records.map((record, index) => ({ ...record, timestamp: this.nowMs + index })),
    });
    const result = this.log.append(bytes, 0, 'coordinator');
    if (result.kind === 'rejected') throw new Error(result.message);
    this.log.updateHighWatermark(this.log.logEndOffset);
    return result.firstOffset;
  }

  endTransaction(producerId: number, isCommit: boolean, producerEpoch = 0): void {
    const type = isCommit ? ControlType.COMMIT : ControlType.ABORT;
    const bytes = buildEndTxnBatch({ type, coordinatorEpoch: 0 }, this.nowMs, { producerId, producerEpoch });
    const result = this.log.append(bytes, 0, 'coordinator');
    if (result.kind === 'rejected') throw new Error(result.message);
    this.log.updateHighWatermark(this.log.logEndOffset);
  }

  async clean(): Promise<void> {
    await this.world.settle(this.manager.cleaner.cleanDue());
  }

  async advance(ms: number): Promise<void> {
    const { clock } = this.process.ports;
    await this.world.settle(new Promise<void>((resolve) => void clock.setTimer(ms, resolve)));
  }

  async restart(how: 'clean' | 'kill'): Promise<void> {
    if (how === 'clean') await this.world.settle(this.manager.close());
    this.process.crash();
    await this.open(this.process.restart());
  }

  /** Everything was flushed before: a power cut may take nothing that was appended. */
  async powerCut(): Promise<void> {
    await this.world.settle(this.log.flush());
    this.world.powerCut(['broker']);
    await this.open(this.process.restart());
  }

  /** Cleans, and ends the process in front of the disk's operation number `count` (from 0). False: the cleaner came to its end before. */
  async cleanUntil(count: number, how: 'kill' | 'powerCut'): Promise<boolean> {
    await this.world.settle(this.log.flush());
    let operations = 0;
    let isEnded = false;
    this.process.disk.intercept = ({ kind }) => {
      if (isEnded) return { error: 'EIO' };
      if (kind === 'read' || kind === 'open' || operations++ < count) return undefined;
      isEnded = true;
      if (how === 'kill') this.process.crash();
      else this.world.powerCut(['broker']);
      return { error: 'EIO' };
    };
    let isDone = false;
    const note = () => {
      isDone = true;
    };
    this.manager.cleaner.cleanDue().then(note, note);
    await this.world.run({ until: () => isDone || isEnded });
    this.process.disk.intercept = null;
    if (!isEnded) return false;
    await this.open(this.process.restart());
    return true;
  }

  fileNames(): string[] {
    return this.process.ports.files.list(this.directory).map((entry) => entry.name);
  }

  batches(): RecordBatch[] {
    return batchesOf(this.log);
  }

  records(): { offset: number; key: string; value: string | null }[] {
    return this.batches().flatMap((batch) =>
      batch.isControl
        ? []
        : [...recordsOf(batch)].map(({ offset, key, value }) => ({
            offset,
            key: String(key),
            value: value === null ? null : String(value),
          })),
    );
  }

  /** What a read_committed consumer makes of it: the last value of each key, null for a tombstone. */
  committed(): Map<string, { offset: number; value: string | null }> {
    const { log } = this;
    const bound = log.lastStableOffset;
    const aborted = log.abortedTransactions(log.logStartOffset, bound).sort((a, b) => a.firstOffset - b.firstOffset);
    const skipped = new Set<number>();
    const last = new Map<string, { offset: number; value: string | null }>();
    for (const batch of batchesOf(log, bound)) {
      while (aborted.length > 0 && aborted[0]!.firstOffset <= batch.lastOffset)
        skipped.add(aborted.shift()!.producerId);
      if (batch.isControl) {
        for (const record of recordsOf(batch)) {
          if (record.key!.readInt16BE(2) === ControlType.ABORT) skipped.delete(batch.producerId);
        }
        continue;
      }
      if (batch.isTransactional && skipped.has(batch.producerId)) continue;
      for (const { offset, key, value } of recordsOf(batch)) {
        last.set(String(key), { offset, value: value === null ? null : String(value) });
      }
    }
    return last;
  }
}

/** Read as a fetch does, a few bytes at a time; offsets must rise. */
export function batchesOf(log: Log, maxOffset = log.logEndOffset): RecordBatch[] {
  const found: RecordBatch[] = [];
  for (let offset = log.logStartOffset; ; ) {
    const result = log.read(offset, { maxBytes: 300, maxOffset, minOneBatch: true });
    if (result.kind === 'rejected') throw new Error(result.message);
    if (result.slice === null) return found;
    const bytes = Buffer.alloc(result.slice.length);
    result.slice.file.readInto(bytes, result.slice.position);
    for (const batch of batchesIn(bytes)) {
      const before = found.at(-1);
      if (!batch.isCrcValid) throw new Error(`the batch at ${batch.baseOffset} does not fit its CRC`);
      if (before !== undefined && batch.baseOffset <= before.lastOffset) throw new Error('offsets must rise');
      found.push(batch);
    }
    offset = result.endOffset;
  }
}
