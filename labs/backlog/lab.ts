/**
 * The lab `backlog` (C76, C77): millions of messages behind for hours, and what a temporary topic with ten times the partitions does about it.
 *
 * Invariant: speed is decided by figures (measured beside predicted), order, loss and repeats by search; the verdict of C76 needs both.
 */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { extractCode } from '@mqlab/reports/code-excerpt.ts';
import type { ClientSettings, CodeExcerpt } from '@mqlab/reports/run-data.ts';
import { clientVersion } from '../kit/drivers/versions.ts';
import type { Lab } from '../kit/lab.ts';
import { simulateBacklog, takeFigures } from './figures.ts';
import { SESSION_MS } from './run-drain.ts';
import { SCENARIOS } from './scenarios.ts';

const EXCERPTS: Readonly<Record<string, string>> = {
  'round-robin': 'round-robin-dispatcher.ts',
  'commit-first': 'hasty-dispatcher.ts',
  'by-key': 'keyed-dispatcher.ts',
  'apply-once': 'store.ts',
  'at-once': 'cut-back.ts',
  'when-drained': 'cut-back.ts',
};

async function excerpts(): Promise<Record<string, CodeExcerpt>> {
  const code: Record<string, CodeExcerpt> = {};
  for (const [name, file] of Object.entries(EXCERPTS)) {
    const source = await readFile(fileURLToPath(new URL(`app/${file}`, import.meta.url)), 'utf8');
    code[name] = extractCode(source, `labs/backlog/app/${file}`, name);
  }
  return code;
}

const CLIENTS: readonly ClientSettings[] = [
  {
    name: 'mqlab',
    version: clientVersion('mqlab'),
    settings: {
      'enable.auto.commit': 'false: committed after the work, or after the acknowledgement',
      'auto.offset.reset': 'earliest',
      'partition.assignment.strategy': 'roundrobin',
      'max.poll.records':
        'dispatcher: 2 in the search, the default (500) in figures; consumers: the default, 100 in drains',
      'session.timeout.ms': `${SESSION_MS.sim} in the simulator, ${SESSION_MS.local} on real processes, the default in figures`,
      acks: 'all',
      'enable.idempotence': 'true',
      'everything else': 'the default of the client',
    },
  },
];

export const lab: Lab = {
  name: 'backlog',
  title: 'A backlog of hours',
  question: 'Millions of messages have been waiting for hours. How do you clear them?',
  claims: ['C76', 'C77'],
  scenarios: SCENARIOS,
  conclusions: [
    {
      claim: 'C76',
      verdict: 'conditional',
      scope:
        'the speed is there when the work is waiting and keys may be spread; in turn it breaks the order of a key, a killed dispatcher repeats records, and by key with repeats dropped the fullest partition sets the pace',
    },
    {
      claim: 'C77',
      verdict: 'conditional',
      scope:
        'partitions and consumers help together, consumers alone do not; larger polls help where round trips take the time and not where the work does; processors are a limit that neither moves',
    },
  ],
  text: { en: new URL('./text.en.md', import.meta.url) },
  simulate: simulateBacklog,
  figures: takeFigures,
  clients: CLIENTS,
  code: excerpts,
  limits: [
    'The simulated hours are virtual time on a simulated network and disk: they show that the arithmetic holds at that scale, and nothing about how fast this machine is.',
    'Work is a wait of fixed length in the drains, as for a call to a database or a service. That service is taken to bear ten times the calls; if it does not, it is the bottleneck and no layout of a topic helps.',
    'The store is a stand-in with one transaction over effect and origin. Whether a real store keeps that promise is the question of the lab on deduplication.',
    'One source partition, four temporary ones (ten in the figures), up to four records and three kills in each plan of the search. Broker failures are left to other labs.',
    'On real processes the application shares one process with the lab; its crash cuts its connections and stops its code. A unit of work is longer there than in the simulator, so that the same plan has the same races.',
    'No transactions in this broker yet: the dispatcher is idempotent and repeats are dropped by origin. A transaction over forwarded records and committed offsets will be added with transactions.',
  ],
};
