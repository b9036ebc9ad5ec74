/**
 * The lab `rebalance` (C15, C64, C65): what moves when a group changes, how long partitions are silent, and what becomes of records and commits of partitions that go.
 *
 * Scenarios are about safety: commits that go back, records that are consumed again. Figures are about movement: each assignor under the same play.
 */
import { readFile } from 'node:fs/promises';
import { extractCode } from '@mqlab/reports/code-excerpt.ts';
import type { ClientSettings, CodeExcerpt } from '@mqlab/reports/run-data.ts';
import { clientVersion } from '../kit/drivers/versions.ts';
import type { Lab } from '../kit/lab.ts';
import { PACES } from './run.ts';
import { SCENARIOS } from './scenarios.ts';

const EXCERPTS: Readonly<Record<string, readonly string[]>> = {
  'app/background-work.ts': ['commit-late', 'commit-on-revoke'],
  'app/slow-loop.ts': ['slow-loop'],
};

async function code(): Promise<Record<string, CodeExcerpt>> {
  const found: Record<string, CodeExcerpt> = {};
  for (const [path, names] of Object.entries(EXCERPTS)) {
    const source = await readFile(new URL(path, import.meta.url), 'utf8');
    for (const name of names) found[name] = extractCode(source, `labs/rebalance/${path}`, name);
  }
  return found;
}

const SESSION = `${PACES.sim.sessionTimeoutMs} in the simulator, ${PACES.local.sessionTimeoutMs} on real processes`;

const CLIENTS: readonly ClientSettings[] = [
  {
    name: 'mqlab',
    version: clientVersion('mqlab'),
    settings: {
      'partition.assignment.strategy': 'one of the four, by plan',
      'session.timeout.ms': SESSION,
      'max.poll.interval.ms': `${PACES.sim.maxPollIntervalMs}; by default five minutes`,
      'before partitions go': 'onPartitionsRevoked is awaited: commits belong there',
      'group.protocol': 'classic',
    },
  },
  {
    name: 'kafkajs',
    version: clientVersion('kafkajs'),
    settings: {
      sessionTimeout: 'its default: thirty seconds',
      'before partitions go': 'REBALANCING is an event: nobody waits for the application',
      partitionAssigners: 'round robin by default',
    },
  },
  {
    name: '@platformatic/kafka',
    version: clientVersion('platformatic'),
    settings: {
      sessionTimeout: SESSION,
      'before partitions go': 'consumer:group:rebalance is an event: nobody waits for the application',
      groupProtocol: 'classic in the scenarios; consumer (KIP-848) in the figures',
    },
  },
];

export const lab: Lab = {
  name: 'rebalance',
  title: 'What a rebalance does',
  question: 'A consumer joins, leaves or hangs. What moves, what stands still, and what comes twice?',
  claims: ['C15', 'C64', 'C65'],
  scenarios: SCENARIOS,
  conclusions: [
    {
      claim: 'C15',
      verdict: 'confirmed',
      scope:
        'a partition has one owner at a time, a member beyond the number of partitions gets nothing and takes over when another leaves; while a member stands still, it and its successor may both work on a record that it had polled before',
    },
    {
      claim: 'C64',
      verdict: 'confirmed',
      scope:
        'each of the four assignors, and uniform and range in the broker (KIP-848): the assignments before and after stand in the report; range and round robin may move more than they have to, range may leave the rest uneven, sticky and cooperative sticky move the fewest, and only the cooperative one and KIP-848 let the others go on',
    },
    {
      claim: 'C65',
      verdict: 'confirmed',
      scope:
        'too slow between two polls, silent past its session, or dead: removed, and what it had not committed is consumed again; its own later commits are refused by generation, but only while it is no member: a late commit under the new generation is accepted unless the application settles before partitions go',
    },
  ],
  text: { en: new URL('./text.en.md', import.meta.url) },
  clients: CLIENTS,
  code,
  // Loaded when they are taken: a worker of a campaign needs none of it.
  waitsLong: true,
  figures: async (context) => (await import('./figures/figures.ts')).rebalanceFigures(context),
  limits: [
    'kafkajs and @platformatic/kafka tell of a rebalance and do not wait for the application, so settling before partitions go is judged with the own client.',
    'The own client speaks the classic protocol; KIP-848 is shown with @platformatic/kafka, on real processes.',
    'Sessions and poll intervals are far shorter than by default. That shortens runs and changes no order of events.',
  ],
};
