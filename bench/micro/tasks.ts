import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Log } from '@mqlab/core/log/log.ts';
import { DEFAULT_LOG_CONFIG } from '@mqlab/core/log/log-config.ts';
import { realPorts } from '@mqlab/core/ports/real/ports.ts';
import { compress, decompress } from '@mqlab/core/protocol/compression.ts';
import { Fetch } from '@mqlab/core/protocol/messages/01-fetch.ts';
import { Metadata } from '@mqlab/core/protocol/messages/03-metadata.ts';
import { Heartbeat } from '@mqlab/core/protocol/messages/12-heartbeat.ts';
import { recordsOf } from '@mqlab/core/protocol/record.ts';
import { batchesIn, CODECS, RecordBatch } from '@mqlab/core/protocol/record-batch.ts';
import { RecordBatchBuilder } from '@mqlab/core/protocol/record-batch-builder.ts';
import { crc32c } from '@node-rs/crc32';

/** One operation that is timed. */
export interface MicroTask {
  readonly group: string;
  readonly name: string;
  readonly run: () => void;
  /** How many operations one call does; 1 when left out. */
  readonly operationsPerCall?: number;
}

const RECORDS_PER_BATCH = 160;
const VALUE_BYTES = 100;

/** Text like the records of a service: it compresses, but not to nothing. */
function recordValue(index: number): Buffer {
  const text = `{"id":${index},"from":"${(index * 7919).toString(36)}","to":"${(index * 104_729).toString(36)}","delay":${index % 97}}`;
  return Buffer.from(text.padEnd(VALUE_BYTES, `-${(index * 31).toString(16)}`).slice(0, VALUE_BYTES));
}

function fill(builder: RecordBatchBuilder, values: readonly Buffer[]): Buffer {
  for (const value of values) builder.append(1_700_000_000_000, null, value);
  return builder.build();
}

export function microTasks(): { readonly list: readonly MicroTask[]; close(): void } {
  const values = Array.from({ length: RECORDS_PER_BATCH }, (_, i) => recordValue(i));
  const batch = fill(new RecordBatchBuilder(), values);
  const mebibyte = Buffer.concat(Array.from({ length: Math.ceil(2 ** 20 / batch.length) }, () => batch)).subarray(
    0,
    2 ** 20,
  );
  const heartbeat = Heartbeat.request.encode(4, {
    groupId: 'group',
    generationId: 7,
    memberId: 'member-1',
    groupInstanceId: null,
  });
  const metadata = Metadata.response.encode(13, {
    brokers: [{ nodeId: 1, host: 'localhost', port: 9092 }],
    topics: [
      {
        errorCode: 0,
        name: 'topic',
        partitions: Array.from({ length: 1000 }, (_, partitionIndex) => ({
          errorCode: 0,
          partitionIndex,
          leaderId: 1,
          leaderEpoch: 0,
          replicaNodes: [1],
          isrNodes: [1],
          offlineReplicas: [],
        })),
      },
    ],
  } as never);
  const fetchAnswer = {
    responses: [
      {
        topicId: 'AAAAAAAAAAAAAAAAAAAAAQ',
        partitions: [{ partitionIndex: 0, errorCode: 0, highWatermark: 1000, records: batch }],
      },
    ],
  };
  const list: MicroTask[] = [
    {
      group: 'message codec',
      name: 'Heartbeat request, decode',
      run: () => void Heartbeat.request.decode(4, heartbeat),
    },
    {
      group: 'message codec',
      name: 'Metadata response of 1,000 partitions, decode',
      run: () => void Metadata.response.decode(13, metadata),
    },
    {
      group: 'message codec',
      name: 'Fetch response of one partition, encode',
      run: () => void Fetch.response.encode(17, fetchAnswer as never),
    },
    { group: 'checksum', name: `CRC-32C of a batch of ${batch.length} bytes`, run: () => void crc32c(batch) },
    { group: 'checksum', name: 'CRC-32C of 1 MiB', run: () => void crc32c(mebibyte) },
    { group: 'record batch', name: 'read the header as a view', run: () => void new RecordBatch(batch).nextOffset },
    {
      group: 'record batch',
      name: 'walk the batches of 1 MiB, per batch',
      operationsPerCall: 60,
      run: () => walk(mebibyte),
    },
    {
      group: 'record batch',
      name: 'decode the records, per record',
      operationsPerCall: RECORDS_PER_BATCH,
      run: () => {
        for (const record of recordsOf(new RecordBatch(batch))) if (record.value === null) throw new Error('lost');
      },
    },
    {
      group: 'accumulator',
      name: 'append a record to a batch and seal it, per record',
      operationsPerCall: RECORDS_PER_BATCH,
      run: () => void fill(new RecordBatchBuilder({ bytesInitial: 20_000 }), values),
    },
  ];
  for (const codec of CODECS) {
    if (codec === 'none') continue;
    const packed = compress(codec, batch);
    list.push({
      group: 'compression',
      name: `${codec}: compress a batch of ${batch.length} bytes`,
      run: () => void compress(codec, batch),
    });
    list.push({
      group: 'compression',
      name: `${codec}: decompress it`,
      run: () => void decompress(codec, packed, 1 << 24),
    });
  }
  const log = logTasks(batch);
  return { list: [...list, ...log.list], close: log.close };
}

