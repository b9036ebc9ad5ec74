/**
 * What each client does when the answer to a Produce is lost: with its defaults, idempotent, without a key, when the application sends again, and when the process is restarted. On a real broker
 * process, with real connections.
 *
 * Invariant: one record is acknowledged first, so that connection, metadata and session are there; then the next answer to that process is lost, with its connection. What counts is what the log
 * holds at the end.
 */
import { sleep } from '@mqlab/core/ports/clock.ts';
import { CLIENT_NAMES, type ClientName, type ProducerDriver, type ProducerSettings } from '../../kit/drivers/driver.ts';
import { clientTitle } from '../../kit/drivers/versions.ts';
import type { FigureContext } from '../../kit/lab.ts';
import { freshTopic } from '../../kit/send-flights.ts';
import type { Target } from '../../kit/targets/target.ts';
import { RawLog } from '../raw-log.ts';
import { BROKER_SETTINGS, PATIENCE_MS } from '../run.ts';
import { withoutIdempotence } from '../ways.ts';

export const QUESTIONS = ['default', 'idempotent', 'keyless', 'again', 'restart'] as const;
export type Question = (typeof QUESTIONS)[number];

export interface ClientAnswer {
  /** How often the record whose answer was lost stands in the log. */
  readonly copies: number;
  /** What the application was told of it in the end. */
  readonly told: string;
  /** From the send until that. */
  readonly tookMs: number;
}

export interface ClientRow {
  readonly client: ClientName;
  readonly title: string;
  readonly defaults: Readonly<Record<string, string>>;
  readonly answers: Readonly<Partial<Record<Question, ClientAnswer>>>;
}

const PARTITIONS = 4;
/** Tries with growing pauses may take long; a client that says nothing for so long has given no answer. */
const ANSWER_MS_MAX = 12_000;
/** Requests still under way when the application has its answer: the client's own retry of the first send. */
const SETTLE_MS = 1500;

export async function askClients(context: FigureContext): Promise<readonly ClientRow[]> {
  const kind = context.targets.find((target) => target !== 'sim') ?? 'local';
  const target = await context.open(kind, BROKER_SETTINGS);
  try {
    // Only the own client's link to the user's cluster can lose an answer.
    const clients = CLIENT_NAMES.filter((client) => kind === 'local' || client === 'mqlab');
    const rows = clients.map((client) => askClient(target, client, clientTitle(client), QUESTIONS));
    const older = askClient(target, 'mqlab', `${clientTitle('mqlab')}, set as Kafka's client before 3.0`, ['default']);
    return await Promise.all([...rows, older]);
  } finally {
    await target.close();
  }
}

let topics = 0;

async function askClient(
  target: Target,
  client: ClientName,
  title: string,
  questions: readonly Question[],
): Promise<ClientRow> {
  const isOlder = questions.length === 1;
  const { defaults } = target.app('admin').client(client);
  const answers = await Promise.all(
    questions.map(async (question) => {
      const settings = isOlder ? withoutIdempotence(client) : question === 'default' ? {} : { idempotence: true };
      return [question, await ask(target, client, question, settings)] as const;
    }),
  );
  return { client, title, defaults, answers: Object.fromEntries(answers) };
}

async function ask(
  target: Target,
  client: ClientName,
  question: Question,
  settings: ProducerSettings,
): Promise<ClientAnswer> {
  const topic = `ask-${client}-${topics++}`;
  const admin = await target.app('admin').client('mqlab').admin();
  await freshTopic(admin, { target }, topic, PARTITIONS);
  await admin.close();
  const where = question === 'keyless' ? {} : { partition: 0 };
  const record = { topic, key: null, value: 'asked', ...where };
  const name = `${topic}-app`;
  const producer = await target.app(name).client(client).producer(settings);
  await producer.send({ ...record, value: 'before' });
  const began = performance.now();
  let told: string;
  if (question === 'restart') {
    // Acknowledged, and killed before it noted so.
    await producer.send(record);
    target.crashApp(name);
    const successor = await target.app(name).client(client).producer(settings);
    told = await toldBy(target, successor.send(record));
  } else {
    target.dropNextResponse(name);
    const first = producer.send(record);
    told = await (question === 'again' ? sendAgain(target, producer, record, first) : toldBy(target, first));
  }
  const tookMs = performance.now() - began;
  const log = new RawLog(target.app('reader').ports, target.bootstrap, topic, PARTITIONS);
  const values = (await log.batches()).flatMap((batch) => batch.values);
  log.close();
  return { copies: values.filter((value) => value === record.value).length, told, tookMs };
}

async function sendAgain(
  target: Target,
  producer: ProducerDriver,
  record: Parameters<ProducerDriver['send']>[0],
  first: ReturnType<ProducerDriver['send']>,
): Promise<string> {
  await sleep(target.clock, PATIENCE_MS[target.kind]);
  const told = await toldBy(target, producer.send(record));
  await Promise.race([first, sleep(target.clock, SETTLE_MS)]);
  return told;
}

async function toldBy(target: Target, answer: ReturnType<ProducerDriver['send']>): Promise<string> {
  const silence = sleep(target.clock, ANSWER_MS_MAX).then(() => ({ outcome: 'info', error: 'nothing' }) as const);
  const made = await Promise.race([answer, silence]);
  return made.outcome === 'ok' ? 'ok' : made.error;
}
