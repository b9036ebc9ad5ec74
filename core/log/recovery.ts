import { type Files, FilesError } from '../ports/files.ts';
import { readBatch, scanBatches, scanHeaders } from './batch-scan.ts';
import {
  ABORTED_INDEX_SUFFIX,
  CLEANED_SUFFIX,
  DELETED_SUFFIX,
  joinPath,
  LOG_SUFFIX,
  OFFSET_INDEX_SUFFIX,
  offsetFileName,
  offsetOfFileName,
  SNAPSHOT_SUFFIX,
  SWAP_SUFFIX,
  TIME_INDEX_SUFFIX,
} from './file-names.ts';
import type { LeaderEpochs } from './leader-epochs.ts';
import { isCompacted, type LogConfig } from './log-config.ts';
import type { ProducerState } from './producer-state.ts';
import { restoreTails } from './producer-tails.ts';
import { Segment } from './segment.ts';
import type { SegmentHandles } from './segment-handles.ts';

/**
 * Opens the segments of a folder and makes them sound.
 *
 * After a clean end only the tail behind the last index entry is read. Otherwise every batch of each segment that reaches the recovery point is
 * checked (size, magic, CRC, rising offsets); the log is cut before the first one that is not sound, later segments go, and the indexes are
 * built anew. Below the recovery point the bytes were on the device: they are believed, as in Kafka, and only their indexes looked at.
 */
export interface LoadOptions {
  readonly files: Files;
  readonly directory: string;
  readonly config: LogConfig;
  readonly nowMs: number;
  readonly isClean: boolean;
  readonly recoveryPoint: number;
  readonly logStartOffset: number;
  readonly epochs: LeaderEpochs;
  readonly handles?: SegmentHandles;
  readonly onProblem: (message: string) => void;
}

export interface LoadedSegments {
  /** At least one. */
  readonly segments: Segment[];
  readonly logEndOffset: number;
  /** Those whose indexes were built anew. */
  readonly rebuilt: ReadonlySet<Segment>;
  /** Where producer snapshots stand, rising. */
  readonly snapshots: readonly number[];
  /** Bytes or segments behind the log's end were taken away: until that is on the device, a power cut brings them back. */
  readonly wasCut: boolean;
  /** The last owner flushed the folder, and nothing in it came or went since. */
  readonly isFolderFlushed: boolean;
}

