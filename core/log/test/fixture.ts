import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../../ports/clock.ts';
import { realFiles } from '../../ports/real/files.ts';
import { realRandom } from '../../ports/real/random.ts';
import { recordsOf } from '../../protocol/record.ts';
import { batchesIn } from '../../protocol/record-batch.ts';
import { type BatchOptions, buildBatch } from '../../protocol/record-batch-builder.ts';
import { Log } from '../log.ts';
import { DEFAULT_LOG_CONFIG, type LogConfig } from '../log-config.ts';
import type { LogOptions } from '../log-options.ts';
import { SegmentHandles } from '../segment-handles.ts';

/** For the tests of this room: a log in a temporary folder, a clock moved by hand, short ways to append and to read everything. */
export const T0 = 1_700_000_000_000;

export class ManualClock implements Clock {
  nowMs = T0;
  private timers: { dueMs: number; callback: () => void }[] = [];

  now(): number {
    return this.nowMs;
  }

  monotonic(): number {
    return this.nowMs - T0;
  }

  setTimer(delayMs: number, callback: () => void): { cancel(): void } {
    const timer = { dueMs: this.nowMs + delayMs, callback };
    this.timers.push(timer);
    return {
      cancel: () => {
        this.timers = this.timers.filter((other) => other !== timer);
      },
    };
  }

  defer(callback: () => void): void {
    queueMicrotask(callback);
  }

  advance(ms: number): void {
    this.nowMs += ms;
    const due = this.timers.filter((timer) => timer.dueMs <= this.nowMs);
    this.timers = this.timers.filter((timer) => timer.dueMs > this.nowMs);
    for (const timer of due) timer.callback();
  }
}

export class TestFolder implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'mqlab-log-'));
  readonly files = realFiles();
  readonly clock = new ManualClock();
  readonly problems: string[] = [];

  log(config: Partial<LogConfig> = {}, options: Partial<LogOptions> = {}): Log {
    return new Log({
      files: this.files,
      clock: this.clock,
      random: realRandom(),
      directory: `${this.path}/t-0`,
      topic: 't',
      partition: 0,
      config: { ...DEFAULT_LOG_CONFIG, ...config },
      isClean: true,
      recoveryPoint: 0,
      logStartOffset: 0,
      highWatermark: 0,
      onProblem: (message) => this.problems.push(message),
      // As few as there can be: what a segment does must not hang on its file staying open.
      handles: new SegmentHandles(this.clock, 1),
      ...options,
    });
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** One batch of `values`, one millisecond apart from `timestamp`. */
export function batch(values: readonly string[], timestamp = T0, options: BatchOptions = {}): Buffer {
  return buildBatch({
    ...options,
    records: values.map((value, index) => ({
      timestamp: timestamp + index,
      key: Buffer.from(`k${value}`),
      value: Buffer.from(value),
    })),
  });
}

export interface SeenRecord {
  readonly offset: number;
  readonly value: string;
  readonly timestamp: number;
}

/** Every data record from `startOffset`, read as a consumer would, `maxBytes` at a time. */
export function readAll(
  log: Log,
  startOffset = log.logStartOffset,
  maxBytes = 1000,
  maxOffset = log.logEndOffset,
): SeenRecord[] {
  const seen: SeenRecord[] = [];
  let offset = startOffset;
  for (;;) {
    const result = log.read(offset, { maxBytes, maxOffset, minOneBatch: true });
    if (result.kind === 'rejected') throw new Error(`${result.errorCode} ${result.message}`);
    if (result.slice === null) return seen;
    const bytes = Buffer.alloc(result.slice.length);
    result.slice.file.readInto(bytes, result.slice.position);
    let end = 0;
    for (const stored of batchesIn(bytes)) {
      if (!stored.isCrcValid) throw new Error('a stored batch does not fit its CRC');
      end += stored.bytes;
      if (stored.isControl) continue;
      for (const record of recordsOf(stored)) {
        if (record.offset < offset) continue;
        seen.push({ offset: record.offset, value: String(record.value), timestamp: record.timestamp });
      }
    }
    if (end !== bytes.length || result.endOffset <= offset) throw new Error('a read must end behind a whole batch');
    offset = result.endOffset;
  }
}
