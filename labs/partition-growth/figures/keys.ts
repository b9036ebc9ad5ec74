/**
 * Where real keys belong: before and after a topic grows, and in the eyes of each client.
 *
 * Invariant: the first is arithmetic over the keys of the input, by the hash of Kafka's client. The second is what the clients did: each sent every key to a real broker with its defaults, and where the records
 * stand is read back. librdkafka is asked by kcat where it is installed; where not, its row is worked out and says so.
 */
import { spawnSync } from 'node:child_process';
import type { ChartSpec, HeatCell } from '@mqlab/reports/chart-spec.ts';
import type { Figure, Table, TableCell } from '@mqlab/reports/run-data.ts';
import { CLIENT_NAMES, type ClientName } from '../../kit/drivers/driver.ts';
import { openDriver } from '../../kit/drivers/open-driver.ts';
import { clientTitle } from '../../kit/drivers/versions.ts';
import type { FigureContext } from '../../kit/lab.ts';
import type { Target } from '../../kit/targets/target.ts';
import { javaHash, librdkafkaHash } from '../app/hashes.ts';

const SHOWN_KEYS = 14;
const FROM = 4;
const TO = 6;
const GROWTHS: readonly (readonly [number, number])[] = [
  [3, 4],
  [4, 5],
  [4, 6],
  [4, 8],
  [10, 11],
  [10, 20],
];
const CLIENT_KEYS = 60;
const CLIENT_PARTITIONS = [3, 4] as const;
const KEYLESS = 12;
const KCAT_MS_MAX = 10_000;

export interface KeyFigures {
  readonly figures: Record<string, Figure>;
  readonly charts: Record<string, ChartSpec>;
  readonly tables: Record<string, Table>;
  readonly limits: readonly string[];
}

function keysOf({ input }: FigureContext): string[] {
  return [...new Set(input.map(({ key }) => key))];
}

/** Growth as arithmetic. */
export function growthOfKeys(context: FigureContext): Omit<KeyFigures, 'limits'> {
  const keys = keysOf(context);
  const figures: Record<string, Figure> = {
    'growth.from': { value: FROM, unit: 'count', label: 'given', source: 'partitions in the picture' },
    'growth.to': { value: TO, unit: 'count', label: 'given', source: 'partitions in the picture' },
    'keys.count': { value: keys.length, unit: 'count', label: 'measured', source: 'keys of the input' },
  };
  const rows = GROWTHS.map(([from, to]): TableCell[] => {
    const moved = keys.filter((key) => javaHash(key, from) !== javaHash(key, to)).length;
    const name = `moved.${from}-${to}`;
    figures[name] = {
      value: (moved / keys.length) * 100,
      unit: '%',
      label: 'derived',
      source: `of ${keys.length} keys of the input, murmur2 as Kafka’s client takes it`,
    };
    return [from, to, { figure: name }];
  });
  const cells: HeatCell[] = [];
  const shown = keys.slice(0, SHOWN_KEYS);
  for (const [row, key] of shown.entries()) {
    const [before, after] = [javaHash(key, FROM), javaHash(key, TO)];
    if (before === after) cells.push({ row, column: before, value: null, text: 'stays', tone: 'good' });
    else {
      cells.push({ row, column: before, value: null, text: 'old', tone: 'neutral' });
      cells.push({ row, column: after, value: null, text: '→ new', tone: 'bad' });
    }
  }
  return {
    figures,
    tables: {
      moved: {
        title: 'How many keys a growth moves',
        columns: [
          { name: 'partitions', align: 'right' },
          { name: 'become', align: 'right' },
          { name: 'keys that move', align: 'right' },
        ],
        rows,
        note: 'The hash is taken modulo the count, so nearly everything moves; with twice the count, half of it.',
      },
    },
    charts: {
      flow: {
        type: 'heatmap',
        title: `Where keys live: ${FROM} partitions, then ${TO}`,
        caption:
          'A key with two cells has its old records in one partition and its new ones in another: two consumers, two queues, and no order between them.',
        source: 'keys of the input, murmur2 as Kafka’s client takes it',
        x: { name: 'partition', unit: '' },
        y: { name: 'key', unit: '' },
        value: { name: 'where it lives', unit: '' },
        columns: Array.from({ length: TO }, (_, partition) => String(partition)),
        rows: shown,
        cells,
      },
    },
  };
}

