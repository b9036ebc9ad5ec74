/**
 * The lab `partition-growth`: a topic gets more partitions, and keys move (C12, C13, and C63 where a consumer finds a partition late).
 *
 * Order is a property of a partition; so everything that puts one key into two of them is tried: a growth, two hashes, and the cures that keep a key in one place or wait between two.
 */
import { readFile } from 'node:fs/promises';
import { extractCode } from '@mqlab/reports/code-excerpt.ts';
import type { CodeExcerpt } from '@mqlab/reports/run-data.ts';
import { clientVersion } from '../kit/drivers/versions.ts';
import type { Lab } from '../kit/lab.ts';
import { METADATA_AGE_MS } from './run-newcomers.ts';
import { SCENARIOS } from './scenarios.ts';

const EXCERPTS: Readonly<Record<string, readonly string[]>> = {
  'app/grow.ts': ['at-once', 'drain-first'],
  'app/key-homes.ts': ['keep-old-keys'],
  'app/hashes.ts': ['hashes'],
};

async function excerpts(): Promise<Record<string, CodeExcerpt>> {
  const code: Record<string, CodeExcerpt> = {};
  for (const [path, names] of Object.entries(EXCERPTS)) {
    const source = await readFile(new URL(path, import.meta.url), 'utf8');
    for (const name of names) code[name] = extractCode(source, `labs/partition-growth/${path}`, name);
  }
  return code;
}

export const lab: Lab = {
  name: 'partition-growth',
  title: 'More partitions, and keys that move',
  question:
    'A topic needs more partitions. What happens to the order of a key when you add them, and how do you do it?',
  claims: ['C12', 'C13', 'C63'],
  scenarios: SCENARIOS,
  conclusions: [
    {
      claim: 'C12',
      verdict: 'confirmed',
      scope:
        'while a key stays in one partition its order held in every run; where it stood in two, by a growth or by two hashes, it was found broken, without an error and with each send awaited',
    },
    {
      claim: 'C13',
      verdict: 'conditional',
      scope:
        'same key, same partition holds while the count of partitions and the hash are the same: kafkajs and @platformatic/kafka disagree with their defaults where the count is not a power of two, librdkafka agrees with neither; without a key the own client sticks to one partition for a batch, as Kafka’s does since 2.4, and those two take turns',
    },
    {
      claim: 'C63',
      verdict: 'conditional',
      scope:
        'latest, the default, also applies to a partition that was added: what was written to it before the consumer learned of it (up to metadata.max.age.ms, five minutes by default) is passed over; earliest reads it',
    },
  ],
  text: { en: new URL('./text.en.md', import.meta.url) },
  waitsLong: true,
  // Loaded when they are taken: a worker of a campaign needs none of it.
  figures: async (context) => (await import('./figures/figures.ts')).growthFigures(context),
  clients: [
    {
      name: 'mqlab',
      version: clientVersion('mqlab'),
      settings: {
        partitioner: 'the default: murmur2, sign cleared; without a key the sticky partition',
        'metadata.max.age.ms': `${METADATA_AGE_MS.sim} in the simulator, ${METADATA_AGE_MS.local} on real processes, for the consumer that finds partitions late; the default is 300000`,
        'auto.offset.reset': 'as the scenario says; elsewhere assigned by hand',
      },
    },
    {
      name: 'kafkajs',
      version: clientVersion('kafkajs'),
      settings: { createPartitioner: 'DefaultPartitioner, the default: murmur2 as in Java; without a key in turn' },
    },
    {
      name: 'platformatic',
      version: clientVersion('platformatic'),
      settings: {
        partitioner:
          'the default: murmur2 as a number without a sign; without a key in turn. compatibilityPartitioner is the one that agrees with Java',
      },
    },
  ],
  code: excerpts,
  limits: [
    'The producer is closed and opened anew at the growth. One that keeps running goes on with the old count for up to metadata.max.age.ms, and two producers disagree for as long: that makes the window larger and is not shown.',
    'A consumer is one process a partition, assigned by hand, with its position stored beside the effect. How a group moves partitions between its members belongs to the lab on rebalances.',
    'Work is a wait of fixed length, longer on real processes so that the same plan has the same races.',
    'Growth on one broker: where new partitions are placed in a cluster plays no part here.',
  ],
};
