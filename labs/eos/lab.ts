/**
 * The lab `eos`: read, process, write with transactions (C34, and C33 where it stops).
 *
 * One sound setup, and scenarios that each take one decision out of it: the transaction, the reader's isolation, the step back after an abort, the fence against a second
 * processor, the stable id, the raised epoch. Invariant: each of them is found broken by search, and the sound one holds under all faults together.
 */
import { readFile } from 'node:fs/promises';
import { extractCode } from '@mqlab/reports/code-excerpt.ts';
import type { ClientSettings, CodeExcerpt } from '@mqlab/reports/run-data.ts';
import { clientVersion } from '../kit/drivers/versions.ts';
import type { Lab } from '../kit/lab.ts';
import { SESSION_MS } from './run.ts';
import { SCENARIOS } from './scenarios.ts';

const EXCERPTS: Readonly<Record<string, readonly string[]>> = {
  'app/read-process-write.ts': ['read-process-write', 'seek-back', 'plain'],
  'app/downstream.ts': ['downstream'],
};

async function excerpts(): Promise<Record<string, CodeExcerpt>> {
  const code: Record<string, CodeExcerpt> = {};
  for (const [path, names] of Object.entries(EXCERPTS)) {
    const source = await readFile(new URL(path, import.meta.url), 'utf8');
    for (const name of names) code[name] = extractCode(source, `labs/eos/${path}`, name);
  }
  return code;
}

const COMMON = {
  'enable.auto.commit': 'false',
  'isolation.level': 'read_committed where results are read',
  'session.timeout.ms': `${SESSION_MS.sim} in the simulator, ${SESSION_MS.local} on real processes`,
  'transaction.timeout.ms': 'the default: 60000 (unless the scenario is about it)',
} as const;

const CLIENTS: readonly ClientSettings[] = [
  {
    name: 'mqlab',
    version: clientVersion('mqlab'),
    settings: {
      ...COMMON,
      protocol:
        'EndTxn v5 and partitions entered by being written (transaction.version 2); v3 and AddPartitionsToTxn for the older client',
      'offsets in the transaction': 'with the member and its generation: consumer.groupMetadata()',
      'after an abort': 'seek back; the consumer keeps its position otherwise',
    },
  },
  {
    name: 'kafkajs',
    version: clientVersion('kafkajs'),
    settings: {
      ...COMMON,
      protocol: 'EndTxn v1: one epoch for all transactions of a producer',
      'offsets in the transaction': 'by the group alone (consumerGroupId): fence by one transactional.id a partition',
      'in flight': 'maxInFlightRequests: 1, idempotent: true',
    },
  },
  {
    name: '@platformatic/kafka',
    version: clientVersion('platformatic'),
    settings: {
      ...COMMON,
      protocol: 'EndTxn v4 at most: one epoch for all transactions of a producer',
      'offsets in the transaction': 'message by message, with the member and generation that it was read under',
      'after an abort': 'its stream cannot seek: end the process',
    },
  },
];

export const lab: Lab = {
  name: 'eos',
  title: 'Read, process, write, exactly once',
  question:
    'How do you read from Kafka, process, and write to Kafka exactly once, and what goes wrong when one part is missing?',
  claims: ['C33', 'C34'],
  scenarios: SCENARIOS,
  conclusions: [
    {
      claim: 'C33',
      verdict: 'confirmed',
      scope:
        'a processor that was killed and restarted has a new producer id: with idempotence alone its results stand in the log twice',
    },
    {
      claim: 'C34',
      verdict: 'conditional',
      scope:
        'results and offsets are atomic across restarts if the readers read committed, the consumer goes back after an abort, two processors of one partition fence each other (generation or one id for the partition), and the id is stable; late requests are fenced from transaction.version 2 on; nothing outside Kafka is covered',
    },
  ],
  text: { en: new URL('./text.en.md', import.meta.url) },
  // Loaded when they are taken: a worker of a campaign needs none of it.
  figures: async (context) => (await import('./figures.ts')).eosFigures(context),
  clients: CLIENTS,
  code: excerpts,
  limits: [
    'One broker: that a coordinator moves, or that a marker waits for a partition whose leader is gone, belongs to the labs with a cluster.',
    'The late commit is sent by the lab over a connection of its own, with the producer id and epoch that the coordinator had told before the first one: what a network that holds a packet back would deliver.',
    'The client from before transaction.version 2 is the own one, told to speak so, against a broker that has version 2 finalized; kafkajs and @platformatic/kafka are such clients by themselves.',
    'On real processes an application stands still by having its link cut and its steps held, since it shares its process with the lab.',
    'Sessions and time-outs are shorter than any that production would choose. That shortens runs and changes no order of events.',
  ],
};