/** Each client's own doing, on a real broker. */
export async function keysOfClients(context: FigureContext, target: Target): Promise<Omit<KeyFigures, 'charts'>> {
  const keys = keysOf(context).slice(0, CLIENT_KEYS);
  const figures: Record<string, Figure> = {
    'clients.keys': { value: keys.length, unit: 'count', label: 'given', source: 'sent by each client' },
    'keyless.records': { value: KEYLESS, unit: 'count', label: 'given', source: 'sent by each client' },
  };
  const admin = await openDriver('mqlab', target.app('figures').ports, target.bootstrap).admin();
  const [agreeAt, splitAt] = [CLIENT_PARTITIONS[1], CLIENT_PARTITIONS[0]];
  const rows: TableCell[][] = [];
  const rowOf = (name: string, title: string, sameAt: readonly number[], turns: TableCell, source: string): void => {
    for (const [at, partitions] of CLIENT_PARTITIONS.entries()) {
      figures[`same.${name}.${partitions}`] = {
        value: (sameAt[at]! / keys.length) * 100,
        unit: '%',
        label: source.startsWith('worked out') ? 'derived' : 'measured',
        source: `of ${keys.length} keys stand where Kafka’s hash puts them; ${source}`,
      };
    }
    rows.push([title, { figure: `same.${name}.${splitAt}` }, { figure: `same.${name}.${agreeAt}` }, turns]);
  };
  for (const client of CLIENT_NAMES) {
    const same: number[] = [];
    for (const partitions of CLIENT_PARTITIONS) {
      const topic = `keys-${client}-${partitions}`;
      await admin.createTopic(topic, partitions);
      const placed = await sendAll(client, target, topic, keys);
      same.push(keys.filter((key, at) => placed[at] === javaHash(key, partitions)).length);
    }
    const topic = `keyless-${client}`;
    await admin.createTopic(topic, agreeAt);
    const placed = await sendAll(client, target, topic, Array<null>(KEYLESS).fill(null));
    const inTurn = placed.slice(1).filter((partition, at) => partition !== placed[at]).length;
    figures[`keyless.${client}`] = {
      value: new Set(placed).size,
      unit: 'count',
      label: 'measured',
      source: `partitions of ${agreeAt} that ${KEYLESS} records without a key went to`,
    };
    const word = inTurn === KEYLESS - 1 ? 'takes turns' : inTurn === 0 ? 'all to one' : 'some of both';
    rowOf(client, clientTitle(client), same, word, 'sent with its defaults');
  }
  await admin.close();
  const limits: string[] = [];
  const version = kcatVersion();
  const computed = CLIENT_PARTITIONS.map(
    (partitions) => keys.filter((key) => librdkafkaHash(key, partitions) === javaHash(key, partitions)).length,
  );
  if (version === null) {
    limits.push('kcat is not installed here: the row of librdkafka is worked out from its hash and was not sent.');
    console.error('partition-growth: kcat is not installed; librdkafka’s row is worked out');
    rowOf('librdkafka', 'librdkafka (worked out)', computed, 'not asked', 'worked out: kcat is not installed');
  } else {
    const same = CLIENT_PARTITIONS.map((partitions) => {
      const placed = kcatPlaces(target, `keys-mqlab-${partitions}`, keys);
      return keys.filter((key) => placed.get(key) === javaHash(key, partitions)).length;
    });
    rowOf('librdkafka', version, same, 'not asked', 'sent by kcat with its defaults');
  }
  return {
    figures,
    limits,
    tables: {
      clients: {
        title: 'The same keys, each client with its defaults: how many stand where Kafka’s client puts them',
        columns: [
          { name: 'client' },
          { name: `of ${splitAt} partitions`, align: 'right' },
          { name: `of ${agreeAt} partitions`, align: 'right' },
          { name: 'without a key' },
        ],
        rows,
        note: 'Where the count is a power of two, a sign more or less makes no difference. Without a key: sent together, one record after the other.',
      },
    },
  };
}

async function sendAll(
  client: ClientName,
  target: Target,
  topic: string,
  keys: readonly (string | null)[],
): Promise<number[]> {
  const app = target.app(`keys-of-${client}`);
  const producer = await app.client(client).producer();
  const sends = keys.map((key, at) => producer.send({ topic, key, value: `v${at}` }));
  const answers = await Promise.all(sends);
  await producer.close();
  return answers.map((answer) => {
    if (answer.outcome !== 'ok') throw new Error(`${client} could not send to ${topic}: ${answer.error}`);
    return answer.partition;
  });
}

function kcatVersion(): string | null {
  const { error, stdout } = spawnSync('kcat', ['-V'], { encoding: 'utf8' });
  const match = error === undefined ? /librdkafka (\d[\w.]*)/.exec(stdout) : null;
  return match === null ? null : `librdkafka ${match[1]} (kcat)`;
}

/** Sends each key by kcat, and reads where it stands. */
function kcatPlaces({ bootstrap }: Target, topic: string, keys: readonly string[]): ReadonlyMap<string, number> {
  const mark = 'by-kcat';
  const input = keys.map((key) => `${key}:${mark}\n`).join('');
  const options = { encoding: 'utf8', timeout: KCAT_MS_MAX } as const;
  const sent = spawnSync('kcat', ['-b', bootstrap, '-P', '-t', topic, '-K', ':'], { ...options, input });
  if (sent.status !== 0) throw new Error(`kcat could not send: ${sent.stderr}`);
  const read = spawnSync('kcat', ['-b', bootstrap, '-C', '-t', topic, '-e', '-q', '-f', '%p %k %s\n'], options);
  const lines = read.stdout.split('\n').filter((line) => line.endsWith(` ${mark}`));
  return new Map(lines.map((line) => [line.split(' ')[1]!, Number(line.split(' ')[0])]));
}
