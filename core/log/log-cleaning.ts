import type { File } from '../ports/files.ts';
import { recordDataOf } from '../protocol/record.ts';
import { BATCH_HEADER_BYTES, batchBytesAt, batchesIn, type RecordBatch } from '../protocol/record-batch.ts';
import { RecordCursor } from '../protocol/record-cursor.ts';
import { scanHeaders } from './batch-scan.ts';
import { CleanedTransactions } from './cleaned-transactions.ts';
import { type CleaningPlan, groupSegments, sealedFrom } from './cleaner.ts';
import { SWAP_SUFFIX } from './file-names.ts';
import type { Log } from './log.ts';
import { OffsetMap } from './offset-map.ts';
import { emptyBatch, filterBatch } from './record-filter.ts';
import type { Segment } from './segment.ts';

/**
 * One pass of the cleaner over one log: maps the keys of the dirty part to their last offsets, as many as fit into memory, then writes every segment
 * below the mapped end anew with only the records that are still the last of their key, and swaps the new segments in.
 *
 * Invariant: offsets never change and never change order; after each swap, and after a crash at any moment, the log holds the last value of every key.
 * Between two turns it rests (`pause`), so that producers and consumers wait for one chunk at most.
 *
 * | step                              | a crash after it finds                     | and recovery          |
 * |-----------------------------------|--------------------------------------------|-----------------------|
 * | the group is written to .cleaned  | old segments, .cleaned                     | removes .cleaned      |
 * | flushed, renamed to .swap, folder flushed | old segments, .swap                | finishes the swap     |
 * | old ones renamed to .deleted, .swap to the final names | any part of that      | finishes the swap     |
 * | folder flushed                    | new segment, .deleted                      | removes .deleted      |
 *
 * Not here: when to clean which log, the checkpoint, the rate (`log-cleaner.ts`). Sources: KIP-58, KIP-98, KIP-534.
 */
export interface CleaningOptions {
  readonly nowMs: number;
  /** log.cleaner.dedupe.buffer.size */
  readonly dedupeBufferBytes: number;
  /** log.cleaner.io.buffer.load.factor */
  readonly loadFactor: number;
  /** Called after every chunk with the bytes read and written. False: give up. */
  readonly pause: (bytes: number) => Promise<boolean>;
}

export interface CleaningResult {
  /** The first offset that is still dirty. */
  readonly endOffset: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
}

/** Read at once: what a produce or fetch request may have to wait for. */
const CHUNK_BYTES = 64 * 1024;
/** Headers looked at in one turn. */
const HEADERS_PER_TURN = 500;

/** The log went away, was truncated, or the broker stops: nothing was lost, the next pass begins anew. */
class Cancelled extends Error {}

interface Pass {
  readonly log: Log;
  readonly plan: CleaningPlan;
  readonly options: CleaningOptions;
  readonly truncationCount: number;
  bytesRead: number;
  bytesWritten: number;
}

/** null when it gave up. Throws WireError on damaged batches, FilesError when the disk refuses. */
export async function cleanLog(plan: CleaningPlan, options: CleaningOptions): Promise<CleaningResult | null> {
  const { log } = plan;
  const pass = { log, plan, options, truncationCount: log.truncationCount, bytesRead: 0, bytesWritten: 0 };
  log.isBeingCleaned = true;
  try {
    const map = await mapKeys(pass);
    const endOffset = map.latestOffset + 1;
    const segments = log.segments.filter(
      (segment) => segment.baseOffset < Math.min(endOffset, plan.firstUncleanableOffset),
    );
    const transactions = new CleanedTransactions();
    for (const group of groupSegments(segments, log.config, plan.firstUncleanableOffset)) {
      await cleanGroup(pass, group, map, transactions);
    }
    return { endOffset, bytesRead: pass.bytesRead, bytesWritten: pass.bytesWritten };
  } catch (error) {
    // A log that was closed or deleted meanwhile has no files to complain about.
    if (error instanceof Cancelled || log.offline !== null) return null;
    throw error;
  } finally {
    log.isBeingCleaned = false;
  }
}

