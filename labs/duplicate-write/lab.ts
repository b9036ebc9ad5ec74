/**
 * The lab `duplicate-write`: why a record that was sent once stands in the log twice (C31, C32, C33).
 *
 * One outbox, one relay; answers that are lost, brokers and processes that die, applications that do not wait. Invariant: each way is found to duplicate by search, and each cure holds under the faults
 * of what it cures and still delivers everything.
 */
import { readFile } from 'node:fs/promises';
import { extractCode } from '@mqlab/reports/code-excerpt.ts';
import type { ClientSettings, CodeExcerpt } from '@mqlab/reports/run-data.ts';
import { clientVersion } from '../kit/drivers/versions.ts';
import type { Lab } from '../kit/lab.ts';
import { PATIENCE_MS } from './run.ts';
import { SCENARIOS } from './scenarios.ts';
import { GIVE_UP_MS } from './ways.ts';

const EXCERPTS: Readonly<Record<string, readonly string[]>> = {
  'app/relay.ts': ['relay', 'impatient'],
  'app/read-back.ts': ['read-back'],
  'app/transactions.ts': ['blind', 'position'],
};

async function excerpts(): Promise<Record<string, CodeExcerpt>> {
  const code: Record<string, CodeExcerpt> = {};
  for (const [path, names] of Object.entries(EXCERPTS)) {
    const source = await readFile(new URL(path, import.meta.url), 'utf8');
    for (const name of names) code[name] = extractCode(source, `labs/duplicate-write/${path}`, name);
  }
  return code;
}

const CLIENTS: readonly ClientSettings[] = [
  {
    name: 'mqlab',
    version: clientVersion('mqlab'),
    settings: {
      'enable.idempotence, acks':
        'true, all: the defaults, as in Kafka since 3.0; "no idempotence" is false and acks=1, the defaults before 3.0, or acks=all where the scenario says so',
      'linger.ms': '0 (the default before 4.0; 5 since)',
      retries: 'the default: 2147483647, until delivery.timeout.ms (120000) is over',
      'delivery.timeout.ms': `${GIVE_UP_MS} in the scenario about it`,
      'patience of the application': `${PATIENCE_MS.sim} ms in the simulator, ${PATIENCE_MS.local} ms on real processes, where it sends again`,
    },
  },
  {
    name: 'kafkajs',
    version: clientVersion('kafkajs'),
    settings: {
      idempotent: 'false by default; true where the scenario says so',
      acks: 'all by default',
      retries: '5 by default, no end with idempotence',
      'partition of a record without a key': 'chosen anew at each attempt',
    },
  },
  {
    name: '@platformatic/kafka',
    version: clientVersion('platformatic'),
    settings: {
      idempotent: 'false by default; true where the scenario says so',
      acks: '1 by default, all with idempotence',
      retries: '3 by default, no end with idempotence',
      'partition of a record without a key': 'chosen once',
    },
  },
];

export const lab: Lab = {
  name: 'duplicate-write',
  title: 'Sent once, stored twice',
  question: 'Why do duplicates appear when sending to Kafka, and how far does an idempotent producer help?',
  claims: ['C31', 'C32', 'C33'],
  scenarios: SCENARIOS,
  conclusions: [
    {
      claim: 'C31',
      verdict: 'conditional',
      scope:
        'true with acks=all and without idempotence: every in-sync replica has the record, the leader of three dies before it answers, and the retry at its successor is a second record; with idempotence, the default since Kafka 3.0, the successor has id and sequence in the batches that it fetched, and recognises the retry',
    },
    {
      claim: 'C32',
      verdict: 'conditional',
      scope:
        'one copy of a batch by producer id, epoch, partition and sequence, also across a change of leader and a restart; on by default in Kafka’s own client since 3.0, off in kafkajs and @platformatic/kafka; it helps only a client that retries to the same partition, which kafkajs does not with records that have no key',
    },
    {
      claim: 'C33',
      verdict: 'confirmed',
      scope:
        'a restarted process, a second send by the application and a retry to another partition each duplicate with idempotence on; a transaction alone does not help either, a transaction that stores the position of the outbox does',
    },
  ],
  text: { en: new URL('./text.en.md', import.meta.url) },
  // Loaded when they are taken: a worker of a campaign needs none of it.
  observe: async (context) => (await import('./figures/client-table.ts')).askClients(context),
  figures: async (context) => (await import('./figures/figures.ts')).duplicateFigures(context),
  clients: CLIENTS,
  code: excerpts,
  limits: [
    'Where a leader dies, the controller is a process of its own that no fault hits, and sessions are shorter than Kafka’s default of 9 s. That shortens the time without a leader and changes no order of events.',
    'On the user’s cluster the links that are cut are those of the application, and only the own client’s can be: it connects through proxies of its own. Its nodes are killed and started by the user’s commands, which take as long as they take.',
    'A cell of the table of clients is one run: the fault is placed, not searched for.',
    'On real processes an application is killed by cutting its connections and never running its code again, since it shares its process with the lab; the broker cannot tell the difference.',
    'The relay sends one record at a time. What several requests in flight do to order is the lab `reorder`.',
  ],
};
