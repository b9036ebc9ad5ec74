import { createReadStream } from 'node:fs';
import { Command } from 'commander';
import type { ProducerRecord, RecordHeader } from '../../client/producer/record.ts';
import { bootstrapServers, collect, flagProperty, properties, unescaped } from '../client-options.ts';
import { UsageError, wholeNumber } from '../usage-error.ts';

/**
 * `mqlab produce`: each line of the input is a record, its bytes as they are. Flags of Kafka's console producer.
 * Exit code 1 when a record was not delivered; the first failure is told, and how many there were.
 */
const PROPERTIES = [
  'parse.key',
  'key.separator',
  'parse.headers',
  'headers.delimiter',
  'headers.separator',
  'headers.key.separator',
  'null.marker',
  'ignore.error',
];
const LINE_FEED = 10;
const CLOSE_TIMEOUT_MS = 5_000;
const LINE_BYTES_MAX = 64 * 1024 * 1024;

interface Options {
  readonly bootstrapServer?: string;
  readonly topic?: string;
  readonly file?: string;
  readonly property: readonly string[];
  readonly producerProperty: readonly string[];
  readonly compressionCodec?: string;
  readonly requestRequiredAcks?: string;
  readonly partition?: string;
  readonly sync?: boolean;
}

export function produceCommand(): Command {
  return new Command('produce')
    .description('send each line of the input as a record')
    .option('--bootstrap-server <servers>', 'HOST:PORT, several with commas')
    .option('--topic <name>', 'where to')
    .option('--file <path>', 'read from a file instead of the standard input')
    .option('--partition <n>', 'all records to this partition')
    .option('--property <name=value>', `how lines are read: ${PROPERTIES.join(', ')}`, collect, [])
    .option('--producer-property <name=value>', 'a setting of the producer, such as linger.ms=20', collect, [])
    .option('--compression-codec <name>', 'none, gzip, snappy, lz4 or zstd')
    .option('--request-required-acks <acks>', 'all (-1), 1 or 0')
    .option('--sync', 'wait for each record before the next')
    .action(run);
}

async function run(options: Options): Promise<void> {
  const servers = bootstrapServers(options.bootstrapServer);
  if (options.topic === undefined) throw new UsageError('--topic is needed');
  const topic = options.topic;
  const partition = options.partition === undefined ? undefined : wholeNumber('--partition', options.partition, 0);
  const parse = lineParser(properties('--property', options.property, PROPERTIES));
  const { Producer } = await import('../../client/producer/producer.ts');
  const { realPorts } = await import('../../ports/real/ports.ts');
  const producer = new Producer(realPorts(), {
    'client.id': 'console-producer',
    ...properties('--producer-property', options.producerProperty),
    'bootstrap.servers': servers,
    ...(options.compressionCodec === undefined ? {} : { 'compression.type': options.compressionCodec }),
    ...(options.requestRequiredAcks === undefined ? {} : { acks: options.requestRequiredAcks }),
  });
  let sent = 0;
  let failed = 0;
  let firstError: Error | null = null;
  const onDelivery = (error: Error | null) => {
    if (error === null) sent++;
    else {
      failed++;
      firstError ??= error;
    }
  };
  let lineNumber = 0;
  try {
    for await (const line of linesOf(options.file)) {
      lineNumber++;
      const record: ProducerRecord = { topic, partition, ...parse(line, lineNumber) };
      if (options.sync) {
        await producer.send(record).then(
          () => onDelivery(null),
          (error) => onDelivery(error),
        );
      } else if (!producer.send(record, onDelivery)) await producer.ready();
      if (failed > 0) break;
    }
    if (failed === 0) await producer.flush();
  } finally {
    // After bad input what was read before it still goes out.
    await producer.close({ timeoutMs: CLOSE_TIMEOUT_MS });
  }
  process.stderr.write(`${sent} records sent to ${topic}\n`);
  if (firstError !== null) throw new Error(`${failed} records not delivered: ${(firstError as Error).message}`);
}

type Parsed = Pick<ProducerRecord, 'key' | 'value' | 'headers'>;

function lineParser(given: Record<string, string>): (line: Buffer, lineNumber: number) => Parsed {
  const parseKey = flagProperty('--property', given, 'parse.key', false);
  const parseHeaders = flagProperty('--property', given, 'parse.headers', false);
  const ignoreError = flagProperty('--property', given, 'ignore.error', false);
  const keySeparator = separator(given, 'key.separator', '\t');
  const headersDelimiter = separator(given, 'headers.delimiter', '\t');
  const headersSeparator = separator(given, 'headers.separator', ',').toString();
  const headerKeySeparator = separator(given, 'headers.key.separator', ':').toString();
  const nullMarker = given['null.marker'] === undefined ? null : Buffer.from(given['null.marker']);
  const orNull = (bytes: Buffer) => (nullMarker !== null && bytes.equals(nullMarker) ? null : bytes);
  return (line, lineNumber) => {
    let rest = line;
    let headers: readonly RecordHeader[] | undefined;
    let key: Buffer | null = null;
    const cut = (delimiter: Buffer, what: string): Buffer | null => {
      const at = rest.indexOf(delimiter);
      if (at < 0) {
        if (ignoreError) return null;
        throw new UsageError(`line ${lineNumber}: no ${what} separator ${JSON.stringify(delimiter.toString())}`);
      }
      const head = rest.subarray(0, at);
      rest = rest.subarray(at + delimiter.length);
      return head;
    };
    if (parseHeaders) {
      const head = cut(headersDelimiter, 'headers');
      if (head !== null && orNull(head) !== null && head.length > 0) {
        headers = head
          .toString()
          .split(headersSeparator)
          .map((pair) => {
            const at = pair.indexOf(headerKeySeparator);
            if (at >= 0) return { key: pair.slice(0, at), value: pair.slice(at + headerKeySeparator.length) };
            if (ignoreError) return { key: pair, value: null };
            throw new UsageError(
              `line ${lineNumber}: header ${JSON.stringify(pair)} has no separator ${JSON.stringify(headerKeySeparator)}`,
            );
          });
      }
    }
    if (parseKey) {
      const head = cut(keySeparator, 'key');
      key = head === null ? null : orNull(head);
    }
    return { key, value: orNull(rest), headers };
  };
}

function separator(given: Record<string, string>, name: string, fallback: string): Buffer {
  const text = unescaped(given[name] ?? fallback);
  if (text === '') throw new UsageError(`--property ${name}=: allowed is a text that is not empty`);
  return Buffer.from(text);
}

/** Lines without their end (`\n` or `\r\n`), as bytes. A line that is used later is a copy of its own. */
async function* linesOf(file: string | undefined): AsyncGenerator<Buffer> {
  const input: AsyncIterable<Buffer> =
    file === undefined ? process.stdin : createReadStream(file, { highWaterMark: 1 << 20 });
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of input) {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let start = 0;
    for (let end = bytes.indexOf(LINE_FEED); end >= 0; end = bytes.indexOf(LINE_FEED, start)) {
      yield withoutReturn(bytes.subarray(start, end));
      start = end + 1;
    }
    rest = bytes.subarray(start);
    if (rest.length > LINE_BYTES_MAX) throw new UsageError(`a line of more than ${LINE_BYTES_MAX} bytes`);
  }
  if (rest.length > 0) yield withoutReturn(rest);
}

function withoutReturn(line: Buffer): Buffer {
  return line.at(-1) === 13 ? line.subarray(0, -1) : line;
}