async function rest(pass: Pass, bytes: number): Promise<void> {
  const goesOn = await pass.options.pause(bytes);
  if (!goesOn) throw new Cancelled();
  checkLog(pass);
}

function checkLog({ log, truncationCount }: Pass): void {
  if (log.offline !== null || log.truncationCount !== truncationCount) throw new Cancelled();
}

/** Walks over whole batches from `position`, a chunk a turn, until `visit` returns false. */
async function eachChunk(
  pass: Pass,
  segment: Segment,
  position: number,
  visit: (chunk: Buffer) => boolean,
): Promise<boolean> {
  const limit = segment.size;
  for (let at = position; at < limit; ) {
    const chunk = readBatches(segment.file, at, limit);
    at += chunk.length;
    const written = pass.bytesWritten;
    pass.bytesRead += chunk.length;
    if (!visit(chunk)) return false;
    await rest(pass, chunk.length + pass.bytesWritten - written);
  }
  return true;
}

/** Whole batches from `position` on, at least one. */
function readBatches(file: File, position: number, limit: number): Buffer {
  let buffer = readExactly(file, position, Math.min(CHUNK_BYTES, limit - position));
  const firstBytes = buffer.length < BATCH_HEADER_BYTES ? BATCH_HEADER_BYTES : batchBytesAt(buffer, 0);
  if (firstBytes < BATCH_HEADER_BYTES || firstBytes > limit - position) {
    throw new Error(`${file.path}: no batch at ${position}`);
  }
  if (firstBytes > buffer.length) buffer = readExactly(file, position, firstBytes);
  let end = 0;
  for (const batch of batchesIn(buffer)) end = batch.position + batch.bytes;
  return buffer.subarray(0, end);
}

function readExactly(file: File, position: number, bytes: number): Buffer {
  const buffer = Buffer.allocUnsafe(bytes);
  const read = file.readInto(buffer, position);
  if (read < bytes) throw new Error(`${file.path}: ${read} of ${bytes} bytes at ${position}`);
  return buffer;
}

async function mapKeys(pass: Pass): Promise<OffsetMap> {
  const { log, plan, options } = pass;
  const { firstDirtyOffset, firstUncleanableOffset } = plan;
  const dirty = sealedFrom(log.segments, firstDirtyOffset).filter(
    (segment) => segment.baseOffset < firstUncleanableOffset,
  );
  const map = new OffsetMap(await countRecords(pass, dirty), options.dedupeBufferBytes, options.loadFactor);
  const transactions = new CleanedTransactions();
  for (const [index, segment] of dirty.entries()) {
    const endOffset = dirty[index + 1]?.baseOffset ?? firstUncleanableOffset;
    transactions.expect(log.abortedTransactions(Math.max(firstDirtyOffset, segment.baseOffset), endOffset));
    const hasRoom = await eachChunk(pass, segment, segment.positionFor(firstDirtyOffset), (chunk) => {
      for (const batch of batchesIn(chunk)) {
        if (!mapBatch(map, batch, firstDirtyOffset, transactions)) return false;
      }
      return true;
    });
    if (!hasRoom) return map;
    map.raiseLatestOffset(endOffset - 1);
  }
  return map;
}

/** An upper bound for the keys: memory is taken for no more. */
async function countRecords(pass: Pass, segments: readonly Segment[]): Promise<number> {
  let records = 0;
  for (const segment of segments) {
    for (let position = 0; position < segment.size; ) {
      let headers = 0;
      scanHeaders(segment.file, position, segment.size, (batch, at, bytes) => {
        if (!batch.isControl) records += batch.recordCount;
        position = at + bytes;
        return ++headers < HEADERS_PER_TURN;
      });
      await rest(pass, headers * BATCH_HEADER_BYTES);
    }
  }
  return records;
}

