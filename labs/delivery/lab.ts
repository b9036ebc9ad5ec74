/**
 * The lab `delivery`: at most once, at least once, exactly once (C37, C66, C68).
 *
 * The same departures, the same crashes at every step; ways to consume that differ in what is written first, and in whether two writes are one. Invariant: each guarantee is tried from both
 * sides: what it promises holds, what it does not promise is found broken.
 */
import { readFile } from 'node:fs/promises';
import { extractCode } from '@mqlab/reports/code-excerpt.ts';
import type { ClientSettings, CodeExcerpt } from '@mqlab/reports/run-data.ts';
import { CLIENT_NAMES } from '../kit/drivers/driver.ts';
import { clientVersion } from '../kit/drivers/versions.ts';
import type { Lab } from '../kit/lab.ts';
import { SESSION_MS } from './run.ts';
import { SCENARIOS } from './scenarios.ts';

const EXCERPTS: Readonly<Record<string, readonly string[]>> = {
  'app/one-system.ts': ['commit-first', 'process-first', 'copy'],
  'app/transaction.ts': ['transaction', 'transaction-mail', 'transaction-apart'],
  'app/database.ts': ['offset-in-database', 'offset-overwritten', 'offset-apart'],
};

async function excerpts(): Promise<Record<string, CodeExcerpt>> {
  const code: Record<string, CodeExcerpt> = {};
  for (const [path, names] of Object.entries(EXCERPTS)) {
    const source = await readFile(new URL(path, import.meta.url), 'utf8');
    for (const name of names) code[name] = extractCode(source, `labs/delivery/${path}`, name);
  }
  return code;
}

const TRANSACTIONS: Readonly<Record<string, string>> = {
  mqlab: 'offsets with the member and its generation; EndTxn v5',
  kafkajs: 'offsets by the group alone; EndTxn v1; maxInFlightRequests: 1',
  platformatic: 'offsets message by message, with the member and its generation; EndTxn v4',
};

const CLIENTS: readonly ClientSettings[] = CLIENT_NAMES.map((name) => ({
  name,
  version: clientVersion(name),
  settings: {
    'enable.auto.commit': 'false: each way commits by itself',
    'auto.offset.reset': 'earliest',
    'isolation.level': 'read_committed where results are read',
    'session.timeout.ms': `${SESSION_MS.sim} in the simulator, ${SESSION_MS.local} on real processes`,
    'heartbeat.interval.ms': 'a quarter of the session',
    transactions: TRANSACTIONS[name] ?? '',
    'everything else': "the client's own default",
  },
}));

export const lab: Lab = {
  name: 'delivery',
  title: 'At most once, at least once, exactly once',
  question: 'What are at-most-once, at-least-once and exactly-once, and how do you build each?',
  claims: ['C37', 'C66', 'C68'],
  scenarios: SCENARIOS,
  conclusions: [
    {
      claim: 'C37',
      verdict: 'confirmed',
      scope:
        'the three differ only in what a crash between effect and commit does; "exactly once" holds for effects that are in the same system as the offset',
    },
    {
      claim: 'C66',
      verdict: 'confirmed',
      scope:
        'one crash in the gap is enough, with each client: committed first it is lost, processed first it is repeated',
    },
    {
      claim: 'C68',
      verdict: 'conditional',
      scope:
        'true for results in Kafka and offsets in one transaction, read committed; and for a database that moves the offset in the transaction of the result and compares it first; an effect outside both still repeats',
    },
  ],
  text: { en: new URL('./text.en.md', import.meta.url) },
  // Loaded when they are taken: a worker of a campaign needs none of it.
  figures: async (context) => (await import('./figures.ts')).deliveryFigures(context),
  clients: CLIENTS,
  code: excerpts,
  limits: [
    'The database is SQLite, embedded in the process of the lab: a statement is a step that a fault may come before, and a life that ends rolls back what it had open. It does not fail itself.',
    'Faults strike the consumer. What happens when the broker dies or loses its disk belongs to the labs about losing data.',
    'On real processes an application is killed by cutting its connections and never running its code again, since it shares its process with the lab; the broker cannot tell the difference.',
    'Sessions are shorter than any that production would choose. That shortens runs and changes no order of events.',
  ],
};
