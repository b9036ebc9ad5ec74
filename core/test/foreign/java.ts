// Apache Kafka's own command-line tools, in one JVM for all calls of a process but a few. Finds the classpath, or says why there is none:
// 1. MQLAB_KAFKA_CLASSPATH, a classpath or @FILE that holds one; 2. what an earlier run resolved from java/pom.xml (kept under
// node_modules/.cache); 3. Maven: offline from the local repository, or from the network when MQLAB_JAVA=1 asks for it.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withOwnClasses } from './java-classes.ts';
import { type JavaResult, JavaToolsHost, javaAlone } from './java-tools-host.ts';

const pom = fileURLToPath(new URL('java/pom.xml', import.meta.url));
const cacheDir = fileURLToPath(new URL('../../../node_modules/.cache/mqlab/', import.meta.url));

export const tools = {
  topics: 'org.apache.kafka.tools.TopicCommand',
  groups: 'org.apache.kafka.tools.consumer.group.ConsumerGroupCommand',
  shareGroups: 'org.apache.kafka.tools.consumer.group.ShareGroupCommand',
  groupsOfAllKinds: 'org.apache.kafka.tools.GroupsCommand',
  configs: 'kafka.admin.ConfigCommand',
  producer: 'org.apache.kafka.tools.ConsoleProducer',
  consumer: 'org.apache.kafka.tools.consumer.ConsoleConsumer',
  offsets: 'org.apache.kafka.tools.GetOffsetShell',
  apiVersions: 'org.apache.kafka.tools.BrokerApiVersionsCommand',
  verifiableProducer: 'org.apache.kafka.tools.VerifiableProducer',
  verifiableConsumer: 'org.apache.kafka.tools.VerifiableConsumer',
  dumpLog: 'org.apache.kafka.tools.DumpLogSegments',
  logDirs: 'org.apache.kafka.tools.LogDirsCommand',
  reassign: 'org.apache.kafka.tools.reassign.ReassignPartitionsCommand',
  leaderElection: 'org.apache.kafka.tools.LeaderElectionCommand',
  quorum: 'org.apache.kafka.tools.MetadataQuorumCommand',
  features: 'org.apache.kafka.tools.FeatureCommand',
  cluster: 'org.apache.kafka.tools.ClusterTool',
} as const;

/** Of Kafka's jars and our own classes. */
export type Classpath = { readonly classpath: string } | { readonly missing: string };

let found: Classpath | undefined;
export function kafkaClasspath(): Classpath {
  if (found === undefined) {
    const jars = find();
    found = 'missing' in jars ? jars : withOwnClasses(jars.classpath);
  }
  return found;
}

/** They tell their sums while their JVM ends. */
const alone: ReadonlySet<keyof typeof tools> = new Set(['verifiableProducer', 'verifiableConsumer']);

let host: JavaToolsHost | undefined;

export async function java(
  tool: keyof typeof tools,
  args: readonly string[],
  input = '',
  msMax = 30_000,
): Promise<JavaResult> {
  const at = kafkaClasspath();
  if ('missing' in at) throw new Error(at.missing);
  if (alone.has(tool)) return javaAlone(at.classpath, tools[tool], args, msMax);
  if (host === undefined || host.isEnded) host = new JavaToolsHost(at.classpath);
  return host.run(tools[tool], args, input, msMax);
}

/** One complaint of dump-log, in its own words, with the file it was reading. */
export interface DumpLogResult {
  readonly batches: number;
  readonly records: number;
  readonly complaints: readonly string[];
  readonly stdout: string;
}

// What dump-log prints when it likes a file; every other line is a complaint. Listing the good lines, not the bad ones, so that
// a complaint in words that this file does not know still fails the test.
const goodLines: readonly RegExp[] = [
  /^Dumping /,
  /^Log starting offset: \d+$/,
  /^baseOffset: .* isvalid: true$/,
  /^\| offset: /,
  /^offset: \d+ position: \d+$/,
  /^timestamp: -?\d+ offset: \d+$/,
  /^producerId: \d+ producerEpoch: /,
  / passed sanity check\.$/,
  / is empty\.$/,
  /^Picked up (JAVA_TOOL|JDK_JAVA)_OPTIONS: /,
  /^$/,
];

// dump-log 4.3 starts counting at -1, and so finds fault with the first record of every segment but the first, also in files that
// Apache Kafka wrote. Only that pair is forgiven, and only where the record is the one that the file is named by.
const firstOfSegment = /^Non-consecutive offsets in .*\/(\d{20})\.log\n {2}-1 is followed by (\d+)\n/gm;

