/**
 * The lab `expiry`: messages that retention deletes before they are consumed (C17, C63, C78).
 *
 * A consumer is out for longer than the queue keeps. What it does when it is back is decided by one setting; whether anybody hears of it, by the application.
 */
import { readFile } from 'node:fs/promises';
import { extractCode } from '@mqlab/reports/code-excerpt.ts';
import type { ClientSettings, CodeExcerpt } from '@mqlab/reports/run-data.ts';
import { clientVersion } from '../kit/drivers/versions.ts';
import type { Lab } from '../kit/lab.ts';
import { CHECK_MS, RETENTION_BYTES, RETENTION_MS } from './plan.ts';
import { SCENARIOS } from './scenarios.ts';

const EXCERPTS: Readonly<Record<string, readonly string[]>> = {
  'app/hands.ts': ['consume'],
  'app/check-first.ts': ['check-first', 'refill-by-time'],
  'app/handle-gap.ts': ['handle-gap', 'tell-gap'],
};

async function code(): Promise<Record<string, CodeExcerpt>> {
  const found: Record<string, CodeExcerpt> = {};
  for (const [path, names] of Object.entries(EXCERPTS)) {
    const source = await readFile(new URL(path, import.meta.url), 'utf8');
    for (const name of names) found[name] = extractCode(source, `labs/expiry/${path}`, name);
  }
  return found;
}

const TOPIC_SETTINGS = {
  'retention.ms': `${RETENTION_MS} (or none, with retention.bytes ${RETENTION_BYTES}); Kafka’s default is 7 days`,
  'segment.ms': '10, so that every departure is a segment of its own',
  'log.retention.check.interval.ms': `${CHECK_MS}; Kafka’s default is 5 minutes`,
};

const CLIENTS: readonly ClientSettings[] = [
  {
    name: 'mqlab',
    version: clientVersion('mqlab'),
    settings: {
      'auto.offset.reset': 'latest by default; earliest, none',
      'enable.auto.commit': 'false',
      ...TOPIC_SETTINGS,
    },
  },
  {
    name: 'kafkajs',
    version: clientVersion('kafkajs'),
    settings: { fromBeginning: 'false by default, which is latest; there is no none' },
  },
  {
    name: '@platformatic/kafka',
    version: clientVersion('platformatic'),
    settings: {
      mode: 'latest by default, which does not look at the committed offset at all; committed in the scenarios',
      fallbackMode: 'latest by default; earliest, fail',
    },
  },
];

export const lab: Lab = {
  name: 'expiry',
  title: 'Messages that expire before they are consumed',
  question:
    'Your consumers were down for longer than the queue keeps messages. What is lost, who notices, and how do you get it back?',
  claims: ['C17', 'C63', 'C78'],
  scenarios: SCENARIOS,
  conclusions: [
    {
      claim: 'C17',
      verdict: 'confirmed',
      scope:
        'retention by time and by size deletes whole segments, and does not look at any group’s offset; what it has not reached yet is there however often it was read',
    },
    {
      claim: 'C63',
      verdict: 'confirmed',
      scope:
        'the three answers, for an offset that never was, that retention deleted and that lies beyond the end; latest also jumps over what retention had kept, and kafkajs has no none',
    },
    {
      claim: 'C78',
      verdict: 'confirmed',
      scope:
        'gone from the queue for good; refilled exactly, without a duplicate, where the source knows under which offset the queue took each row and the position never moves by itself (none)',
    },
  ],
  text: { en: new URL('./text.en.md', import.meta.url) },
  clients: CLIENTS,
  code,
  // Loaded when they are taken: a worker of a campaign needs none of it.
  figures: async (context) => (await import('./figures/figures.ts')).expiryFigures(context),
  limits: [
    'Retention of less than a second and segments of one record: no one would run that. It makes an outage short; what is deleted, and in which order, is decided by the same code as with days.',
    'On a cluster that the user runs the broker looks for old segments every five minutes, so the lab stays on brokers of its own.',
    'The source is a list in the run and SQLite where its price is measured; it does not lose rows itself, and no fault touches the producer. A row whose send had no answer has no offset: it must be looked for by its id.',
    'by_duration, a fourth answer that Kafka’s Java client has since version 4, is in none of the clients here.',
  ],
};
