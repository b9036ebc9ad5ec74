import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { kafkaClasspath } from '../foreign/java.ts';

/**
 * The data folders that a cluster left: Kafka's dump-log finds nothing wrong in any, and the replicas of a partition are the same bytes as far as the
 * shortest goes. Returns what is wrong. Folders may be large: dump-log's output is read line by line.
 */
export async function checkFolders(logDirs: readonly string[], topic: string, partitions: number): Promise<string[]> {
  const problems = differentReplicas(logDirs, topic, partitions);
  const at = kafkaClasspath();
  if ('missing' in at) {
    process.stderr.write(`dump-log is skipped: ${at.missing}\n`);
    return problems;
  }
  for (const dir of logDirs) problems.push(...(await dumped(at.classpath, dir)));
  return problems;
}

/** The partitions whose replicas differ. */
export function differentReplicas(logDirs: readonly string[], topic: string, partitions: number): string[] {
  const problems: string[] = [];
  for (let partition = 0; partition < partitions; partition++) {
    const name = `${topic}-${partition}`;
    const folders = logDirs.map((dir) => join(dir, name));
    const shortest = Math.min(...folders.map(bytesOf));
    const digests = new Set(folders.map((folder) => digestOf(folder, shortest)));
    if (digests.size > 1) problems.push(`the replicas of ${name} differ within their first ${shortest} bytes`);
  }
  return problems;
}

function segmentsOf(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.log'))
    .sort()
    .map((name) => join(folder, name));
}

function bytesOf(folder: string): number {
  return segmentsOf(folder).reduce((sum, path) => sum + statSync(path).size, 0);
}

const CHUNK = Buffer.alloc(1024 * 1024);

/** Of the first `bytes` of its segments, one behind the other. */
function digestOf(folder: string, bytes: number): string {
  const hash = createHash('sha256');
  let left = bytes;
  for (const path of segmentsOf(folder)) {
    const file = openSync(path, 'r');
    while (left > 0) {
      const read = readSync(file, CHUNK, 0, Math.min(CHUNK.length, left), null);
      if (read === 0) break;
      hash.update(CHUNK.subarray(0, read));
      left -= read;
    }
    closeSync(file);
  }
  return hash.digest('hex');
}

const LOGS = /^\d{20}\.log$/;
const INDEXES = /^\d{20}\.(index|timeindex)$/;
const COMPLAINT = /isvalid: false|^Found|^Index|[Mm]ismatch|Exception|not been/;

async function dumped(classpath: string, dir: string): Promise<string[]> {
  const files = readdirSync(dir, { withFileTypes: true })
    .filter((each) => each.isDirectory() && !each.name.endsWith('-delete'))
    .flatMap(({ name }) => readdirSync(join(dir, name)).map((file) => join(dir, name, file)))
    .filter((path) => statSync(path).size > 0);
  const named = (pattern: RegExp) => files.filter((path) => pattern.test(path.slice(path.lastIndexOf('/') + 1)));
  const metadata = named(LOGS).filter((path) => path.includes('__cluster_metadata'));
  const others = named(LOGS).filter((path) => !path.includes('__cluster_metadata'));
  return [
    ...(await runAll(classpath, others, [])),
    ...(await runAll(classpath, metadata, ['--cluster-metadata-decoder'])),
    ...(await runAll(classpath, named(INDEXES), ['--verify-index-only'])),
  ];
}

/** As many files at a time as a command line holds. */
const FILES_MAX = 500;

async function runAll(classpath: string, files: readonly string[], switches: readonly string[]): Promise<string[]> {
  const complaints: string[] = [];
  for (let at = 0; at < files.length; at += FILES_MAX) {
    complaints.push(...(await run(classpath, files.slice(at, at + FILES_MAX), switches)));
  }
  return complaints;
}

function run(classpath: string, files: readonly string[], switches: readonly string[]): Promise<string[]> {
  const jvm = ['-Xmx512m', '-Dorg.slf4j.simpleLogger.defaultLogLevel=error', '-cp', classpath];
  const args = [...jvm, 'org.apache.kafka.tools.DumpLogSegments', '--files', files.join(','), ...switches];
  const child = spawn('java', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const complaints: string[] = [];
  const look = (line: string): void => {
    if (COMPLAINT.test(line) && complaints.length < 10) complaints.push(`dump-log: ${line.slice(0, 200)}`);
  };
  createInterface({ input: child.stdout }).on('line', look);
  createInterface({ input: child.stderr }).on('line', look);
  return new Promise((resolve) =>
    child.once('close', (code) => resolve(code === 0 ? complaints : [...complaints, `dump-log: exit ${code}`])),
  );
}