/** Runs dump-log over `files` and sorts its lines. `decoder` is one of its switches, `--offsets-decoder` for one. */
export async function dumpLog(files: readonly string[], ...switches: readonly string[]): Promise<DumpLogResult> {
  const { code, stdout, stderr } = await java('dumpLog', ['--files', files.join(','), ...switches], '', 60_000);
  // Mismatches and gaps come on stderr, with exit code 0: both streams are read alike.
  return judged(`${stdout}\n${stderr}`, code);
}

export interface DumpLogCall {
  readonly files: readonly string[];
  readonly switches: readonly string[];
}

/** As `dumpLog`, many calls. A call without files finds nothing. */
export async function dumpLogs(calls: readonly DumpLogCall[]): Promise<DumpLogResult[]> {
  return Promise.all(
    calls.map(({ files, switches }) => (files.length > 0 ? dumpLog(files, ...switches) : judged('', 0))),
  );
}

function judged(output: string, code: number | null): DumpLogResult {
  const text = output.replaceAll(firstOfSegment, (whole, base, first) => (BigInt(base) === BigInt(first) ? '' : whole));
  const lines = text.split('\n');
  const complaints = lines.filter((line) => !goodLines.some((good) => good.test(line)));
  if (code !== 0) complaints.push(`exit ${code} after ${output.trimEnd().split('\n').at(-1)}`);
  return {
    batches: lines.filter((line) => line.startsWith('baseOffset: ')).length,
    records: lines.filter((line) => line.startsWith('| offset: ')).length,
    complaints,
    stdout: output,
  };
}

/** The files of all partitions of a data folder, each kind apart, without `__cluster_metadata` and what is pending deletion. */
export function dataFiles(dataDir: string): {
  logs: string[];
  offsets: string[];
  indexes: string[];
  snapshots: string[];
} {
  const files = { logs: [] as string[], offsets: [] as string[], indexes: [] as string[], snapshots: [] as string[] };
  for (const entry of readdirSync(dataDir, { withFileTypes: true })) {
    if (!entry.isDirectory() || entry.name.startsWith('__cluster_metadata') || entry.name.endsWith('-delete')) continue;
    for (const name of readdirSync(join(dataDir, entry.name))) {
      const path = join(dataDir, entry.name, name);
      if (statSync(path).size === 0) continue;
      if (/^\d{20}\.log$/.test(name))
        (entry.name.startsWith('__consumer_offsets-') ? files.offsets : files.logs).push(path);
      if (/^\d{20}\.(index|timeindex)$/.test(name)) files.indexes.push(path);
      if (/^\d{20}\.snapshot$/.test(name)) files.snapshots.push(path);
    }
  }
  return files;
}

function find(): Classpath {
  if (spawnSync('java', ['-version'], { stdio: 'ignore' }).error !== undefined)
    return { missing: 'java cannot be run' };
  const given = process.env.MQLAB_KAFKA_CLASSPATH;
  if (given !== undefined)
    return { classpath: given.startsWith('@') ? readFileSync(given.slice(1), 'utf8').trim() : given };
  const text = readFileSync(pom, 'utf8');
  const cached = join(cacheDir, `kafka-classpath-${createHash('sha256').update(text).digest('hex').slice(0, 16)}.txt`);
  const kept = whole(cached);
  if (kept !== undefined) return { classpath: kept };
  const online = process.env.MQLAB_JAVA === '1';
  const version = /<kafka.version>(.*)</.exec(text)![1]!;
  const jar = join(homedir(), '.m2/repository/org/apache/kafka/kafka-tools', version, `kafka-tools-${version}.jar`);
  if (!online && !existsSync(jar))
    return { missing: `Kafka ${version} is not in the local Maven repository (MQLAB_JAVA=1 fetches it)` };
  mkdirSync(dirname(cached), { recursive: true });
  const goal = ['dependency:build-classpath', `-Dmdep.outputFile=${cached}`];
  const mvn = spawnSync('mvn', ['-q', '-B', ...(online ? [] : ['-o']), '-f', pom, ...goal], {
    encoding: 'utf8',
    timeout: 300_000,
  });
  if (mvn.error !== undefined) return { missing: `mvn cannot be run (${mvn.error.message})` };
  const resolved = whole(cached);
  return resolved !== undefined
    ? { classpath: resolved }
    : { missing: `mvn resolved no classpath: ${mvn.stdout.slice(-500)}` };
}

/** The classpath in `file`, if each of its jars is still there. */
function whole(file: string): string | undefined {
  if (!existsSync(file)) return undefined;
  const classpath = readFileSync(file, 'utf8').trim();
  return classpath !== '' && classpath.split(delimiter).every((jar) => existsSync(jar)) ? classpath : undefined;
}
