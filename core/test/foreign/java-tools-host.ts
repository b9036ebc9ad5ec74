// The one JVM of this process in which Kafka's command-line tools run (java/KafkaTools.java): started with the first call, and gone with us.
// A call that takes too long ends the JVM, and so every call in it: the next one starts another.
import { type ChildProcess, execFile, spawn } from 'node:child_process';

export interface JavaResult {
  /** Null where the call took too long. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const jvm = [
  '-Xmx256m',
  '-XX:TieredStopAtLevel=1',
  '-XX:+UseSerialGC',
  '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
];

/** One call in a JVM of its own, for what a tool does only when its JVM ends. */
export function javaAlone(
  classpath: string,
  main: string,
  args: readonly string[],
  msMax: number,
): Promise<JavaResult> {
  return new Promise((resolve, reject) => {
    const options = { timeout: msMax, maxBuffer: 1 << 26 };
    const child = execFile('java', [...jvm, '-cp', classpath, main, ...args], options, (error, stdout, stderr) => {
      if (error !== null && child.pid === undefined) reject(error);
      else resolve({ code: child.exitCode, stdout, stderr });
    });
  });
}

export class JavaToolsHost {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, { resolve(result: JavaResult): void; reject(error: Error): void }>();
  #lastId = 0;
  #parts: string[] = [];
  #stderr = '';
  #isEnded = false;

  /** `classpath`: of Kafka's jars and our own classes. */
  constructor(classpath: string) {
    this.#child = spawn('java', [...jvm, '-cp', classpath, 'KafkaTools'], { stdio: 'pipe' });
    process.once('exit', this.#kill);
    this.#child.stdout!.setEncoding('utf8').on('data', (text: string) => this.#take(text));
    this.#child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-4000);
    });
    this.#child.stdin!.on('error', () => {});
    this.#child.once('error', (error) => this.#end(error));
    this.#child.once('close', (code) => this.#end(new Error(`the JVM of the tools ended (${code}): ${this.#stderr}`)));
    this.#hold(false);
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  run(main: string, args: readonly string[], input: string, msMax: number): Promise<JavaResult> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        resolve({ code: null, stdout: '', stderr: `nothing within ${msMax} ms` });
        this.#end(new Error('a call beside this one took too long'));
        this.#kill();
      }, msMax);
      const settled = (): void => {
        clearTimeout(timer);
        if (this.#waiting.size === 0) this.#hold(false);
      };
      this.#waiting.set(id, {
        resolve: (result) => {
          settled();
          resolve(result);
        },
        reject: (error) => {
          settled();
          reject(error);
        },
      });
      this.#hold(true);
      const base64 = (text: string): string => Buffer.from(text).toString('base64');
      this.#child.stdin!.write(`${[id, main, base64(input), ...args.map(base64)].join('\t')}\n`);
    });
  }

  /** An idle JVM keeps nobody from ending. */
  #hold(isHeld: boolean): void {
    for (const each of [this.#child, ...this.#child.stdio] as ({ ref?(): void; unref?(): void } | null)[]) {
      if (isHeld) each?.ref?.();
      else each?.unref?.();
    }
  }

  readonly #kill = (): void => void this.#child.kill('SIGKILL');

  /** Answers may have megabytes: parts are joined once, at the end of a line. */
  #take(text: string): void {
    const lines = text.split('\n');
    for (const [at, part] of lines.entries()) {
      this.#parts.push(part);
      if (at === lines.length - 1) return;
      const [id, code, stdout, stderr] = this.#parts.join('').split('\t');
      this.#parts = [];
      const call = this.#waiting.get(Number(id));
      this.#waiting.delete(Number(id));
      const decoded = (base64: string): string => Buffer.from(base64, 'base64').toString('utf8');
      call?.resolve({ code: Number(code), stdout: decoded(stdout!), stderr: decoded(stderr!) });
    }
  }

  #end(error: Error): void {
    this.#isEnded = true;
    process.off('exit', this.#kill);
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { reject } of waiting) reject(error);
  }
}