export function loadSegments(options: LoadOptions): LoadedSegments {
  const { files, directory, config, nowMs, handles = null } = options;
  let names = namesIn(files, directory);
  const hasLeftovers = names.some(isLeftover);
  if (hasLeftovers) {
    removeLeftovers(files, directory, names);
    names = namesIn(files, directory);
  }
  const bases = offsetsIn(names, LOG_SUFFIX);
  removeOrphanIndexes(files, directory, names, new Set(bases));
  const segments: Segment[] = [];
  const rebuilt = new Set<Segment>();
  let logEndOffset = options.logStartOffset;
  let wasCut = false;
  for (const [index, base] of bases.entries()) {
    const nextBase = bases[index + 1];
    // A segment that ends at the recovery point may have been the active one when that was written, its indexes not on the device.
    const isUnflushed = !options.isClean && (nextBase === undefined || nextBase >= options.recoveryPoint);
    const segment = new Segment(files, directory, base, config, nowMs, !isUnflushed, '', handles);
    segments.push(segment);
    const indexProblem = segment.checkIndexes();
    if (!isUnflushed && indexProblem === null) {
      logEndOffset = nextBase ?? segment.loadTail();
      continue;
    }
    if (!isUnflushed)
      options.onProblem(`${offsetFileName(base, LOG_SUFFIX)}: ${indexProblem}; the indexes are rebuilt`);
    // What the batches say counts: the file of epochs may be older, or of what was cut. A cleaned segment no longer has a batch of every epoch.
    if (isUnflushed && !isCompacted(config)) options.epochs.truncateFromEnd(base);
    const end = rebuild(segment, options.epochs);
    rebuilt.add(segment);
    logEndOffset = end.nextOffset;
    // A power cut can take the whole of a file's end and leave the file behind it. Only compaction makes such gaps on purpose.
    const isShort = nextBase !== undefined && logEndOffset !== nextBase && !isCompacted(config);
    const problem = end.problem ?? (isShort ? `it ends there, and the next segment begins at ${nextBase}` : null);
    if (problem !== null) {
      wasCut = true;
      const later = bases.slice(index + 1);
      options.onProblem(
        `${offsetFileName(base, LOG_SUFFIX)} was cut to ${segment.size} bytes, offset ${logEndOffset}: ${problem}` +
          (later.length === 0 ? '' : `; ${later.length} later segments were removed: ${later.join(', ')}`),
      );
      for (const lost of later) removeSegmentFiles(files, directory, lost);
      break;
    }
    if (nextBase !== undefined) segment.seal();
  }
  if (segments.length > 0 && logEndOffset < options.logStartOffset) {
    // What DeleteRecords left is gone: nothing below the log start may be written again.
    options.onProblem(
      `the log ends at ${logEndOffset}, before its start ${options.logStartOffset}; it begins anew there`,
    );
    for (const segment of segments.splice(0)) segment.remove();
    wasCut = true;
    rebuilt.clear();
  }
  if (segments.length === 0) {
    logEndOffset = options.logStartOffset;
    segments.push(new Segment(files, directory, logEndOffset, config, nowMs, false, '', handles));
  }
  for (const segment of segments) segment.closeIndexes();
  const isFolderFlushed = options.isClean && bases.length > 0 && bases.length === segments.length && !hasLeftovers;
  const snapshots = offsetsIn(names, SNAPSHOT_SUFFIX);
  return { segments, logEndOffset, rebuilt, snapshots, wasCut, isFolderFlushed };
}

/** What lies in the folder, which is made when absent: looked at once, since a broker opens thousands. */
function namesIn(files: Files, directory: string): string[] {
  try {
    return files.list(directory).map(({ name }) => name);
  } catch (error) {
    if (!(error instanceof FilesError) || error.code !== 'ENOENT') throw error;
    files.makeDirectory(directory);
    return [];
  }
}

/** Rising. */
function offsetsIn(names: readonly string[], suffix: string): number[] {
  const offsets: number[] = [];
  for (const name of names) {
    const offset = offsetOfFileName(name, suffix);
    if (offset !== null) offsets.push(offset);
  }
  return offsets.sort((a, b) => a - b);
}

/** Checks every batch, cuts the file where they stop being sound, and builds the indexes. */
function rebuild(
  segment: Segment,
  epochs: LeaderEpochs,
): { readonly nextOffset: number; readonly problem: string | null } {
  let nextOffset = segment.baseOffset;
  segment.resetIndexes();
  const { validBytes, problem } = scanBatches(segment.file, 0, segment.baseOffset, (batch, position, bytes) => {
    nextOffset = batch.nextOffset;
    segment.noteBatch(batch.lastOffset, batch.maxTimestamp, position, bytes);
    if (batch.partitionLeaderEpoch > epochs.latestEpoch) epochs.assign(batch.partitionLeaderEpoch, batch.baseOffset);
  });
  if (validBytes < segment.size) segment.file.truncate(validBytes);
  return { nextOffset, problem };
}

/**
 * Brings the producers' state to the log's end: from the newest snapshot that is not inside what was rebuilt, then batch by batch. Fills the aborted
 * indexes of rebuilt segments on the way.
 */