/** False when a key found no place: what comes behind it stays dirty. */
function mapBatch(
  map: OffsetMap,
  batch: RecordBatch,
  firstDirtyOffset: number,
  transactions: CleanedTransactions,
): boolean {
  if (batch.isControl) {
    transactions.onControlBatch(batch);
  } else if (!transactions.onDataBatch(batch)) {
    const cursor = new RecordCursor(recordDataOf(batch), batch.recordCount);
    const { baseOffset } = batch;
    while (cursor.next()) {
      const offset = baseOffset + cursor.offsetDelta;
      if (cursor.hasKey && offset >= firstDirtyOffset && !map.put(cursor.key!, offset)) return false;
    }
  }
  if (batch.lastOffset >= firstDirtyOffset) map.raiseLatestOffset(batch.lastOffset);
  return true;
}

async function cleanGroup(
  pass: Pass,
  group: readonly Segment[],
  map: OffsetMap,
  transactions: CleanedTransactions,
): Promise<void> {
  const { log } = pass;
  const cleaned = log.newCleanedSegment(group[0]!.baseOffset, group[group.length - 1]!.createdAtMs);
  let isSwapped = false;
  try {
    transactions.index = cleaned.abortedIndex;
    for (const segment of group) {
      const next = log.segments[log.segments.indexOf(segment) + 1];
      if (next === undefined) throw new Cancelled();
      transactions.expect(log.abortedTransactions(segment.baseOffset, next.baseOffset));
      await eachChunk(pass, segment, 0, (chunk) => {
        const kept: Buffer[] = [];
        for (const batch of batchesIn(chunk)) {
          const bytes = cleanBatch(pass, batch, map, transactions);
          if (bytes !== null) kept.push(bytes);
        }
        if (kept.length === 0) return true;
        const bytes = Buffer.concat(kept);
        cleaned.append(bytes);
        pass.bytesWritten += bytes.length;
        return true;
      });
    }
    cleaned.seal();
    await cleaned.flush();
    checkLog(pass);
    cleaned.changeSuffix(SWAP_SUFFIX);
    await log.flushFolder();
    checkLog(pass);
    isSwapped = log.replaceSegments(cleaned, group);
    if (!isSwapped) throw new Cancelled();
    await log.flushFolder();
    checkLog(pass);
  } catch (error) {
    if (!isSwapped) cleaned.remove();
    throw error;
  }
}

/** What stays of a batch; null when nothing does. */
function cleanBatch(
  { log, plan, options }: Pass,
  batch: RecordBatch,
  map: OffsetMap,
  transactions: CleanedTransactions,
): Buffer | null {
  const { isControl } = batch;
  const isOfNoUse = isControl ? transactions.onControlBatch(batch) : transactions.onDataBatch(batch);
  const isPastHorizon = batch.hasDeleteHorizon && batch.baseTimestamp <= options.nowMs;
  // A marker ages like a tombstone once its transaction is empty; the data of an aborted transaction goes at once.
  const goes = isOfNoUse && (!isControl || isPastHorizon);
  const keepsHeader = batch.nextOffset === plan.firstUncleanableOffset || isLastOfProducer(log, batch);
  if (goes) return keepsHeader ? emptyBatch(batch) : null;
  const kept = filterBatch(batch, {
    deleteHorizonMs: options.nowMs + log.config.deleteRetentionMs,
    needsHorizon: isControl && isOfNoUse,
    retain: (key, offset, hasValue) => {
      if (isControl || offset > map.latestOffset) return true;
      if (key === null) return false;
      return offset >= map.get(key) && (hasValue || !isPastHorizon);
    },
  });
  return kept ?? (keepsHeader ? emptyBatch(batch) : null);
}

/** The batch with the last sequence of a producer that is remembered, or the marker with its last epoch. */
function isLastOfProducer(log: Log, batch: RecordBatch): boolean {
  if (!batch.hasProducerId) return false;
  const entry = log.producers.entries.get(batch.producerId);
  if (entry === undefined) return false;
  if (entry.lastOffset >= 0) return batch.lastOffset === entry.lastOffset;
  return batch.isControl && batch.producerEpoch === entry.producerEpoch;
}
