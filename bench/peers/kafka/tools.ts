/** Kafka's own performance tools as load generators: nobody's client but theirs. One JVM a call, with the heap of their start scripts. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomTextPayload, valuesOf } from '../../load/payload.ts';
import { kafkaClasspath } from './classpath.ts';

export interface ProducerPerformance {
  readonly recordsPerSecond: number;
  readonly bytesPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
}

export interface ConsumerPerformance {
  /** Without the time that joining the group took. */
  readonly recordsPerSecond: number;
  readonly bytesPerSecond: number;
}

export interface EndToEndLatency {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
}

const TOOL_MS_MAX = 180_000;
const MIB = 1024 * 1024;
const PAYLOAD_SEED = 20_261_130;

export function kafkaToolsMissing(): string | null {
  const at = kafkaClasspath();
  return 'missing' in at ? at.missing : null;
}

/**
 * Records out of a file of some thousands, by chance: making 1 KiB of random letters for each takes the tool three tenths of its time for a record, and its rate is
 * then its own, whatever the broker (263 MB/s against a sink that keeps nothing, 375 with a file).
 */
export async function producerPerformance(options: {
  readonly address: string;
  readonly topic: string;
  readonly records: number;
  /** The first of them, which no figure counts. */
  readonly warmupRecords: number;
  readonly recordBytes: number;
  readonly settings: Readonly<Record<string, string>>;
}): Promise<ProducerPerformance> {
  const { address, topic, records, warmupRecords, recordBytes, settings } = options;
  const folder = mkdtempSync(join(tmpdir(), 'mqlab-payload-'));
  try {
    const file = join(folder, 'records.txt');
    writeFileSync(file, valuesOf(randomTextPayload(recordBytes, PAYLOAD_SEED)).join('\n'));
    const output = await tool('org.apache.kafka.tools.ProducerPerformance', [
      ...['--bootstrap-server', address, '--topic', topic, '--throughput', '-1'],
      ...['--num-records', String(records), '--payload-file', file],
      ...['--warmup-records', String(warmupRecords), '--reporting-interval', '600000'],
      ...['--command-property', ...Object.entries(settings).map(([key, value]) => `${key}=${value}`)],
    ]);
    return parseProducerPerformance(output);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The summary of the steady state, or of the whole when nothing was warm-up. */
export function parseProducerPerformance(output: string): ProducerPerformance {
  const line =
    /^\d+ (?:steady state )?records sent, ([\d.]+) records\/sec \(([\d.]+) MB\/sec\), .* (\d+) ms 50th, \d+ ms 95th, (\d+) ms 99th, (\d+) ms 99\.9th\.$/gm;
  const last = [...output.matchAll(line)].at(-1);
  if (last === undefined) throw new Error(`ProducerPerformance said no summary: ${output.slice(-500)}`);
  const [, records, mib, p50, p99, p999] = last.map(Number) as [number, number, number, number, number, number];
  return { recordsPerSecond: records, bytesPerSecond: mib * MIB, p50Ms: p50, p99Ms: p99, p999Ms: p999 };
}

export async function consumerPerformance(options: {
  readonly address: string;
  readonly topic: string;
  readonly records: number;
}): Promise<ConsumerPerformance> {
  const { address, topic, records } = options;
  const output = await tool('org.apache.kafka.tools.ConsumerPerformance', [
    ...['--bootstrap-server', address, '--topic', topic, '--num-records', String(records), '--timeout', '30000'],
    ...['--hide-header', '--reporting-interval', '600000'],
  ]);
  return parseConsumerPerformance(output);
}

export function parseConsumerPerformance(output: string): ConsumerPerformance {
  // start, end, MB, MB/s, records, records/s, rebalance ms, fetch ms, fetch MB/s, fetch records/s
  const fields = output
    .trim()
    .split('\n')
    .map((line) => line.split(', '))
    .findLast((line) => line.length === 10 && line.slice(2).every((field) => Number.isFinite(Number(field))));
  if (fields === undefined) throw new Error(`ConsumerPerformance said no summary: ${output.slice(-500)}`);
  return { bytesPerSecond: Number(fields[8]) * MIB, recordsPerSecond: Number(fields[9]) };
}

export async function endToEndLatency(options: {
  readonly address: string;
  readonly topic: string;
  readonly records: number;
  readonly recordBytes: number;
}): Promise<EndToEndLatency> {
  const { address, topic, records, recordBytes } = options;
  const output = await tool('org.apache.kafka.tools.EndToEndLatency', [
    ...['--bootstrap-server', address, '--topic', topic, '--num-records', String(records)],
    ...['--producer-acks', '1', '--record-size', String(recordBytes)],
  ]);
  return parseEndToEndLatency(output);
}

/** Whole milliseconds: the tool gives no finer ones. */
export function parseEndToEndLatency(output: string): EndToEndLatency {
  const found = /Percentiles: 50th = (\d+), 99th = (\d+), 99\.9th = (\d+)/.exec(output);
  if (found === null) throw new Error(`EndToEndLatency said no percentiles: ${output.slice(-500)}`);
  return { p50Ms: Number(found[1]), p99Ms: Number(found[2]), p999Ms: Number(found[3]) };
}

function tool(name: string, args: readonly string[]): Promise<string> {
  const at = kafkaClasspath();
  if ('missing' in at) throw new Error(at.missing);
  const jvm = ['-Xmx512M', '-server', '-XX:+UseG1GC', '-XX:MaxGCPauseMillis=20', '-Djava.awt.headless=true'];
  const logging = '-Dorg.slf4j.simpleLogger.defaultLogLevel=error';
  return new Promise((resolve, reject) => {
    const child = spawn('java', [...jvm, logging, '-cp', at.classpath, name, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const kill = (): void => void child.kill('SIGKILL');
    process.once('exit', kill);
    const timer = setTimeout(kill, TOOL_MS_MAX);
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        output = (output + text).slice(-50_000);
      });
    child.once('error', reject);
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      process.off('exit', kill);
      if (code === 0) resolve(output);
      else reject(new Error(`${name} ended with ${signal ?? code}: ${output.slice(-1000)}`));
    });
  });
}
