/**
 * Apache Kafka's jars, resolved by Maven from the pom beside this file into the user's Maven repository; the class path is kept under node_modules/.cache.
 *
 * Invariant: `kafkaClasspath` never goes to the network; `installKafka` alone does. A class path is used only while each of its jars is there.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const pom = fileURLToPath(new URL('pom.xml', import.meta.url));
const cacheDir = fileURLToPath(new URL('../../../node_modules/.cache/mqlab/', import.meta.url));
const MAVEN_MS_MAX = 600_000;

export type Classpath = { readonly classpath: string; readonly version: string } | { readonly missing: string };

function pomText(): string {
  return readFileSync(pom, 'utf8');
}

export function kafkaVersion(): string {
  return /<kafka.version>(.*)</.exec(pomText())![1]!;
}

function classpathFile(): string {
  return join(cacheDir, `bench-kafka-${createHash('sha256').update(pomText()).digest('hex').slice(0, 16)}.txt`);
}

let found: Classpath | undefined;
export function kafkaClasspath(): Classpath {
  found ??= find();
  return found;
}

function find(): Classpath {
  const version = kafkaVersion();
  if (!canRun('java', '-version')) return { missing: 'java cannot be run (Java 17 or newer is needed)' };
  const given = process.env.MQLAB_KAFKA_CLASSPATH;
  if (given !== undefined)
    return { classpath: given.startsWith('@') ? readFileSync(given.slice(1), 'utf8').trim() : given, version };
  const kept = whole(classpathFile());
  if (kept !== null) return { classpath: kept, version };
  // The jars may be there from elsewhere: Maven finds them without the network.
  const jar = join(homedir(), '.m2/repository/org/apache/kafka/kafka_2.13', version, `kafka_2.13-${version}.jar`);
  if (existsSync(jar) && canRun('mvn', '-version')) {
    resolve(['-o']);
    const resolved = whole(classpathFile());
    if (resolved !== null) return { classpath: resolved, version };
  }
  return { missing: `Apache Kafka ${version} is not installed: npx mqlab bench install kafka` };
}

/** Resolves the jars, from the network where they are not there yet. Throws with Maven's words. */
export function installKafka(print: (line: string) => void): void {
  const version = kafkaVersion();
  if (!canRun('java', '-version')) throw new Error('java cannot be run (Java 17 or newer is needed)');
  if (!canRun('mvn', '-version')) throw new Error('mvn cannot be run (Maven 3.6 or newer is needed)');
  print(`resolving Apache Kafka ${version} and its tools by Maven into ${join(homedir(), '.m2', 'repository')}`);
  const output = resolve([]);
  const classpath = whole(classpathFile());
  if (classpath === null) throw new Error(`Maven resolved no class path\n${output.slice(-2000)}`);
  print(
    `Apache Kafka ${version} is installed: ${classpath.split(delimiter).length} jars; the class path is in ${classpathFile()}`,
  );
}

function resolve(flags: readonly string[]): string {
  const file = classpathFile();
  mkdirSync(dirname(file), { recursive: true });
  const goal = ['dependency:build-classpath', `-Dmdep.outputFile=${file}`];
  const { stdout, stderr, error } = spawnSync('mvn', ['-q', '-B', ...flags, '-f', pom, ...goal], {
    encoding: 'utf8',
    timeout: MAVEN_MS_MAX,
  });
  return `${error?.message ?? ''}${stdout ?? ''}${stderr ?? ''}`;
}

function canRun(command: string, flag: string): boolean {
  return spawnSync(command, [flag], { stdio: 'ignore' }).error === undefined;
}

/** The class path in `file`; null unless each of its jars is there. */
function whole(file: string): string | null {
  if (!existsSync(file)) return null;
  const classpath = readFileSync(file, 'utf8').trim();
  return classpath !== '' && classpath.split(delimiter).every((jar) => existsSync(jar)) ? classpath : null;
}
