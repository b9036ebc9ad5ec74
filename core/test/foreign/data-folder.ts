// A whole data folder before Apache Kafka's dump-log, each kind of file with the decoder that it has for it: records, indexes,
// aborted transactions, producer snapshots, the coordinators' topics and the metadata log.
// For a broker that was stopped: a running one, or a killed one, may hold preallocated indexes, which dump-log cannot read.
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { type ForeignBroker, owned, skipped } from './harness.ts';
import { dumpLogs, kafkaClasspath } from './java.ts';

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
    shareState: [] as string[],
    clusterMetadata: [] as string[],
  };
  const logsOf: Readonly<Record<string, keyof typeof kinds>> = {
    __consumer_offsets: 'consumerOffsets',
    __transaction_state: 'transactionState',
    __share_group_state: 'shareState',
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
  // Records' own bytes are checked by their checksums and not printed: a count's hold line feeds, which look like complaints.
  const deep = '--deep-iteration';
  const results = await dumpLogs([
    { files: [...kinds.log, ...kinds.snapshot, ...kinds.txnindex], switches: [deep] },
    { files: [...kinds.index, ...kinds.timeindex], switches: ['--verify-index-only'] },
    { files: kinds.index, switches: ['--index-sanity-check'] },
    { files: kinds.consumerOffsets, switches: [deep, '--offsets-decoder'] },
    { files: kinds.transactionState, switches: [deep, '--transaction-log-decoder'] },
    { files: kinds.shareState, switches: [deep, '--share-group-state-decoder'] },
    { files: kinds.clusterMetadata, switches: [deep, '--cluster-metadata-decoder'] },
  ]);
  const [records, , , , state] = results;
  return {
    complaints: results.flatMap(({ complaints }) => complaints).filter((line) => !txnIndexLine.test(line)),
    files: Object.fromEntries(Object.entries(kinds).map(([kind, { length }]) => [kind, length])),
    records: records!.stdout,
    transactionState: state!.stdout,
  };
}

/** For `afterAll`: stops the broker cleanly and shows dump-log everything that is left of it; then the folder goes. */
export async function disposeClean(broker: ForeignBroker | undefined, suite: string): Promise<void> {
  if (broker === undefined) return;
  try {
    const at = kafkaClasspath();
    if (!owned) skipped(`${suite}: dump-log`, 'the data folder of an external broker is not ours');
    else if ('missing' in at) skipped(`${suite}: dump-log`, at.missing);
    else {
      expect(await broker.stop()).toBe(0);
      const { complaints, files } = await dumpFolder(broker.dataDir);
      expect(complaints).toEqual([]);
      const counts = Object.entries(files).map(([kind, count]) => `${count} ${kind}`);
      process.stderr.write(`${suite}: dump-log finds nothing wrong in ${counts.join(', ')}\n`);
    }
  } finally {
    await broker.dispose();
  }
}
