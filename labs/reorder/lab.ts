/**
 * The lab `reorder`: why records that were sent in order stand in the log out of order (C35, C36).
 *
 * One application that sends in order, one link that fails, and producers that differ in how many requests they leave unanswered and in whether the broker can tell a retry from a new batch.
 */
import { readFile } from 'node:fs/promises';
import { extractCode } from '@mqlab/reports/code-excerpt.ts';
import type { ClientSettings, CodeExcerpt } from '@mqlab/reports/run-data.ts';
import { clientVersion } from '../kit/drivers/versions.ts';
import type { Lab } from '../kit/lab.ts';
import { SCENARIOS } from './scenarios.ts';

const EXCERPTS: Readonly<Record<string, readonly string[]>> = {
  'app/senders.ts': ['without-waiting', 'await-each'],
  'app/window-producer.ts': ['recover'],
};

async function excerpts(): Promise<Record<string, CodeExcerpt>> {
  const code: Record<string, CodeExcerpt> = {};
  for (const [path, names] of Object.entries(EXCERPTS)) {
    const source = await readFile(new URL(path, import.meta.url), 'utf8');
    for (const name of names) code[name] = extractCode(source, `labs/reorder/${path}`, name);
  }
  return code;
}

const CLIENTS: readonly ClientSettings[] = [
  {
    name: 'mqlab',
    version: clientVersion('mqlab'),
    settings: {
      'enable.idempotence': 'true, the default since Kafka 3.0; false, as before, where a scenario says so',
      'max.in.flight.requests.per.connection': '5, the default; 1 where a scenario says so',
      retries: 'without end, the default since Kafka 2.1',
      'linger.ms': '0, the default before Kafka 4.0 (5 since)',
      'where a retry goes': 'to the front of its partition’s queue; with idempotence to its place by sequence',
    },
  },
  {
    name: 'kafkajs',
    version: clientVersion('kafkajs'),
    settings: {
      idempotent: 'false, the default; true where a scenario says so',
      maxInFlightRequests: 'no bound, the default; 1 where a scenario says so',
      retries: '5, the default',
      'where a retry goes': 'nowhere: each send waits by itself and sends again',
    },
  },
  {
    name: 'platformatic',
    version: clientVersion('platformatic'),
    settings: {
      idempotent: 'false, the default; true where a scenario says so, which sets maxInflights to 1',
      maxInflights: '5, the default',
      retries: '3, the default, a second apart',
      'where a retry goes': 'nowhere: each send waits by itself and sends again',
    },
  },
];

export const lab: Lab = {
  name: 'reorder',
  title: 'Sent in order, stored out of order',
  question: 'You sent the records in order. Why does the log have them in another one, and what prevents that?',
  claims: ['C35', 'C36'],
  scenarios: SCENARIOS,
  conclusions: [
    {
      claim: 'C35',
      verdict: 'conditional',
      scope:
        'the broker answers a retry of any of the last five batches with its first offset and refuses an older one; with the own client, which numbers and retries as Kafka’s does, nothing was out of order, repeated or lost with five in flight; two other clients break it with idempotence on, unless the application awaits each send',
    },
    {
      claim: 'C36',
      verdict: 'confirmed',
      scope:
        'one connection that breaks with two requests on it is enough; a client that retries each send by itself reorders with one request in flight too, so there it is the application that must wait',
    },
  ],
  text: { en: new URL('./text.en.md', import.meta.url) },
  // Loaded when they are taken: a worker of a campaign needs none of it.
  figures: async (context) => (await import('./figures/figures.ts')).reorderFigures(context),
  clients: CLIENTS,
  code: excerpts,
  limits: [
    'Where the leader dies, three brokers have a controller of their own that no fault hits, and sessions are shorter than Kafka’s default of 9 s. A leader that hands over while it lives, and refuses what still comes, is not among the faults.',
    'A request that was given up is gone here. On a real network it may still arrive, after its own retry; without idempotence that is one more way to disorder, with one in flight too.',
    'The window of six belongs to a producer written for this lab, since clients refuse the setting. What it does about a refused sequence is what Kafka’s own client does.',
    'Faults last milliseconds and retries come after at most a second or two. Longer outages, in which the client gives up and the application sends again, belong to the lab on duplicates.',
  ],
};
