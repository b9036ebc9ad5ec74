/**
 * The lab `auto-commit` (C61, C62, C67): who commits, when, and what that does to records that are still in hand when a consumer ends.
 *
 * Scenarios search the moments of one application at a time; the truth table shows every client library in its own words on real processes.
 */
import { readFile } from 'node:fs/promises';
import { extractCode } from '@mqlab/reports/code-excerpt.ts';
import type { ClientSettings, CodeExcerpt } from '@mqlab/reports/run-data.ts';
import { clientVersion } from '../kit/drivers/versions.ts';
import type { Lab } from '../kit/lab.ts';
import { PACES } from './run.ts';
import { SCENARIOS } from './scenarios.ts';

const EXCERPTS: Readonly<Record<string, readonly string[]>> = {
  'app/poll-loop.ts': ['finish-batch', 'leave-mid-batch'],
  'app/hand-over.ts': ['hand-over', 'commit-finished'],
  'app/commit-calls.ts': ['commit-in-batch', 'commit-each', 'async-only', 'async-then-sync'],
};

async function code(): Promise<Record<string, CodeExcerpt>> {
  const found: Record<string, CodeExcerpt> = {};
  for (const [path, names] of Object.entries(EXCERPTS)) {
    const source = await readFile(new URL(path, import.meta.url), 'utf8');
    for (const name of names) found[name] = extractCode(source, `labs/auto-commit/${path}`, name);
  }
  return found;
}

const ON_REAL_PROCESSES = `${PACES.local.client.autoCommitIntervalMs} ms in the scenarios on real processes`;

const CLIENTS: readonly ClientSettings[] = [
  {
    name: 'mqlab',
    version: clientVersion('mqlab'),
    settings: {
      'enable.auto.commit': 'true by default',
      'auto.commit.interval.ms': `5000 by default, also in the simulator; ${ON_REAL_PROCESSES}`,
      'what it commits': 'the position: behind what poll returned',
      'on close': 'commits the position, where auto commit is on',
    },
  },
  {
    name: 'kafkajs',
    version: clientVersion('kafkajs'),
    settings: {
      autoCommit: 'true by default',
      'autoCommitInterval, autoCommitThreshold': `none by default; ${ON_REAL_PROCESSES}`,
      'what it commits':
        'what is resolved: a message when eachMessage returns, the whole batch when eachBatch returns (eachBatchAutoResolve)',
      'on disconnect': 'waits for the handler and for its open fetch, then commits what is resolved',
    },
  },
  {
    name: '@platformatic/kafka',
    version: clientVersion('platformatic'),
    settings: {
      autocommit: `true by default; ${ON_REAL_PROCESSES}`,
      'what it commits': 'behind what a fetch brought, at once or at the interval',
      'on close': 'commits what was fetched',
    },
  },
];

export const lab: Lab = {
  name: 'auto-commit',
  title: 'Is auto commit safe?',
  question:
    'Your consumer commits automatically. What is lost, and what comes twice, when it ends in the middle of its work?',
  claims: ['C61', 'C62', 'C67'],
  scenarios: SCENARIOS,
  conclusions: [
    {
      claim: 'C61',
      verdict: 'conditional',
      scope:
        'on by default in every client here; the interval of the notes is that of the Java semantics and of librdkafka, inside poll: kafkajs commits after each batch, @platformatic/kafka with each fetch. It loses nothing only where a batch is worked off before the next poll and before close, and a kill repeats',
    },
    {
      claim: 'C62',
      verdict: 'confirmed',
      scope:
        'for the own client, which follows the Java one; without offsets both calls commit the position of the last poll, so inside a batch they commit too much, and only a commitSync at the end makes up for a commitAsync that failed',
    },
    {
      claim: 'C67',
      verdict: 'confirmed',
      scope:
        'a queue in memory with auto commit: own client, kafkajs and @platformatic/kafka lose what the queue held, on a kill; cured by committing only what is finished',
    },
  ],
  text: { en: new URL('./text.en.md', import.meta.url) },
  clients: CLIENTS,
  code,
  // Loaded when they are taken: a worker of a campaign needs none of it.
  waitsLong: true,
  observe: async (context) => (await import('./figures/figures.ts')).observeCommits(context),
  figures: async (context) => (await import('./figures/figures.ts')).autoCommitFigures(context),
  limits: [
    'commitSync and commitAsync are calls of the Java semantics: they are judged with the own client. kafkajs and @platformatic/kafka have one commit call, which returns a promise.',
    'Work is waiting: a second a unit in the simulator, milliseconds on real processes. That changes when things happen, not in which order they can.',
    'Sessions are shorter than by default, so that a killed consumer is replaced sooner.',
  ],
};
