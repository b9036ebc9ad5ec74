// A client made of Apache Kafka's own message classes (java/WireProbe.java): it encodes each request and decodes each answer at exactly the version
// that is asked for, as JSON with Kafka's field names. One JVM serves any number of brokers and connections.
// Bodies are filled in here from our schema, since Kafka's JSON reader wants every field of a version: what is encoded is still Kafka's business.
import { type ChildProcess, spawn } from 'node:child_process';
import type { AnyField, Fields } from '../../protocol/schema.ts';
import { includes, isField } from '../../protocol/schema.ts';
import type { AnyApi } from '../../rpc/request-codec.ts';
import { kafkaClasspath } from './java.ts';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };
/** As for our own codec: fields may be left out, bytes are buffers. */
export type Body = { readonly [name: string]: unknown };

export type Outcome =
  | { readonly kind: 'answer'; readonly answer: Json }
  | { readonly kind: 'frame'; readonly frame: Buffer }
  /** The broker closed the connection; nothing came in time; nothing came, as was expected. */
  | { readonly kind: 'closed' | 'timeout' | 'quiet' }
  /** Kafka's classes refused the request's body or could not read the answer. */
  | { readonly kind: 'failed'; readonly message: string };

export interface ProbeCall {
  readonly address: string;
  readonly connection?: string;
  readonly clientId?: string;
  readonly timeoutMs?: number;
  /** No answer is expected: waits this long for the connection to be closed. */
  readonly quietMs?: number;
}

export class WireProbe {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (outcome: Outcome) => void>();
  #lastId = 0;
  #rest = '';
  #stderr = '';

  constructor() {
    const at = kafkaClasspath();
    if ('missing' in at) throw new Error(at.missing);
    const args = [
      '-Dfile.encoding=UTF-8',
      '-Xmx256m',
      '-XX:TieredStopAtLevel=1',
      '-XX:+UseSerialGC',
      '-cp',
      at.classpath,
      'WireProbe',
    ];
    this.#child = spawn('java', args, { stdio: 'pipe' });
    process.once('exit', this.#kill);
    this.#child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      const lines = (this.#rest + text).split('\n');
      this.#rest = lines.pop()!;
      for (const line of lines) this.#take(line);
    });
    this.#child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-4000);
    });
    this.#child.stdin!.on('error', () => {});
    this.#child.once('close', () => {
      for (const settle of this.#waiting.values())
        settle({ kind: 'failed', message: `the probe ended: ${this.#stderr}` });
      this.#waiting.clear();
    });
  }

  readonly #kill = (): void => void this.#child.kill('SIGKILL');

  ask(api: AnyApi, version: number, body: Body, call: ProbeCall): Promise<Outcome> {
    const filled = fill(api.request.fields, body, version, api.request.isFlexible(version));
    return this.#send({ ...call, api: api.name, key: api.key, version, body: filled });
  }

  /** A frame as it stands, without its size; the answer likewise. */
  frame(bytes: Uint8Array, call: ProbeCall): Promise<Outcome> {
    return this.#send({ ...call, frame: Buffer.from(bytes).toString('hex') });
  }

  /** Ends one connection from this side. */
  async disconnect(call: ProbeCall): Promise<void> {
    await this.#send({ ...call, disconnect: true });
  }

  close(): void {
    process.off('exit', this.#kill);
    this.#child.kill('SIGKILL');
  }

  #send(call: Record<string, unknown>): Promise<Outcome> {
    const id = ++this.#lastId;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      const line = JSON.stringify({ connection: 'main', ...call, id }).replaceAll(/"float64:([^"]*)"/g, '$1');
      this.#child.stdin!.write(`${line}\n`);
    });
  }

  #take(line: string): void {
    const { id, answer, frame, outcome, message } = JSON.parse(line) as {
      id: number;
      answer?: Json;
      frame?: string;
      outcome?: 'closed' | 'timeout' | 'quiet' | 'failed';
      message?: string;
    };
    const settle = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (answer !== undefined) settle?.({ kind: 'answer', answer });
    else if (frame !== undefined) settle?.({ kind: 'frame', frame: Buffer.from(frame, 'hex') });
    else if (outcome === 'failed') settle?.({ kind: 'failed', message: message ?? '' });
    else settle?.({ kind: outcome! });
  }
}

/** Every field of the version, with its default where the body has none. Fields that the version lacks are dropped. */
export function fill(fields: Fields, body: Body, version: number, flexible: boolean): Json {
  const filled: Record<string, Json> = {};
  for (const name of Object.keys(body)) if (!(name in fields)) throw new Error(`no field ${name}`);
  for (const [name, field] of Object.entries(fields)) {
    if (!includes(field.versions, version) || (field.tag !== undefined && !flexible)) continue;
    const given = body[name];
    if (given === undefined && field.tag !== undefined) continue;
    filled[name] = plain(field, given === undefined ? field.defaultValue : given, version, flexible);
  }
  return filled;
}

function plain(field: AnyField, value: unknown, version: number, flexible: boolean): Json {
  if (value === null) return null;
  const { shape } = field;
  switch (shape.kind) {
    case 'primitive':
      // Kafka's reader wants a decimal point, which JavaScript does not write: `#send` takes the quotes away.
      if (shape.name === 'float64') return `float64:${Number.isInteger(value) ? `${value}.0` : value}`;
      if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
      return typeof value === 'bigint' ? Number(value) : (value as Json);
    case 'struct':
      return fill(shape.fields, value as Body, version, flexible);
    case 'array': {
      const { element } = shape;
      const one = (each: unknown) =>
        isField(element) ? plain(element, each, version, flexible) : fill(element, each as Body, version, flexible);
      return (value as unknown[]).map(one);
    }
  }
}
