import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { bootstrapServers, collect, properties } from '../client-options.ts';
import { UsageError, wholeNumber } from '../usage-error.ts';

/**
 * `mqlab perf`: one producer, one consumer, or both in turn, against any cluster. Flags of Kafka's kafka-producer-perf-test,
 * kafka-consumer-perf-test and kafka-e2e-latency. For comparisons between systems there is `mqlab bench`.
 */
const INTERVAL_MS = 5_000;

interface Common {
  readonly bootstrapServer?: string;
  readonly topic?: string;
  readonly numRecords?: string;
  readonly recordSize?: string;
  readonly json?: boolean;
}

export function perfCommand(): Command {
  const perf = new Command('perf')
    .description('how fast a producer or a consumer is; latency from end to end')
    .option('--bootstrap-server <servers>', 'HOST:PORT, several with commas');
  const add = (name: string, about: string): Command =>
    perf
      .command(name)
      .description(about)
      .option('--bootstrap-server <servers>', 'HOST:PORT, several with commas')
      .option('--topic <name>', 'where')
      .option('--num-records <n>', 'how many')
      .option('--json', 'print a JSON object');
  add('produce', 'send records, as fast as they go or at a rate')
    .option('--record-size <bytes>', 'of random text (default: 1024)')
    .option('--payload-file <file>', 'send its lines in turn, in place of random text')
    .option('--throughput <n>', 'records per second; -1: as fast as they go', '-1')
    .option('--producer-props <name=value...>', 'settings of the producer, such as acks=1', collect, [])
    .action((_, self: Command) => produce(self.optsWithGlobals()));
  add('consume', 'read records, from the beginning')
    .option('--group <id>', 'the group (default: one of its own)')
    .option('--timeout <ms>', 'end when no record came for so long', '10000')
    .option('--consumer-props <name=value...>', 'settings of the consumer, such as fetch.min.bytes=1000', collect, [])
    .action((_, self: Command) => consume(self.optsWithGlobals()));
  add('end-to-end', 'one record at a time, from send to receipt')
    .option('--record-size <bytes>', 'of random text (default: 1024)')
    .option('--producer-acks <acks>', 'all, 1 or 0', '1')
    .action((_, self: Command) => endToEnd(self.optsWithGlobals()));
  return perf;
}

interface Known {
  readonly servers: string;
  readonly topic: string;
  readonly records: number;
}

function known(flags: Common): Known {
  const servers = bootstrapServers(flags.bootstrapServer);
  if (flags.topic === undefined) throw new UsageError('--topic is needed');
  if (flags.numRecords === undefined) throw new UsageError('--num-records is needed');
  return { servers, topic: flags.topic, records: wholeNumber('--num-records', flags.numRecords, 1) };
}

const RECORD_BYTES = 1024;
const RECORD_BYTES_MAX = 16 * 1024 * 1024;

function recordBytes({ recordSize }: Common): number {
  return recordSize === undefined ? RECORD_BYTES : wholeNumber('--record-size', recordSize, 1, RECORD_BYTES_MAX);
}

type Report = import('@mqlab/bench/perf/produce.ts').PerfReport;

function reportLine(report: Report): string {
  const { records, recordsPerSecond, megabytesPerSecond, latency } = report;
  const rate = `${records} records, ${recordsPerSecond.toFixed(0)} records/s, ${megabytesPerSecond.toFixed(2)} MB/s`;
  if (latency === null) return rate;
  const { p50Ms, p99Ms, p999Ms, maxMs } = latency;
  const ms = (value: number): string => value.toFixed(value < 10 ? 2 : 0);
  return `${rate}, latency p50 ${ms(p50Ms)} ms, p99 ${ms(p99Ms)} ms, p99.9 ${ms(p999Ms)} ms, max ${ms(maxMs)} ms`;
}

interface ProduceFlags extends Common {
  readonly payloadFile?: string;
  readonly throughput: string;
  readonly producerProps: readonly string[];
}