export function replayProducers(
  producers: ProducerState,
  segments: readonly Segment[],
  logStartOffset: number,
  logEndOffset: number,
  rebuilt: ReadonlySet<Segment>,
  snapshots?: readonly number[],
): void {
  const firstRebuilt = segments.find((segment) => rebuilt.has(segment));
  producers.load(
    logStartOffset,
    Math.min(logEndOffset, firstRebuilt?.baseOffset ?? logEndOffset),
    logEndOffset,
    snapshots,
  );
  restoreTails(producers, segments);
  for (const [index, segment] of segments.entries()) {
    const endOffset = segments[index + 1]?.baseOffset ?? logEndOffset;
    if (endOffset <= producers.endOffset) continue;
    const first = segment.findBatch(producers.endOffset);
    if (first !== null) {
      scanHeaders(segment.file, first.position, segment.size, (header, position, bytes) => {
        const batch = header.isControl ? readBatch(segment.file, position, bytes) : header;
        const aborted = producers.update(batch);
        if (aborted !== null && rebuilt.has(segment)) segment.abortedIndex.append(aborted);
        return true;
      });
    }
    producers.endOffset = endOffset;
    if (endOffset < logEndOffset) producers.takeSnapshot();
  }
}

function isLeftover(name: string): boolean {
  return [DELETED_SUFFIX, CLEANED_SUFFIX, SWAP_SUFFIX, '.tmp'].some((suffix) => name.endsWith(suffix));
}

/** What an interrupted deletion or compaction left: `.deleted` and `.cleaned` go, a complete `.swap` takes its place. */
function removeLeftovers(files: Files, directory: string, names: readonly string[]): void {
  for (const name of names) {
    const path = joinPath(directory, name);
    if (name.endsWith(DELETED_SUFFIX) || name.endsWith(CLEANED_SUFFIX) || name.endsWith('.tmp')) files.remove(path);
  }
  for (const name of names) {
    if (!name.endsWith(`${LOG_SUFFIX}${SWAP_SUFFIX}`)) continue;
    swapIn(files, directory, name);
  }
  for (const name of names) {
    if (name.endsWith(SWAP_SUFFIX)) files.remove(joinPath(directory, name));
  }
}

/** A `.log.swap` was complete before it got this name: it replaces every segment whose offsets it covers. Its indexes are built anew. */
function swapIn(files: Files, directory: string, name: string): void {
  const base = offsetOfFileName(name.slice(0, -SWAP_SUFFIX.length), LOG_SUFFIX);
  const path = joinPath(directory, name);
  if (base === null) return files.remove(path);
  const file = files.open(path, 'read');
  let endOffset = base;
  scanBatches(file, 0, base, (batch) => {
    endOffset = batch.nextOffset;
  });
  file.close();
  for (const entry of files.list(directory)) {
    const replaced = offsetOfFileName(entry.name, LOG_SUFFIX);
    if (replaced !== null && replaced >= base && replaced < Math.max(endOffset, base + 1)) {
      removeSegmentFiles(files, directory, replaced);
    }
  }
  // Its batches may have gone already and left an index behind, which is none of the new batches.
  removeSegmentFiles(files, directory, base);
  files.rename(path, joinPath(directory, offsetFileName(base, LOG_SUFFIX)));
}

export function removeSegmentFiles(files: Files, directory: string, base: number, nameSuffix = ''): void {
  for (const suffix of [LOG_SUFFIX, OFFSET_INDEX_SUFFIX, TIME_INDEX_SUFFIX, ABORTED_INDEX_SUFFIX]) {
    files.remove(joinPath(directory, offsetFileName(base, suffix) + nameSuffix));
  }
}

function removeOrphanIndexes(
  files: Files,
  directory: string,
  names: readonly string[],
  bases: ReadonlySet<number>,
): void {
  for (const name of names) {
    for (const suffix of [OFFSET_INDEX_SUFFIX, TIME_INDEX_SUFFIX, ABORTED_INDEX_SUFFIX]) {
      const base = offsetOfFileName(name, suffix);
      if (base !== null && !bases.has(base)) files.remove(joinPath(directory, name));
    }
  }
}
