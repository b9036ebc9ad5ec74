// A whole data folder before Apache Kafka's dump-log, each kind of file with the decoder that it has for it: records, indexes,
// aborted transactions, producer snapshots, the coordinators' topics and the metadata log.
// For a broker that was stopped: a running one, or a killed one, may hold preallocated indexes, which dump-log cannot read.
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type DumpLogResult, dumpLog } from '../foreign/java.ts';

/** How dump-log shows an entry of a .txnindex file. */
const txnIndexLine = /^version: \d+ producerId: \d+ firstOffset: \d+ lastOffset: \d+ lastStableOffset: \d+$/;

export interface FolderVerdict {
  readonly complaints: readonly string[];
  /** Files that held something, by kind. */
  readonly files: Readonly<Record<string, number>>;
  /** What dump-log printed of `.log` files: the topics of users, and the coordinators'. */
  readonly records: string;
  readonly transactionState: string;
}

export async function dumpFolder(dataDir: string): Promise<FolderVerdict> {
  const kinds = {
    log: [] as string[],
    index: [] as string[],
    timeindex: [] as string[],
    txnindex: [] as string[],
    snapshot: [] as string[],
    consumerOffsets: [] as string[],
    transactionState: [] as string[],
    clusterMetadata: [] as string[],
  };
  const logsOf: Readonly<Record<string, keyof typeof kinds>> = {
    __consumer_offsets: 'consumerOffsets',
    __transaction_state: 'transactionState',
    __cluster_metadata: 'clusterMetadata',
  };
  for (const entry of readdirSync(dataDir, { withFileTypes: true })) {
    if (!entry.isDirectory() || entry.name.endsWith('-delete')) continue;
    for (const name of readdirSync(join(dataDir, entry.name))) {
      const path = join(dataDir, entry.name, name);
      const kind = /^\d{20}\.(log|index|timeindex|txnindex|snapshot)$/.exec(name)?.[1] as
        | keyof typeof kinds
        | undefined;
      if (kind === undefined || statSync(path).size === 0) continue;
      const topic = entry.name.slice(0, entry.name.lastIndexOf('-'));
      kinds[kind === 'log' ? (logsOf[topic] ?? 'log') : kind].push(path);
    }
  }
  const dump = async (files: readonly string[], ...switches: string[]): Promise<DumpLogResult> =>
    files.length === 0 ? { batches: 0, records: 0, complaints: [], stdout: '' } : dumpLog(files, ...switches);
  // Records' own bytes are checked by their checksums and not printed: a count's hold line feeds, which look like complaints.
  // Two JVMs at a time: what runs beside this test needs its share too.
  const [records, small] = await Promise.all([
    dump([...kinds.log, ...kinds.snapshot, ...kinds.txnindex], '--deep-iteration'),
    dump([...kinds.index, ...kinds.timeindex], '--verify-index-only'),
  ]);
  const [sane, offsets] = await Promise.all([
    dump(kinds.index, '--index-sanity-check'),
    dump(kinds.consumerOffsets, '--deep-iteration', '--offsets-decoder'),
  ]);
  const [state, metadata] = await Promise.all([
    dump(kinds.transactionState, '--deep-iteration', '--transaction-log-decoder'),
    dump(kinds.clusterMetadata, '--deep-iteration', '--cluster-metadata-decoder'),
  ]);
  return {
    complaints: [records, small, sane, offsets, state, metadata]
      .flatMap(({ complaints }) => complaints)
      .filter((line) => !txnIndexLine.test(line)),
    files: Object.fromEntries(Object.entries(kinds).map(([kind, { length }]) => [kind, length])),
    records: records.stdout,
    transactionState: state.stdout,
  };
}
