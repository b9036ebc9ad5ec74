// A small Java application of this folder, built from its `pom.xml` and its `*.java` files and run in a JVM of its own.
// Invariant: nothing is written beside the sources; classpath and classes stand under node_modules/.cache, named by what they
// were made from, so that a second run resolves and compiles nothing. No JVM outlives the test's process.
// Where the jars are not in the local Maven repository, Maven is asked to fetch them once (MQLAB_JAVA=0 forbids it); what cannot
// be had is a reason to skip, given back as text. Kafka's command-line tools are in ../foreign/java.ts.
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const cacheDir = fileURLToPath(new URL('../../../node_modules/.cache/mqlab/', import.meta.url));
/** From the local repository only. */
const offlineMsMax = 60_000;
/** The first time, over the network. */
const onlineMsMax = 180_000;
const compileMsMax = 90_000;
const outputCharsMax = 1 << 20;

export type JavaApplication = { readonly classpath: string } | { readonly missing: string };

/** `folder` holds `pom.xml` and, in itself, the application's sources. */
export async function javaApplication(folder: string): Promise<JavaApplication> {
  if ((await output('javac', ['-version'], offlineMsMax)).code !== 0) return { missing: 'javac cannot be run' };
  const jars = await resolved(join(folder, 'pom.xml'));
  return 'missing' in jars ? jars : compiled(folder, jars.classpath);
}

async function resolved(pom: string): Promise<JavaApplication> {
  const text = readFileSync(pom, 'utf8');
  const kept = join(cacheDir, `classpath-${digest(text)}.txt`);
  const whole = (): string | undefined => {
    if (!existsSync(kept)) return undefined;
    const classpath = readFileSync(kept, 'utf8').trim();
    return classpath !== '' && classpath.split(delimiter).every((jar) => existsSync(jar)) ? classpath : undefined;
  };
  const classpath = whole();
  if (classpath !== undefined) return { classpath };
  mkdirSync(cacheDir, { recursive: true });
  const goal = ['-q', '-B', '-f', pom, 'dependency:build-classpath', `-Dmdep.outputFile=${kept}`];
  let why = '';
  // Over the network twice: two Mavens at once in one empty repository may stumble over each other's files.
  for (const online of process.env.MQLAB_JAVA === '0' ? [false] : [false, true, true]) {
    const { code, text } = await output('mvn', online ? goal : ['-o', ...goal], online ? onlineMsMax : offlineMsMax);
    const found = whole();
    if (found !== undefined) return { classpath: found };
    why = code === undefined ? 'mvn cannot be run' : `mvn resolved no classpath: ${text.trim().slice(-300)}`;
    if (code === undefined || (online && code === null)) break;
  }
  return { missing: why };
}

async function compiled(folder: string, classpath: string): Promise<JavaApplication> {
  const sources = readdirSync(folder).filter((name) => name.endsWith('.java'));
  const paths = sources.sort().map((name) => join(folder, name));
  const classes = join(cacheDir, `classes-${digest(classpath, ...paths.map((path) => readFileSync(path, 'utf8')))}`);
  if (!existsSync(classes)) {
    // Made beside its place and renamed into it: two test runs at once, or one that is killed, leave no half.
    const made = `${classes}.${process.pid}`;
    const args = [
      '-parameters',
      '-encoding',
      'UTF-8',
      '-Xlint:all,-processing,-serial,-classfile',
      '-proc:none',
      '-d',
      made,
      '-cp',
      classpath,
    ];
    const { code, text } = await output('javac', [...args, ...paths], compileMsMax);
    if (code !== 0) throw new Error(`${folder} does not compile:\n${text}`);
    if (existsSync(classes)) rmSync(made, { recursive: true });
    else renameSync(made, classes);
  }
  return { classpath: [classes, classpath].join(delimiter) };
}

function digest(...texts: readonly string[]): string {
  const hash = createHash('sha256');
  for (const text of texts) hash.update(text).update('\0');
  return hash.digest('hex').slice(0, 16);
}

/** Both streams of a program that ends by itself; the code is undefined when it cannot be run, null when it took too long. */
function output(
  program: string,
  args: readonly string[],
  msMax: number,
): Promise<{ code: number | null | undefined; text: string }> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const timer = setTimeout(() => child.kill('SIGKILL'), msMax);
    let text = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (chunk: string) => {
        text = (text + chunk).slice(-outputCharsMax);
      });
    }
    child.once('error', (error) => {
      clearTimeout(timer);
      resolve({ code: undefined, text: error.message });
    });
    child.once('close', (code) => {
      clearTimeout(timer);
      resolve({ code, text });
    });
  });
}

export interface JavaProcess {
  readonly child: ChildProcess;
  /** Lines of stdout so far: what the application says to its test. */
  readonly lines: readonly string[];
  /** What its logger wrote (the last MiB). */
  stderr(): string;
  /** Sends the signal and resolves with the exit code once the process is gone; null after SIGKILL. */
  end(signal: 'SIGTERM' | 'SIGKILL'): Promise<number | null>;
}

/** Starts the application's main class. */
export function runJava(application: JavaApplication, main: string, args: readonly string[]): JavaProcess {
  if ('missing' in application) throw new Error(application.missing);
  const jvm = [
    '-Xmx384m',
    // Java 17 takes the place's encoding otherwise, which may be ASCII.
    '-Dfile.encoding=UTF-8',
    '-XX:TieredStopAtLevel=1',
    '-XX:+UseSerialGC',
    '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
  ];
  const child = spawn('java', [...jvm, '-cp', application.classpath, main, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const endWithUs = (): void => void child.kill('SIGKILL');
  process.once('exit', endWithUs);
  const lines: string[] = [];
  let rest = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const parts = (rest + text).split('\n');
    rest = parts.pop()!;
    lines.push(...parts);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-outputCharsMax);
  });
  const gone = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      process.off('exit', endWithUs);
      resolve(code);
    });
  });
  gone.catch(() => {});
  return {
    child,
    lines,
    stderr: () => stderr,
    end: (signal) => {
      child.kill(signal);
      return gone;
    },
  };
}
