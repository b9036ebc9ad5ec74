import { once } from 'node:events';
import { Command } from 'commander';
import type { ConsumerRecord } from '../../client/consumer/fetched-partition.ts';
import { bootstrapServers, collect, flagProperty, properties, unescaped } from '../client-options.ts';
import { oneOf, UsageError, wholeNumber } from '../usage-error.ts';

/**
 * `mqlab consume`: records to the standard output, a line each. Flags of Kafka's console consumer.
 *
 * With `--group` it is a member of that group and commits; without one it reads all partitions for itself and commits nothing.
 */
const PROPERTIES = [
  'print.timestamp',
  'print.key',
  'print.offset',
  'print.epoch',
  'print.partition',
  'print.headers',
  'print.value',
  'key.separator',
  'line.separator',
  'headers.separator',
  'null.literal',
];
const POLL_MS = 500;

interface Options {
  readonly bootstrapServer?: string;
  readonly topic?: string;
  readonly include?: string;
  readonly group?: string;
  readonly fromBeginning?: boolean;
  readonly maxMessages?: string;
  readonly partition?: string;
  readonly offset?: string;
  readonly timeoutMs?: string;
  readonly isolationLevel?: string;
  readonly property: readonly string[];
  readonly consumerProperty: readonly string[];
  readonly json?: boolean;
}

export function consumeCommand(): Command {
  return new Command('consume')
    .description('print the records of a topic')
    .option('--bootstrap-server <servers>', 'HOST:PORT, several with commas')
    .option('--topic <name>', 'what to read')
    .option('--include <pattern>', 'in place of --topic: all topics whose whole name matches (needs --group)')
    .option('--group <id>', 'be a member of this group, and commit')
    .option('--from-beginning', 'where nothing is committed, from the first record instead of the end')
    .option('--max-messages <n>', 'end after so many')
    .option('--partition <n>', 'only this partition, without a group')
    .option('--offset <where>', 'earliest, latest or an offset (needs --partition)')
    .option('--timeout-ms <ms>', 'end when no record came for so long')
    .option('--isolation-level <level>', 'read_uncommitted or read_committed', 'read_uncommitted')
    .option('--property <name=value>', `how records are printed: ${PROPERTIES.join(', ')}`, collect, [])
    .option('--consumer-property <name=value>', 'a setting of the consumer, such as fetch.min.bytes=1000', collect, [])
    .option('--json', 'print a JSON object for each record')
    .action(run);
}

async function run(options: Options): Promise<void> {
  const servers = bootstrapServers(options.bootstrapServer);
  checkCombination(options);
  const countMax =
    options.maxMessages === undefined
      ? Number.POSITIVE_INFINITY
      : wholeNumber('--max-messages', options.maxMessages, 1);
  const idleMaxMs =
    options.timeoutMs === undefined ? Number.POSITIVE_INFINITY : wholeNumber('--timeout-ms', options.timeoutMs, 0);
  const format = options.json ? asJson : formatter(properties('--property', options.property, PROPERTIES));
  const { Consumer } = await import('../../client/consumer/consumer.ts');
  const { realPorts } = await import('../../ports/real/ports.ts');
  const consumer = new Consumer(realPorts(), {
    'client.id': 'console-consumer',
    ...(options.fromBeginning ? { 'auto.offset.reset': 'earliest' } : {}),
    ...properties('--consumer-property', options.consumerProperty),
    'bootstrap.servers': servers,
    'isolation.level': oneOf('--isolation-level', options.isolationLevel!, ['read_uncommitted', 'read_committed']),
    'allow.auto.create.topics': options.group !== undefined,
    ...(options.group === undefined ? {} : { 'group.id': options.group }),
  });
  let count = 0;
  let stopped = false;
  const stop = () => {
    stopped = true;
    consumer.wakeup();
  };
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  process.stdout.once('error', stop); // a reader such as head that has seen enough
  try {
    await start(consumer, options);
    let idleMs = 0;
    while (!stopped && count < countMax && idleMs < idleMaxMs) {
      const begunMs = performance.now();
      const records = await consumer.poll(Math.min(POLL_MS, idleMaxMs - idleMs));
      idleMs = records.length > 0 ? 0 : idleMs + performance.now() - begunMs;
      const wanted = records.slice(0, countMax - count);
      count += wanted.length;
      if (wanted.length > 0) await print(wanted.map(format).join(''));
      // What was read beyond --max-messages must not count as read.
      if (wanted.length < records.length) rewind(consumer, records.slice(wanted.length));
    }
  } finally {
    await consumer.close();
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
  }
  process.stderr.write(`Processed a total of ${count} messages\n`);
}

