// Apache Kafka's share consumers in one JVM (java/ShareProbe.java), each driven call by call.
import { type ChildProcess, spawn } from 'node:child_process';
import { kafkaClasspath } from './java.ts';

export interface Delivered {
  readonly offset: number;
  readonly deliveryCount: number;
}

export class ShareProbe {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<string, { resolve(text: string): void; reject(error: Error): void }>();
  #lastId = 0;
  #rest = '';
  #stderr = '';

  constructor() {
    const at = kafkaClasspath();
    if ('missing' in at) throw new Error(at.missing);
    const quiet = '-Dorg.slf4j.simpleLogger.defaultLogLevel=error';
    const args = [
      '-Dfile.encoding=UTF-8',
      '-Xmx256m',
      '-XX:TieredStopAtLevel=1',
      '-XX:+UseSerialGC',
      quiet,
      '-cp',
      at.classpath,
      'ShareProbe',
    ];
    this.#child = spawn('java', args, { stdio: 'pipe' });
    process.once('exit', this.#kill);
    this.#child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      const lines = (this.#rest + text).split('\n');
      this.#rest = lines.pop()!;
      for (const line of lines) {
        const [id, answer] = line.split('\t');
        this.#waiting.get(id!)?.resolve(answer ?? '');
        this.#waiting.delete(id!);
      }
    });
    this.#child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-4000);
    });
    this.#child.stdin!.on('error', () => {});
    this.#child.once('close', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error(`the probe ended: ${this.#stderr}`));
      this.#waiting.clear();
    });
  }

  readonly #kill = (): void => void this.#child.kill('SIGKILL');

  dispose(): void {
    process.off('exit', this.#kill);
    this.#kill();
  }

  async call(consumer: string, command: string, ...args: (string | number)[]): Promise<Record<string, unknown>> {
    const id = String(++this.#lastId);
    const answer = new Promise<string>((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    this.#child.stdin!.write(`${[id, consumer, command, ...args].join('\t')}\n`);
    const told = JSON.parse(await answer) as Record<string, unknown>;
    if ('error' in told) throw new Error(`${consumer} ${command}: ${String(told.error)} ${this.#stderr}`);
    return told;
  }

  async open(bootstrap: string, group: string, topic: string, settings: Record<string, string | number> = {}) {
    const name = `${group}-${++this.#lastId}`;
    const all = { 'bootstrap.servers': bootstrap, 'group.id': group, ...settings };
    await this.call(name, 'open', topic, ...Object.entries(all).map(([key, value]) => `${key}=${value}`));
    return new ProbedMember(this, name);
  }
}

export class ProbedMember {
  readonly #probe: ShareProbe;
  readonly #name: string;

  constructor(probe: ShareProbe, name: string) {
    this.#probe = probe;
    this.#name = name;
  }

  async poll(ms: number): Promise<Delivered[]> {
    const { records } = await this.#probe.call(this.#name, 'poll', ms);
    return (records as [number, number][]).map(([offset, deliveryCount]) => ({ offset, deliveryCount }));
  }

  /** Polls until there are records, at most `msMax`. */
  async pollSome(msMax = 30_000): Promise<Delivered[]> {
    const endMs = Date.now() + msMax;
    for (;;) {
      const records = await this.poll(Math.max(1, Math.min(2000, endMs - Date.now())));
      if (records.length > 0 || Date.now() >= endMs) return records;
    }
  }

  async acknowledge(type: 'ACCEPT' | 'RELEASE' | 'REJECT' | 'RENEW', ...offsets: number[]): Promise<void> {
    await this.#probe.call(this.#name, 'acknowledge', type, ...offsets);
  }

  /** What went wrong with each partition; '' for nothing. */
  async commit(): Promise<readonly string[]> {
    return (await this.#probe.call(this.#name, 'commit')).commits as string[];
  }

  async close(): Promise<void> {
    await this.#probe.call(this.#name, 'close');
  }
}
