/**
 * The same fetch from two broker processes, one that sends by sendfile and one that copies; how fast one broker takes produced batches; and what lies in its folder.
 *
 * Invariant: both brokers hold the same bytes, in the page cache; they are asked in turn by a reader that discards. Processor time is the broker's, from the kernel.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { spreadOf } from '@mqlab/bench/statistics.ts';
import { freePorts } from '@mqlab/core/cli/free-ports.ts';
import { NodeProcess } from '@mqlab/core/cli/node-process.ts';
import { Admin } from '@mqlab/core/client/admin/admin.ts';
import { LATEST_TIMESTAMP } from '@mqlab/core/client/consumer/timestamps.ts';
import { realPorts } from '@mqlab/core/ports/real/ports.ts';
import { buildBatch } from '@mqlab/core/protocol/record-batch-builder.ts';
import type { Figure, Table } from '@mqlab/reports/run-data.ts';
import type { InputRecord } from '../../kit/input.ts';
import { fetchFrame, produceFrame, RawClient } from './raw-client.ts';

const TOPIC = 'storage';
const RECORDS_PER_BATCH = 1000;
const RECORD_BYTES = 100;
const BATCHES = 600;
const SEGMENT_BYTES = 32 * 1024 * 1024;
const FETCH_BYTES = 8 * 1024 * 1024;
const FETCHES = 24;
const PAIRS = { quick: 4, full: 12 } as const;

interface Side {
  readonly broker: NodeProcess;
  readonly client: RawClient;
  readonly rates: number[];
  readonly cpus: number[];
}

/** Seconds on a processor so far, of all threads. */
function processorSeconds(pid: number): number {
  let nanos = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    nanos += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]);
  }
  return nanos / 1e9;
}

export async function measureTransfers(
  folder: string,
  input: readonly InputRecord[],
  profile: 'quick' | 'full',
): Promise<{ readonly figures: Record<string, Figure>; readonly tables: Record<string, Table> }> {
  const records = Array.from({ length: RECORDS_PER_BATCH }, (_, at) => {
    const { key, value } = input[at % input.length]!;
    return { key, value: value.padEnd(RECORD_BYTES).slice(0, RECORD_BYTES - key.length), timestamp: Date.now() };
  });
  const batch = buildBatch({ records });
  const writes: number[] = [];
  const open = async (name: string, mode: 'auto' | 'off'): Promise<Side> => {
    const [port] = await freePorts(1);
    const broker = new NodeProcess(
      {
        'log.dirs': join(folder, name),
        listeners: `PLAINTEXT://127.0.0.1:${port}`,
        'log.segment.bytes': String(SEGMENT_BYTES),
      },
      { environment: { MQLAB_SENDFILE: mode } },
    );
    await broker.start();
    const bootstrap = `127.0.0.1:${port}`;
    const admin = new Admin(realPorts(), { 'bootstrap.servers': bootstrap });
    await admin.createTopics([{ name: TOPIC, partitions: 1 }]);
    const client = await RawClient.open(bootstrap);
    const frame = produceFrame(TOPIC, batch);
    await client.repeat(frame, BATCHES / 10, 5);
    const began = performance.now();
    await client.repeat(frame, BATCHES, 5);
    writes.push(((BATCHES * RECORDS_PER_BATCH) / (performance.now() - began)) * 1000);
    const end = [
      ...(await admin.listOffsets([{ topic: TOPIC, partition: 0, timestamp: LATEST_TIMESTAMP }])).values(),
    ][0]!;
    if (end.offset !== (BATCHES + BATCHES / 10) * RECORDS_PER_BATCH)
      throw new Error(`the broker took ${end.offset} records`);
    await admin.close();
    return { broker, client, rates: [], cpus: [] };
  };
  const sides: Side[] = [];
  try {
    sides.push(await open('sendfile', 'auto'));
    sides.push(await open('copy', 'off'));
    const request = fetchFrame(TOPIC, 0, FETCH_BYTES);
    for (let pair = -1; pair < PAIRS[profile]; pair++) {
      for (const side of pair % 2 === 0 ? sides : sides.toReversed()) {
        const { broker, client, rates, cpus } = side;
        const pid = broker.pid!;
        const bytesBefore = client.bytes;
        const cpuBefore = processorSeconds(pid);
        const began = performance.now();
        await client.repeat(request, FETCHES, 2);
        const seconds = (performance.now() - began) / 1000;
        const bytes = client.bytes - bytesBefore;
        if (bytes < FETCHES * FETCH_BYTES * 0.9) throw new Error(`${bytes} bytes of ${FETCHES} fetches`);
        if (pair < 0) continue;
        rates.push(bytes / seconds);
        cpus.push((processorSeconds(pid) - cpuBefore) / (bytes / 1e9));
      }
    }
    const source = `${FETCH_BYTES / 2 ** 20} MiB a fetch, one broker process each, asked in turn by a reader that discards, page cache hot`;
    const spread = (samples: readonly number[], unit: string, from: string): Figure => {
      const { median, min, max, samples: count } = spreadOf(samples);
      return { value: median, unit, label: 'measured', samples: count, min, max, source: from };
    };
    const [sendfile, copy] = sides as [Side, Side];
    const cpu = (side: Side): number => spreadOf(side.cpus).median;
    return {
      figures: {
        'fetch.rate.sendfile': spread(sendfile.rates, 'bytes/s', source),
        'fetch.rate.copy': spread(copy.rates, 'bytes/s', source),
        'fetch.cpu.sendfile': spread(sendfile.cpus, 'cpu-s/GB', `${source}; processor seconds of the broker`),
        'fetch.cpu.copy': spread(copy.cpus, 'cpu-s/GB', `${source}; processor seconds of the broker`),
        'fetch.cpu.ratio': {
          value: cpu(copy) / cpu(sendfile),
          unit: 'ratio',
          label: 'derived',
          source: 'copy by sendfile',
        },
        'writes.rate': spread(
          writes,
          'records/s',
          `one broker, one connection, one partition, batches of ${RECORDS_PER_BATCH} records of about ${RECORD_BYTES} bytes made beforehand, acks=1, not flushed`,
        ),
      },
      tables: { folder: folderTable(join(folder, 'sendfile', `${TOPIC}-0`)) },
    };
  } finally {
    for (const { client, broker } of sides) {
      client.close();
      await broker.kill();
    }
  }
}

const WHAT: Readonly<Record<string, string>> = {
  '.log': 'batches, back to back',
  '.index': 'relative offset → position',
  '.timeindex': 'timestamp → relative offset',
  '.txnindex': 'aborted transactions',
  '.snapshot': 'producer ids and their sequences, at this offset',
  'leader-epoch-checkpoint': 'leader epochs and where each began',
  'partition.metadata': 'the topic’s id',
};

function folderTable(folder: string): Table {
  return {
    title: 'A partition’s folder, as the broker left it while it runs',
    columns: [{ name: 'file' }, { name: 'bytes', align: 'right' }, { name: 'what it holds' }],
    rows: readdirSync(folder)
      .sort()
      .map((name) => {
        const kind = Object.keys(WHAT).find((suffix) => name.endsWith(suffix)) ?? '';
        return [name, statSync(join(folder, name)).size, WHAT[kind] ?? ''];
      }),
    note: 'The segment that takes appends keeps its indexes in memory until it is sealed or the broker ends in order; after a crash they are made anew.',
  };
}
