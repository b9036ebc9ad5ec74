import { readBatch, scanBatches } from '../log/batch-scan.ts';
import { joinPath, offsetFileName } from '../log/file-names.ts';
import type { File, Files } from '../ports/files.ts';
import {
  buildControlBatch,
  ControlType,
  decodeControlType,
  decodeControlValue,
  SnapshotFooter,
  SnapshotHeader,
} from '../protocol/control-record.ts';
import { recordsOf } from '../protocol/record.ts';
import { batchBytesAt, LOG_OVERHEAD_BYTES, type RecordBatch } from '../protocol/record-batch.ts';
import { RecordBatchBuilder } from '../protocol/record-batch-builder.ts';
import type { SnapshotId } from './raft-log.ts';

/**
 * One snapshot on disk, as Kafka writes it (KIP-630): a control batch with the header, batches of records, a control batch with the footer.
 *
 *     00000000000000001234-0000000005.checkpoint    everything below offset 1234, whose last record is of epoch 5
 *
 * Invariant: a file of that name is whole, and on the device. What is being written has `.part` behind its name.
 */
export const PART_SUFFIX = '.part';
const SUFFIX = '.checkpoint';
const NAME = /^(\d{20})-(\d{10})\.checkpoint$/;
const EPOCH_DIGITS = 10;
const BATCH_BYTES = 1024 * 1024;
const CONTROL_VERSION = 0;

export function snapshotFileName({ offset, epoch }: SnapshotId): string {
  return `${offsetFileName(offset, '')}-${String(epoch).padStart(EPOCH_DIGITS, '0')}${SUFFIX}`;
}

/** null when the name is none of a snapshot's. */
export function snapshotIdOf(name: string): SnapshotId | null {
  const match = NAME.exec(name);
  return match === null ? null : { offset: Number(match[1]), epoch: Number(match[2]) };
}

/** Writes the `.part` file, flushed. The values are taken before the call returns. */
export async function writeSnapshotPart(
  files: Files,
  directory: string,
  id: SnapshotId,
  timestamp: number,
  values: Iterable<Buffer>,
): Promise<string> {
  const path = joinPath(directory, snapshotFileName(id) + PART_SUFFIX);
  const file = files.open(path, 'create');
  try {
    file.truncate(0);
    writeBatches(file, id.epoch, timestamp, values);
    await file.flush();
  } finally {
    file.close();
  }
  return path;
}

function writeBatches(file: File, epoch: number, timestamp: number, values: Iterable<Buffer>): void {
  const header = SnapshotHeader.encode(CONTROL_VERSION, {
    version: CONTROL_VERSION,
    lastContainedLogTimestamp: timestamp,
  });
  let offset = 0;
  const control = (type: ControlType, value: Buffer): void => {
    file.append([buildControlBatch(type, value, timestamp, { baseOffset: offset++, partitionLeaderEpoch: epoch })]);
  };
  const newBuilder = (): RecordBatchBuilder =>
    new RecordBatchBuilder({ baseOffset: offset, partitionLeaderEpoch: epoch, bytesMax: BATCH_BYTES });
  control(ControlType.SNAPSHOT_HEADER, header);
  let builder = newBuilder();
  const seal = (): void => {
    if (builder.recordCount === 0) return;
    offset += builder.recordCount;
    file.append([builder.build()]);
    builder = newBuilder();
  };
  for (const value of values) {
    if (builder.tryAppend(timestamp, null, value)) continue;
    seal();
    builder.append(timestamp, null, value);
  }
  seal();
  control(ControlType.SNAPSHOT_FOOTER, SnapshotFooter.encode(CONTROL_VERSION, { version: CONTROL_VERSION }));
}

export interface SnapshotVisitor {
  header(lastContainedLogTimestamp: number): void;
  values(values: readonly Buffer[]): void;
}

/** When the newest record in it was appended: milliseconds since the epoch, from the header. */
export function snapshotTimestamp(files: Files, path: string): number {
  const file = files.open(path, 'read');
  try {
    const start = Buffer.alloc(LOG_OVERHEAD_BYTES);
    file.readInto(start, 0);
    const header = recordsOf(readBatch(file, 0, batchBytesAt(start, 0))).next().value;
    return decodeControlValue(SnapshotHeader, header?.value ?? null).lastContainedLogTimestamp;
  } finally {
    file.close();
  }
}

/** Reads all of a snapshot. Throws, naming file and cause, when it is not whole; batches before the damage were visited then. */
export function readSnapshot(files: Files, path: string, visitor: SnapshotVisitor): void {
  const file = files.open(path, 'read');
  let state = 'begin' as 'begin' | 'records' | 'end';
  const visit = (batch: RecordBatch): void => {
    if (state === 'end') throw new Error(`${path} is no sound snapshot: there is more behind the footer`);
    if (!batch.isControl) {
      if (state === 'begin') throw new Error(`${path} is no sound snapshot: it begins without a header`);
      // The view is over a buffer that is used again.
      visitor.values([...recordsOf(batch)].flatMap(({ value }) => (value === null ? [] : [Buffer.from(value)])));
      return;
    }
    for (const { key, value } of recordsOf(batch)) {
      const type = decodeControlType(key);
      if (type === ControlType.SNAPSHOT_HEADER) {
        state = 'records';
        visitor.header(decodeControlValue(SnapshotHeader, value).lastContainedLogTimestamp);
      } else if (type === ControlType.SNAPSHOT_FOOTER) state = 'end';
    }
  };
  try {
    const { problem } = scanBatches(file, 0, 0, visit);
    if (problem !== null) throw new Error(`${path} is no sound snapshot: ${problem}`);
  } finally {
    file.close();
  }
  if (state !== 'end') throw new Error(`${path} is no sound snapshot: it has no footer`);
}