function checkCombination(options: Options): void {
  const { topic, include, partition, offset, group, fromBeginning } = options;
  if (topic === undefined && include === undefined) throw new UsageError('--topic or --include is needed');
  if (topic !== undefined && include !== undefined) throw new UsageError('--topic and --include exclude each other');
  if (include !== undefined && group === undefined) throw new UsageError('--include needs --group');
  if (partition !== undefined && include !== undefined) throw new UsageError('--partition needs --topic');
  if (partition !== undefined && group !== undefined)
    throw new UsageError('--partition and --group exclude each other');
  if (offset === undefined) return;
  if (partition === undefined) throw new UsageError('--offset needs --partition');
  if (fromBeginning) throw new UsageError('--offset and --from-beginning exclude each other');
  if (offset !== 'earliest' && offset !== 'latest' && !/^\d{1,15}$/.test(offset)) {
    throw new UsageError(`--offset ${offset}: allowed are earliest, latest and an offset from 0`);
  }
}

type AnyConsumer = import('../../client/consumer/consumer.ts').Consumer;

async function start(consumer: AnyConsumer, options: Options): Promise<void> {
  const { topic, include, group, offset } = options;
  if (group !== undefined) {
    if (topic !== undefined) return consumer.subscribe([topic]);
    let pattern: RegExp;
    try {
      pattern = new RegExp(include!);
    } catch (error) {
      throw new UsageError(`--include ${include}: ${(error as Error).message}`);
    }
    return consumer.subscribe(pattern);
  }
  const existing = await consumer.partitionsFor(topic!);
  const all = existing.map((each) => ({ topic: topic!, partition: each.index }));
  if (options.partition === undefined) return consumer.assign(all);
  const partition = wholeNumber('--partition', options.partition, 0, all.length - 1);
  const only = { topic: topic!, partition };
  consumer.assign([only]);
  if (offset === 'earliest') consumer.seekToBeginning([only]);
  else if (offset === 'latest') consumer.seekToEnd([only]);
  else if (offset !== undefined) consumer.seek(only, Number(offset));
}

function rewind(consumer: AnyConsumer, unread: readonly ConsumerRecord[]): void {
  const seen = new Set<string>();
  for (const { topic, partition, offset } of unread) {
    const key = `${topic}-${partition}`;
    if (seen.has(key)) continue;
    seen.add(key);
    consumer.seek({ topic, partition }, offset);
  }
}

async function print(text: string): Promise<void> {
  if (!process.stdout.write(text) && !process.stdout.destroyed) await once(process.stdout, 'drain').catch(() => {});
}

function asJson(record: ConsumerRecord): string {
  const { topic, partition, offset, timestamp } = record;
  const headers = record.headers.map((header) => ({ key: header.key, value: header.value?.toString() ?? null }));
  const [key, value] = [record.key?.toString() ?? null, record.value?.toString() ?? null];
  return `${JSON.stringify({ topic, partition, offset, timestamp, key, value, headers })}\n`;
}

function formatter(given: Record<string, string>): (record: ConsumerRecord) => string {
  const shows = (name: string, fallback = false) => flagProperty('--property', given, name, fallback);
  const separator = unescaped(given['key.separator'] ?? '\t');
  const lineEnd = unescaped(given['line.separator'] ?? '\n');
  const headersSeparator = unescaped(given['headers.separator'] ?? ',');
  const nullLiteral = given['null.literal'] ?? 'null';
  const text = (bytes: Buffer | null) => (bytes === null ? nullLiteral : bytes.toString());
  const fields: ((record: ConsumerRecord) => string)[] = [];
  if (shows('print.timestamp')) fields.push((record) => `${record.timestampType}:${record.timestamp}`);
  if (shows('print.partition')) fields.push((record) => `Partition:${record.partition}`);
  if (shows('print.offset')) fields.push((record) => `Offset:${record.offset}`);
  if (shows('print.epoch')) fields.push((record) => `Epoch:${record.leaderEpoch}`);
  if (shows('print.headers')) {
    fields.push(({ headers }) => {
      if (headers.length === 0) return 'NO_HEADERS';
      return headers.map(({ key, value }) => `${key}:${text(value)}`).join(headersSeparator);
    });
  }
  if (shows('print.key')) fields.push((record) => text(record.key));
  if (shows('print.value', true)) fields.push((record) => text(record.value));
  return (record) => fields.map((field) => field(record)).join(separator) + lineEnd;
}
