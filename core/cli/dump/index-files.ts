import { existsSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { decodeSnapshot } from '../../log/producer-snapshot.ts';
import { batchesOfFile, type DumpedLine } from './log-file.ts';

/**
 * The files beside a log: sparse indexes, aborted transactions, producers. Each is checked by itself, and the sparse ones against the log they are of.
 *
 * Invariant: reads files, changes none. Entries of zeros behind the first are space that was taken beforehand, and no entries.
 */
const OFFSET_ENTRY_BYTES = 8;
const TIME_ENTRY_BYTES = 12;
const ABORTED_ENTRY_BYTES = 34;

export function* dumpOffsetIndex(path: string): Generator<DumpedLine> {
  const { buffer, baseOffset } = read(path);
  const batches = batchPlaces(path, '.index');
  let last = { offset: -1, position: -1 };
  yield* remainder(buffer, OFFSET_ENTRY_BYTES);
  for (let at = 0; at + OFFSET_ENTRY_BYTES <= buffer.length; at += OFFSET_ENTRY_BYTES) {
    const relative = buffer.readInt32BE(at);
    const position = buffer.readInt32BE(at + 4);
    if (at > 0 && relative === 0 && position === 0) return;
    const offset = baseOffset + relative;
    yield { kind: 'entry', fields: { offset, position } };
    if (offset <= last.offset || (position <= last.position && at > 0))
      yield problem(`entry ${offset} at ${position} does not rise above ${last.offset} at ${last.position}`);
    last = { offset, position };
    if (batches !== null && batches.get(position)?.lastOffset !== offset)
      yield problem(`entry ${offset} at ${position}: the log has ${describe(batches.get(position))} there`);
  }
}

export function* dumpTimeIndex(path: string): Generator<DumpedLine> {
  const { buffer, baseOffset } = read(path);
  let last = { timestamp: -1, offset: -1 };
  const maxima = largestTimestamps(path);
  yield* remainder(buffer, TIME_ENTRY_BYTES);
  for (let at = 0; at + TIME_ENTRY_BYTES <= buffer.length; at += TIME_ENTRY_BYTES) {
    const timestamp = Number(buffer.readBigInt64BE(at));
    const relative = buffer.readInt32BE(at + 8);
    if (at > 0 && relative === 0 && timestamp === 0) return;
    const offset = baseOffset + relative;
    yield { kind: 'entry', fields: { timestamp, offset } };
    if (at > 0 && (timestamp <= last.timestamp || offset < last.offset))
      yield problem(`entry ${timestamp} at ${offset} does not rise above ${last.timestamp} at ${last.offset}`);
    last = { timestamp, offset };
    const largest = maxima?.get(offset);
    if (maxima !== null && largest === undefined)
      yield problem(`entry of offset ${offset}: no batch of the log ends there`);
    else if (largest !== undefined && largest !== timestamp)
      yield problem(
        `entry of offset ${offset}: ${timestamp}, where the largest timestamp of the log so far is ${largest}`,
      );
  }
}

export function* dumpAbortedIndex(path: string): Generator<DumpedLine> {
  const { buffer } = read(path);
  let last = -1;
  yield* remainder(buffer, ABORTED_ENTRY_BYTES);
  for (let at = 0; at + ABORTED_ENTRY_BYTES <= buffer.length; at += ABORTED_ENTRY_BYTES) {
    const version = buffer.readInt16BE(at);
    const [producerId, firstOffset, lastOffset, lastStableOffset] = [2, 10, 18, 26].map((field) =>
      Number(buffer.readBigInt64BE(at + field)),
    ) as [number, number, number, number];
    yield { kind: 'entry', fields: { version, producerId, firstOffset, lastOffset, lastStableOffset } };
    if (version !== 0) yield problem(`version ${version}: known is 0`);
    if (lastOffset <= last || firstOffset > lastOffset)
      yield problem(`entry ${firstOffset} to ${lastOffset} behind ${last}`);
    last = lastOffset;
  }
}

export function* dumpSnapshot(path: string): Generator<DumpedLine> {
  const { buffer } = read(path);
  const entries = decodeSnapshot(buffer);
  if (entries === null) return yield problem('not a sound snapshot: its version, CRC or length is wrong');
  for (const entry of entries) {
    const { producerId, producerEpoch, lastSequence, lastOffset, lastTimestamp, coordinatorEpoch } = entry;
    const currentTxnFirstOffset = entry.currentTxnFirstOffset ?? -1;
    const fields = { producerId, producerEpoch, lastSequence, lastOffset, lastTimestamp, coordinatorEpoch };
    yield { kind: 'entry', fields: { ...fields, currentTxnFirstOffset } };
  }
}

function read(path: string): { buffer: Buffer; baseOffset: number } {
  return { buffer: readFileSync(path), baseOffset: Number.parseInt(basename(path), 10) };
}

function problem(text: string): DumpedLine {
  return { kind: 'problem', fields: { problem: text } };
}

function* remainder(buffer: Buffer, entryBytes: number): Generator<DumpedLine> {
  const left = buffer.length % entryBytes;
  if (left !== 0) yield problem(`${left} bytes behind the last whole entry`);
}

interface Place {
  readonly baseOffset: number;
  readonly lastOffset: number;
}

function describe(place: Place | undefined): string {
  return place === undefined ? 'no batch' : `the batch ${place.baseOffset} to ${place.lastOffset}`;
}

/** The batches of the log beside an index, by position; null where there is none. */
function batchPlaces(path: string, suffix: string): ReadonlyMap<number, Place> | null {
  const log = `${path.slice(0, -suffix.length)}.log`;
  if (!existsSync(log)) return null;
  const places = new Map<number, Place>();
  for (const found of batchesOfFile(log)) {
    if ('problem' in found) break;
    const { baseOffset, lastOffset } = found.batch;
    places.set(found.position, { baseOffset, lastOffset });
  }
  return places;
}

/** The largest timestamp up to and with the batch that ends at an offset. */
function largestTimestamps(path: string): ReadonlyMap<number, number> | null {
  const log = `${path.slice(0, -'.timeindex'.length)}.log`;
  if (!existsSync(log)) return null;
  const maxima = new Map<number, number>();
  let largest = -1;
  for (const found of batchesOfFile(log)) {
    if ('problem' in found) break;
    largest = Math.max(largest, found.batch.maxTimestamp);
    maxima.set(found.batch.lastOffset, largest);
  }
  return maxima;
}