async function produce(flags: ProduceFlags): Promise<void> {
  const { servers, topic, records } = known(flags);
  const throughput = wholeNumber('--throughput', flags.throughput, -1);
  if (throughput === 0) throw new UsageError('--throughput 0: allowed are -1 and whole numbers from 1');
  if (flags.payloadFile !== undefined && flags.recordSize !== undefined)
    throw new UsageError('--record-size and --payload-file exclude each other');
  const payload = flags.payloadFile === undefined ? undefined : linesOf(flags.payloadFile);
  const { producePerf } = await import('@mqlab/bench/perf/produce.ts');
  const report = await producePerf({
    topic,
    records,
    throughput: throughput < 0 ? null : throughput,
    recordBytes: recordBytes(flags),
    ...(payload === undefined ? {} : { payload }),
    settings: { ...properties('--producer-props', flags.producerProps), 'bootstrap.servers': servers },
    intervalMs: INTERVAL_MS,
    onInterval: (each) => process.stderr.write(`${reportLine(each)}\n`),
  });
  const { firstError, ...figures } = report;
  console.log(flags.json ? JSON.stringify(figures) : reportLine(figures));
  if (firstError !== null) throw new Error(`${report.failed} records not delivered: ${firstError.message}`);
}

function linesOf(file: string): string[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new UsageError(`--payload-file ${file}: ${(error as Error).message}`);
  }
  const lines = text.split('\n').filter((line) => line !== '');
  if (lines.length === 0) throw new UsageError(`--payload-file ${file}: it has no lines`);
  return lines;
}

interface ConsumeFlags extends Common {
  readonly group?: string;
  readonly timeout: string;
  readonly consumerProps: readonly string[];
}

async function consume(flags: ConsumeFlags): Promise<void> {
  const { servers, topic, records } = known(flags);
  const { consumePerf } = await import('@mqlab/bench/perf/consume.ts');
  const report = await consumePerf({
    topic,
    records,
    timeoutMs: wholeNumber('--timeout', flags.timeout, 1),
    settings: {
      'auto.offset.reset': 'earliest',
      ...properties('--consumer-props', flags.consumerProps),
      'group.id': flags.group ?? `perf-consumer-${process.pid}-${Date.now()}`,
      'bootstrap.servers': servers,
    },
  });
  if (flags.json) console.log(JSON.stringify(report));
  else {
    const { waitedSeconds, seconds, recordsPerSecond, megabytesPerSecond } = report;
    const rate = `${recordsPerSecond.toFixed(0)} records/s, ${megabytesPerSecond.toFixed(2)} MB/s`;
    const fetch = `${report.fetchRecordsPerSecond.toFixed(0)} records/s, ${report.fetchMegabytesPerSecond.toFixed(2)} MB/s`;
    console.log(`${report.records} records in ${seconds.toFixed(2)} s: ${rate}`);
    console.log(`without the ${waitedSeconds.toFixed(2)} s until the first record: ${fetch}`);
  }
  if (report.records < records)
    throw new Error(`${report.records} of ${records} records: none came for ${flags.timeout} ms`);
}

async function endToEnd(flags: Common & { readonly producerAcks: string }): Promise<void> {
  const { servers, topic, records } = known(flags);
  const { endToEndPerf } = await import('@mqlab/bench/perf/end-to-end.ts');
  const latency = await endToEndPerf({
    topic,
    records,
    recordBytes: recordBytes(flags),
    acks: flags.producerAcks,
    settings: { 'bootstrap.servers': servers },
  });
  if (flags.json) console.log(JSON.stringify(latency));
  else {
    const { p50Ms, p99Ms, p999Ms, maxMs } = latency;
    const ms = (value: number): string => `${value.toFixed(2)} ms`;
    console.log(`${records} records: p50 ${ms(p50Ms)}, p99 ${ms(p99Ms)}, p99.9 ${ms(p999Ms)}, max ${ms(maxMs)}`);
  }
}