const LOOKUP_LOG_BYTES = 64 * 1024 * 1024;
const APPEND_SEGMENT_BYTES = 64 * 1024 * 1024;

/** Appends to one log in a temporary folder, lookups in another. */
function logTasks(batch: Buffer): { readonly list: readonly MicroTask[]; close(): void } {
  const directory = mkdtempSync(join(tmpdir(), 'mqlab-micro-'));
  const ports = realPorts();
  const open = (name: string): Log =>
    new Log({
      ...ports,
      directory: join(directory, name),
      topic: name,
      partition: 0,
      config: {
        ...DEFAULT_LOG_CONFIG,
        segmentBytes: APPEND_SEGMENT_BYTES,
        retentionBytes: 2 * APPEND_SEGMENT_BYTES,
        fileDeleteDelayMs: 0,
      },
      isClean: true,
      recoveryPoint: 0,
      logStartOffset: 0,
      highWatermark: 0,
      onProblem: (message) => {
        throw new Error(message);
      },
    });
  const append = (log: Log): number => {
    const result = log.append(Buffer.from(batch), 0);
    if (result.kind === 'rejected') throw new Error(result.message);
    return result.lastOffset + 1;
  };
  const written = open('append');
  const searched = open('lookup');
  let end = 0;
  while (searched.size < LOOKUP_LOG_BYTES) end = append(searched);
  searched.updateHighWatermark(end);
  let at = 0;
  let appended = 0;
  const read = (offset: number): void => {
    const result = searched.read(offset, { maxBytes: batch.length, maxOffset: end, minOneBatch: true });
    if (result.kind === 'rejected' || result.slice === null) throw new Error('nothing read');
  };
  return {
    list: [
      {
        group: 'log',
        name: `append a batch of ${batch.length} bytes, checks and CRC included`,
        run() {
          const next = append(written);
          if (++appended % 1024 !== 0) return;
          written.updateHighWatermark(next);
          written.applyRetention();
        },
      },
      {
        group: 'log',
        name: 'look up an offset by the index, at random',
        run() {
          at = (Math.imul(at, 1_664_525) + 1_013_904_223) >>> 0;
          read(at % end);
        },
      },
    ],
    close() {
      written.closeFiles();
      searched.closeFiles();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function walk(bytes: Buffer): void {
  let count = 0;
  for (const batch of batchesIn(bytes)) count += batch.recordCount;
  if (count === 0) throw new Error('no batch');
}
