/**
 * Finding an offset, with and without what the log has for it: one long file without an index; segments by name without an index; segments and the sparse index. And what the index files hold.
 *
 * Invariant: the shipped log, the same batches in all three, offsets at random; bytes are counted where the log reads its files.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { spreadOf } from '@mqlab/bench/statistics.ts';
import { Log } from '@mqlab/core/log/log.ts';
import { DEFAULT_LOG_CONFIG } from '@mqlab/core/log/log-config.ts';
import type { File, Files } from '@mqlab/core/ports/files.ts';
import { realPorts } from '@mqlab/core/ports/real/ports.ts';
import { buildBatch } from '@mqlab/core/protocol/record-batch-builder.ts';
import type { Figure } from '@mqlab/reports/run-data.ts';
import type { InputRecord } from '../../kit/input.ts';

const LOG_BYTES = 32 * 1024 * 1024;
const SEGMENT_BYTES = 4 * 1024 * 1024;
const RECORDS_PER_BATCH = 8;
const NEVER = 0x7fff_ffff;
export const LOOKUP_WAYS = {
  whole: { title: 'one file, no index', segmentBytes: NEVER, indexIntervalBytes: NEVER, lookups: 20 },
  names: { title: 'segment names, no index', segmentBytes: SEGMENT_BYTES, indexIntervalBytes: NEVER, lookups: 100 },
  index: { title: 'segment names and index', segmentBytes: SEGMENT_BYTES, indexIntervalBytes: 4096, lookups: 2000 },
} as const;
export type LookupWay = keyof typeof LOOKUP_WAYS;
const ROUNDS = 5;

/** Counts what is read of `.log` files. */
function counted(files: Files, counter: { bytes: number }): Files {
  const wrap = (file: File): File =>
    new Proxy(file, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== 'function') return value;
        if (name !== 'read' && name !== 'readInto') return value.bind(target);
        return (...args: unknown[]) => {
          const result: unknown = value.apply(target, args);
          counter.bytes += typeof result === 'number' ? result : ((result as { length?: number }).length ?? 0);
          return result;
        };
      },
    });
  return new Proxy(files, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      if (name !== 'open') return value.bind(target);
      return (path: string, mode: never) => {
        const file = target.open(path, mode);
        return path.endsWith('.log') ? wrap(file) : file;
      };
    },
  });
}

export function measureLookups(folder: string, input: readonly InputRecord[]): Record<string, Figure> {
  const figures: Record<string, Figure> = {};
  const batch = buildBatch({
    records: Array.from({ length: RECORDS_PER_BATCH }, (_, at) => {
      const { key, value } = input[at % input.length]!;
      return { key, value, timestamp: 1_700_000_000_000 };
    }),
  });
  for (const [name, way] of Object.entries(LOOKUP_WAYS)) {
    const counter = { bytes: 0 };
    const ports = realPorts();
    const log = new Log({
      ...ports,
      files: counted(ports.files, counter),
      directory: join(folder, `${name}-0`),
      topic: name,
      partition: 0,
      config: { ...DEFAULT_LOG_CONFIG, segmentBytes: way.segmentBytes, indexIntervalBytes: way.indexIntervalBytes },
      isClean: true,
      recoveryPoint: 0,
      logStartOffset: 0,
      highWatermark: 0,
      onProblem: (message) => {
        throw new Error(message);
      },
    });
    let end = 0;
    while (log.size < LOG_BYTES) {
      const result = log.append(Buffer.from(batch), 0);
      if (result.kind === 'rejected') throw new Error(result.message);
      end = result.lastOffset + 1;
    }
    log.updateHighWatermark(end);
    let at = 7;
    const micros: number[] = [];
    const perRound = Math.ceil(way.lookups / ROUNDS);
    counter.bytes = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const began = performance.now();
      for (let lookup = 0; lookup < perRound; lookup++) {
        at = (Math.imul(at, 1_664_525) + 1_013_904_223) >>> 0;
        const result = log.read(at % end, { maxBytes: 1, maxOffset: end, minOneBatch: true });
        if (result.kind === 'rejected' || result.slice === null) throw new Error('nothing found');
      }
      micros.push(((performance.now() - began) / perRound) * 1000);
    }
    const source = `${way.title}; the shipped log, ${LOG_BYTES / 2 ** 20} MiB, batches of ${batch.length} bytes, offsets at random, page cache hot`;
    const { median, min, max } = spreadOf(micros);
    figures[`lookup.us.${name}`] = { value: median, unit: 'us', label: 'measured', samples: ROUNDS, min, max, source };
    figures[`lookup.bytes.${name}`] = {
      value: Math.round(counter.bytes / (perRound * ROUNDS)),
      unit: 'bytes',
      label: 'measured',
      samples: perRound * ROUNDS,
      source: `read of .log files for each lookup, mean; ${source}`,
    };
    if (name === 'index') {
      figures['lookup.segments'] = { value: log.segments.length, unit: 'count', label: 'measured', source };
      figures['lookup.comparisons'] = {
        value: Math.ceil(Math.log2(log.segments.length)),
        unit: 'count',
        label: 'derived',
        source: 'the binary logarithm of the number of segments, rounded up',
      };
    }
    log.closeFiles();
  }
  return { ...figures, ...indexDensity(join(folder, 'index-0')) };
}

/** Read from the files themselves: 8 bytes an entry, a relative offset and a position, big endian. */
function indexDensity(folder: string): Record<string, Figure> {
  const steps: number[] = [];
  let entries = 0;
  let logBytes = 0;
  let indexBytes = 0;
  let wrong = 0;
  for (const file of readdirSync(folder)
    .filter((name) => name.endsWith('.index'))
    .sort()) {
    const base = Number(file.slice(0, 20));
    const index = readFileSync(join(folder, file));
    const log = readFileSync(join(folder, file.replace('.index', '.log')));
    let before = 0;
    let count = 0;
    for (let at = 0; at + 8 <= index.length; at += 8) {
      const relative = index.readInt32BE(at);
      const position = index.readInt32BE(at + 4);
      if (at > 0 && position === 0) break;
      // The entry's batch, by the header that lies there: base offset, and its last offset's distance.
      const last = Number(log.readBigInt64BE(position)) + log.readInt32BE(position + 23);
      if (base + relative !== last) wrong++;
      if (position > before) steps.push(position - before);
      before = position;
      count++;
    }
    entries += count;
    indexBytes += count * 8;
    logBytes += statSync(join(folder, file.replace('.index', '.log'))).size;
  }
  const { median, min, max, samples } = spreadOf(steps);
  const source = 'read from the .index and .log files';
  return {
    'index.step': { value: median, unit: 'bytes', label: 'measured', samples, min, max, source },
    'index.entries': { value: entries, unit: 'count', label: 'measured', source },
    'index.wrong': {
      value: wrong,
      unit: 'count',
      label: 'measured',
      source: `entries whose segment base + relative offset is not the last offset of the batch at their position; ${source}`,
    },
    'index.share': {
      value: (indexBytes / logBytes) * 100,
      unit: '%',
      label: 'derived',
      source: 'bytes of entries by bytes of log',
    },
  };
}
