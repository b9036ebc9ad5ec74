import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { Command } from 'commander';
import { collect } from '../client-options.ts';
import type { DecoderName, RecordDecoder } from '../dump/decoders.ts';
import type { DumpedLine } from '../dump/log-file.ts';
import { UsageError } from '../usage-error.ts';

/**
 * `mqlab dump-log`: what stands in the files of a partition, and whether it is sound. Flags of Kafka's kafka-dump-log; a folder stands for its files.
 * The records of the internal topics are decoded by their folder's name. Exit code 1 when something is wrong.
 */
const FLAGS: Readonly<Record<string, DecoderName>> = {
  offsetsDecoder: 'offsets',
  transactionLogDecoder: 'transaction-log',
  shareGroupStateDecoder: 'share-group-state',
  clusterMetadataDecoder: 'cluster-metadata',
};
const SUFFIXES = ['.log', '.index', '.timeindex', '.txnindex', '.snapshot', '.checkpoint'];

interface Options {
  readonly files: readonly string[];
  readonly printDataLog?: boolean;
  readonly deepIteration?: boolean;
  readonly offsetsDecoder?: boolean;
  readonly transactionLogDecoder?: boolean;
  readonly shareGroupStateDecoder?: boolean;
  readonly clusterMetadataDecoder?: boolean;
  readonly indexSanityCheck?: boolean;
  readonly verifyIndexOnly?: boolean;
  readonly json?: boolean;
}

export function dumpLogCommand(): Command {
  return new Command('dump-log')
    .description('show and check the files of a partition')
    .option('--files <paths>', 'files or folders, several with commas', collect, [])
    .option('--deep-iteration', 'show each record')
    .option('--print-data-log', 'show each record with its key and value')
    .option('--offsets-decoder', 'records are those of __consumer_offsets')
    .option('--transaction-log-decoder', 'records are those of __transaction_state')
    .option('--share-group-state-decoder', 'records are those of __share_group_state')
    .option('--cluster-metadata-decoder', 'records are those of __cluster_metadata')
    .option('--index-sanity-check', 'of indexes: only whether they are sound')
    .option('--verify-index-only', 'the same')
    .option('--json', 'print a JSON object for each line')
    .action(run);
}

async function run(options: Options): Promise<void> {
  const files = filesOf(options.files.flatMap((each) => each.split(',')));
  const asked = Object.keys(FLAGS).filter((flag) => options[flag as keyof Options]);
  if (asked.length > 1) throw new UsageError('at most one decoder');
  const { DECODERS, decoderOfFolder } = await import('../dump/decoders.ts');
  const given = asked[0] === undefined ? undefined : DECODERS[FLAGS[asked[0]]!];
  let problems = 0;
  for (const file of files) {
    if (!options.json) console.log(file);
    const decode = given ?? decoderOfFolder(basename(dirname(resolve(file))));
    for (const line of await linesOf(file, decode, options)) {
      if (line.kind === 'problem') problems++;
      const silent = options.indexSanityCheck || options.verifyIndexOnly;
      if (silent && line.kind === 'entry') continue;
      console.log(options.json ? JSON.stringify({ file, ...line.fields }, plain) : textOf(line));
    }
  }
  if (problems > 0) throw new Error(`${problems} ${problems === 1 ? 'problem' : 'problems'} found`);
}

function filesOf(paths: readonly string[]): string[] {
  if (paths.length === 0) throw new UsageError('--files is needed: files or folders, several with commas');
  return paths.flatMap((path) => {
    if (!existsSync(path)) throw new UsageError(`--files ${path}: there is no such file`);
    if (statSync(path).isDirectory()) {
      const names = readdirSync(path).filter((name) => SUFFIXES.some((suffix) => name.endsWith(suffix)));
      if (names.length === 0) throw new UsageError(`--files ${path}: no file in it ends in ${SUFFIXES.join(', ')}`);
      return names.sort().map((name) => join(path, name));
    }
    if (!SUFFIXES.some((suffix) => path.endsWith(suffix)))
      throw new UsageError(`--files ${path}: allowed are files that end in ${SUFFIXES.join(', ')}`);
    return [path];
  });
}

async function linesOf(file: string, decode: RecordDecoder | null, options: Options): Promise<Iterable<DumpedLine>> {
  const { dumpLogFile } = await import('../dump/log-file.ts');
  const indexes = await import('../dump/index-files.ts');
  const suffix = SUFFIXES.find((each) => file.endsWith(each));
  switch (suffix) {
    case '.index':
      return indexes.dumpOffsetIndex(file);
    case '.timeindex':
      return indexes.dumpTimeIndex(file);
    case '.txnindex':
      return indexes.dumpAbortedIndex(file);
    case '.snapshot':
      return indexes.dumpSnapshot(file);
    default: {
      const isAsked = Object.keys(FLAGS).some((flag) => options[flag as keyof Options]);
      const withPayload = Boolean(options.printDataLog) || isAsked;
      const records = withPayload || Boolean(options.deepIteration);
      return withPayload
        ? dumpLogFile(file, { records, decode })
        : withoutPayload(dumpLogFile(file, { records, decode }));
    }
  }
}

const PAYLOAD = ['key', 'payload', 'record'];

function* withoutPayload(lines: Iterable<DumpedLine>): Generator<DumpedLine> {
  for (const { kind, fields } of lines)
    yield { kind, fields: Object.fromEntries(Object.entries(fields).filter(([name]) => !PAYLOAD.includes(name))) };
}

/** `name: value` pairs, as Kafka's tool writes them: records stand to the right of their batch. */
function textOf({ kind, fields }: DumpedLine): string {
  const pairs = Object.entries(fields).map(([name, value]) => {
    const text = typeof value === 'string' ? value : JSON.stringify(value, plain);
    return kind === 'problem' && name === 'problem' ? `PROBLEM ${text}` : `${name}: ${text}`;
  });
  return `${kind === 'record' ? '| ' : ''}${pairs.join(' ')}`;
}

/** What JSON does not know: 64-bit numbers, bytes, maps and sets. */
function plain(this: Record<string, unknown>, name: string, value: unknown): unknown {
  const raw = this[name];
  if (typeof raw === 'bigint') return String(raw);
  if (Buffer.isBuffer(raw)) return raw.toString('base64');
  if (raw instanceof Map) return Object.fromEntries(raw);
  if (raw instanceof Set) return [...raw];
  return value;
}
